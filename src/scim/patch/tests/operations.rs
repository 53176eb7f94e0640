//! The operations of RFC 7644 sections 3.5.2.1 to 3.5.2.3, by their letter.

use super::*;

const WORK: &str = r#"emails[type eq "work"]"#;

/// Each operation by itself gives Barbara with these changes.
fn assert_changes<const N: usize>(cases: [(Value, Value); N]) {
    for (operation, changes) in cases {
        let document = patched(&json!([operation]), Dialect::Strict);
        let expected = barbara_with(changes);
        assert_eq!(
            document.as_ref().map(Value::to_string),
            Ok(expected.to_string()),
            "{operation}"
        );
    }
}

fn work() -> Value {
    json!({"value": "bjensen@example.com", "type": "work", "primary": true})
}

fn home() -> Value {
    json!({"value": "babs@jensen.org", "type": "home"})
}

#[test]
fn add_sets_merges_or_appends() {
    let (work, home) = (work(), home());
    assert_changes([
        (
            json!({"op": "add", "path": "nickName", "value": "Babs"}),
            json!({"nickName": "Babs"}),
        ),
        (
            json!({"op": "add", "path": "TITLE", "value": "Driver"}),
            json!({"title": "Driver"}),
        ),
        (
            json!({"op": "add", "path": "name", "value": {"givenName": "Babs", "middleName": "J"}}),
            json!({"name": {"givenName": "Babs", "familyName": "Jensen", "middleName": "J"}}),
        ),
        (
            json!({"op": "add", "path": "name.givenName", "value": "Babs"}),
            json!({"name": {"givenName": "Babs", "familyName": "Jensen"}}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "b@example.net"}]}),
            json!({"emails": [work, home, {"value": "b@example.net"}]}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": {"value": "b@example.net"}}),
            json!({"emails": [work, home, {"value": "b@example.net"}]}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "b@example.net", "primary": true}]}),
            json!({"emails": [{"value": "bjensen@example.com", "type": "work", "primary": false}, home, {"value": "b@example.net", "primary": true}]}),
        ),
        (
            json!({"op": "add", "path": "emails", "value": [{"value": "babs@jensen.org", "type": "home", "display": "Babs"}]}),
            json!({"emails": [work, {"value": "babs@jensen.org", "type": "home", "display": "Babs"}]}),
        ),
        (
            json!({"op": "add", "path": WORK, "value": {"display": "B"}}),
            json!({"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true, "display": "B"}, home]}),
        ),
        (
            json!({"op": "add", "value": {"emails": [{"value": "b@example.net", "type": "home"}], "nickname": "Babs"}}),
            json!({"emails": [work, home, {"value": "b@example.net", "type": "home"}], "nickName": "Babs"}),
        ),
        (
            json!({"op": "add", "path": format!("{ENTERPRISE}:employeeNumber"), "value": "7"}),
            json!({ENTERPRISE: {"employeeNumber": "7", "department": "Tours", "manager": {"value": "26118915", "$ref": "../Users/26118915"}}}),
        ),
        (
            json!({"op": "add", "path": ENTERPRISE, "value": {"division": "Parks"}}),
            json!({ENTERPRISE: {"department": "Tours", "division": "Parks", "manager": {"value": "26118915", "$ref": "../Users/26118915"}}}),
        ),
    ]);
}

#[test]
fn remove_unassigns() {
    let home = home();
    assert_changes([
        (
            json!({"op": "remove", "path": "title"}),
            json!({"title": null}),
        ),
        (
            json!({"op": "remove", "path": "name.givenName"}),
            json!({"name": {"familyName": "Jensen"}}),
        ),
        (
            json!({"op": "remove", "path": "name"}),
            json!({"name": null}),
        ),
        (
            json!({"op": "remove", "path": "emails"}),
            json!({"emails": null}),
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"work\" and value ew \"example.com\"]"}),
            json!({"emails": [home]}),
        ),
        (
            json!({"op": "remove", "path": "emails[value pr]"}),
            json!({"emails": null}),
        ),
        (
            json!({"op": "remove", "path": format!("{WORK}.primary")}),
            json!({"emails": [{"value": "bjensen@example.com", "type": "work"}, home]}),
        ),
        (
            json!({"op": "remove", "path": format!("{ENTERPRISE}:manager")}),
            json!({ENTERPRISE: {"department": "Tours"}}),
        ),
        (
            json!({"op": "remove", "path": format!("{ENTERPRISE}:manager.$ref")}),
            json!({ENTERPRISE: {"department": "Tours", "manager": {"value": "26118915"}}}),
        ),
        (
            json!({"op": "remove", "path": ENTERPRISE}),
            json!({ENTERPRISE: null, "schemas": [USER]}),
        ),
    ]);
}

