-- Accounts of programs: no password, no second factor, no mailbox, and a person who answers for them.
CREATE TABLE service_accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    address TEXT NOT NULL UNIQUE,               -- made up; nothing is ever sent there
    owner_id TEXT,                              -- the person who answers for it
    owner_user_name TEXT,
    owner_display_name TEXT,
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    disabled_at BIGINT,
    orphaned_at BIGINT,
    orphaned_reason TEXT
) WITHOUT ROWID;
CREATE INDEX service_accounts_by_owner ON service_accounts (owner_id) WHERE owner_id IS NOT NULL;

ALTER TABLE credentials ADD COLUMN service_account_id TEXT;       -- the account it authenticates
ALTER TABLE credentials ADD COLUMN instance_ids TEXT NOT NULL DEFAULT '[]';  -- JSON array; empty is every instance
CREATE INDEX credentials_by_service_account ON credentials (service_account_id, kind) WHERE service_account_id IS NOT NULL;

-- The sites at which a product runs.
CREATE TABLE product_instances (
    id TEXT NOT NULL PRIMARY KEY,
    product_id TEXT NOT NULL,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL,
    url TEXT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    UNIQUE (product_id, name_folded)
) WITHOUT ROWID;

ALTER TABLE products ADD COLUMN access_groups TEXT NOT NULL DEFAULT '[]';    -- JSON array of groups; empty is everybody
