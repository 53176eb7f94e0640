//! Token introspection (RFC 7662): what products are told, and what they are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use portcullis::secret::{PlainSecret, SecretKind};
use serde_json::{Value, json};

use super::{DAY, member};
use crate::people::{Key, introspect, patch_of};
use crate::server::{Answer, TestServer};

/// A product with a credential.
struct Product {
    id: String,
    key: String,
}

fn product(server: &TestServer, name: &str) -> Product {
    let admin = server.admin();
    let id = admin
        .post(
            "/products",
            &json!({"name": name, "scopes": ["read", "write"]}),
        )
        .expect(201)
        .id();
    let path = format!("/products/{id}/credentials");
    let key = admin
        .post(&path, &json!({"name": "Gate"}))
        .expect(201)
        .text_at("/secret");
    Product { id, key }
}

fn ask(server: &TestServer, headers: &[(&str, &str)], form: &str) -> Answer {
    let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
    all.extend_from_slice(headers);
    server
        .anonymous()
        .request("POST", "/oauth2/introspect", &all, form.as_bytes())
}

on_both_databases!(
    an_active_token_is_described_to_the_product_that_it_is_for,
    |server| {
        let product = product(server, "Gate");
        let person = member(server, "reader");
        let session = person.sign_in();
        let token = server
            .with_token(&session)
            .post(
                "/account/v1/tokens",
                &json!({"name": "Mine", "product_id": product.id, "scopes": ["read", "write"]}),
            )
            .expect(201);
        let secret = token.text_at("/secret");
        let rename = json!([{"op": "replace", "path": "userName", "value": "renamed@example.org"}]);
        server
            .scim()
            .patch(&person.path(), &patch_of(&rename))
            .expect(200);

        let bearer = format!("Bearer {}", product.key);
        let answer = ask(
            server,
            &[("Authorization", &bearer)],
            &format!("token={secret}&token_type_hint=refresh_token"),
        );

        let answer = answer.expect(200);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        let seconds = |name: &str| {
            let text = token.text_at(name);
            chrono::DateTime::parse_from_rfc3339(&text)
                .expect("a time")
                .timestamp()
        };
        assert_eq!(
            answer.body,
            json!({
                "active": true,
                "sub": person.id,
                "username": "renamed@example.org",
                "scope": "read write",
                "client_id": product.id,
                "token_type": "Bearer",
                "exp": seconds("/expires_at"),
                "iat": seconds("/created_at"),
                "iss": server.base_url,
                "aud": product.id,
                "jti": token.id(),
            })
        );
    }
);

on_both_databases!(
    whatever_the_reason_an_inactive_token_is_told_nothing_of,
    |server| {
        let (gate, other) = (product(server, "Gate"), product(server, "Other"));
        let person = member(server, "owner");
        let session = person.sign_in();
        let make = |body: Value| person.create_token(&session, &body);
        let for_other = make(json!({"name": "Other's", "product_id": other.id}));
        let brief = make(json!({"name": "Brief", "expires_in_days": 1}));
        let bound = make(json!({"name": "Bound", "allowed_networks": ["192.0.2.0/24"]}));
        let own = server.with_token(&session);
        let revoked = own
            .post("/account/v1/tokens", &json!({"name": "Revoked"}))
            .expect(201);
        own.delete(&format!("/account/v1/tokens/{}", revoked.id()))
            .expect(204);
        let unknown = PlainSecret::generate(SecretKind::UserToken).expect("random numbers");
        assert_eq!(introspect(server, &other.key, &for_other)["active"], true);
        assert_eq!(introspect(server, &gate.key, &brief)["active"], true);

        server.clock.advance_millis(DAY);

        for (why, token) in [
            ("of another product", for_other.as_str()),
            ("expired", &brief),
            ("revoked", &revoked.text_at("/secret")),
            ("outside its networks", &bound),
            ("unknown", unknown.expose()),
            ("a session", &session),
            ("a SCIM key", &server.scim_key),
            ("an admin API key", &server.admin_key),
            ("the product's own", &gate.key),
            ("no token", "nonsense"),
            ("nothing", ""),
        ] {
            assert_eq!(
                introspect(server, &gate.key, token),
                json!({"active": false}),
                "{why}"
            );
        }
        // A token that is bound to networks is active where it was presented from within them.
        let bearer = format!("Bearer {}", gate.key);
        for (address, active) in [
            ("192.0.2.7", true),
            ("192.0.3.7", false),
            ("nowhere", false),
        ] {
            let form = format!("token={bound}&client_ip={address}");
            let answer = ask(server, &[("Authorization", &bearer)], &form).expect(200);
            assert_eq!(answer.body["active"], active, "{address}");
        }
    }
);

