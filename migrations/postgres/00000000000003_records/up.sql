CREATE TABLE audit_events (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    directory_id TEXT COLLATE "C",
    actor_kind TEXT COLLATE "C" NOT NULL,                  -- credential kind, or command_line, or system
    actor_credential_id TEXT COLLATE "C",
    actor_person_id TEXT COLLATE "C",
    actor_name TEXT COLLATE "C",
    target_type TEXT COLLATE "C",
    target_id TEXT COLLATE "C",
    target_name TEXT COLLATE "C",
    outcome TEXT COLLATE "C" NOT NULL,                     -- success | refused
    source_ip TEXT COLLATE "C",
    detail TEXT COLLATE "C" NOT NULL                       -- JSON object
);
CREATE INDEX audit_events_by_target ON audit_events (target_id, id) WHERE target_id IS NOT NULL;

-- What each deprovisioning did, for an auditor.
CREATE TABLE receipts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    directory_id TEXT COLLATE "C",
    person_id TEXT COLLATE "C" NOT NULL,
    user_name TEXT COLLATE "C",
    display_name TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL,                      -- deactivated | deleted | role_lost | directory_removed
    requested_at BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor_credential_id TEXT COLLATE "C",
    actor_name TEXT COLLATE "C",
    revoked TEXT COLLATE "C" NOT NULL,                     -- JSON object: credential kind -> count
    orphaned TEXT COLLATE "C" NOT NULL                     -- JSON object: credential kind -> count
);
CREATE INDEX receipts_by_person ON receipts (person_id, id);

-- The outbox: written with the change, delivered afterwards.
CREATE TABLE notices (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    directory_id TEXT COLLATE "C",
    subject TEXT COLLATE "C" NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,                      -- JSON object
    read_at BIGINT,
    delivered_at BIGINT,
    attempts INTEGER NOT NULL
);
CREATE INDEX notices_pending ON notices (id) WHERE delivered_at IS NULL;

-- The recent SCIM requests of each directory, without personal data beyond ids.
CREATE TABLE scim_requests (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    directory_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    credential_id TEXT COLLATE "C" NOT NULL,
    method TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,                     -- the scimType or status of an error, else success
    changed TEXT COLLATE "C" NOT NULL,                     -- JSON array of attribute names
    leniencies TEXT COLLATE "C" NOT NULL,                  -- JSON array
    duration_micros BIGINT NOT NULL
);
CREATE INDEX scim_requests_by_directory ON scim_requests (directory_id, id);

CREATE TABLE leniency_counts (
    directory_id TEXT COLLATE "C" NOT NULL,
    leniency TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (directory_id, leniency)
);

CREATE FUNCTION refuse_audit_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_event_change();
