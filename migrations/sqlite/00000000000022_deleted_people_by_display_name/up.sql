-- And by how their display name begins.
CREATE INDEX deleted_people_by_display_name ON deleted_people (lower(display_name), id) WHERE display_name IS NOT NULL;
