ALTER TABLE mass_alarms DROP COLUMN lifted_at;
