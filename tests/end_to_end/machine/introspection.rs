//! RFC 7662 for access tokens: a product that asks hears of an end at once, and of tokens for others nothing.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::program::{Program, post_form};
use crate::server::{Answer, TestServer};

/// A product and its credential.
fn product(server: &TestServer, name: &str) -> (String, String) {
    let body = json!({"name": name, "scopes": ["pages:read", "pages:write"]});
    let id = server.admin().post("/products", &body).expect(201).id();
    let path = format!("/products/{id}/credentials");
    let credential = server
        .admin()
        .post(&path, &json!({"name": name}))
        .expect(201)
        .text_at("/secret");
    (id, credential)
}

fn introspect(server: &TestServer, credential: &str, token: &str) -> Answer {
    let client = server.with_token(credential);
    post_form(&client, "/oauth2/introspect", &[("token", token)]).expect(200)
}

fn for_product<'a>(server: &'a TestServer, product: &str) -> Program<'a> {
    let further = json!({"product_id": product, "scopes": ["pages:read"]});
    Program::arrange(server, Algorithm::EdDSA, further)
}

on_both_databases!(a_product_is_told_of_the_tokens_that_are_for_it, |server| {
    let (wiki, wiki_credential) = product(server, "Wiki");
    let (_, other_credential) = product(server, "Other");
    let program = for_product(server, &wiki);
    let token = program.token();
    let answer = introspect(server, &wiki_credential, &token).body;
    let issued_at = answer["iat"].as_i64().expect("a number");
    assert_eq!(answer["active"], true);
    assert_eq!(answer["sub"], program.account.as_str());
    assert_eq!(answer["client_id"], program.account.as_str());
    assert_eq!(answer["aud"], wiki.as_str());
    assert_eq!(answer["iss"], server.base_url.as_str());
    assert_eq!(answer["scope"], "pages:read");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["exp"], issued_at + 300);
    assert_ne!(answer["jti"], program.key.as_str());

    let elsewhere = introspect(server, &other_credential, &token);
    assert_eq!(elsewhere.body, json!({"active": false}));
    let here = server.with_token(&token).get("/admin/v1/users");
    assert_eq!(
        here.status, 401,
        "it is for the product alone: {}",
        here.text
    );
    server.clock.advance_millis(301_000);
    let expired = introspect(server, &wiki_credential, &token);
    assert_eq!(expired.body, json!({"active": false}));
});

on_both_databases!(
    a_token_for_portcullis_itself_is_no_products_business,
    |server| {
        let (_, credential) = product(server, "Wiki");
        for program in [
            Program::for_admin(server, &["users:read"]),
            Program::for_scim(server),
        ] {
            let answer = introspect(server, &credential, &program.token());
            assert_eq!(answer.body, json!({"active": false}));
        }
    }
);

on_both_databases!(a_product_hears_of_an_end_at_once, |server| {
    let (wiki, credential) = product(server, "Wiki");
    let ends: [fn(&Program); 2] = [|one| one.revoke_key(), |one| one.disable()];
    for end in ends {
        let program = for_product(server, &wiki);
        let token = program.token();
        let active = |token: &str| -> Value {
            introspect(server, &credential, token).body["active"].clone()
        };
        assert_eq!(active(&token), true);
        end(&program);
        assert_eq!(active(&token), false);
    }
});
