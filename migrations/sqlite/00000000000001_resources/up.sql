CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- One directory for each identity provider, and a local one for people without.
CREATE TABLE directories (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    name_folded TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,                        -- local | scim
    dialect TEXT NOT NULL,                     -- lenient | strict | entra | okta
    password_allowed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE resources (
    id TEXT NOT NULL PRIMARY KEY,
    directory_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    user_name TEXT,
    user_name_folded TEXT,
    external_id TEXT,
    display_name TEXT,
    display_name_folded TEXT,
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    document TEXT NOT NULL
);
-- The order of lists and cursors.
CREATE INDEX resources_by_type ON resources (directory_id, resource_type, id);
-- SQLite looks at the newest first, PostgreSQL at the oldest: both name userName where both values are taken.
CREATE UNIQUE INDEX resources_external_id ON resources (directory_id, resource_type, external_id) WHERE external_id IS NOT NULL;
CREATE UNIQUE INDEX resources_user_name ON resources (directory_id, resource_type, user_name_folded) WHERE user_name_folded IS NOT NULL;
CREATE INDEX resources_display_name ON resources (directory_id, resource_type, display_name_folded) WHERE display_name_folded IS NOT NULL;

-- Kept by the write that changes them; sixteen rows a type, so that writers do not queue for one.
CREATE TABLE resource_counts (
    directory_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    stripe INTEGER NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (directory_id, resource_type, stripe)
) WITHOUT ROWID;

CREATE TABLE memberships (
    group_id TEXT NOT NULL,
    member_id TEXT NOT NULL,
    directory_id TEXT NOT NULL,
    member_type TEXT NOT NULL,                 -- User | Group
    display TEXT,                              -- as the client wrote it, where that is not the member's name
    PRIMARY KEY (group_id, member_id)
) WITHOUT ROWID;
CREATE INDEX memberships_by_member ON memberships (member_id, group_id);

-- Values inside multi-valued attributes that are looked up: emails.value and what the settings declare.
CREATE TABLE indexed_values (
    resource_id TEXT NOT NULL,
    attribute TEXT NOT NULL,                   -- canonical path, for instance emails.value
    value TEXT NOT NULL,                       -- folded unless the attribute is case exact
    directory_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    PRIMARY KEY (resource_id, attribute, value)
) WITHOUT ROWID;
CREATE INDEX indexed_values_look_up ON indexed_values (directory_id, resource_type, attribute, value, resource_id);

-- Values of attributes with uniqueness server or global, other than userName and externalId.
CREATE TABLE unique_values (
    directory_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    attribute TEXT NOT NULL,
    value TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    PRIMARY KEY (directory_id, resource_type, attribute, value)
) WITHOUT ROWID;
CREATE INDEX unique_values_by_resource ON unique_values (resource_id);
