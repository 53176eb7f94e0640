-- Who has left of late is counted on the first page of the console.
CREATE INDEX receipts_by_time ON receipts (effective_at);
