-- What may go is asked of the last anchor, by the index of anchors: with many of them, each row that was removed was held
-- against them all. Where there is none, nothing may go: what is compared with NULL is not true.
CREATE OR REPLACE FUNCTION refuse_audit_event_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM audit_chain
        WHERE audit_chain.event_id = OLD.id AND audit_chain.position <= (SELECT MAX(position) FROM audit_anchors)
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'audit events are append-only';
END
$$;
CREATE OR REPLACE FUNCTION refuse_audit_chain_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.position <= (SELECT MAX(position) FROM audit_anchors) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit chain is append-only';
END
$$;
