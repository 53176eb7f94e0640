-- What nobody has read is listed, also of one kind, among all that was read.
CREATE INDEX notices_unread ON notices (kind, id) WHERE read_at IS NULL;
