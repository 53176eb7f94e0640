INSERT INTO settings (name, value) VALUES ('alarm_threshold', '{"percent":10,"people":10}');
INSERT INTO directories (id, name, name_folded, kind, dialect, password_allowed, created_at, modified_at) VALUES
    ('01900000-0000-7000-8000-000000000001', 'Default', 'default', 'scim', 'lenient', FALSE, 1700000000000, 1700000000000),
    ('01900000-0000-7000-8000-000000000002', 'local', 'local', 'local', 'lenient', FALSE, 1700000000000, 1700000000000);
INSERT INTO resources (id, directory_id, resource_type, user_name, user_name_folded, external_id, display_name, display_name_folded, active, version, created_at, modified_at, document) VALUES
    ('01900000-0000-7000-8000-000000000011', '01900000-0000-7000-8000-000000000001', 'User', 'Ada@example.org', 'ada@example.org', 'e-1', 'Ada', 'ada', TRUE, 3, 1700000000000, 1700000001000,
     '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"externalId":"e-1","userName":"Ada@example.org","displayName":"Ada","active":true,"emails":[{"value":"ada@example.org","type":"work"}]}'),
    ('01900000-0000-7000-8000-000000000012', '01900000-0000-7000-8000-000000000001', 'User', 'grace@example.org', 'grace@example.org', NULL, NULL, NULL, FALSE, 2, 1700000000000, 1700000002000,
     '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"grace@example.org","active":false}'),
    ('01900000-0000-7000-8000-000000000013', '01900000-0000-7000-8000-000000000002', 'User', 'admin', 'admin', NULL, 'Break-glass admin', 'break-glass admin', TRUE, 1, 1700000000000, 1700000000000,
     '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"admin","displayName":"Break-glass admin","active":true}'),
    ('01900000-0000-7000-8000-000000000021', '01900000-0000-7000-8000-000000000001', 'Group', NULL, NULL, NULL, 'Platform', 'platform', TRUE, 1, 1700000000000, 1700000000000,
     '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Platform"}');
INSERT INTO resource_counts (directory_id, resource_type, stripe, count) VALUES
    ('01900000-0000-7000-8000-000000000001', 'User', 3, 3),
    ('01900000-0000-7000-8000-000000000001', 'User', 4, -1),
    ('01900000-0000-7000-8000-000000000001', 'Group', 0, 1),
    ('01900000-0000-7000-8000-000000000002', 'User', 15, 1);
INSERT INTO memberships (group_id, member_id, directory_id, member_type, display) VALUES
    ('01900000-0000-7000-8000-000000000021', '01900000-0000-7000-8000-000000000011', '01900000-0000-7000-8000-000000000001', 'User', NULL);
INSERT INTO indexed_values (resource_id, attribute, value, directory_id, resource_type) VALUES
    ('01900000-0000-7000-8000-000000000011', 'emails.value', 'ada@example.org', '01900000-0000-7000-8000-000000000001', 'User');
INSERT INTO unique_values (directory_id, resource_type, attribute, value, resource_id) VALUES
    ('01900000-0000-7000-8000-000000000001', 'User', 'employeeNumber', '7', '01900000-0000-7000-8000-000000000011');
