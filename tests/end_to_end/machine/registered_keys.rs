//! P1, P7, P9: the public keys of service accounts are credentials like any other.

use jsonwebtoken::Algorithm;
use portcullis::audit::Actor;
use portcullis::credentials::{CredentialError, keys};
use portcullis::secret::SecretKind;
use portcullis::store::id::CredentialId;
use serde_json::{Value, json};

use super::program::{Pair, Program, service_account};
use crate::server::TestServer;

fn register(server: &TestServer, account: &str, body: &Value) -> crate::server::Answer {
    let path = format!("/service-accounts/{account}/keys");
    server.admin().post(&path, body)
}

on_both_databases!(
    a_registered_key_is_not_rotated_for_there_is_no_secret_to_replace,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let (id, now) = (CredentialId::new(program.key.as_str()), server.clock.now());
        let rotated = server.database.write_blocking(move |connection| {
            let (kind, actor) = (SecretKind::ServiceAccountKey, Actor::command_line());
            keys::rotate(connection, kind, &id, None, None, &actor, now).map(|_| ())
        });
        assert!(matches!(rotated, Err(CredentialError::Conflict(_))));
        program.token();
    }
);

on_both_databases!(
    a_registered_key_is_shown_whole_for_there_is_no_secret,
    |server| {
        let account = service_account(server);
        let pair = Pair::generate(Algorithm::ES256);
        let mut jwk = pair.jwk.clone();
        jwk["kid"] = json!("deploy-2026");
        let body = json!({
            "name": "Deploy", "jwk": jwk, "scopes": ["users:read"], "expires_in_days": 30,
        });
        let made = register(server, &account, &body).expect(201);
        let location = format!("/admin/v1/service-accounts/{account}/keys/{}", made.id());
        assert_eq!(made.header("location"), Some(location.as_str()));
        assert_eq!(made.body["kind"], "service_account_key");
        assert_eq!(made.body["status"], "active");
        assert_eq!(made.body["key_id"], "deploy-2026");
        assert_eq!(made.body["algorithm"], "ES256");
        assert_eq!(made.body["jwk"]["x"], pair.jwk["x"]);
        let thumbprint = made.text_at("/thumbprint");
        assert_eq!(made.text_at("/prefix"), thumbprint[..12]);
        assert_eq!(made.body["created_by"]["id"], server.admin_id.as_str());
        assert!(made.body.get("secret").is_none());

        let path = format!("/service-accounts/{account}/keys");
        let list = server.admin().get(&path).expect(200);
        assert_eq!(list.body["items"], json!([made.body]));
        let one = server
            .admin()
            .get(&format!("{path}/{}", made.id()))
            .expect(200);
        assert_eq!(one.body, made.body);
        let other = service_account(server);
        let elsewhere = format!("/service-accounts/{other}/keys/{}", made.id());
        assert_eq!(server.admin().get(&elsewhere).status, 404);
        assert_eq!(server.admin().delete(&elsewhere).status, 404);
    }
);

on_both_databases!(a_set_is_registered_whole_or_not_at_all, |server| {
    let account = service_account(server);
    let [first, second] = [Algorithm::ES256, Algorithm::EdDSA].map(Pair::generate);
    let set =
        |keys: Value| json!({"name": "Set", "jwks": {"keys": keys}, "scopes": ["users:read"]});
    let broken = register(
        server,
        &account,
        &set(json!([first.jwk, {"kty": "oct", "k": "AAAA"}])),
    );
    assert_eq!(broken.status, 422, "{}", broken.text);
    let twice = register(server, &account, &set(json!([first.jwk, first.jwk])));
    assert_eq!(twice.status, 409, "{}", twice.text);
    let path = format!("/service-accounts/{account}/keys");
    assert_eq!(
        server.admin().get(&path).expect(200).body["items"],
        json!([])
    );
    let made = register(server, &account, &set(json!([first.jwk, second.jwk]))).expect(201);
    assert_eq!(made.body["items"].as_array().map(Vec::len), Some(2));
    let list = server.admin().get(&path).expect(200);
    assert_eq!(list.body["items"].as_array().map(Vec::len), Some(2));
});

