-- What belongs to a product is listed, counted and revoked without looking at what does not.
CREATE INDEX credentials_by_product ON credentials (product_id, kind, id) WHERE product_id IS NOT NULL;
