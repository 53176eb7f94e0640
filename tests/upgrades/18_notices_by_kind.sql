INSERT INTO notices (id, at, kind, directory_id, subject, detail, read_at, delivered_at, attempts, person_id, distributed_at) VALUES
    ('01900000-0000-7000-8000-000000000181', 1700000004000, 'keys_orphaned', NULL, 'Another key was orphaned', '{"keys":[]}', 1700000005000, 1700000005000, 1, NULL, 1700000005000);
