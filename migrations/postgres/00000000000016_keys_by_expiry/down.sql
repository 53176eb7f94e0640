DROP INDEX credentials_by_expiry;
