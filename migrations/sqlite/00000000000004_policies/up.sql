-- Authentication policies: what the members may do with API tokens and sessions, and for how long.
CREATE TABLE authentication_policies (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    rank BIGINT NOT NULL,                      -- the lowest that names a person holds for them
    is_default BOOLEAN NOT NULL,               -- holds for whoever no other policy names
    settings TEXT NOT NULL,                    -- JSON object
    pending TEXT,                              -- JSON object: a change of the settings that holds from pending_at on
    pending_at BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX authentication_policies_pending ON authentication_policies (pending_at) WHERE pending_at IS NOT NULL;

-- The people and groups that a policy names.
CREATE TABLE policy_members (
    policy_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    member_type TEXT NOT NULL,                 -- User | Group
    added_at BIGINT NOT NULL,
    PRIMARY KEY (policy_id, member_id)
) WITHOUT ROWID;
CREATE INDEX policy_members_by_member ON policy_members (member_id, policy_id);

-- Who was told that a token would be revoked because nobody uses it: once for each time it falls idle.
CREATE TABLE inactivity_notices (
    credential_id TEXT NOT NULL PRIMARY KEY,
    unused_since BIGINT NOT NULL,              -- what was known of its last use when it was told
    told_at BIGINT NOT NULL
) WITHOUT ROWID;

-- The policy that held for the maker of a key when they left it; its grace period counts.
ALTER TABLE credentials ADD COLUMN orphan_policy_id TEXT;

-- What holds until somebody decides otherwise.
INSERT INTO authentication_policies (id, name, name_folded, rank, is_default, settings, created_at, modified_at)
VALUES ('00000000-0000-7000-8000-000000000001', 'Default', 'default', 0, TRUE, '{}', CAST(strftime('%s', 'now') AS INTEGER) * 1000, CAST(strftime('%s', 'now') AS INTEGER) * 1000);
