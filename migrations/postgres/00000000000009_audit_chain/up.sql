-- Events that the chain does not hold yet: added with the event, taken away when it is chained. So whatever
-- order transactions are committed in, none is skipped and none is chained twice.
CREATE TABLE audit_pending (
    event_id TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
INSERT INTO audit_pending (event_id) SELECT id FROM audit_events;

CREATE TABLE audit_chain (
    position BIGINT NOT NULL PRIMARY KEY,      -- from 1, in the order in which events became visible
    event_id TEXT COLLATE "C" NOT NULL UNIQUE,
    previous_hash TEXT COLLATE "C" NOT NULL,               -- the hash of the position before
    digest TEXT COLLATE "C" NOT NULL,                      -- HMAC-SHA-256 of the event
    hash TEXT COLLATE "C" NOT NULL                         -- HMAC-SHA-256 of all of these
);

-- Where the chain begins after retention has removed what was before.
CREATE TABLE audit_anchors (
    position BIGINT NOT NULL PRIMARY KEY,      -- the last that was removed
    hash TEXT COLLATE "C" NOT NULL,                        -- of that position
    removed_before BIGINT NOT NULL,            -- all that was removed happened before
    made_at BIGINT NOT NULL,
    seal TEXT COLLATE "C" NOT NULL                         -- HMAC-SHA-256 of all of these
);

CREATE INDEX audit_events_by_actor ON audit_events (actor_person_id, id) WHERE actor_person_id IS NOT NULL;
CREATE INDEX audit_events_by_credential ON audit_events (actor_credential_id, id) WHERE actor_credential_id IS NOT NULL;
CREATE INDEX audit_events_by_directory ON audit_events (directory_id, id) WHERE directory_id IS NOT NULL;
CREATE INDEX audit_events_by_time ON audit_events (at, id);
CREATE INDEX receipts_by_directory ON receipts (directory_id, effective_at);

CREATE FUNCTION refuse_audit_chain_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit chain is append-only';
END
$$;
CREATE TRIGGER audit_chain_no_change BEFORE UPDATE OR TRUNCATE ON audit_chain FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_chain_change();
CREATE TRIGGER audit_anchors_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_anchors FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_chain_change();

-- The one door: what an anchor stands for may go.
CREATE FUNCTION refuse_audit_event_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_chain JOIN audit_anchors ON audit_chain.position <= audit_anchors.position
        WHERE audit_chain.event_id = OLD.id
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
CREATE FUNCTION refuse_audit_chain_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_anchors WHERE audit_anchors.position >= OLD.position) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit chain is append-only';
END
$$;
DROP TRIGGER audit_events_no_change ON audit_events;
CREATE TRIGGER audit_events_no_change BEFORE UPDATE OR TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_event_change();
CREATE TRIGGER audit_events_no_delete BEFORE DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_audit_event_removal();
CREATE TRIGGER audit_chain_no_delete BEFORE DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION refuse_audit_chain_removal();
