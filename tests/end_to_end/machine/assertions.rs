//! RFC 7523: which assertions give an access token, and each reason for which one does not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::program::{Pair, Program, post_form};
use crate::server::Answer;

fn assert_refused(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.text);
    assert_eq!(answer.body["error"], code, "{what}: {}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{what}");
    assert!(answer.body.get("access_token").is_none(), "{what}");
    let challenge = answer.header("www-authenticate").is_some();
    assert_eq!(challenge, status == 401, "{what}");
}

on_both_databases!(
    each_algorithm_and_each_form_of_key_gives_a_token,
    |server| {
        for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256] {
            let program = Program::arrange(
                server,
                algorithm,
                json!({"scopes": ["users:read", "audit:read"]}),
            );
            let answer = program.authenticate(&program.assertion(), &[]).expect(200);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("pragma"), Some("no-cache"));
            assert_eq!(answer.body["token_type"], "Bearer");
            assert_eq!(answer.body["expires_in"], 300);
            assert_eq!(answer.body["scope"], "users:read audit:read");
            let token = answer.text_at("/access_token");
            let admin = server.with_token(&token);
            admin.get("/admin/v1/users").expect(200);
            assert_eq!(admin.get("/admin/v1/products").status, 403);
            program.grant(&program.assertion(), &[]).expect(200);
        }
    }
);

on_both_databases!(an_access_token_says_what_rfc_9068_asks_for, |server| {
    let program = Program::for_admin(server, &["users:read", "audit:read"]);
    let before = program.seconds();
    let token = program
        .authenticate(&program.assertion(), &[("scope", "audit:read")])
        .expect(200)
        .text_at("/access_token");
    let part = |index: usize| -> Value {
        let part = token.split('.').nth(index).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
    };
    let keys = server.anonymous().get("/.well-known/jwks.json").expect(200);
    assert_eq!(
        part(0),
        json!({"typ": "at+jwt", "alg": "ES256", "kid": keys.body["keys"][0]["kid"]})
    );
    let claims = part(1);
    assert_eq!(claims["iss"], server.base_url.as_str());
    assert_eq!(claims["aud"], server.base_url.as_str());
    assert_eq!(claims["sub"], program.account.as_str());
    assert_eq!(claims["client_id"], program.account.as_str());
    assert_eq!(claims["credential_id"], program.key.as_str());
    assert_eq!(claims["scope"], "audit:read");
    let issued_at = claims["iat"].as_i64().expect("a number");
    assert!((before..before + 60).contains(&issued_at), "{claims}");
    assert_eq!(claims["exp"], issued_at + 300);
    assert!(claims["jti"].is_string());
    assert_eq!(claims.as_object().map(serde_json::Map::len), Some(9));
});

/// Parameters of a form.
type Fields<'a> = &'a [(&'a str, &'a str)];

/// Changes one claim of a good assertion; null takes it out.
fn with(program: &Program, name: &str, value: Value) -> String {
    let mut claims = program.claims();
    if value.is_null() {
        claims.as_object_mut().expect("an object").remove(name);
    } else {
        claims[name] = value;
    }
    program.pair.sign(&claims)
}

on_both_databases!(
    an_assertion_that_lacks_anything_is_refused,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let other = Program::for_admin(server, &["users:read"]);
        let now = program.seconds();
        let endpoint = format!("{}/oauth2/token", server.base_url);
        let cases = [
            ("iss", Value::Null),
            ("iss", json!("admin@example.org")),
            ("iss", json!(other.account)),
            ("sub", Value::Null),
            ("sub", json!(other.account)),
            ("aud", Value::Null),
            ("aud", json!("https://elsewhere.example/oauth2/token")),
            ("aud", json!(format!("{endpoint}/"))),
            ("aud", json!([])),
            ("exp", Value::Null),
            ("exp", json!("tomorrow")),
            ("exp", json!(now - 61)),
            ("exp", json!(now + 3_600 + 120)),
            ("nbf", json!(now + 120)),
            ("iat", json!(now + 120)),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!("a\u{0}b")),
            ("jti", json!("x".repeat(257))),
            ("jti", json!(7)),
        ];
        for (name, value) in cases {
            let what = format!("{name}: {value}");
            let assertion = with(&program, name, value);
            let client = program.authenticate(&assertion, &[]);
            assert_refused(&client, 401, "invalid_client", &what);
            let grant = program.grant(&assertion, &[]);
            assert_refused(&grant, 400, "invalid_grant", &what);
        }
        for (name, value) in [
            ("aud", json!(server.base_url)),
            ("aud", json!(["https://elsewhere.example", endpoint])),
            ("exp", json!(now - 30)),
            ("nbf", json!(now + 30)),
            ("iat", json!(now + 30)),
        ] {
            let assertion = with(&program, name, value);
            program.authenticate(&assertion, &[]).expect(200);
        }
    },
    |settings| settings.limits.unknown_credential_rate = 0
);

