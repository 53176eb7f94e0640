//! Google Workspace: looks up by `userName` and `externalId`, PATCH with several operations, deactivation by
//! PATCH or DELETE as configured.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json";

fn ada(version: u32, changes: Value) -> Value {
    let mut ada = json!({
        "schemas": [USER],
        "id": "<ada>",
        "externalId": "1171",
        "userName": "ada@example.com",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "active": true,
        "emails": [{"value": "ada@example.com", "type": "work", "primary": true}],
        "meta": meta("User", "ada", version),
    });
    with(&mut ada, changes);
    ada
}

fn create() -> String {
    format!(
        r#"{{"schemas": ["{USER}"], "userName": "ada@example.com", "externalId": "1171",
            "name": {{"familyName": "Lovelace", "givenName": "Ada"}},
            "emails": [{{"value": "ada@example.com", "type": "work", "primary": true}}]}}"#
    )
}

/// The same conversation needs nothing forgiven.
fn conversation(server: &crate::server::TestServer, dialect: Dialect) {
    let mut idp = Conversation::start(server, dialect, CONTENT_TYPE);
    idp.get("/Users?filter=userName eq \"ada@example.com\"")
        .is(200, &list(&[]));
    idp.get("/Users?filter=externalId eq \"1171\"")
        .is(200, &list(&[]));
    idp.create("ada", "/Users", &create())
        .is(201, &ada(1, json!({})));
    idp.get("/Users?filter=userName eq \"ada@example.com\" and externalId eq \"1171\"")
        .is(200, &list(&[ada(1, json!({}))]));
    let changed = json!({
        "name": {"familyName": "King", "givenName": "Ada"},
        "displayName": "Ada King",
        "emails": [{"value": "ada.king@example.com", "type": "work", "primary": true}],
    });
    idp.patch("/Users/<ada>", &patch(r#"
            {"op": "replace", "path": "name.familyName", "value": "King"},
            {"op": "add", "path": "displayName", "value": "Ada King"},
            {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "ada.king@example.com"}"#))
        .is(200, &ada(2, changed.clone()));
    // All operations or none.
    idp.patch(
        "/Users/<ada>",
        &patch(
            r#"
            {"op": "replace", "path": "displayName", "value": "Countess"},
            {"op": "replace", "path": "active", "value": "perhaps"}"#,
        ),
    )
    .is(
        400,
        &error(400, Some("invalidValue"), "active must be true or false"),
    );
    idp.get("/Users/<ada>").is(200, &ada(2, changed.clone()));
    let mut suspended = changed;
    suspended["active"] = json!(false);
    idp.patch(
        "/Users/<ada>",
        &patch(r#"{"op": "replace", "path": "active", "value": false}"#),
    )
    .is(200, &ada(3, suspended));
    idp.delete("/Users/<ada>").has_no_body(204);
    idp.delete("/Users/<ada>")
        .is(404, &error(404, None, "User \"<ada>\" does not exist"));
    assert_eq!(idp.leniencies(), json!({}));
    assert_eq!(
        idp.log(),
        [
            "GET /Users?filter=userName eq \"…\" 200 success",
            "GET /Users?filter=externalId eq \"…\" 200 success",
            "POST /Users 201 success, changed: externalId userName name active emails",
            "GET /Users?filter=userName eq \"…\" and externalId eq \"…\" 200 success",
            "PATCH /Users/<ada> 200 success, changed: displayName emails name",
            "PATCH /Users/<ada> 400 invalidValue",
            "GET /Users/<ada> 200 success",
            "PATCH /Users/<ada> 200 success, changed: active",
            "DELETE /Users/<ada> 204 success",
            "DELETE /Users/<ada> 404 error",
        ]
    );
}

on_both_databases!(several_operations_are_one_change, |server| {
    conversation(server, Dialect::Lenient);
    conversation(server, Dialect::Strict);
});
