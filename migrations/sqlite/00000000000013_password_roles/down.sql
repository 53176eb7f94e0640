ALTER TABLE passwords DROP COLUMN roles;
