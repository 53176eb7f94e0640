INSERT INTO second_factors (person_id, secret, created_at, confirmed_at, last_step) VALUES
    ('01900000-0000-7000-8000-000000000011', {sealed:second_factor_secret:01900000-0000-7000-8000-000000000011}, 1700000000000, 1700000001000, 56666666);
INSERT INTO recovery_codes (person_id, hash, used_at) VALUES
    ('01900000-0000-7000-8000-000000000011', '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae', NULL);
INSERT INTO credentials (id, kind, hash, prefix, name, owner_id, scopes, allowed_networks, created_at, expires_at, idle_expires_at, second_factor_at) VALUES
    ('01900000-0000-7000-8000-000000000037', 'session', {session}, 'pcses_aaaaaa', 'session', '01900000-0000-7000-8000-000000000011', '[]', '[]', 1700000000000, 4102444800000, 4102444800000, 1700000000000);
