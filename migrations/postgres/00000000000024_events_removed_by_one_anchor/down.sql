CREATE OR REPLACE FUNCTION refuse_audit_event_removal() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE OR REPLACE FUNCTION refuse_audit_chain_removal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM audit_anchors WHERE audit_anchors.position >= OLD.position) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit chain is append-only';
END
$$;
