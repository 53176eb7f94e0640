DROP TABLE leniency_counts;
DROP TABLE scim_requests;
DROP TABLE notices;
DROP TABLE receipts;
DROP TABLE audit_events;
DROP FUNCTION refuse_audit_event_change();
