ALTER TABLE credentials ADD COLUMN requests_per_second INTEGER; -- null: the rate of its kind; 0: no bound
