//! P9 for the tokens of service accounts: what each opens, and that nobody gives away more than they have.

use serde_json::{Value, json};

use super::{account, admin, owner};
use crate::people::{Key, introspect};
use crate::server::TestServer;

/// A product with two scopes and a credential of its own: its id, and the credential.
fn product(server: &TestServer) -> (String, String) {
    let made = server
        .admin()
        .post(
            "/products",
            &json!({"name": "Wiki", "scopes": ["pages:read", "users:write"]}),
        )
        .expect(201);
    let key = server
        .admin()
        .post(
            &format!("/products/{}/credentials", made.id()),
            &json!({"name": "Wiki"}),
        )
        .expect(201);
    (made.id(), key.text_at("/secret"))
}

on_both_databases!(a_product_is_told_which_account_a_token_is_of, |server| {
    let (product, key) = product(server);
    let caller = owner(server);
    let account = account(&caller, "Reader");
    let made = account
        .try_token(
            &caller,
            &json!({"name": "Nightly", "product_id": product, "scopes": ["pages:read"]}),
        )
        .expect(201);
    assert!(made.text_at("/secret").starts_with("pcsvc_"));
    assert_eq!(made.body["service_account_id"], account.id.as_str());
    assert_eq!(made.body["kind"], "service_account_token");
    let seconds = |name: &str| {
        chrono::DateTime::parse_from_rfc3339(&made.text_at(name))
            .expect("a time")
            .timestamp()
    };

    let answer = introspect(server, &key, &made.text_at("/secret"));

    assert_eq!(
        answer,
        json!({
            "active": true,
            "sub": account.id,
            "username": account.address,
            "scope": "pages:read",
            "client_id": product,
            "token_type": "Bearer",
            "exp": seconds("/expires_at"),
            "iat": seconds("/created_at"),
            "iss": server.base_url,
            "aud": product,
            "jti": made.id(),
        })
    );
});

/// What a token is answered by each interface: SCIM, admin, account, introspection.
fn statuses(server: &TestServer, secret: &str) -> [u16; 4] {
    let client = server.with_token(secret);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    [
        client.get("/scim/v2/Users").status,
        client.get("/admin/v1/users").status,
        client.get("/account/v1/session").status,
        client
            .request("POST", "/oauth2/introspect", &form, b"token=x")
            .status,
    ]
}

on_both_databases!(
    a_token_opens_what_its_scopes_name_and_nothing_else,
    |server| {
        let (product, key) = product(server);
        let caller = owner(server);
        let account = account(&caller, "Everything");
        let token = |body: Value| account.token(&caller, &body).secret;
        let none = token(json!({"name": "None"}));
        let of_admin = token(json!({"name": "Admin", "scopes": ["users:read"]}));
        // The product calls a scope of its own as the admin interface calls one.
        let of_product = token(
            json!({"name": "Product", "product_id": product, "scopes": ["users:write", "pages:read"]}),
        );
        assert_eq!(statuses(server, &none), [403, 403, 403, 401]);
        assert_eq!(statuses(server, &of_admin), [403, 200, 403, 401]);
        assert_eq!(statuses(server, &of_product), [403, 403, 403, 401]);
        let users = "/admin/v1/users";
        let new = json!({"user_name": "made@example.org"});
        for secret in [&none, &of_admin, &of_product] {
            server.with_token(secret).post(users, &new).expect(403);
        }
        // A product may see those that are for products.
        assert_eq!(introspect(server, &key, &none)["active"], true);
        assert_eq!(
            introspect(server, &key, &of_product)["scope"],
            "pages:read users:write"
        );
        assert_eq!(
            introspect(server, &key, &of_admin),
            json!({"active": false})
        );
    }
);

