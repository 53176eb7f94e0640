-- An event of a version in which the database asks the last anchor alone; it waits for its place.
INSERT INTO audit_events (id, at, action, directory_id, actor_kind, actor_credential_id, actor_person_id, actor_name, target_type, target_id, target_name, outcome, source_ip, detail) VALUES
    ('01900000-0000-7000-8000-000000000241', 1700000024000, 'session.refused', NULL, 'anonymous', NULL, NULL, NULL, NULL, NULL, NULL, 'refused', '192.0.2.24', '{}');
INSERT INTO audit_pending (event_id) VALUES ('01900000-0000-7000-8000-000000000241');