on_both_databases!(what_a_key_may_do_is_said_when_it_is_registered, |server| {
    let account = service_account(server);
    let attempt = |further: Value| {
        let mut body = further;
        body["name"] = json!("Key");
        body["jwk"] = Pair::generate(Algorithm::ES256).jwk;
        register(server, &account, &body).status
    };
    let directory = &server.directory_id;
    for (further, status) in [
        (json!({}), 422),
        (json!({"scopes": []}), 422),
        (json!({"scopes": ["everything"]}), 422),
        (json!({"scopes": ["scim"]}), 422),
        (
            json!({"directory_id": directory, "scopes": ["users:read"]}),
            422,
        ),
        (json!({"directory_id": server.admin_id}), 404),
        (
            json!({"scopes": ["users:read"], "expires_in_days": 366}),
            422,
        ),
        (
            json!({"scopes": ["users:read"], "allowed_networks": ["nowhere"]}),
            422,
        ),
        (json!({"scopes": ["users:read"], "pem": "both"}), 422),
        (json!({"scopes": ["users:read"], "secret": "x"}), 422),
        (json!({"directory_id": directory}), 201),
        (json!({"directory_id": directory, "scopes": ["scim"]}), 201),
        (json!({"scopes": ["users:read"]}), 201),
    ] {
        assert_eq!(attempt(further.clone()), status, "{further}");
    }
});

on_both_databases!(
    nobody_registers_a_key_with_more_rights_than_they_have,
    |server| {
        let account = service_account(server);
        let key = |scopes: &[&str]| {
            server
                .admin()
                .post("/api-keys", &json!({"name": "Limited", "scopes": scopes}))
                .expect(201)
                .text_at("/secret")
        };
        let limited = key(&["service-accounts:write", "users:read"]);
        let attempt = |secret: &str, further: Value| {
            let mut body = further;
            body["name"] = json!("Key");
            body["jwk"] = Pair::generate(Algorithm::ES256).jwk;
            let path = format!("/admin/v1/service-accounts/{account}/keys");
            server.with_token(secret).post(&path, &body).status
        };
        assert_eq!(attempt(&limited, json!({"scopes": ["users:read"]})), 201);
        assert_eq!(attempt(&limited, json!({"scopes": ["users:write"]})), 403);
        let scim = json!({"directory_id": server.directory_id});
        assert_eq!(attempt(&limited, scim.clone()), 403);
        let wider = key(&["service-accounts:write", "scim-keys:write"]);
        assert_eq!(attempt(&wider, scim), 201);
    }
);

on_both_databases!(
    a_key_is_registered_once_and_what_has_ended_stays_ended,
    |server| {
        let program = Program::for_admin(server, &["users:read"]);
        let again = |account: &str| {
            let further = json!({"scopes": ["users:read"]});
            Program::with_pair(server, account.to_owned(), program.pair.clone(), further).err()
        };
        assert_eq!(again(&program.account), Some(409));
        assert_eq!(again(&service_account(server)), Some(409));
        program.revoke_key();
        assert_eq!(again(&program.account), Some(409));
    }
);

on_both_databases!(a_key_expires_and_its_successor_works_beside_it, |server| {
    let body = json!({"scopes": ["users:read"], "expires_in_days": 1});
    let program = Program::arrange(server, Algorithm::ES256, body);
    program.token();
    let further = json!({"scopes": ["users:read"]});
    let pair = Pair::generate(Algorithm::EdDSA);
    let account = program.account.clone();
    let successor =
        Program::with_pair(server, account, pair, further).expect("a second key can be registered");
    program.token();
    successor.token();
    server.clock.advance_millis(86_400_000 - 120_000);
    let token = program.token();
    server.clock.advance_millis(121_000);
    let refused = program.authenticate(&program.assertion(), &[]);
    assert_eq!(refused.status, 401, "{}", refused.text);
    let with_token = server.with_token(&token).get("/admin/v1/users");
    assert_eq!(with_token.status, 401, "its tokens end with it");
    successor.token();
});

on_both_databases!(an_account_has_ten_working_keys_at_most, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    let further = || {
        let pair = Pair::generate(Algorithm::EdDSA);
        let scopes = json!({"scopes": ["users:read"]});
        Program::with_pair(server, program.account.clone(), pair, scopes)
    };
    for _ in 1..10 {
        assert!(further().is_ok());
    }
    assert_eq!(further().err(), Some(409));
    program.revoke_key();
    assert!(further().is_ok());
});

on_both_databases!(a_disabled_account_is_given_no_key, |server| {
    let program = Program::for_admin(server, &["users:read"]);
    program.disable();
    let pair = Pair::generate(Algorithm::ES256);
    let further = json!({"scopes": ["users:read"]});
    let refused = Program::with_pair(server, program.account.clone(), pair, further);
    assert_eq!(refused.err(), Some(409));
});
