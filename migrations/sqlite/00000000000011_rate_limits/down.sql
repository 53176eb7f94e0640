ALTER TABLE credentials DROP COLUMN requests_per_second;
