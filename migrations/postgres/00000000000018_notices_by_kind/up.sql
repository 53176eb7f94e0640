-- Notices of one kind are listed, however many there are of others.
CREATE INDEX CONCURRENTLY notices_by_kind ON notices (kind, id);
