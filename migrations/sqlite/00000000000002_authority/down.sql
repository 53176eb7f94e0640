DROP TABLE products;
DROP TABLE role_mappings;
DROP TABLE role_assignments;
DROP TABLE passwords;
DROP TABLE credentials;
