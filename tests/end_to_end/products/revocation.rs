//! RFC 7009: whoever may use a token may end it.

use portcullis::secret::{PlainSecret, SecretKind};
use serde_json::json;

use super::{Product, form, member, token};
use crate::people::introspect;
use crate::server::{Answer, TestServer};
use crate::service_accounts::{account, owner};

fn revoke(server: &TestServer, bearer: &str, token: &str) -> Answer {
    let body = format!("token={token}&token_type_hint=refresh_token");
    form(server, bearer, "/oauth2/revoke", &body)
}

on_both_databases!(a_product_revokes_the_tokens_that_are_for_it, |server| {
    let gate = Product::create(server, &json!({"name": "Gate"}));
    let other = Product::create(server, &json!({"name": "Other"}));
    let (_, session) = member(server, "ada");
    let caller = owner(server);
    let program = account(&caller, "Program");
    let made = |body| token(&session, &body).expect(201);
    let own = made(json!({"name": "Own", "product_id": gate.id}));
    let others = made(json!({"name": "Other's", "product_id": other.id}));
    let everywhere = made(json!({"name": "Everywhere"})).text_at("/secret");
    let of_program = program
        .token(&caller, &json!({"name": "x", "product_id": gate.id}))
        .secret;
    let of_admin = program
        .token(&caller, &json!({"name": "x", "scopes": ["users:read"]}))
        .secret;
    let own_secret = own.text_at("/secret");
    for secret in [&own_secret, &everywhere, &of_program] {
        let answer = revoke(server, &gate.key, secret).expect(200);
        assert_eq!(answer.text, "");
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        let told = introspect(server, &gate.key, secret);
        assert_eq!(told, json!({"active": false}));
        // Once more, and it is as revoked as before.
        revoke(server, &gate.key, secret).expect(200);
    }
    let events = server
        .admin()
        .get(&format!(
            "/audit-events?target_id={}&action=credential.revoked",
            own.id()
        ))
        .expect(200);
    assert_eq!(events.body["items"].as_array().map(Vec::len), Some(1));
    let event = &events.body["items"][0];
    assert_eq!(event["actor"]["kind"], "product_credential");
    assert_eq!(event["detail"]["reason"], "revoked_by_product");

    // What is not for it, it cannot end.
    for secret in [
        &others.text_at("/secret"),
        &of_admin,
        &server.scim_key,
        &server.admin_key,
        &other.key,
    ] {
        let refused = revoke(server, &gate.key, secret).expect(400);
        assert_eq!(refused.body["error"], "unauthorized_client");
    }
    assert_eq!(
        introspect(server, &other.key, &others.text_at("/secret"))["active"],
        true
    );
    server.admin().get("/users").expect(200);
});

on_both_databases!(what_is_no_token_is_as_good_as_revoked, |server| {
    let gate = Product::create(server, &json!({"name": "Gate"}));
    let unknown = PlainSecret::generate(SecretKind::UserToken).expect("random numbers");
    for nothing in [unknown.expose(), "nonsense", ""] {
        revoke(server, &gate.key, nothing).expect(200);
    }
    for bad in ["", "tokens=x"] {
        let refused = form(server, &gate.key, "/oauth2/revoke", bad).expect(400);
        assert_eq!(refused.body["error"], "invalid_request");
    }
    let nobody = server.anonymous().request(
        "POST",
        "/oauth2/revoke",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        b"token=x",
    );
    assert_eq!(nobody.expect(401).body["error"], "invalid_client");
    assert_eq!(
        revoke(server, unknown.expose(), "x").expect(401).body["error"],
        "invalid_client"
    );
});

on_both_databases!(a_person_and_a_token_revoke_what_is_theirs, |server| {
    let gate = Product::create(server, &json!({"name": "Gate"}));
    let (ada, session) = member(server, "ada");
    let (_, others) = member(server, "eve");
    let first = token(&session, &json!({"name": "First"}))
        .expect(201)
        .text_at("/secret");
    let second = token(&session, &json!({"name": "Second"}))
        .expect(201)
        .text_at("/secret");
    let foreign = token(&others, &json!({"name": "Foreign"}))
        .expect(201)
        .text_at("/secret");
    let signed_in = ada.sign_in();
    revoke(server, &signed_in, &foreign).expect(400);
    revoke(server, &signed_in, &first).expect(200);
    revoke(server, &second, &foreign).expect(400);
    revoke(server, &second, &second).expect(200);
    for ended in [&first, &second] {
        assert_eq!(
            introspect(server, &gate.key, ended),
            json!({"active": false})
        );
    }
    assert_eq!(introspect(server, &gate.key, &foreign)["active"], true);
    // And the session itself: what is left of it opens nothing.
    revoke(server, &signed_in, &signed_in).expect(200);
    server
        .with_token(&signed_in)
        .get("/account/v1/session")
        .expect(401);
});
