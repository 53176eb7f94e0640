DROP TABLE sent_notices;
DROP TABLE deliveries;
DROP TABLE webhooks;
DROP INDEX notices_to_distribute;
ALTER TABLE notices DROP COLUMN distributed_at;
ALTER TABLE notices DROP COLUMN person_id;
