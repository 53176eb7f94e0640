ALTER TABLE products DROP COLUMN access_groups;
DROP TABLE product_instances;
DROP INDEX credentials_by_service_account;
ALTER TABLE credentials DROP COLUMN instance_ids;
ALTER TABLE credentials DROP COLUMN service_account_id;
DROP TABLE service_accounts;
