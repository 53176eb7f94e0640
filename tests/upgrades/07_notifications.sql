INSERT INTO notices (id, at, kind, directory_id, subject, detail, read_at, delivered_at, attempts, person_id, distributed_at) VALUES
    ('01900000-0000-7000-8000-000000000066', 1700000004000, 'token_expiring', NULL, 'A token of yours expires', '{}', NULL, NULL, 0, '01900000-0000-7000-8000-000000000011', 1700000005000);
INSERT INTO webhooks (id, url, kinds, active, secret, previous_secret, previous_secret_until, created_at, modified_at) VALUES
    ('01900000-0000-7000-8000-0000000000a1', 'https://hooks.example.org/portcullis', '["keys_orphaned"]', FALSE, {sealed:webhooks.secret:01900000-0000-7000-8000-0000000000a1}, NULL, NULL, 1700000000000, 1700000000000);
INSERT INTO deliveries (id, notice_id, channel, target, kind, state, attempts, created_at, next_attempt_at, give_up_at, claimed_until, delivered_at, last_error, last_status) VALUES
    ('01900000-0000-7000-8000-0000000000a2', '01900000-0000-7000-8000-000000000064', 'webhook', '01900000-0000-7000-8000-0000000000a1', 'keys_orphaned', 'delivered', 1, 1700000002000, 1700000002000, 1700100002000, NULL, 1700000003000, NULL, 204);
INSERT INTO sent_notices (subject_id, kind, threshold, at) VALUES
    ('01900000-0000-7000-8000-000000000033', 'token_expiring', '30', 1700000004000);
