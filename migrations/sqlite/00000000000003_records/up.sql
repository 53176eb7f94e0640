CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    action TEXT NOT NULL,
    directory_id TEXT,
    actor_kind TEXT NOT NULL,                  -- credential kind, or command_line, or system
    actor_credential_id TEXT,
    actor_person_id TEXT,
    actor_name TEXT,
    target_type TEXT,
    target_id TEXT,
    target_name TEXT,
    outcome TEXT NOT NULL,                     -- success | refused
    source_ip TEXT,
    detail TEXT NOT NULL                       -- JSON object
);
CREATE INDEX audit_events_by_target ON audit_events (target_id, id) WHERE target_id IS NOT NULL;
CREATE TRIGGER audit_events_no_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END;

-- What each deprovisioning did, for an auditor.
CREATE TABLE receipts (
    id TEXT NOT NULL PRIMARY KEY,
    directory_id TEXT,
    person_id TEXT NOT NULL,
    user_name TEXT,
    display_name TEXT,
    reason TEXT NOT NULL,                      -- deactivated | deleted | role_lost | directory_removed
    requested_at BIGINT NOT NULL,
    effective_at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_credential_id TEXT,
    actor_name TEXT,
    revoked TEXT NOT NULL,                     -- JSON object: credential kind -> count
    orphaned TEXT NOT NULL                     -- JSON object: credential kind -> count
);
CREATE INDEX receipts_by_person ON receipts (person_id, id);

-- The outbox: written with the change, delivered afterwards.
CREATE TABLE notices (
    id TEXT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    directory_id TEXT,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,                      -- JSON object
    read_at BIGINT,
    delivered_at BIGINT,
    attempts INTEGER NOT NULL
);
CREATE INDEX notices_pending ON notices (id) WHERE delivered_at IS NULL;

-- The recent SCIM requests of each directory, without personal data beyond ids.
CREATE TABLE scim_requests (
    id TEXT NOT NULL PRIMARY KEY,
    directory_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    credential_id TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,                     -- the scimType or status of an error, else success
    changed TEXT NOT NULL,                     -- JSON array of attribute names
    leniencies TEXT NOT NULL,                  -- JSON array
    duration_micros BIGINT NOT NULL
);
CREATE INDEX scim_requests_by_directory ON scim_requests (directory_id, id);

CREATE TABLE leniency_counts (
    directory_id TEXT NOT NULL,
    leniency TEXT NOT NULL,
    count BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (directory_id, leniency)
) WITHOUT ROWID;
