DROP TABLE unique_values;
DROP TABLE indexed_values;
DROP TABLE memberships;
DROP TABLE resource_counts;
DROP TABLE resources;
DROP TABLE directories;
DROP TABLE settings;
