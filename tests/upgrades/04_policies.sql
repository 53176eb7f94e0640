INSERT INTO authentication_policies (id, name, name_folded, rank, is_default, settings, pending, pending_at, created_at, modified_at) VALUES
    ('01900000-0000-7000-8000-000000000071', 'Platform team', 'platform team', 1, FALSE, '{}', NULL, NULL, 1700000000000, 1700000000000);
INSERT INTO policy_members (policy_id, member_id, member_type, added_at) VALUES
    ('01900000-0000-7000-8000-000000000071', '01900000-0000-7000-8000-000000000021', 'Group', 1700000000000);
INSERT INTO inactivity_notices (credential_id, unused_since, told_at) VALUES
    ('01900000-0000-7000-8000-000000000033', 1700000000000, 1700000001000);
