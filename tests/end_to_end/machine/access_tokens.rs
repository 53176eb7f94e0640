//! P1, P5, P9 for access tokens: they open what their key may open, and nothing once it has ended.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::program::{Pair, Program};
use crate::server::{Answer, TestServer};

fn users(server: &TestServer, token: &str) -> Answer {
    server.with_token(token).get("/admin/v1/users")
}

fn scim(server: &TestServer, token: &str) -> Answer {
    server.with_token(token).get("/scim/v2/Users")
}

on_both_databases!(an_identity_provider_may_use_oauth_for_scim, |server| {
    let program = Program::for_scim(server);
    let token = program.token();
    let client = server.scim_with(&token);
    let made = client
        .post(
            "/Users",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "userName": "machine@example.org",
            }),
        )
        .expect(201);
    assert_eq!(
        server.scim().get(&format!("/Users/{}", made.id())).status,
        200
    );
    assert_eq!(users(server, &token).status, 403, "it is for SCIM alone");

    let (other, _) = server.new_directory(portcullis::scim::leniency::Dialect::Lenient);
    let elsewhere = Program::arrange(server, Algorithm::ES256, json!({"directory_id": other}));
    let list = scim(server, &elsewhere.token()).expect(200);
    assert_eq!(
        list.body["totalResults"], 0,
        "another directory is another world"
    );
});

on_both_databases!(
    a_token_for_the_admin_interface_opens_no_directory,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let token = program.token();
        users(server, &token).expect(200);
        assert_eq!(scim(server, &token).status, 403);
        let account = server.with_token(&token).get("/account/v1/tokens");
        assert!(matches!(account.status, 401 | 403), "{}", account.text);
    }
);

on_both_databases!(
    a_token_with_some_scopes_of_its_key_gives_away_no_others,
    |server| {
        let program = Program::for_admin(server, &["api-keys:write", "users:read"]);
        let wanted = json!({"name": "Further", "scopes": ["users:read"]});
        let narrow = program
            .authenticate(&program.assertion(), &[("scope", "api-keys:write")])
            .expect(200)
            .text_at("/access_token");
        for (token, status) in [(narrow, 403), (program.token(), 201)] {
            let client = server.with_token(&token);
            client.post("/admin/v1/api-keys", &wanted).expect(status);
        }
    }
);

on_both_databases!(a_token_works_for_five_minutes, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let token = program.token();
    server.clock.advance_millis(298_000);
    users(server, &token).expect(200);
    server.clock.advance_millis(3_000);
    let refused = users(server, &token).expect(401);
    let challenge = refused.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("has expired"), "{challenge}");
});

on_both_databases!(revoking_the_key_ends_its_tokens_on_every_node, |server| {
    let other_node = TestServer::start_beside(server);
    for program in [
        Program::for_admin(server, &["users:read"]),
        Program::for_scim(server),
    ] {
        let token = program.token();
        let ask = |node: &TestServer| {
            let admin = node.with_token(&token).get("/admin/v1/users").status;
            let scim = node.with_token(&token).get("/scim/v2/Users").status;
            [admin, scim]
        };
        assert!(ask(server).contains(&200));
        assert_eq!(ask(&other_node), ask(server));
        program.revoke_key();
        assert_eq!(ask(&other_node), [401, 401]);
        assert_eq!(ask(server), [401, 401]);
        let again = program.authenticate(&program.assertion(), &[]);
        assert_eq!(again.status, 401, "{}", again.text);
    }
});

on_both_databases!(disabling_the_account_ends_its_tokens_at_once, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let token = program.token();
    users(server, &token).expect(200);
    program.disable();
    users(server, &token).expect(401);
    let client = program.authenticate(&program.assertion(), &[]);
    assert_eq!(client.body["error"], "invalid_client", "{}", client.text);
    let grant = program.grant(&program.assertion(), &[]);
    assert_eq!(grant.body["error"], "invalid_grant", "{}", grant.text);

    // What has ended stays ended.
    program.enable();
    users(server, &token).expect(401);
    assert_eq!(program.authenticate(&program.assertion(), &[]).status, 401);
});

