//! P10: all tokens of a policy's people, of a product, of a directory are revoked in one transaction, with one
//! audit event that counts them.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{DEFAULT, count_of_events, is_active, newest_event, person, policy, product, update};
use crate::people::{PASSWORD, Person, group};
use crate::server::TestServer;

/// Lets somebody have tokens of these kinds, and gives their secrets.
fn tokens(person: &Person<'_>, bodies: &[Value]) -> Vec<String> {
    person
        .set_password(&person.password_link(), PASSWORD)
        .expect(204);
    let session = person.sign_in();
    bodies
        .iter()
        .map(|body| {
            let mut whole = json!({"name": "Token"});
            for (name, value) in body.as_object().into_iter().flatten() {
                whole[name] = value.clone();
            }
            person.create_token(&session, &whole)
        })
        .collect()
}

fn working(server: &TestServer, gate: &str, tokens: &[String]) -> usize {
    let is_working = |token: &&String| is_active(server, gate, token);
    tokens.iter().filter(is_working).count()
}

#[track_caller]
fn revoke(server: &TestServer, path: &str, expected: usize) {
    let before = count_of_events(server, "credentials.revoked");
    let answer = server.admin().post(path, &Value::Null).expect(200);
    assert_eq!(answer.body, json!({"revoked": expected}), "{path}");
    let event = newest_event(server, "credentials.revoked");
    assert_eq!(count_of_events(server, "credentials.revoked"), before + 1);
    assert_eq!(event["detail"]["revoked"], json!({"user_token": expected}));
    let notices = server.admin().get("/notices?limit=1").expect(200).body;
    if expected > 0 {
        assert_eq!(notices["items"][0]["kind"], "tokens_revoked");
        assert_eq!(notices["items"][0]["detail"]["revoked"], expected);
        assert_eq!(notices["items"][0]["detail"]["id"], event["target"]["id"]);
    }
}

on_both_databases!(
    the_tokens_of_those_for_whom_a_policy_holds_are_revoked,
    |server| {
        let (_, gate) = product(server, "Gate");
        let (first, second, third) = (
            person(server, "first"),
            person(server, "second"),
            person(server, "third"),
        );
        let none = json!({});
        let of_first = tokens(&first, &[none.clone(), none.clone()]);
        let of_second = tokens(&second, std::slice::from_ref(&none));
        let of_third = tokens(&third, &[none.clone(), none.clone(), none]);
        let inner = group(&server.scim(), "Inner", &[&first.id, &second.id]);
        let outer = group(&server.scim(), "Outer", &[&inner]);
        let strict = policy(server, "Strict", &[&first.id], &json!({}));
        let wide = policy(server, "Wide", &[&outer], &json!({}));
        let all =
            || [&of_first, &of_second, &of_third].map(|tokens| working(server, &gate, tokens));
        assert_eq!(all(), [2, 1, 3]);

        // The first person is under the other policy, though this one names a group of theirs.
        revoke(server, &format!("/policies/{wide}/revoke-tokens"), 1);
        assert_eq!(all(), [2, 0, 3]);
        revoke(server, &format!("/policies/{wide}/revoke-tokens"), 0);
        revoke(server, &format!("/policies/{DEFAULT}/revoke-tokens"), 3);
        assert_eq!(all(), [2, 0, 0]);
        revoke(server, &format!("/policies/{strict}/revoke-tokens"), 2);
        assert_eq!(all(), [0, 0, 0]);

        // Unlike blocking, it is final.
        update(server, &wide, &json!({"api_tokens": "blocked"})).expect(200);
        update(server, &wide, &json!({"api_tokens": "allowed"})).expect(200);
        assert_eq!(all(), [0, 0, 0]);
        let shown = server
            .admin()
            .get(&format!("/users/{}/tokens", second.id))
            .expect(200)
            .body;
        assert_eq!(shown["items"][0]["status"], "revoked");
        assert_eq!(shown["items"][0]["revoked_reason"], "revoked_by_admin");
        for path in ["/policies/x", "/products/x", "/directories/x"] {
            server
                .admin()
                .post(&format!("{path}/revoke-tokens"), &Value::Null)
                .expect(404);
        }
    }
);

on_both_databases!(
    the_tokens_of_a_product_and_of_a_directory_are_revoked,
    |server| {
        let (gate_id, gate) = product(server, "Gate");
        let (other_id, other) = product(server, "Other");
        let here = person(server, "here");
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let there = Person::create(server, &directory, &key, "there");
        let bodies = [
            json!({"product_id": gate_id}),
            json!({"product_id": other_id}),
            json!({}),
        ];
        let local = tokens(&here, &bodies);
        let remote = tokens(&there, &bodies);

        revoke(server, &format!("/products/{gate_id}/revoke-tokens"), 2);
        for tokens in [&local, &remote] {
            // What is for every product is left, and so is the product's own credential.
            assert_eq!(working(server, &gate, tokens), 1);
            assert_eq!(working(server, &other, tokens), 2);
        }
        revoke(
            server,
            &format!("/directories/{directory}/revoke-tokens"),
            2,
        );
        assert_eq!(working(server, &other, &remote), 0);
        assert_eq!(working(server, &other, &local), 2);
        server.scim_with(&key).get("/Users?count=0").expect(200);
        there.sign_in();
    }
);
