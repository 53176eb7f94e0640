-- What expires when is looked for among keys and tokens; sessions and links end all the time, and are not in it.
CREATE INDEX CONCURRENTLY credentials_by_expiry ON credentials (kind, expires_at, id) WHERE kind NOT IN ('session', 'password_link');
