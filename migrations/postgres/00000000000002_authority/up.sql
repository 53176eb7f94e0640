-- Everything that can authenticate is one row here, so that no kind can be forgotten when someone leaves.
CREATE TABLE credentials (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,                        -- scim_key | api_key | user_token | product_credential | session | password_link
    hash BYTEA NOT NULL UNIQUE,                 -- SHA-256 of the secret
    prefix TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    directory_id TEXT COLLATE "C",                         -- scim_key: the directory it is bound to
    owner_id TEXT COLLATE "C",                             -- the person it authenticates
    product_id TEXT COLLATE "C",                           -- product_credential: whose; user_token: what it is limited to
    scopes TEXT COLLATE "C" NOT NULL,                      -- JSON array
    allowed_networks TEXT COLLATE "C" NOT NULL,            -- JSON array of CIDR
    created_at BIGINT NOT NULL,
    creator_id TEXT COLLATE "C",
    creator_user_name TEXT COLLATE "C",
    creator_display_name TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    idle_expires_at BIGINT,                    -- session
    last_used_at BIGINT,
    last_used_ip TEXT COLLATE "C",
    predecessor_id TEXT COLLATE "C",
    successor_id TEXT COLLATE "C",
    overlap_hours BIGINT,                      -- of a rotated key: counted from the successor's first use
    retires_at BIGINT,                         -- of a rotated key: set by the successor's first use
    revoked_at BIGINT,
    revoked_reason TEXT COLLATE "C",
    orphaned_at BIGINT,
    orphaned_reason TEXT COLLATE "C"
);
CREATE INDEX credentials_by_owner ON credentials (owner_id, kind) WHERE owner_id IS NOT NULL;
CREATE INDEX credentials_by_creator ON credentials (creator_id, kind) WHERE creator_id IS NOT NULL;
CREATE INDEX credentials_by_directory ON credentials (directory_id, kind) WHERE directory_id IS NOT NULL;
CREATE INDEX credentials_by_kind ON credentials (kind, id);
CREATE INDEX credentials_orphaned ON credentials (orphaned_at, id) WHERE orphaned_at IS NOT NULL;

CREATE TABLE passwords (
    person_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL,                        -- Argon2id, PHC string
    set_at BIGINT NOT NULL,
    set_by TEXT COLLATE "C" NOT NULL                       -- person | identity_provider
);

CREATE TABLE role_assignments (
    person_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,                        -- owner | admin | auditor
    granted_at BIGINT NOT NULL,
    granted_by TEXT COLLATE "C",
    PRIMARY KEY (person_id, role)
);

CREATE TABLE role_mappings (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    directory_id TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,                        -- admin | auditor, never owner
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C",
    UNIQUE (group_id, role)
);
CREATE INDEX role_mappings_by_directory ON role_mappings (directory_id);

CREATE TABLE products (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    scopes TEXT COLLATE "C" NOT NULL,                      -- JSON array of the scopes that its tokens may carry
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);