on_both_databases!(
    nothing_but_the_registered_algorithm_verifies,
    |server| {
        let program = Program::arrange(server, Algorithm::RS256, json!({"scopes": ["users:read"]}));
        let claims = program.claims();
        let good = program.pair.sign(&claims);
        let payload = good.split('.').nth(1).expect("three parts");
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());

        let mut forgeries = Vec::new();
        for none in ["none", "None", "NONE", ""] {
            let header = encoded(&json!({"typ": "JWT", "alg": none}));
            forgeries.push(format!("{header}.{payload}."));
            forgeries.push(format!("{header}.{payload}.AAAA"));
        }
        // The public key as the secret of an HMAC: its modulus, its JWK, its PEM, nothing.
        let modulus = program.pair.jwk["n"].as_str().expect("a text").to_owned();
        for secret in [
            URL_SAFE_NO_PAD.decode(&modulus).expect("base64url"),
            modulus.into_bytes(),
            program.pair.jwk.to_string().into_bytes(),
            Vec::new(),
        ] {
            let key = EncodingKey::from_secret(&secret);
            let header = Header::new(Algorithm::HS256);
            forgeries.push(jsonwebtoken::encode(&header, &claims, &key).expect("it can be signed"));
        }
        // The same key with another algorithm of its family, and another key that the header brings along.
        for algorithm in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
            let header = Header::new(algorithm);
            forgeries.push(program.pair.sign_with(&header, &claims));
        }
        let stranger = Pair::generate(Algorithm::ES256);
        let header = Header {
            jwk: serde_json::from_value(stranger.jwk.clone()).ok(),
            ..Header::new(Algorithm::ES256)
        };
        forgeries.push(stranger.sign_with(&header, &claims));
        let header = Header {
            kid: Some(program.key.clone()),
            jku: Some("https://elsewhere.example/jwks.json".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        forgeries.push(stranger.sign_with(&header, &claims));
        let header = Header {
            crit: Some(vec!["exp".to_owned()]),
            ..Header::new(Algorithm::RS256)
        };
        forgeries.push(program.pair.sign_with(&header, &claims));
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        forgeries.push(program.pair.sign_with(&header, &claims));
        let header = Header {
            kid: Some("another".to_owned()),
            ..Header::new(Algorithm::RS256)
        };
        forgeries.push(program.pair.sign_with(&header, &claims));
        // Signed, and then changed.
        let mut changed = claims.clone();
        changed["jti"] = json!("another");
        let parts: Vec<&str> = good.split('.').collect();
        forgeries.push(format!("{}.{}.{}", parts[0], encoded(&changed), parts[2]));
        forgeries.push(format!("{}.{}.", parts[0], parts[1]));
        forgeries.push(format!("{good}.{}", parts[2]));
        forgeries.push("eyJ.eyJ.x".to_owned());
        forgeries.push(String::new());

        for forgery in forgeries {
            let answer = program.authenticate(&forgery, &[]);
            assert_refused(&answer, 401, "invalid_client", &forgery);
        }
        program.authenticate(&good, &[]).expect(200);
    },
    |settings| settings.limits.unknown_credential_rate = 0
);