#[test]
fn replace_sets_merges_or_replaces_all_that_the_filter_selects() {
    let (work, home) = (work(), home());
    assert_changes([
        (
            json!({"op": "replace", "path": "title", "value": "Driver"}),
            json!({"title": "Driver"}),
        ),
        (
            json!({"op": "replace", "path": "title", "value": null}),
            json!({"title": null}),
        ),
        (
            json!({"op": "replace", "path": "nickName", "value": "Babs"}),
            json!({"nickName": "Babs"}),
        ),
        (
            json!({"op": "replace", "path": "name", "value": {"givenName": "Babs"}}),
            json!({"name": {"givenName": "Babs", "familyName": "Jensen"}}),
        ),
        (
            json!({"op": "replace", "path": "name", "value": {"givenName": null, "familyName": null}}),
            json!({"name": null}),
        ),
        (
            json!({"op": "replace", "path": "emails", "value": [{"value": "b@example.net"}]}),
            json!({"emails": [{"value": "b@example.net"}]}),
        ),
        (
            json!({"op": "replace", "path": "emails", "value": []}),
            json!({"emails": null}),
        ),
        (
            json!({"op": "replace", "path": format!("{WORK}.value"), "value": "b@example.net"}),
            json!({"emails": [{"value": "b@example.net", "type": "work", "primary": true}, home]}),
        ),
        (
            json!({"op": "replace", "path": "emails[value pr].display", "value": "B"}),
            json!({"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true, "display": "B"}, {"value": "babs@jensen.org", "type": "home", "display": "B"}]}),
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"home\"].primary", "value": true}),
            json!({"emails": [{"value": "bjensen@example.com", "type": "work", "primary": false}, {"value": "babs@jensen.org", "type": "home", "primary": true}]}),
        ),
        (
            json!({"op": "replace", "path": WORK, "value": null}),
            json!({"emails": [home]}),
        ),
        (
            json!({"op": "replace", "path": "emails[value pr]", "value": {"value": "b@x", "type": "work", "primary": false}}),
            json!({"emails": [{"value": "b@x", "type": "work", "primary": false}]}),
        ),
        (
            json!({"op": "replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave"}),
            json!({"addresses": [{"type": "work", "streetAddress": "1010 Broadway Ave", "primary": true}, {"type": "home", "locality": "Hollywood"}]}),
        ),
        (
            json!({"op": "replace", "path": "addresses[type eq \"home\"]", "value": {"type": "home", "streetAddress": "911 Universal City Plaza", "country": "US", "primary": true}}),
            json!({"addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "primary": false},
                {"type": "home", "locality": "Hollywood", "streetAddress": "911 Universal City Plaza", "country": "US", "primary": true}]}),
        ),
        (
            json!({"op": "replace", "value": {"emails": [work, {"value": "babs@jensen.org", "type": "other"}], "nickname": "Babs", ENTERPRISE: {"department": "Rides"}}}),
            json!({"emails": [work, {"value": "babs@jensen.org", "type": "other"}], "nickName": "Babs",
                ENTERPRISE: {"department": "Rides", "manager": {"value": "26118915", "$ref": "../Users/26118915"}}}),
        ),
        (
            json!({"op": "replace", "path": ENTERPRISE, "value": null}),
            json!({ENTERPRISE: null, "schemas": [USER]}),
        ),
    ]);
}

#[test]
fn operations_build_on_one_another() {
    let operations = json!([
        {"op": "remove", "path": "emails"},
        {"op": "add", "path": "emails", "value": [{"value": "a@x", "type": "work", "primary": true}]},
        {"op": "add", "path": "emails", "value": [{"value": "b@x", "type": "home", "primary": true}]},
        {"op": "replace", "path": "emails[value eq \"b@x\"].display", "value": "B"},
    ]);
    let expected = barbara_with(json!({"emails": [
        {"value": "a@x", "type": "work", "primary": false},
        {"value": "b@x", "display": "B", "type": "home", "primary": true}]}));
    assert_eq!(patched(&operations, Dialect::Strict).unwrap(), expected);
}

