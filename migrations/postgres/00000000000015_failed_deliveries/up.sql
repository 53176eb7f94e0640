-- What did not arrive is looked for on the first page of the console.
CREATE INDEX CONCURRENTLY deliveries_failed ON deliveries (id) WHERE state = 'failed';
