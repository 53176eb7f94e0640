-- People who were deleted, for as long as it can be undone: nothing that authenticates them is kept.
CREATE TABLE deleted_people (
    id TEXT NOT NULL PRIMARY KEY,
    directory_id TEXT NOT NULL,
    resource_type TEXT NOT NULL,
    user_name TEXT,
    external_id TEXT,
    display_name TEXT,
    active BOOLEAN NOT NULL,                   -- as they were
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    document TEXT NOT NULL,
    group_ids TEXT NOT NULL,                -- JSON array: the groups that they were in by themselves
    deleted_at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_credential_id TEXT,
    actor_name TEXT
);
CREATE INDEX deleted_people_by_directory ON deleted_people (directory_id, id);
CREATE INDEX deleted_people_by_time ON deleted_people (deleted_at);

-- How many people of a directory left within five minutes; sixteen rows, so that leavers do not queue for one.
CREATE TABLE deprovisioning_counts (
    directory_id TEXT NOT NULL,
    span BIGINT NOT NULL,                      -- five minutes, counted from the epoch
    stripe INTEGER NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (directory_id, span, stripe)
);

-- When admins were alarmed last about a directory: once an hour is enough.
CREATE TABLE mass_alarms (
    directory_id TEXT NOT NULL PRIMARY KEY,
    alarmed_at BIGINT NOT NULL
);
