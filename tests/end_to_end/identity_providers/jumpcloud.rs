//! JumpCloud: probes with a page of one, then `application/json` and PUT for everything.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/json";

fn profile(id: &str, active: bool) -> String {
    format!(
        r#"{{{id}"schemas": ["{USER}", "{ENTERPRISE}"], "userName": "ada", "displayName": "Ada Lovelace",
            "name": {{"familyName": "Lovelace", "givenName": "Ada"}}, "externalId": "5f1b",
            "emails": [{{"type": "work", "primary": true, "value": "ada@example.com"}}],
            "phoneNumbers": [], "addresses": [], "active": {active}}}"#
    )
}

fn ada(version: u32, active: bool) -> Value {
    json!({
        "schemas": [USER],
        "id": "<ada>",
        "externalId": "5f1b",
        "userName": "ada",
        "name": {"familyName": "Lovelace", "givenName": "Ada"},
        "displayName": "Ada Lovelace",
        "active": active,
        "emails": [{"value": "ada@example.com", "type": "work", "primary": true}],
        "meta": meta("User", "ada", version),
    })
}

fn one_of(total: u32, resources: &[Value]) -> Value {
    let mut page = list(resources);
    page["totalResults"] = json!(total);
    page
}

on_both_databases!(a_page_of_one_is_the_probe, |server| {
    let mut idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
    idp.get("/Users?count=1&startIndex=1").is(200, &list(&[]));
    idp.create("ada", "/Users", &profile("", true))
        .is(201, &ada(1, true));
    idp.get("/Users?count=1&startIndex=1")
        .is(200, &list(&[ada(1, true)]));
    let charles = format!(r#"{{"schemas": ["{USER}"], "userName": "charles"}}"#);
    assert_eq!(idp.post("/Users", &charles).status, 201);
    idp.get("/Users?count=1&startIndex=1")
        .is(200, &one_of(2, &[ada(1, true)]));
    idp.get("/Groups?count=1&startIndex=1").is(200, &list(&[]));
    assert_eq!(idp.leniencies(), json!({}));
});

on_both_databases!(everything_is_put, |server| {
    let mut idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
    idp.get("/Users?filter=userName eq \"ada\"&count=100&startIndex=1")
        .is(200, &list(&[]));
    idp.create("ada", "/Users", &profile("", true))
        .is(201, &ada(1, true));
    idp.put("/Users/<ada>", &profile(r#""id": "<ada>", "#, true))
        .is(200, &ada(1, true));
    let leaves = idp.create("engines", "/Groups", &format!(
        r#"{{"schemas": ["{GROUP}"], "displayName": "Engines", "members": [{{"value": "<ada>"}}]}}"#));
    let group = |version: u32, members: &[Value]| {
        let mut group = json!({
            "schemas": [GROUP],
            "id": "<engines>",
            "displayName": "Engines",
            "meta": meta("Group", "engines", version),
        });
        if !members.is_empty() {
            group["members"] = json!(members);
        }
        group
    };
    leaves.is(201, &group(1, &[member("ada", "Ada Lovelace")]));
    idp.put("/Groups/<engines>", &format!(
        r#"{{"schemas": ["{GROUP}"], "id": "<engines>", "displayName": "Engines", "members": null}}"#))
        .is(200, &group(2, &[]));
    idp.put("/Users/<ada>", &profile(r#""id": "<ada>", "#, false))
        .is(200, &ada(2, false));
    idp.delete("/Groups/<engines>").has_no_body(204);
    assert_eq!(idp.leniencies(), json!({}));
    assert_eq!(
        idp.log(),
        [
            "GET /Users?filter=userName eq \"…\"&count=100&startIndex=1 200 success",
            "POST /Users 201 success, changed: externalId userName name displayName active emails",
            "PUT /Users/<ada> 200 success, changed: externalId userName name displayName active emails",
            "POST /Groups 201 success, changed: displayName members",
            "PUT /Groups/<engines> 200 success, changed: displayName",
            "PUT /Users/<ada> 200 success, changed: externalId userName name displayName active emails",
            "DELETE /Groups/<engines> 204 success",
        ]
    );
});