on_both_databases!(
    a_token_is_asked_for_in_full_and_gives_no_more_than_its_issuer_has,
    |server| {
        let (product, _) = product(server);
        let caller = owner(server);
        let account = account(&caller, "Bounded");
        for (body, status) in [
            (json!({"name": ""}), 422),
            (json!({"name": "x", "scopes": ["pages:read"]}), 422),
            (json!({"name": "x", "scopes": ["scim"]}), 422),
            (
                json!({"name": "x", "product_id": product, "scopes": ["users:read"]}),
                422,
            ),
            (json!({"name": "x", "product_id": "none"}), 404),
            (json!({"name": "x", "instance_ids": ["none"]}), 422),
            (
                json!({"name": "x", "product_id": product, "instance_ids": ["none"]}),
                422,
            ),
            (json!({"name": "x", "expires_in_days": 366}), 422),
            (json!({"name": "x", "allowed_networks": ["nowhere"]}), 422),
        ] {
            account.try_token(&caller, &body).expect(status);
        }
        let scopes = json!(["service-accounts:write", "users:read"]);
        let narrow = caller
            .post(
                "/admin/v1/api-keys",
                &json!({"name": "Narrow", "scopes": scopes}),
            )
            .expect(201)
            .text_at("/secret");
        let narrow = server.with_token(&narrow);
        let beyond = json!({"name": "x", "scopes": ["users:write"]});
        account.try_token(&narrow, &beyond).expect(403);
        account.token(&narrow, &json!({"name": "x", "scopes": ["users:read"]}));
        // Nor does anybody take over, or turn over, what can do more than they.
        let wide = account.token(&caller, &beyond);
        let place = format!("{}/tokens/{}", account.path(), wide.id);
        narrow
            .post(&format!("{place}/rotate"), &json!({}))
            .expect(403);
        narrow
            .patch(&account.path(), &json!({"owner_id": server.admin_id}))
            .expect(403);
        let listed = caller
            .get(&format!("{}/tokens", account.path()))
            .expect(200);
        assert_eq!(listed.body["items"].as_array().map(Vec::len), Some(2));
    }
);

on_both_databases!(
    a_token_is_rotated_with_an_overlap_and_revoked_at_once,
    |server| {
        let (_, key) = product(server);
        let (_, caller) = admin(server, "rotator");
        let of = account(&caller, "Rotated");
        let token = of.token(&caller, &json!({"name": "One"}));
        let place = format!("{}/tokens/{}", of.path(), token.id);
        let other = account(&caller, "Other");
        let elsewhere = format!("{}/tokens/{}", other.path(), token.id);
        for (method, path) in [("GET", ""), ("POST", "/rotate"), ("DELETE", "")] {
            let path = format!("{elsewhere}{path}");
            caller.request(method, &path, &[], b"").expect(404);
        }

        let successor = Key::of(
            &caller
                .post(&format!("{place}/rotate"), &json!({}))
                .expect(201),
        );

        let active = |secret: &str| introspect(server, &key, secret)["active"] == true;
        server.clock.advance_millis(30 * 3_600_000);
        assert!(active(&token.secret), "the successor has not been used");
        assert!(active(&successor.secret));
        server.clock.advance_millis(23 * 3_600_000);
        assert!(active(&token.secret) && active(&successor.secret));
        server.clock.advance_millis(2 * 3_600_000);
        assert!(!active(&token.secret), "the overlap has ended");

        let (_, caller) = admin(server, "later");
        let second = Key::of(
            &caller
                .post(
                    &format!("{}/tokens/{}/rotate", of.path(), successor.id),
                    &json!({}),
                )
                .expect(201),
        );
        let place = format!("{}/tokens/{}", of.path(), successor.id);
        caller
            .post(&format!("{place}/rotate"), &json!({}))
            .expect(409);
        caller.delete(&place).expect(204);
        assert!(!active(&successor.secret) && active(&second.secret));
        let shown = caller.get(&place).expect(200);
        assert_eq!(shown.body["status"], "revoked");
        assert_eq!(shown.body["revoked_reason"], "revoked_by_admin");
    }
);
