-- Whoever could read people could read where they are signed in, until that had a scope of its own. A key that lacks it
-- could neither do what it did nor give the roles that it gave.
UPDATE credentials SET scopes = replace(scopes, '"users:read"', '"users:read","sessions:read"')
WHERE (kind = 'api_key' OR (kind IN ('service_account_key', 'service_account_token') AND product_id IS NULL))
    AND scopes LIKE '%"users:read"%' AND scopes NOT LIKE '%"sessions:read"%';
