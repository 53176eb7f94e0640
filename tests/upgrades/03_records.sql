INSERT INTO audit_events (id, at, action, directory_id, actor_kind, actor_credential_id, actor_person_id, actor_name, target_type, target_id, target_name, outcome, source_ip, detail) VALUES
    ('01900000-0000-7000-8000-000000000061', 1700000000000, 'directory.created', '01900000-0000-7000-8000-000000000001', 'command_line', NULL, NULL, NULL, 'directory', '01900000-0000-7000-8000-000000000001', 'Default', 'success', NULL, '{"dialect":"lenient"}'),
    ('01900000-0000-7000-8000-000000000062', 1700000002000, 'user.deprovisioned', '01900000-0000-7000-8000-000000000001', 'scim_key', '01900000-0000-7000-8000-000000000031', NULL, 'identity provider', 'User', '01900000-0000-7000-8000-000000000012', 'grace@example.org', 'success', '127.0.0.1', '{"reason":"deactivated"}');
INSERT INTO receipts (id, directory_id, person_id, user_name, display_name, reason, requested_at, effective_at, actor_kind, actor_credential_id, actor_name, revoked, orphaned) VALUES
    ('01900000-0000-7000-8000-000000000063', '01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000012', 'grace@example.org', 'Grace', 'deactivated', 1700000001999, 1700000002000, 'scim_key', '01900000-0000-7000-8000-000000000031', 'identity provider', '{"session":1}', '{"scim_key":1}');
INSERT INTO notices (id, at, kind, directory_id, subject, detail, read_at, delivered_at, attempts) VALUES
    ('01900000-0000-7000-8000-000000000064', 1700000002000, 'keys_orphaned', '01900000-0000-7000-8000-000000000001', 'A key was orphaned', '{"keys":[]}', NULL, NULL, 0);
INSERT INTO scim_requests (id, directory_id, at, credential_id, method, path, status, outcome, changed, leniencies, duration_micros) VALUES
    ('01900000-0000-7000-8000-000000000065', '01900000-0000-7000-8000-000000000001', 1700000002000, '01900000-0000-7000-8000-000000000031', 'PATCH', '/scim/v2/Users/01900000-0000-7000-8000-000000000012', 200, 'success', '["active"]', '[]', 900);
INSERT INTO leniency_counts (directory_id, leniency, count, last_at) VALUES
    ('01900000-0000-7000-8000-000000000001', 'boolean_as_text', 4, 1700000002000);
