//! Authentication policies: promise P10 and what follows from policies in P3 and P7.

mod bulk;
mod enforce;
mod impact;
mod manage;
mod preview;
mod sweeps;

use serde_json::{Value, json};

use crate::people::{Person, introspect};
use crate::server::{Answer, TestServer};

const DEFAULT: &str = "00000000-0000-7000-8000-000000000001";

/// Makes a policy; the body has the rest.
fn create(server: &TestServer, name: &str, body: &Value) -> Answer {
    let mut whole = json!({"name": name});
    for (name, value) in body.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    server.admin().post("/policies", &whole)
}

/// Makes a policy that names these.
fn policy(server: &TestServer, name: &str, members: &[&str], settings: &Value) -> String {
    let mut body = settings.clone();
    body["members"] = json!(members);
    create(server, name, &body).expect(201).id()
}

fn update(server: &TestServer, policy: &str, change: &Value) -> Answer {
    server.admin().patch(&format!("/policies/{policy}"), change)
}

/// Which policy holds for a person.
fn holding(server: &TestServer, person: &str) -> String {
    server
        .admin()
        .get(&format!("/users/{person}/policy"))
        .expect(200)
        .text_at("/policy/id")
}

/// A product, with the credential with which it asks.
fn product(server: &TestServer, name: &str) -> (String, String) {
    let id = server
        .admin()
        .post("/products", &json!({"name": name, "scopes": ["read"]}))
        .expect(201)
        .id();
    let key = server
        .admin()
        .post(
            &format!("/products/{id}/credentials"),
            &json!({"name": "Gate"}),
        )
        .expect(201)
        .text_at("/secret");
    (id, key)
}

/// Whether a product is told that a token is good.
fn is_active(server: &TestServer, product_key: &str, token: &str) -> bool {
    introspect(server, product_key, token)["active"] == true
}

/// A person of the first directory, by SCIM.
fn person<'a>(server: &'a TestServer, name: &str) -> Person<'a> {
    Person::create(server, &server.directory_id, &server.scim_key, name)
}

/// The newest audit event of this action.
#[track_caller]
fn newest_event(server: &TestServer, action: &str) -> Value {
    let events = server
        .admin()
        .get(&format!("/audit-events?action={action}&limit=1"))
        .expect(200);
    events.body["items"][0].clone()
}

/// How many audit events of this action there are.
fn count_of_events(server: &TestServer, action: &str) -> usize {
    let events = server
        .admin()
        .get(&format!("/audit-events?action={action}&limit=1000"))
        .expect(200);
    events.body["items"].as_array().map_or(0, Vec::len)
}
