-- One that has ended: the next is made when it is wanted.
INSERT INTO signing_keys (id, generation, algorithm, public_jwk, private_key, created_at, activates_at, retires_at, ends_at) VALUES
    ('01900000-0000-7000-8000-000000000091', 1, 'ES256', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}', {sealed:signing_keys.private_key:01900000-0000-7000-8000-000000000091}, 1700000000000, 1700000000000, 1700000100000, 1700000200000);
INSERT INTO registered_keys (credential_id, key_id, thumbprint, algorithm, public_jwk) VALUES
    ('01900000-0000-7000-8000-000000000036', 'runner', 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U', 'ES256', '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}');
INSERT INTO used_assertions (issuer, jti, expires_at) VALUES
    ('01900000-0000-7000-8000-000000000081', 'once', 4102444800000);