on_both_databases!(an_assertion_is_good_once_on_every_node, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let assertion = program.assertion();
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let program = &program;
        let assertion = &assertion;
        let requests: Vec<_> = (0..8)
            .map(|_| scope.spawn(move || program.authenticate(assertion, &[]).status))
            .collect();
        requests
            .into_iter()
            .map(|request| request.join().expect("it was answered"))
            .collect()
    });
    let given = outcomes.iter().filter(|status| **status == 200).count();
    assert_eq!(given, 1, "{outcomes:?}");
    let again = program.grant(&assertion, &[]);
    assert_refused(&again, 400, "invalid_grant", "replayed");

    // Another account may use the same identifier.
    let other = Program::for_admin(server, &["users:read"]);
    let jti: Value = {
        let part = assertion.split('.').nth(1).expect("three parts");
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url"))
                .expect("JSON");
        claims["jti"].clone()
    };
    other
        .authenticate(&with(&other, "jti", jti), &[])
        .expect(200);
});

on_both_databases!(
    a_use_is_forgotten_only_once_the_assertion_is_too_old,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let assertion = program.assertion();
        program.authenticate(&assertion, &[]).expect(200);
        let prune = || {
            let now = server.clock.now();
            server
                .database
                .write_blocking(move |connection| {
                    portcullis::store::used_assertions::prune(connection, now)
                })
                .expect("they can be pruned")
        };
        // A moment before the assertion is refused for its age.
        server.clock.advance_millis(179_000);
        assert_eq!(prune(), 0);
        let again = program.authenticate(&assertion, &[]);
        assert_refused(&again, 401, "invalid_client", "replayed");
        server.clock.advance_millis(3_600_000);
        assert_eq!(prune(), 1);
        let again = program.authenticate(&assertion, &[]);
        assert_refused(&again, 401, "invalid_client", "expired");
    }
);

on_both_databases!(a_refused_request_uses_no_assertion_up, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let assertion = program.assertion();
    let beyond = program.authenticate(&assertion, &[("scope", "users:read users:write")]);
    assert_refused(
        &beyond,
        400,
        "invalid_scope",
        "a scope that the key has not",
    );
    let elsewhere = program.authenticate(&assertion, &[("resource", "https://elsewhere.example")]);
    assert_refused(&elsewhere, 400, "invalid_target", "another resource");
    let other = program.authenticate(&assertion, &[("client_id", &server.admin_id)]);
    assert_refused(&other, 401, "invalid_client", "another client");
    let resource = format!("{}/admin/v1", server.base_url);
    let fields = [
        ("resource", resource.as_str()),
        ("client_id", &program.account),
    ];
    program.authenticate(&assertion, &fields).expect(200);
});

on_both_databases!(a_malformed_request_is_told_what_is_missing, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let assertion = program.assertion();
    let client = server.anonymous();
    let cases: [(Fields, u16, &str); 8] = [
        (&[], 400, "invalid_request"),
        (&[("grant_type", "password")], 400, "unsupported_grant_type"),
        (
            &[("grant_type", "client_credentials")],
            401,
            "invalid_client",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "x"),
                ("client_secret", "y"),
            ],
            401,
            "invalid_client",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_assertion", &assertion),
            ],
            400,
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:other"),
                ("client_assertion", &assertion),
            ],
            400,
            "invalid_request",
        ),
        (
            &[("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")],
            400,
            "invalid_request",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ("grant_type", "client_credentials"),
            ],
            400,
            "invalid_request",
        ),
    ];
    for (fields, status, code) in cases {
        let answer = post_form(&client, "/oauth2/token", fields);
        assert_refused(&answer, status, code, &format!("{fields:?}"));
    }
    let json = client.post(
        "/oauth2/token",
        &json!({"grant_type": "client_credentials"}),
    );
    assert_refused(&json, 400, "invalid_request", "JSON");
    let with_header = post_form(
        &server.with_token(&server.admin_key),
        "/oauth2/token",
        &[("grant_type", "client_credentials")],
    );
    assert_refused(
        &with_header,
        401,
        "invalid_client",
        "an Authorization header",
    );
    program.authenticate(&assertion, &[]).expect(200);
});
