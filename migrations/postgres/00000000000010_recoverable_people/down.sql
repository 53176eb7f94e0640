DROP TABLE mass_alarms;
DROP TABLE deprovisioning_counts;
DROP TABLE deleted_people;
