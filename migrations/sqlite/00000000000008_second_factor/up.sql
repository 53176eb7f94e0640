-- One authenticator a person; it counts once a code of it has been shown.
CREATE TABLE second_factors (
    person_id TEXT NOT NULL PRIMARY KEY,
    secret TEXT NOT NULL,                    -- sealed
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT                           -- the time step of the last code that was taken
);

CREATE TABLE recovery_codes (
    person_id TEXT NOT NULL,
    hash TEXT NOT NULL,                      -- SHA-256 of person and code
    used_at BIGINT,
    PRIMARY KEY (person_id, hash)
);

-- When a session passed the second factor.
ALTER TABLE credentials ADD COLUMN second_factor_at BIGINT;
