-- Whose the credential is that a notice tells of, and when its deliveries were made.
ALTER TABLE notices ADD COLUMN person_id TEXT;
ALTER TABLE notices ADD COLUMN distributed_at BIGINT;
UPDATE notices SET distributed_at = at;        -- nobody is told by mail of what was before there was any
CREATE INDEX notices_to_distribute ON notices (id) WHERE distributed_at IS NULL;

-- The endpoints of other programs that notices are sent to.
CREATE TABLE webhooks (
    id TEXT NOT NULL PRIMARY KEY,
    url TEXT NOT NULL,
    kinds TEXT NOT NULL,                       -- JSON array of kinds of notices; empty: every kind
    active BOOLEAN NOT NULL,
    secret TEXT NOT NULL,                      -- sealed under the master key
    previous_secret TEXT,                      -- sealed under the master key
    previous_secret_until BIGINT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL
);

-- One notice on its way to one receiver.
CREATE TABLE deliveries (
    id TEXT NOT NULL PRIMARY KEY,
    notice_id TEXT NOT NULL,
    channel TEXT NOT NULL,                     -- webhook | mail
    target TEXT NOT NULL,                      -- the webhook's id | the address
    kind TEXT NOT NULL,                        -- that of the notice
    state TEXT NOT NULL,                       -- pending | delivered | failed
    attempts INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    give_up_at BIGINT NOT NULL,
    claimed_until BIGINT,                      -- a node is at it until then
    delivered_at BIGINT,
    last_error TEXT,
    last_status INTEGER,                       -- of the webhook's answer
    UNIQUE (notice_id, channel, target)
);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_target ON deliveries (target, id);

-- What has been told once and is not told again.
CREATE TABLE sent_notices (
    subject_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    threshold TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subject_id, kind, threshold)
) WITHOUT ROWID;
