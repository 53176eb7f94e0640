//! A wrong synchronisation can be undone (P6b): deleted people are recovered without what authenticated them, and
//! admins are alarmed when too many leave at once.

mod alarm;
mod people;

use serde_json::{Value, json};

use crate::people::USER_SCHEMA;
use crate::server::{Client, TestServer};

/// Makes a person, and gives their id.
fn hire(client: &Client, name: &str) -> String {
    client.post("/Users", &user(name)).expect(201).id()
}

fn user(name: &str) -> Value {
    json!({
        "schemas": [USER_SCHEMA],
        "userName": name,
        "externalId": format!("external {name}"),
        "displayName": format!("The {name}"),
        "emails": [{"value": format!("{name}@example.org"), "primary": true}],
    })
}

/// The items of a list, which has one page.
#[track_caller]
fn items(server: &TestServer, path: &str) -> Vec<Value> {
    let answer = server.admin().get(path).expect(200);
    assert_eq!(answer.body["next_cursor"], Value::Null, "{path}");
    answer.body["items"].as_array().cloned().unwrap_or_default()
}