on_both_databases!(
    the_leaving_of_its_owner_flags_a_key_and_does_not_break_it,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let shown = |name: &str| {
            let path = format!("/service-accounts/{}/keys/{}", program.account, program.key);
            server.admin().get(&path).expect(200).body[name].clone()
        };
        assert_eq!(shown("orphaned_at"), Value::Null);
        let (reason, admin, now) = (
            "user_deactivated",
            portcullis::store::id::ResourceId::new(server.admin_id.clone()),
            server.clock.now(),
        );
        server
            .database
            .write_blocking(move |connection| {
                let policy =
                    portcullis::policies::authentication::effective(connection, &admin, now)?.id;
                portcullis::store::credentials::flag_orphans_of(
                    connection, &admin, &policy, reason, now,
                )
            })
            .expect("they can be flagged");
        assert_eq!(shown("orphaned_reason"), reason);
        users(server, &program.token()).expect(200);
    }
);

/// Signs as the server itself would.
struct Forger {
    header: Header,
    claims: Value,
    key: EncodingKey,
}

impl Forger {
    /// With the server's own key and the claims of a good token.
    fn of(server: &TestServer, token: &str) -> Self {
        let keys = server
            .database
            .read_now(portcullis::store::signing_keys::list)
            .expect("they can be read");
        let key = keys.first().expect("there is one");
        let sealed = key.private_key.as_ref().expect("it signs");
        let private = Arc::clone(&server.state.sealer)
            .open("signing_keys.private_key", key.id.as_str(), sealed)
            .expect("it opens");
        let claims = token.split('.').nth(1).expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
        Self {
            header: jsonwebtoken::decode_header(token).expect("a header"),
            claims: serde_json::from_slice(&claims).expect("JSON"),
            key: EncodingKey::from_ec_der(private.expose()),
        }
    }

    fn sign(&self) -> String {
        jsonwebtoken::encode(&self.header, &self.claims, &self.key).expect("it can be signed")
    }

    fn with(&self, name: &str, value: &Value) -> String {
        let mut claims = self.claims.clone();
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
        jsonwebtoken::encode(&self.header, &claims, &self.key).expect("it can be signed")
    }
}

on_both_databases!(
    a_token_that_lacks_anything_is_refused,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let token = program.token();
        let forger = Forger::of(server, &token);
        users(server, &forger.sign()).expect(200);
        let now = program.seconds();
        for (name, value) in [
            ("iss", Value::Null),
            ("iss", json!("https://elsewhere.example")),
            ("aud", Value::Null),
            ("aud", json!("https://elsewhere.example")),
            ("aud", json!(program.account)),
            ("exp", Value::Null),
            ("exp", json!("later")),
            ("exp", json!(now - 1)),
            ("iat", Value::Null),
            ("iat", json!(now + 120)),
            ("nbf", json!(now + 120)),
            ("credential_id", Value::Null),
            ("credential_id", json!(server.admin_id)),
        ] {
            let answer = users(server, &forger.with(name, &value));
            assert_eq!(answer.status, 401, "{name}: {value}: {}", answer.text);
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            assert!(challenge.contains("invalid_token"), "{challenge}");
        }
        for (name, value) in [
            ("scope", Value::Null),
            ("scope", json!("")),
            ("scope", json!("users:read:all")),
            ("scope", json!("audit:read")),
        ] {
            let answer = users(server, &forger.with(name, &value));
            assert_eq!(answer.status, 403, "{name}: {value}: {}", answer.text);
        }
        // A scope that the key has not is none, whoever signed it.
        let wide = forger.with("scope", &json!("users:read users:write audit:read"));
        users(server, &wide).expect(200);
        assert_eq!(
            server
                .with_token(&wide)
                .get("/admin/v1/audit-events")
                .status,
            403
        );
    },
    |settings| settings.limits.unknown_credential_rate = 0
);

