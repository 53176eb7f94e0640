//! A secret that somebody has found is revoked by presenting it, whatever it is of, and its owner is told.

use portcullis::secret::{PATTERN, PlainSecret, SecretKind};
use serde_json::{Value, json};

use crate::people::Leaver;
use crate::server::{Answer, TestServer};

fn report(server: &TestServer, secrets: &Value) -> Answer {
    server
        .anonymous()
        .post("/leaks", &json!({"secrets": secrets}))
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.body["items"].as_array().cloned().unwrap_or_default()
}

on_both_databases!(whatever_is_presented_is_revoked_and_told, |server| {
    let leaver = Leaver::arrange(server, "careless");
    let found = [
        &leaver.tokens[0],
        &leaver.sessions[0],
        &leaver.link,
        &leaver.scim_key.secret,
        &leaver.api_key.secret,
        &leaver.product_key.secret,
    ];

    let answer = report(server, &json!(found)).expect(200);

    assert_eq!(answer.body, json!({"taken": 6}));
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(leaver.status_of_session(&leaver.sessions[0]), 401);
    assert_eq!(leaver.status_of_session(&leaver.sessions[1]), 200);
    leaver.scim().get("/Users").expect(401);
    leaver
        .person
        .set_password(&leaver.link, "another long password")
        .expect(404);
    for secret in found {
        let refused = server.with_token(secret).get("/admin/v1/directories");
        assert_eq!(refused.status, 401, "{}", refused.text);
    }
    let events = server
        .admin()
        .get("/audit-events?action=credential.leaked")
        .expect(200);
    assert_eq!(items(&events).len(), 6);
    assert_eq!(items(&events)[0]["actor"]["kind"], "anonymous");
    let notices = server
        .admin()
        .get("/notices?kind=secret_leaked")
        .expect(200);
    let told = items(&notices);
    assert_eq!(told.len(), 6);
    let of_scim = told
        .iter()
        .find(|notice| notice["detail"]["credential_kind"] == "scim_key")
        .expect("admins are told of the SCIM key");
    assert_eq!(
        of_scim["detail"]["credential_id"],
        leaver.scim_key.id.as_str()
    );
    assert_eq!(
        of_scim["detail"]["created_by"]["id"],
        leaver.person.id.as_str()
    );
    assert_eq!(of_scim["directory_id"], leaver.person.directory_id.as_str());
    for secret in found {
        assert!(!notices.text.contains(secret.as_str()) && !events.text.contains(secret.as_str()));
    }
    // What has ended is nothing to tell again.
    assert_eq!(report(server, &json!(found)).expect(200).body, answer.body);
    let again = server
        .admin()
        .get("/notices?kind=secret_leaked")
        .expect(200);
    assert_eq!(items(&again).len(), 6);
});

on_both_databases!(
    the_answer_tells_no_more_than_the_form_of_what_was_presented,
    |server| {
        let known = &server.scim_key;
        let unknown = PlainSecret::generate(SecretKind::ScimKey).expect("random numbers");
        let unknown = unknown.expose();
        let mut mistyped = unknown.to_owned();
        mistyped.pop();
        mistyped.push('-');
        let of_unknown = report(server, &json!([unknown, mistyped, "", "nonsense"])).expect(200);
        let of_known = report(server, &json!([known, mistyped])).expect(200);
        assert_eq!(of_unknown.body, json!({"taken": 1}));
        assert_eq!(of_unknown.body, of_known.body);
        server.scim().get("/Users").expect(401);
        for (body, status) in [
            (json!({"secrets": []}), 422),
            (json!({"secrets": vec!["x"; 101]}), 422),
            (json!({"secrets": "x"}), 422),
            (json!({}), 422),
            (json!({"secrets": ["x"], "more": 1}), 422),
        ] {
            server.anonymous().post("/leaks", &body).expect(status);
        }
        server.anonymous().get("/leaks").expect(405);
    }
);

on_both_databases!(reports_from_one_address_are_bounded, |server| {
    for _ in 0..60 {
        report(server, &json!(["nonsense"])).expect(200);
    }
    let refused = report(server, &json!([server.scim_key])).expect(429);
    assert!(refused.header("Retry-After").is_some());
    assert!(
        refused.text.contains("reports of leaked secrets"),
        "{}",
        refused.text
    );
    server.scim().get("/Users?count=0").expect(200);
    server.clock.advance_millis(15 * 60_000);
    report(server, &json!(["nonsense"])).expect(200);
});

#[test]
fn the_published_pattern_is_the_one_that_is_documented() {
    let server = TestServer::start(crate::server::DatabaseKind::Sqlite);
    let answer = server
        .anonymous()
        .get("/.well-known/secret-scanning-pattern")
        .expect(200);
    assert_eq!(
        answer.body,
        json!({"pattern": PATTERN, "report_to": format!("{}/leaks", server.base_url)})
    );
    assert!(include_str!("../../../docs/secrets.md").contains(PATTERN));
}
