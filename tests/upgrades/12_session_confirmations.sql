INSERT INTO session_confirmations (session_id, confirmed_at) VALUES
    ('01900000-0000-7000-8000-000000000037', 1700000000000);
