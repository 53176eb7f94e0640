//! Credentials that do not let in: what is said, and how little. RFC 6750 section 3.

use serde_json::json;

use super::*;

const INVALID: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\"";
const EXPIRED: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has expired\"";
const REVOKED: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has been revoked\"";
const DAY: i64 = 86_400_000;

fn check(refusals: &mut Refusals, what: &str, answer: &Answer, status: u16, challenge: &str) {
    refusals.expect(what, answer, status, None);
    let found = answer.header("www-authenticate");
    if found != Some(challenge) {
        refusals
            .wrong
            .push(format!("{what}: www-authenticate: {found:?}"));
    }
}

on_both_databases!(whoever_has_no_good_credential_learns_nothing, |server| {
    let scene = Scene::set(server);
    let mut refusals = Refusals::default();
    let key = &server.scim_key;
    let other_checksum = format!(
        "{}{}",
        &key[..key.len() - 1],
        if key.ends_with('a') { "b" } else { "a" }
    );
    let unknown =
        portcullis::secret::PlainSecret::generate(portcullis::secret::SecretKind::ScimKey)
            .expect("random numbers");
    let unknown = unknown.expose();
    let user = scene.user_path();
    for path in [
        "/Users",
        user.as_str(),
        "/Users/nobody",
        "/Nothing",
        "/ServiceProviderConfig",
        "/Bulk",
    ] {
        let anonymous = server.anonymous();
        let ask = |headers: &[(&str, &str)]| {
            anonymous.request("GET", &format!("/scim/v2{path}"), headers, b"")
        };
        for (header, challenge) in [
            (None, "Bearer realm=\"portcullis\""),
            (Some(String::new()), "Bearer realm=\"portcullis\""),
            (Some("Bearer".to_owned()), "Bearer realm=\"portcullis\""),
            (Some(format!("Basic {key}")), "Bearer realm=\"portcullis\""),
            (Some(key.clone()), "Bearer realm=\"portcullis\""),
            (Some("Bearer ".to_owned()), "Bearer realm=\"portcullis\""),
            (Some("Bearer x".to_owned()), INVALID),
            (Some(format!("Bearer {other_checksum}")), INVALID),
            (Some(format!("Bearer {unknown}")), INVALID),
            (Some(format!("Bearer {key} {key}")), INVALID),
            (Some(format!("Bearer {}", key.to_uppercase())), INVALID),
            (Some(format!("Bearer {}", "x".repeat(20_000))), INVALID),
            (Some("Bearer ' or 1=1 --".to_owned()), INVALID),
        ] {
            let answer = match &header {
                None => ask(&[]),
                Some(value) => ask(&[("Authorization", value)]),
            };
            let what: String = format!("{path} {header:?}").chars().take(120).collect();
            check(&mut refusals, &what, &answer, 401, challenge);
        }
        let answer = ask(&[("authorization", &format!("bEARER {key}"))]);
        assert_ne!(answer.status, 401, "the scheme's name has no case");
    }
    refusals.assert_all();
    scene.is_untouched();
});

on_both_databases!(an_expired_and_a_revoked_key_are_told_so, |server| {
    let mut refusals = Refusals::default();
    let directory = &server.directory_id;
    let made = server
        .admin()
        .post(
            &format!("/directories/{directory}/scim-keys"),
            &json!({"name": "Second", "expires_in_days": 1}),
        )
        .expect(201);
    let (id, secret) = (made.id(), made.text_at("/secret"));
    let second = server.scim_with(&secret);
    second.get("/Users").expect(200);
    server.clock.advance_millis(DAY);
    check(
        &mut refusals,
        "expired",
        &second.get("/Users"),
        401,
        EXPIRED,
    );
    server
        .admin()
        .delete(&format!("/scim-keys/{id}"))
        .expect(204);
    check(
        &mut refusals,
        "expired and revoked",
        &second.get("/Users"),
        401,
        REVOKED,
    );
    let (doomed, key) = server.new_directory(portcullis::scim::leniency::Dialect::Lenient);
    let doomed_key = server.scim_with(&key);
    doomed_key.get("/Users").expect(200);
    server
        .admin()
        .delete(&format!("/directories/{doomed}"))
        .expect(204);
    let user = json!({"schemas": [USER], "userName": "late"});
    check(
        &mut refusals,
        "of a directory that is gone",
        &doomed_key.post("/Users", &user),
        401,
        REVOKED,
    );
    refusals.assert_all();
});

on_both_databases!(a_credential_of_another_kind_has_not_the_scope, |server| {
    let scene = Scene::set(server);
    let mut refusals = Refusals::default();
    let challenge = "Bearer realm=\"portcullis\", error=\"insufficient_scope\", scope=\"scim\"";
    let product = server
        .admin()
        .post("/products", &json!({"name": "Wiki", "scopes": ["read"]}))
        .expect(201)
        .id();
    let product_key = server
        .admin()
        .post(
            &format!("/products/{product}/credentials"),
            &json!({"name": "Wiki"}),
        )
        .expect(201)
        .text_at("/secret");
    let user = json!({"schemas": [USER], "userName": "climber"});
    for key in [&server.admin_key, &product_key] {
        let scim = server.scim_with(key);
        for answer in [
            scim.get("/Users"),
            scim.get(&scene.user_path()),
            scim.get("/ServiceProviderConfig"),
            scim.get("/Nothing"),
            scim.post("/Users", &user),
            scim.delete(&scene.user_path()),
        ] {
            let what = format!("{} {}", &key[..6], answer.status);
            check(&mut refusals, &what, &answer, 403, challenge);
        }
    }
    // And a SCIM key opens nothing else.
    let with_key = server.with_token(&server.scim_key);
    for path in [
        "/admin/v1/users",
        "/admin/v1/directories",
        "/admin/v1/audit-events",
    ] {
        let answer = with_key.get(path);
        assert_eq!(answer.status, 403, "{path}: {}", answer.text);
        let said = answer.header("www-authenticate").unwrap_or_default();
        assert!(
            said.contains("error=\"insufficient_scope\""),
            "{path}: {said}"
        );
    }
    refusals.assert_all();
    assert_eq!(scene.scim.get("/Users").expect(200).body, scene.before[0]);
});
