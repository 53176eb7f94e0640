INSERT INTO deleted_people (id, directory_id, resource_type, user_name, external_id, display_name, active, version, created_at, modified_at, document, group_ids, deleted_at, actor_kind, actor_credential_id, actor_name) VALUES
    ('01900000-0000-7000-8000-000000000014', '01900000-0000-7000-8000-000000000001', 'User', 'alan@example.org', NULL, 'Alan', TRUE, 5, 1700000000000, 1700000001000, '{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alan@example.org","displayName":"Alan","active":true}', '["01900000-0000-7000-8000-000000000021"]', 4000000000000, 'scim_key', '01900000-0000-7000-8000-000000000031', 'identity provider');
INSERT INTO deprovisioning_counts (directory_id, span, stripe, count) VALUES
    ('01900000-0000-7000-8000-000000000001', 13333333, 0, 1);
INSERT INTO mass_alarms (directory_id, alarmed_at) VALUES
    ('01900000-0000-7000-8000-000000000001', 1700000000000);
