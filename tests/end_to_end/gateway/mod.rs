//! The gateway: yes or no for reverse proxies, and who the user is.

mod nginx;

use portcullis::config::Settings;
use serde_json::{Value, json};

use crate::products::{Product, member, token};
use crate::server::{Answer, TestServer};
use crate::service_accounts::{account, owner};

const CREDENTIAL: &str = "X-Portcullis-Product-Credential";
const CHALLENGE: &str = "Bearer realm=\"portcullis\"";

/// Asks as a proxy with this credential about a user's token.
fn ask(server: &TestServer, path: &str, token: &str, credential: &str) -> Answer {
    server
        .with_token(token)
        .request("GET", path, &[(CREDENTIAL, credential)], b"")
}

fn assert_challenge(answer: &Answer, challenge: &str) {
    assert_eq!(
        answer.header("WWW-Authenticate"),
        Some(challenge),
        "{}",
        answer.text
    );
}

fn wiki(server: &TestServer) -> Product {
    let scopes = json!(["pages:read", "pages:write"]);
    Product::create(server, &json!({"name": "Wiki", "scopes": scopes}))
}

on_both_databases!(a_yes_says_who_the_user_is_whatever_the_method, |server| {
    let wiki = wiki(server);
    let (ada, session) = member(server, "ada");
    let body = json!({"name": "x", "product_id": wiki.id, "scopes": ["pages:write"]});
    let made = token(&session, &body).expect(201);
    let secret = made.text_at("/secret");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] {
        for path in [
            "/gateway/auth?scope=pages:read",
            "/gateway/auth/a/page?scope=none",
        ] {
            let answer = server
                .with_token(&secret)
                .request(method, path, &[(CREDENTIAL, wiki.key.as_str())], b"")
                .expect(200);
            for (name, value) in [
                ("X-Portcullis-Subject", ada.id.as_str()),
                ("X-Portcullis-User", ada.user_name.as_str()),
                ("X-Portcullis-Scopes", "pages:read pages:write"),
                ("X-Portcullis-Token-Id", made.id().as_str()),
                ("Cache-Control", "no-store"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{method} {path}");
            }
            assert_eq!(answer.text, "");
        }
    }
    let caller = owner(server);
    let program = account(&caller, "Program");
    let of_program = program.token(&caller, &json!({"name": "x", "product_id": wiki.id}));
    let answer = ask(server, "/gateway/auth", &of_program.secret, &wiki.key).expect(200);
    assert_eq!(
        answer.header("X-Portcullis-Subject"),
        Some(program.id.as_str())
    );
    assert_eq!(
        answer.header("X-Portcullis-User"),
        Some(program.address.as_str())
    );
    assert_eq!(answer.header("X-Portcullis-Scopes"), Some(""));
});

on_both_databases!(a_name_of_any_letters_is_told_in_visible_ascii, |server| {
    let wiki = wiki(server);
    let (ada, session) = member(server, "ada");
    let secret = token(&session, &json!({"name": "x"}))
        .expect(201)
        .text_at("/secret");
    let rename = json!([{"op": "replace", "path": "userName", "value": "Ada Löv\u{7f}e 100%"}]);
    let renamed = server
        .scim()
        .patch(&ada.path(), &crate::people::patch_of(&rename));
    assert!(renamed.status < 300, "{}", renamed.text);
    let answer = ask(server, "/gateway/auth", &secret, &wiki.key).expect(200);
    let told = answer.header("X-Portcullis-User");
    assert_eq!(told, Some("Ada%20L%C3%B6v%7Fe%20100%25"));
});

on_both_databases!(
    a_no_is_401_without_a_good_token_and_403_without_the_scope,
    |server| {
        let wiki = wiki(server);
        let other = Product::create(server, &json!({"name": "Other"}));
        let (ada, session) = member(server, "ada");
        let make = |body: Value| token(&session, &body).expect(201).text_at("/secret");
        let reader = make(json!({"name": "x", "product_id": wiki.id, "scopes": ["pages:read"]}));
        let foreign = make(json!({"name": "x", "product_id": other.id}));
        let path = "/gateway/auth?scope=pages:read+pages:write";
        let lacking = ask(server, path, &reader, &wiki.key).expect(403);
        assert_challenge(
            &lacking,
            "Bearer realm=\"portcullis\", error=\"insufficient_scope\", scope=\"pages:read pages:write\"",
        );
        // A header asks for more and never for less.
        let headers = [
            (CREDENTIAL, wiki.key.as_str()),
            ("X-Portcullis-Required-Scope", "pages:write"),
        ];
        for path in [
            "/gateway/auth",
            "/gateway/auth/page",
            "/gateway/auth?scope=pages:read",
        ] {
            server
                .with_token(&reader)
                .request("GET", path, &headers, b"")
                .expect(403);
        }
        let invalid = format!("{CHALLENGE}, error=\"invalid_token\"");
        for token in [
            foreign.as_str(),
            "nonsense",
            &server.admin_key,
            &server.scim_key,
            &wiki.key,
            &ada.sign_in(),
        ] {
            assert_challenge(
                &ask(server, "/gateway/auth", token, &wiki.key).expect(401),
                &invalid,
            );
        }
        let nobody =
            server
                .anonymous()
                .request("GET", "/gateway/auth", &[(CREDENTIAL, &wiki.key)], b"");
        assert_challenge(&nobody.expect(401), CHALLENGE);
        // Nothing is remembered: whoever leaves is out with the next request.
        ask(server, "/gateway/auth", &reader, &wiki.key).expect(200);
        server.scim().delete(&ada.path()).expect(204);
        let gone = ask(server, "/gateway/auth", &reader, &wiki.key).expect(401);
        assert_challenge(
            &gone,
            &format!("{invalid}, error_description=\"the credential has been revoked\""),
        );
    }
);

