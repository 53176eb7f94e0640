DROP INDEX credentials_by_product;
