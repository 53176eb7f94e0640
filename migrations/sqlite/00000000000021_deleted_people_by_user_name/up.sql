-- Deleted people are found by how their user name begins; after a mistake there may be as many as a directory had.
CREATE INDEX deleted_people_by_user_name ON deleted_people (lower(user_name), id) WHERE user_name IS NOT NULL;
