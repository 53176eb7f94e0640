-- A key of each kind that there was: one that works, one that was rotated, one that was revoked, one that is orphaned.
INSERT INTO credentials (id, kind, hash, prefix, name, directory_id, owner_id, product_id, scopes, allowed_networks, created_at, creator_id, creator_user_name, creator_display_name, expires_at, idle_expires_at, last_used_at, last_used_ip, predecessor_id, successor_id, overlap_hours, retires_at, revoked_at, revoked_reason, orphaned_at, orphaned_reason) VALUES
    ('01900000-0000-7000-8000-000000000031', 'scim_key', {scim_key}, 'pcscim_aaaaaa', 'identity provider', '01900000-0000-7000-8000-000000000001', NULL, NULL, '[]', '["127.0.0.0/8"]', 1700000000000, '01900000-0000-7000-8000-000000000012', 'grace@example.org', 'Grace', 4102444800000, NULL, 1700000000500, '127.0.0.1', NULL, NULL, NULL, NULL, NULL, NULL, 1700000002000, 'deactivated'),
    ('01900000-0000-7000-8000-000000000032', 'api_key', {api_key}, 'pcadm_aaaaaa', 'automation', NULL, NULL, NULL, '["users:read"]', '[]', 1700000000000, NULL, NULL, NULL, 4102444800000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000033', 'user_token', {user_token}, 'pctok_aaaaaa', 'laptop', NULL, '01900000-0000-7000-8000-000000000011', NULL, '[]', '[]', 1700000000000, '01900000-0000-7000-8000-000000000011', 'Ada@example.org', 'Ada', 4102444800000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000034', 'product_credential', {product_credential}, 'pcprd_aaaaaa', 'wiki server', NULL, NULL, '01900000-0000-7000-8000-000000000041', '[]', '[]', 1700000000000, NULL, NULL, NULL, 4102444800000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
    ('01900000-0000-7000-8000-000000000035', 'scim_key', {revoked_scim_key}, 'pcscim_bbbbbb', 'leaked', '01900000-0000-7000-8000-000000000001', NULL, NULL, '[]', '[]', 1700000000000, NULL, NULL, NULL, 4102444800000, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1700000003000, 'revoked_by_admin', NULL, NULL);
INSERT INTO passwords (person_id, hash, set_at, set_by) VALUES
    ('01900000-0000-7000-8000-000000000013', {password}, 1700000000000, 'person');
INSERT INTO role_assignments (person_id, role, granted_at, granted_by) VALUES
    ('01900000-0000-7000-8000-000000000013', 'owner', 1700000000000, NULL);
INSERT INTO role_mappings (id, directory_id, group_id, role, created_at, created_by) VALUES
    ('01900000-0000-7000-8000-000000000051', '01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000021', 'auditor', 1700000000000, NULL);
INSERT INTO products (id, name, name_folded, scopes, created_at, modified_at) VALUES
    ('01900000-0000-7000-8000-000000000041', 'wiki', 'wiki', '[]', 1700000000000, 1700000000000);
