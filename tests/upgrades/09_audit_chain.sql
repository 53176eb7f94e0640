-- An event that was committed and waits for its place. Those of before wait too; the chain is made by the server.
INSERT INTO audit_events (id, at, action, directory_id, actor_kind, actor_credential_id, actor_person_id, actor_name, target_type, target_id, target_name, outcome, source_ip, detail) VALUES
    ('01900000-0000-7000-8000-000000000067', 1700000006000, 'session.refused', NULL, 'anonymous', NULL, NULL, NULL, NULL, NULL, NULL, 'refused', '192.0.2.7', '{}');
INSERT INTO audit_pending (event_id) VALUES ('01900000-0000-7000-8000-000000000067');