on_both_databases!(
    a_token_that_is_signed_otherwise_is_refused,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let token = program.token();
        let forger = Forger::of(server, &token);
        let parts: Vec<&str> = token.split('.').collect();
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let mut forgeries = Vec::new();
        for typ in [None, Some("JWT"), Some("jwt"), Some("secevent+jwt")] {
            let header = Header {
                typ: typ.map(str::to_owned),
                ..forger.header.clone()
            };
            let key = &forger.key;
            let signed = jsonwebtoken::encode(&header, &forger.claims, key);
            forgeries.push(signed.expect("it can be signed"));
        }
        for kid in [None, Some("another"), Some(program.key.as_str())] {
            let header = Header {
                kid: kid.map(str::to_owned),
                ..forger.header.clone()
            };
            let signed = jsonwebtoken::encode(&header, &forger.claims, &forger.key);
            forgeries.push(signed.expect("it can be signed"));
        }
        for algorithm in ["none", "HS256", "ES384"] {
            let header = json!({"typ": "at+jwt", "alg": algorithm, "kid": forger.header.kid});
            forgeries.push(format!("{}.{}.{}", encoded(&header), parts[1], parts[2]));
            forgeries.push(format!("{}.{}.", encoded(&header), parts[1]));
        }
        // The public key as the secret of an HMAC.
        let keys = server.anonymous().get("/.well-known/jwks.json").expect(200);
        let public = keys.body["keys"][0].to_string();
        let header = Header {
            alg: Algorithm::HS256,
            ..forger.header.clone()
        };
        let secret = EncodingKey::from_secret(public.as_bytes());
        let signed = jsonwebtoken::encode(&header, &forger.claims, &secret);
        forgeries.push(signed.expect("it can be signed"));
        // A stranger's key, and the program's own.
        for pair in [Pair::generate(Algorithm::ES256), program.pair.clone()] {
            forgeries.push(pair.sign_with(&forger.header, &forger.claims));
        }
        let mut changed = forger.claims.clone();
        changed["scope"] = json!("users:read users:write");
        forgeries.push(format!("{}.{}.{}", parts[0], encoded(&changed), parts[2]));
        forgeries.push(format!("{}.{}.", parts[0], parts[1]));
        // An assertion is no access token.
        forgeries.push(program.assertion());
        for forgery in forgeries {
            let answer = users(server, &forgery);
            assert_eq!(answer.status, 401, "{forgery}: {}", answer.text);
            assert_eq!(scim(server, &forgery).status, 401, "{forgery}");
        }
        users(server, &token).expect(200);
    },
    |settings| settings.limits.unknown_credential_rate = 0
);

on_both_databases!(ending_the_signing_key_ends_what_it_signed, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let before = program.token();
    server
        .admin()
        .post("/signing-keys/rotate", &json!({}))
        .expect(201);
    users(server, &before).expect(200);
    server
        .admin()
        .post("/signing-keys/rotate", &json!({"compromised": true}))
        .expect(201);
    users(server, &before).expect(401);
    users(server, &program.token()).expect(200);
});

on_both_databases!(
    a_token_is_good_only_where_its_key_may_be_used_from,
    |server| {
        let program = Program::arrange(
            server,
            Algorithm::ES256,
            json!({"scopes": ["users:read"], "allowed_networks": ["192.0.2.0/24"]}),
        );
        let refused = program.authenticate(&program.assertion(), &[]);
        assert_eq!(refused.body["error"], "invalid_client", "{}", refused.text);
        let local = Program::arrange(
            server,
            Algorithm::ES256,
            json!({"scopes": ["users:read"], "allowed_networks": ["127.0.0.0/8"]}),
        );
        users(server, &local.token()).expect(200);
    }
);

on_both_databases!(
    each_token_is_audited_with_its_key_and_without_the_token,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let token = program.token();
        let path = format!("/audit-events?target_id={}", program.key);
        let events = server.admin().get(&path).expect(200);
        let issued = events.body["items"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|event| event["action"] == "access_token.issued")
            .expect("it is there")
            .clone();
        assert_eq!(issued["actor"]["kind"], "service_account_key", "{issued}");
        assert_eq!(issued["detail"]["scope"], "users:read", "{issued}");
        for part in token.split('.') {
            assert!(!events.text.contains(part), "{}", events.text);
        }
    }
);
