//! OneLogin: plain `application/json`, PUT for everything, groups by full replacement.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/json";

fn profile(name: &str, more: &str) -> String {
    format!(
        r#"{{"schemas": ["{USER}", "{ENTERPRISE}"], "userName": "{name}@example.com", "externalId": "{name}",
            "name": {{"givenName": "{name}", "familyName": "Example", "formatted": "{name} Example"}},
            "emails": [{{"value": "{name}@example.com", "type": "work", "primary": true}}]{more}}}"#
    )
}

fn user(name: &str, version: u32, changes: Value) -> Value {
    let mut user = json!({
        "schemas": [USER],
        "id": format!("<{name}>"),
        "externalId": name,
        "userName": format!("{name}@example.com"),
        "name": {"givenName": name, "familyName": "Example", "formatted": format!("{name} Example")},
        "active": true,
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
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
            .map(|name| member(name, &format!("{name}@example.com")))
            .collect();
    }
    group
}

fn group_of(members: &str) -> String {
    format!(
        r#"{{"schemas": ["{GROUP}"], "id": "<engines>", "displayName": "Engines", "members": [{members}]}}"#
    )
}

on_both_databases!(people_are_replaced_whole, |server| {
    let mut idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
    idp.get("/Users?filter=userName eq \"ada@example.com\"")
        .is(200, &list(&[]));
    let department =
        format!(r#", "active": true, "title": "", "{ENTERPRISE}": {{"department": "Engines"}}"#);
    let enterprise =
        json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: {"department": "Engines"}, "title": ""});
    idp.create("ada", "/Users", &profile("ada", &department))
        .is(201, &user("ada", 1, enterprise));
    // What a PUT leaves out is gone, but for `active`.
    idp.put("/Users/<ada>", &profile("ada", ""))
        .is(200, &user("ada", 2, json!({})));
    idp.put("/Users/<ada>", &profile("ada", r#", "active": false"#))
        .is(200, &user("ada", 3, json!({"active": false})));
    idp.put("/Users/<ada>", &profile("ada", ""))
        .is(200, &user("ada", 3, json!({"active": false})));
    idp.put("/Users/<ada>", &profile("ada", r#", "active": true"#))
        .is(200, &user("ada", 4, json!({})));
    idp.delete("/Users/<ada>").has_no_body(204);
    idp.put("/Users/<ada>", &profile("ada", ""))
        .is(404, &error(404, None, "User \"<ada>\" does not exist"));
    assert_eq!(idp.leniencies(), json!({}));
});

on_both_databases!(groups_are_replaced_whole, |server| {
    let mut idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
    for name in ["ada", "charles"] {
        idp.create(name, "/Users", &profile(name, ""))
            .is(201, &user(name, 1, json!({})));
    }
    idp.create(
        "engines",
        "/Groups",
        &format!(r#"{{"schemas": ["{GROUP}"], "displayName": "Engines"}}"#),
    )
    .is(201, &group(1, &[]));
    let both = r#"{"value": "<ada>"}, {"value": "<charles>"}"#;
    idp.put("/Groups/<engines>", &group_of(both))
        .is(200, &group(2, &["ada", "charles"]));
    idp.put("/Groups/<engines>", &group_of(both))
        .is(200, &group(2, &["ada", "charles"]));
    idp.put("/Groups/<engines>", &group_of(r#"{"value": "<charles>"}"#))
        .is(200, &group(3, &["charles"]));
    idp.put("/Groups/<engines>", &group_of(""))
        .is(200, &group(4, &[]));
    assert_eq!(idp.leniencies(), json!({}));
});

on_both_databases!(
    a_member_that_is_nobody_is_left_out_only_where_that_is_forgiven_and_counted,
    |server| {
        let with_nobody = group_of(r#"{"value": "<ada>"}, {"value": "nobody"}"#);
        let start = |dialect: Dialect| {
            let mut idp = Conversation::start(server, dialect, CONTENT_TYPE);
            idp.create("ada", "/Users", &profile("ada", ""))
                .is(201, &user("ada", 1, json!({})));
            idp.create(
                "engines",
                "/Groups",
                &format!(r#"{{"schemas": ["{GROUP}"], "displayName": "Engines"}}"#),
            )
            .is(201, &group(1, &[]));
            idp
        };
        let lenient = start(Dialect::Lenient);
        lenient
            .put("/Groups/<engines>", &with_nobody)
            .is(200, &group(2, &["ada"]));
        assert_eq!(lenient.leniencies(), json!({"unknown_member": 1}));
        // Where nobody is known, the group would be emptied by mistake.
        lenient
            .put("/Groups/<engines>", &group_of(r#"{"value": "nobody"}"#))
            .is(
                400,
                &error(
                    400,
                    Some("invalidValue"),
                    "members: none of them is a user or a group of this directory; to empty the group, send none",
                ),
            );
        lenient
            .get("/Groups/<engines>")
            .is(200, &group(2, &["ada"]));
        for dialect in [Dialect::Entra, Dialect::Okta, Dialect::Strict] {
            let idp = start(dialect);
            idp.put("/Groups/<engines>", &with_nobody).is(
                400,
                &error(
                    400,
                    Some("invalidValue"),
                    "members.value \"nobody\" is neither a user nor a group of this directory",
                ),
            );
            idp.get("/Groups/<engines>").is(200, &group(1, &[]));
            assert_eq!(idp.leniencies(), json!({}));
        }
    }
);
