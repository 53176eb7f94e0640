-- When the person of a session last showed again who they are: dangerous changes ask for that.
CREATE TABLE session_confirmations (
    session_id TEXT NOT NULL PRIMARY KEY,
    confirmed_at BIGINT NOT NULL
);
