CREATE TABLE settings (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- One directory for each identity provider, and a local one for people without.
CREATE TABLE directories (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL,
    name_folded TEXT COLLATE "C" NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL,                        -- local | scim
    dialect TEXT COLLATE "C" NOT NULL,                     -- lenient | strict | entra | okta
    password_allowed BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

CREATE TABLE resources (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    directory_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    user_name TEXT COLLATE "C",
    user_name_folded TEXT COLLATE "C",
    external_id TEXT COLLATE "C",
    display_name TEXT COLLATE "C",
    display_name_folded TEXT COLLATE "C",
    active BOOLEAN NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    document TEXT COLLATE "C" NOT NULL
);
-- The order of lists and cursors.
CREATE INDEX resources_by_type ON resources (directory_id, resource_type, id);
CREATE UNIQUE INDEX resources_user_name ON resources (directory_id, resource_type, user_name_folded) WHERE user_name_folded IS NOT NULL;
CREATE UNIQUE INDEX resources_external_id ON resources (directory_id, resource_type, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX resources_display_name ON resources (directory_id, resource_type, display_name_folded) WHERE display_name_folded IS NOT NULL;

-- Kept by the write that changes them; sixteen rows a type, so that writers do not queue for one.
CREATE TABLE resource_counts (
    directory_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    stripe INTEGER NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (directory_id, resource_type, stripe)
);

CREATE TABLE memberships (
    group_id TEXT COLLATE "C" NOT NULL,
    member_id TEXT COLLATE "C" NOT NULL,
    directory_id TEXT COLLATE "C" NOT NULL,
    member_type TEXT COLLATE "C" NOT NULL,                 -- User | Group
    display TEXT COLLATE "C",                              -- as the client wrote it, where that is not the member's name
    PRIMARY KEY (group_id, member_id)
);
CREATE INDEX memberships_by_member ON memberships (member_id, group_id);

-- Values inside multi-valued attributes that are looked up: emails.value and what the settings declare.
CREATE TABLE indexed_values (
    resource_id TEXT COLLATE "C" NOT NULL,
    attribute TEXT COLLATE "C" NOT NULL,                   -- canonical path, for instance emails.value
    value TEXT COLLATE "C" NOT NULL,                       -- folded unless the attribute is case exact
    directory_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (resource_id, attribute, value)
);
CREATE INDEX indexed_values_look_up ON indexed_values (directory_id, resource_type, attribute, value, resource_id);

-- Values of attributes with uniqueness server or global, other than userName and externalId.
CREATE TABLE unique_values (
    directory_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    attribute TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (directory_id, resource_type, attribute, value)
);
CREATE INDEX unique_values_by_resource ON unique_values (resource_id);
