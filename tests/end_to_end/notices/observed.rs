//! What is seen at the door is told: dead keys that go on being presented, and sign-ins that are refused.

use serde_json::{Value, json};

use super::receivers::eventually;
use super::{DAY, HOUR, notices};
use crate::server::{TestServer, databases};

fn key(server: &TestServer) -> (String, String) {
    let keys = format!("/directories/{}/scim-keys", server.directory_id);
    let body = json!({"name": "Nightly", "expires_in_days": 30});
    let made = server.admin().post(&keys, &body).expect(201);
    (made.id(), made.text_at("/secret"))
}

/// The notices of a kind, once there are so many.
#[track_caller]
fn told(server: &TestServer, kind: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} of {kind}"), || {
        let found = notices(server, kind);
        (found.len() >= count).then_some(found)
    })
}

on_both_databases!(
    an_identity_provider_that_calls_with_a_revoked_key_is_told_of_once_a_day,
    |server| {
        let (id, secret) = key(server);
        let provider = server.scim_with(&secret);
        provider.get("/Users").expect(200);
        server
            .admin()
            .delete(&format!("/scim-keys/{id}"))
            .expect(204);
        provider.get("/Users").expect(401);
        let first = told(server, "dead_key_in_use", 1).remove(0);
        assert_eq!(first["directory_id"], server.directory_id);
        let detail = &first["detail"];
        assert_eq!(detail["credential"]["id"], id);
        assert_eq!(detail["state"], "was revoked");
        assert_eq!(detail["last_refused_ip"], "127.0.0.1");
        assert!(!first.to_string().contains(&secret));

        // Another key tells that the server has looked again since.
        let (other, other_secret) = key(server);
        for _ in 0..5 {
            provider.get("/Users").expect(401);
        }
        server
            .admin()
            .delete(&format!("/scim-keys/{other}"))
            .expect(204);
        server.scim_with(&other_secret).get("/Users").expect(401);
        assert_eq!(told(server, "dead_key_in_use", 2).len(), 2);

        server.clock.advance_millis(DAY + HOUR);
        provider.get("/Users").expect(401);
        let found = told(server, "dead_key_in_use", 3);
        assert_eq!(found[0]["detail"]["credential"]["id"], id);
    }
);

on_both_databases!(an_expired_key_and_a_replaced_one_are_dead_too, |server| {
    let (expiring, secret) = key(server);
    let (replaced, old) = key(server);
    let path = format!("/scim-keys/{replaced}/rotate");
    let rotated = server
        .admin()
        .post(&path, &json!({"overlap_hours": 0}))
        .expect(201);
    server
        .scim_with(&rotated.text_at("/secret"))
        .get("/Users")
        .expect(200);
    server.scim_with(&old).get("/Users").expect(401);
    let found = told(server, "dead_key_in_use", 1);
    assert_eq!(found[0]["detail"]["credential"]["id"], replaced);
    assert_eq!(found[0]["detail"]["state"], "was replaced");

    server.clock.advance_millis(31 * DAY);
    server.scim_with(&secret).get("/Users").expect(401);
    let found = told(server, "dead_key_in_use", 2);
    assert_eq!(found[0]["detail"]["credential"]["id"], expiring);
    assert_eq!(found[0]["detail"]["state"], "has expired");
});

#[test]
fn what_was_never_a_key_is_told_to_nobody() {
    for kind in databases() {
        let server = TestServer::start(kind);
        let mut unknown = server.scim_key.clone();
        unknown.replace_range(10..11, if &unknown[10..11] == "x" { "y" } else { "x" });
        server.scim_with(&unknown).get("/Users").expect(401);
        let (id, secret) = key(&server);
        server
            .admin()
            .delete(&format!("/scim-keys/{id}"))
            .expect(204);
        server.scim_with(&secret).get("/Users").expect(401);
        assert_eq!(told(&server, "dead_key_in_use", 1).len(), 1);
    }
}

on_both_databases!(
    sign_ins_that_are_refused_are_told_of_at_most_once_an_hour,
    |server| {
        let anybody = server.anonymous();
        let sign_in = |name: &str| {
            let body = json!({"user_name": name, "password": "wrong wrong wrong"});
            anybody.post("/account/v1/session", &body)
        };
        sign_in("ada").expect(401);
        sign_in("ada").expect(429);
        let first = told(server, "sign_in_throttled", 1).remove(0);
        assert_eq!(first["detail"]["attempts"][0]["user_name"], "ada");
        assert_eq!(first["detail"]["attempts"][0]["source_ip"], "127.0.0.1");

        for name in ["bob", "carol"] {
            sign_in(name).expect(401);
            sign_in(name).expect(429);
        }
        server.clock.advance_millis(HOUR + 1_000);
        let second = told(server, "sign_in_throttled", 2).remove(0);
        let names: Vec<_> = second["detail"]["attempts"]
            .as_array()
            .expect("it is there")
            .iter()
            .map(|attempt| attempt["user_name"].as_str().expect("it is there"))
            .collect();
        assert_eq!(names, ["bob", "carol"]);
    },
    |settings| settings.limits.sign_in_attempts = 1
);
