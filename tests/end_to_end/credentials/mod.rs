//! Credentials: promises P7, P8, P9 and P9a from outside.

mod at_once;
mod introspection;
mod keys;
mod lifetime;
mod orphans;
mod passwords;
mod rates;
mod reach;
mod secrets;
mod sessions;
mod turns;

use serde_json::{Value, json};

use crate::people::{Key, PASSWORD, Person};
use crate::server::{Answer, TestServer};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Makes a SCIM key of the first directory; the rest is what the body says.
fn scim_key(server: &TestServer, body: &Value) -> Answer {
    let mut named = json!({"name": "Key"});
    for (name, value) in body.as_object().into_iter().flatten() {
        named[name] = value.clone();
    }
    server.admin().post(
        &format!("/directories/{}/scim-keys", server.directory_id),
        &named,
    )
}

/// The key as the admin interface shows it.
fn shown(server: &TestServer, key: &Key) -> Value {
    server
        .admin()
        .get(&format!("/scim-keys/{}", key.id))
        .expect(200)
        .body
}

/// How SCIM answers to a key.
fn asked_with(server: &TestServer, key: &Key) -> Answer {
    server.scim_with(&key.secret).get("/Users?count=0")
}

/// A person of the first directory who has set a password.
fn member<'a>(server: &'a TestServer, name: &str) -> Person<'a> {
    let directory = &server.directory_id;
    let person = Person::create(server, directory, &server.scim_key, name);
    person
        .set_password(&person.password_link(), PASSWORD)
        .expect(204);
    person
}

#[track_caller]
fn assert_challenge(answer: &Answer, expected: &str) {
    assert_eq!(answer.header("WWW-Authenticate"), Some(expected));
}

const EXPIRED: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has expired\"";
const REVOKED: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has been revoked\"";
const UNKNOWN: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\"";
