-- A JSON array of the names of the roles that may be used by whoever signs in with the password: those that
-- the maker of the link could grant, by which it was set.
ALTER TABLE passwords ADD COLUMN roles TEXT NOT NULL DEFAULT '[]';
-- Of those set before, it is not known who could read the link. Who was granted a role by hand keeps it; others
-- with a role by a group need a new link.
UPDATE passwords SET roles = '["owner","admin","auditor"]'
WHERE set_by = 'person' AND person_id IN (SELECT person_id FROM role_assignments);