#[test]
fn an_extension_is_listed_in_schemas_once_it_holds_something() {
    let plain = canonical("User", &json!({"schemas": [USER], "userName": "a"}));
    let path = format!("{ENTERPRISE}:department");
    let operations = json!([{"op": "add", "path": path, "value": "Tours"}]);
    let (document, _) = apply_to(&of_type("User"), &plain, &operations, Dialect::Strict).unwrap();
    assert_eq!(document["schemas"], json!([USER, ENTERPRISE]));
}

#[test]
fn what_is_there_already_changes_nothing() {
    for operation in [
        json!({"op": "add", "path": "title", "value": "Guide"}),
        json!({"op": "replace", "path": "active", "value": true}),
        json!({"op": "add", "path": "name", "value": {"familyName": "Jensen"}}),
        json!({"op": "add", "path": "emails", "value": [{"type": "home", "value": "babs@jensen.org"}]}),
        json!({"op": "add", "path": "emails", "value": [{"type": "work", "value": "bjensen@example.com"}]}),
        json!({"op": "replace", "path": WORK, "value": {"primary": true}}),
        json!({"op": "replace", "value": {"userName": "bjensen", "addresses": barbara()["addresses"], ENTERPRISE: {"manager": {"value": "26118915"}}}}),
        json!({"op": "add", "path": "emails", "value": []}),
        json!({"op": "add", "path": "title", "value": null}),
        json!({"op": "replace", "value": barbara()}),
        json!({"op": "add", "value": barbara()}),
        json!({"op": "replace", "path": "schemas", "value": [USER]}),
    ] {
        let document = patched(&json!([operation]), Dialect::Strict).unwrap();
        assert_eq!(document.to_string(), barbara().to_string(), "{operation}");
    }
}

#[test]
fn one_failed_operation_fails_them_all() {
    let stored = barbara();
    let operations = json!([
        {"op": "replace", "path": "title", "value": "Driver"},
        {"op": "remove", "path": "emails"},
        {"op": "replace", "path": "active", "value": "perhaps"},
    ]);
    let result = apply_to(&of_type("User"), &stored, &operations, Dialect::Lenient);
    assert_eq!(result.unwrap_err().kind, ErrorKind::InvalidValue);
    assert_eq!(stored, barbara());
}

#[test]
fn plain_lists_are_added_to_selected_from_and_emptied() {
    let stored =
        json!({"schemas": ["urn:example:Device"], "tags": ["a", "b"], "ports": [{"value": 1}]});
    for (operation, tags) in [
        (
            json!({"op": "add", "path": "tags", "value": ["b", "c"]}),
            json!(["a", "b", "c"]),
        ),
        (
            json!({"op": "add", "path": "tags", "value": "c"}),
            json!(["a", "b", "c"]),
        ),
        (
            json!({"op": "replace", "path": "tags[value eq \"a\"]", "value": "z"}),
            json!(["z", "b"]),
        ),
        (
            json!({"op": "replace", "path": "tags[value eq \"a\"]", "value": "b"}),
            json!(["b"]),
        ),
        (
            json!({"op": "remove", "path": "tags[value eq \"a\"]"}),
            json!(["b"]),
        ),
        (
            json!({"op": "remove", "path": "tags[value pr]"}),
            json!(null),
        ),
        (
            json!({"op": "remove", "path": "tags", "value": ["B", "x"]}),
            json!(["a"]),
        ),
    ] {
        let (document, _) =
            apply_to(&device(), &stored, &json!([operation]), Dialect::Lenient).unwrap();
        assert_eq!(
            document.get("tags").unwrap_or(&Value::Null),
            &tags,
            "{operation}"
        );
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (operation, kind) in [
        (
            json!({"op": "replace", "path": "name[givenName eq \"x\"]", "value": {}}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "replace", "path": "emails.value", "value": "x"}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "remove", "path": "emails.type"}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "remove", "path": format!("{ENTERPRISE}[department pr]")}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "remove", "path": "emails[nosuch eq 1]"}),
            ErrorKind::InvalidFilter,
        ),
        (
            json!({"op": "replace", "path": "active", "value": ""}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "name", "value": "Barbara"}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": WORK, "value": [{"value": "x"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": ENTERPRISE, "value": "x"}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": ENTERPRISE, "value": {"department": "Tours"}}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": "emails", "value": [{"type": "work"}]}),
            ErrorKind::InvalidValue,
        ),
    ] {
        assert_eq!(
            refusal(&json!([operation]), Dialect::Lenient),
            kind,
            "{operation}"
        );
    }
}
