-- Accounts of programs: no password, no second factor, no mailbox, and a person who answers for them.
CREATE TABLE service_accounts (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    purpose TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL UNIQUE,               -- made up; nothing is ever sent there
    owner_id TEXT COLLATE "C",                              -- the person who answers for it
    owner_user_name TEXT COLLATE "C",
    owner_display_name TEXT COLLATE "C",
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    disabled_at BIGINT,
    orphaned_at BIGINT,
    orphaned_reason TEXT COLLATE "C"
);
CREATE INDEX service_accounts_by_owner ON service_accounts (owner_id) WHERE owner_id IS NOT NULL;

ALTER TABLE credentials ADD COLUMN service_account_id TEXT COLLATE "C";       -- the account it authenticates
ALTER TABLE credentials ADD COLUMN instance_ids TEXT COLLATE "C" NOT NULL DEFAULT '[]';  -- JSON array; empty is every instance
CREATE INDEX credentials_by_service_account ON credentials (service_account_id, kind) WHERE service_account_id IS NOT NULL;

-- The sites at which a product runs.
CREATE TABLE product_instances (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    product_id TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (product_id, name_folded)
);

ALTER TABLE products ADD COLUMN access_groups TEXT COLLATE "C" NOT NULL DEFAULT '[]';    -- JSON array of groups; empty is everybody