on_both_databases!(only_products_may_ask, |server| {
    let (gate, other) = (product(server, "Gate"), product(server, "Other"));
    let basic = |id: &str, key: &str| format!("Basic {}", STANDARD.encode(format!("{id}:{key}")));
    ask(
        server,
        &[("Authorization", &basic(&gate.id, &gate.key))],
        "token=x",
    )
    .expect(200);
    for authorization in [
        basic(&other.id, &gate.key),
        basic(&gate.id, "nonsense"),
        basic(&gate.id, &server.admin_key),
        "Basic nonsense".to_owned(),
        format!("Bearer {}", server.admin_key),
        format!("Bearer {}", server.scim_key),
        "Bearer nonsense".to_owned(),
    ] {
        let answer = ask(server, &[("Authorization", &authorization)], "token=x").expect(401);
        assert_eq!(answer.body["error"], "invalid_client", "{authorization}");
        assert!(answer.header("WWW-Authenticate").is_some());
    }
    ask(server, &[], "token=x").expect(401);
    let bearer = format!("Bearer {}", gate.key);
    let authorized = [("Authorization", bearer.as_str())];
    for bad in ["", "tokens=x"] {
        let answer = ask(server, &authorized, bad).expect(400);
        assert_eq!(answer.body["error"], "invalid_request");
    }
    server
        .with_token(&gate.key)
        .get("/oauth2/introspect")
        .expect(405);
});

on_both_databases!(
    a_token_has_no_scopes_but_its_products_and_ends_with_it,
    |server| {
        let gate = product(server, "Gate");
        let person = member(server, "owner");
        let session = person.sign_in();
        let own = server.with_token(&session);
        for body in [
            json!({"name": "Wide", "product_id": gate.id, "scopes": ["admin"]}),
            json!({"name": "Scopes of nothing", "scopes": ["read"]}),
            json!({"name": "", "product_id": gate.id}),
            json!({"name": "Not mine", "user_id": server.admin_id}),
        ] {
            own.post("/account/v1/tokens", &body).expect(422);
        }
        own.post(
            "/account/v1/tokens",
            &json!({"name": "None", "product_id": "none"}),
        )
        .expect(404);
        let made = own
            .post(
                "/account/v1/tokens",
                &json!({"name": "Mine", "product_id": gate.id, "scopes": ["read"]}),
            )
            .expect(201);
        let token = Key::of(&made);
        assert_eq!(
            introspect(server, &gate.key, &token.secret)["scope"],
            "read"
        );

        server
            .admin()
            .delete(&format!("/products/{}", gate.id))
            .expect(204);

        let bearer = format!("Bearer {}", gate.key);
        ask(
            server,
            &[("Authorization", &bearer)],
            &format!("token={}", token.secret),
        )
        .expect(401);
        let listed = own.get("/account/v1/tokens").expect(200);
        assert_eq!(listed.body["items"][0]["status"], "revoked");
    }
);

on_both_databases!(ones_tokens_are_ones_own, |server| {
    let (one, other) = (member(server, "one"), member(server, "other"));
    let (session, others_session) = (one.sign_in(), other.sign_in());
    let token = server
        .with_token(&session)
        .post("/account/v1/tokens", &json!({"name": "Mine"}))
        .expect(201);
    let others = server.with_token(&others_session);
    others
        .delete(&format!("/account/v1/tokens/{}", token.id()))
        .expect(404);
    assert_eq!(
        others.get("/account/v1/tokens").expect(200).body["items"],
        json!([])
    );
    let of_other = format!("/users/{}/tokens/{}", other.id, token.id());
    server.admin().delete(&of_other).expect(404);
    let of_one = format!("/users/{}/tokens/{}", one.id, token.id());
    server.admin().delete(&of_one).expect(204);
});

on_both_databases!(a_token_is_rotated_by_whose_it_is, |server| {
    let (one, other) = (member(server, "one"), member(server, "other"));
    let gate = product(server, "Gate");
    let own = server.with_token(&one.sign_in());
    let wanted = json!({"name": "Mine", "product_id": gate.id, "scopes": ["read"]});
    let old = own.post("/account/v1/tokens", &wanted).expect(201);
    let path = format!("/account/v1/tokens/{}/rotate", old.id());

    let others = server.with_token(&other.sign_in());
    others.post(&path, &json!({})).expect(404);
    own.post(&path, &json!({"overlap_hours": 721})).expect(422);
    let new = own.post(&path, &json!({"overlap_hours": 2})).expect(201);
    own.post(&path, &json!({})).expect(409);

    let is_active = |token: &Answer| introspect(server, &gate.key, &token.text_at("/secret"));
    assert_eq!(is_active(&old)["active"], true);
    assert_eq!(is_active(&new)["scope"], "read");
    // The first use of the new one has started the end of the old one.
    server.clock.advance_millis(119 * 60_000);
    assert_eq!(is_active(&old)["active"], true);
    server.clock.advance_millis(60_000);
    assert_eq!(is_active(&old)["active"], false);
    assert_eq!(is_active(&new)["active"], true);

    // What the product has lost since, no successor gets.
    let fewer = json!({"scopes": ["write"]});
    let product = format!("/products/{}", gate.id);
    server.admin().patch(&product, &fewer).expect(200);
    let path = format!("/account/v1/tokens/{}/rotate", new.id());
    let own = server.with_token(&one.sign_in());
    own.post(&path, &json!({})).expect(422);
});
