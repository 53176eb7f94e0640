-- Who has left of late is counted on the first page of the console.
CREATE INDEX CONCURRENTLY receipts_by_time ON receipts (effective_at);
