INSERT INTO service_accounts (id, name, name_folded, purpose, address, owner_id, owner_user_name, owner_display_name, active, created_at, modified_at, disabled_at, orphaned_at, orphaned_reason) VALUES
    ('01900000-0000-7000-8000-000000000081', 'deploy', 'deploy', 'deploys', 'deploy@service-accounts.invalid', '01900000-0000-7000-8000-000000000011', 'Ada@example.org', 'Ada', TRUE, 1700000000000, 1700000000000, NULL, NULL, NULL);
INSERT INTO credentials (id, kind, hash, prefix, name, scopes, allowed_networks, created_at, expires_at, service_account_id, instance_ids) VALUES
    ('01900000-0000-7000-8000-000000000036', 'service_account_token', {service_account_token}, 'pcsvc_aaaaaa', 'runner', '[]', '[]', 1700000000000, 4102444800000, '01900000-0000-7000-8000-000000000081', '[]'),
    ('01900000-0000-7000-8000-000000000082', 'service_account_token', {reading_token}, 'pcsvc_bbbbbb', 'reader', '["users:read"]', '[]', 1700000000000, 4102444800000, '01900000-0000-7000-8000-000000000081', '[]');
INSERT INTO product_instances (id, product_id, name, name_folded, url, created_at, modified_at) VALUES
    ('01900000-0000-7000-8000-000000000042', '01900000-0000-7000-8000-000000000041', 'Europe', 'europe', 'https://eu.wiki.example.org', 1700000000000, 1700000000000);
