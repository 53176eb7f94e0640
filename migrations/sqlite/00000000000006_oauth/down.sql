DROP TABLE used_assertions;
DROP TABLE registered_keys;
DROP TABLE signing_keys;
