-- The keys that access tokens are signed with. Each has the next generation, so that two nodes cannot both
-- make the successor of one.
CREATE TABLE signing_keys (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,               -- the kid
    generation BIGINT NOT NULL UNIQUE,
    algorithm TEXT COLLATE "C" NOT NULL,
    public_jwk TEXT COLLATE "C" NOT NULL,
    private_key TEXT COLLATE "C",                           -- sealed; forgotten once it signs no more
    created_at BIGINT NOT NULL,
    activates_at BIGINT NOT NULL,               -- signs from here
    retires_at BIGINT,                          -- to here
    ends_at BIGINT                              -- and is published until here
);

-- The public keys that service accounts are registered with; each is a credential too.
CREATE TABLE registered_keys (
    credential_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    key_id TEXT COLLATE "C" NOT NULL,                       -- the kid that its holder gave it, or else the thumbprint
    thumbprint TEXT COLLATE "C" NOT NULL,                   -- RFC 7638
    algorithm TEXT COLLATE "C" NOT NULL,
    public_jwk TEXT COLLATE "C" NOT NULL
);

-- Assertions are good once.
CREATE TABLE used_assertions (
    issuer TEXT COLLATE "C" NOT NULL,
    jti TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, jti)
);
CREATE INDEX used_assertions_by_expiry ON used_assertions (expires_at);
