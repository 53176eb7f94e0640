-- When an admin has lifted the last alarm about a directory; an alarm that nobody has lifted stays raised.
ALTER TABLE mass_alarms ADD COLUMN lifted_at BIGINT;
-- What was raised before anybody could lift it has been told, and is over.
UPDATE mass_alarms SET lifted_at = alarmed_at;
