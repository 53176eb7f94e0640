//! Microsoft Entra ID with the flag `aadOptscim062020`: real booleans, one operation for each attribute,
//! members removed by a filter in the path.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json; charset=utf-8";
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

fn create_user(name: &str) -> String {
    format!(
        r#"{{"schemas": ["{USER}", "{ENTERPRISE}"], "externalId": "{name}", "active": true,
            "userName": "{name}@contoso.example", "meta": {{"resourceType": "User"}}}}"#
    )
}

fn user(name: &str, version: u32, changes: Value) -> Value {
    let mut user = json!({
        "schemas": [USER],
        "id": format!("<{name}>"),
        "externalId": name,
        "userName": format!("{name}@contoso.example"),
        "active": true,
        "meta": meta("User", name, version),
    });
    with(&mut user, changes);
    user
}

fn group(version: u32, members: &[&str]) -> Value {
    let mut group = json!({
        "schemas": [GROUP],
        "id": "<engines>",
        "displayName": "Engines",
        "meta": meta("Group", "engines", version),
    });
    if !members.is_empty() {
        group["members"] = members
            .iter()
            .map(|name| member(name, &format!("{name}@contoso.example")))
            .collect();
    }
    group
}

/// What the flag makes right needs nothing forgiven: the strict dialect takes it.
fn by_the_letter(server: &crate::server::TestServer, dialect: Dialect) {
    let mut idp = Conversation::start(server, dialect, CONTENT_TYPE);
    for name in ["ada", "charles"] {
        idp.create(name, "/Users", &create_user(name))
            .is(201, &user(name, 1, json!({})));
    }
    let changed = json!({
        "displayName": "Ada Lovelace",
        "name": {"givenName": "Ada", "familyName": "Lovelace"},
        "schemas": [USER, ENTERPRISE],
        ENTERPRISE: {"department": "Engines"},
    });
    idp.patch("/Users/<ada>", &patch(r#"
            {"op": "add", "path": "displayName", "value": "Ada Lovelace"},
            {"op": "add", "path": "name.givenName", "value": "Ada"},
            {"op": "replace", "path": "name.familyName", "value": "Lovelace"},
            {"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
             "value": "Engines"}"#))
        .is(200, &user("ada", 2, changed.clone()));
    let mut inactive = changed;
    inactive["active"] = json!(false);
    idp.patch(
        "/Users/<ada>",
        &patch(r#"{"op": "replace", "path": "active", "value": false}"#),
    )
    .is(200, &user("ada", 3, inactive));

    let create = format!(r#"{{"schemas": ["{GROUP}"], "displayName": "Engines"}}"#);
    idp.create("engines", "/Groups", &create)
        .is(201, &group(1, &[]));
    idp.patch(
        "/Groups/<engines>",
        &patch(r#"{"op": "add", "path": "members", "value": [{"value": "<charles>"}]}"#),
    )
    .is(200, &group(2, &["charles"]));
    idp.patch(
        "/Groups/<engines>",
        &patch(r#"{"op": "remove", "path": "members[value eq \"<charles>\"]"}"#),
    )
    .is(200, &group(3, &[]));
    idp.delete("/Users/<ada>").has_no_body(204);
    idp.delete("/Users/<ada>")
        .is(404, &error(404, None, "User \"<ada>\" does not exist"));
    assert_eq!(idp.leniencies(), json!({}));
}

on_both_databases!(with_the_flag_nothing_has_to_be_forgiven, |server| {
    for dialect in [
        Dialect::Strict,
        Dialect::Entra,
        Dialect::Okta,
        Dialect::Lenient,
    ] {
        by_the_letter(server, dialect);
    }
});

on_both_databases!(
    with_the_flag_the_manager_and_new_elements_are_still_spelled_in_its_own_way,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Entra, CONTENT_TYPE);
        for name in ["ada", "boss"] {
            idp.create(name, "/Users", &create_user(name))
                .is(201, &user(name, 1, json!({})));
        }
        let filled = json!({
            "emails": [{"value": "ada@contoso.example", "type": "work"}],
            "schemas": [USER, ENTERPRISE],
            ENTERPRISE: {"manager": {"value": "<boss>"}},
        });
        let operations = format!(
            r#"{{"op": "add", "path": "emails[type eq \"work\"].value", "value": "ada@contoso.example"}},
            {{"op": "add", "path": "{MANAGER}", "value": "<boss>"}}"#
        );
        idp.patch("/Users/<ada>", &patch(&operations))
            .is(200, &user("ada", 2, filled.clone()));
        let removed = patch(&format!(r#"{{"op": "remove", "path": "{MANAGER}"}}"#));
        let mut without = filled;
        with(&mut without, json!({"schemas": [USER], ENTERPRISE: null}));
        idp.patch("/Users/<ada>", &removed)
            .is(200, &user("ada", 3, without));
        assert_eq!(
            idp.leniencies(),
            json!({"bare_value": 1, "create_by_filter": 1})
        );
    }
);
