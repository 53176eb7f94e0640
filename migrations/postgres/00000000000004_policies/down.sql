ALTER TABLE credentials DROP COLUMN orphan_policy_id;
DROP TABLE inactivity_notices;
DROP TABLE policy_members;
DROP TABLE authentication_policies;
