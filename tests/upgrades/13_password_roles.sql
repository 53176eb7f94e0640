INSERT INTO passwords (person_id, hash, set_at, set_by, roles) VALUES
    ('01900000-0000-7000-8000-000000000011', {password}, 1700000000000, 'person', '["auditor"]');