on_both_databases!(
    a_gateway_speaks_for_its_product_and_instance_alone,
    |server| {
        let wiki = wiki(server);
        let (berlin, berlin_key) = wiki.instance(server, "Berlin");
        let (rome, rome_key) = wiki.instance(server, "Rome");
        let (_, session) = member(server, "ada");
        let body = json!({"name": "x", "product_id": wiki.id, "instance_ids": [berlin]});
        let secret = token(&session, &body).expect(201).text_at("/secret");
        let at = |instance: &str| format!("/gateway/auth?instance={instance}");
        ask(server, "/gateway/auth", &secret, &berlin_key).expect(200);
        ask(server, &at(&berlin), &secret, &wiki.key).expect(200);
        ask(server, &at(&rome), &secret, &wiki.key).expect(401);
        ask(server, "/gateway/auth", &secret, &rome_key).expect(401);
        ask(server, "/gateway/auth", &secret, &wiki.key).expect(401);
        // What is the user's own query names no instance.
        let original = format!("/gateway/auth/page?instance={berlin}");
        ask(server, &original, &secret, &wiki.key).expect(401);
        ask(server, &at(&berlin), &secret, &rome_key).expect(403);
        ask(server, &at("none"), &secret, &wiki.key).expect(403);
        for credential in ["", "nonsense", &server.admin_key, &secret] {
            let refused = ask(server, "/gateway/auth", &secret, credential).expect(403);
            assert_eq!(refused.header("WWW-Authenticate"), None);
        }
        server.with_token(&secret).get("/gateway/auth").expect(403);
        // Of two credentials, one could be the user's.
        let twice = [
            (CREDENTIAL, wiki.key.as_str()),
            (CREDENTIAL, berlin_key.as_str()),
        ];
        server
            .with_token(&secret)
            .request("GET", "/gateway/auth", &twice, b"")
            .expect(403);
        for bad in ["scopes=x", "scope=a&scope=b"] {
            ask(
                server,
                &format!("/gateway/auth?{bad}"),
                &secret,
                &berlin_key,
            )
            .expect(400);
        }
    }
);

fn behind_a_proxy(settings: &mut Settings) {
    settings.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
}

fn statuses_from(server: &TestServer, addresses: &[Option<&str>]) -> Vec<u16> {
    let wiki = wiki(server);
    let (_, session) = member(server, "ada");
    // The proxy's own network is among them: it must not be taken for the user's.
    let networks = json!(["192.0.2.0/24", "127.0.0.0/8"]);
    let body = json!({"name": "x", "allowed_networks": networks});
    let secret = token(&session, &body).expect(201).text_at("/secret");
    addresses
        .iter()
        .map(|address| {
            let mut headers = vec![(CREDENTIAL, wiki.key.as_str())];
            headers.extend(address.map(|address| ("X-Forwarded-For", address)));
            server
                .with_token(&secret)
                .request("GET", "/gateway/auth", &headers, b"")
                .status
        })
        .collect()
}

on_both_databases!(
    where_a_user_is_is_what_a_trusted_proxy_says,
    |server| {
        let found = statuses_from(
            server,
            &[
                Some("192.0.2.7"),
                Some("203.0.113.9, 192.0.2.7"),
                Some("192.0.2.7, 203.0.113.9"),
                Some("nowhere"),
                None,
            ],
        );
        assert_eq!(found, [200, 200, 401, 401, 401]);
    },
    behind_a_proxy
);

on_both_databases!(
    where_a_user_is_is_not_known_of_a_proxy_that_is_not_trusted,
    |server| {
        let found = statuses_from(server, &[Some("192.0.2.7"), None]);
        assert_eq!(found, [401, 401]);
    }
);
