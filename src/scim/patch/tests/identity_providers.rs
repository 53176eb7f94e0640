//! What identity providers send beside the letter of the RFC.

use super::*;

fn check(operations: &Value, dialect: Dialect, changes: Value, used: &[&str]) {
    let expected = barbara_with(changes);
    let (document, taken) = apply_to(&of_type("User"), &barbara(), operations, dialect)
        .unwrap_or_else(|error| panic!("{operations}: {error}"));
    assert_eq!(document, expected, "{operations}");
    assert_eq!(taken, used, "{operations}");
}

#[test]
fn entra_sends_capitalised_operations_and_booleans_as_strings() {
    check(
        &json!([{"op": "Replace", "path": "active", "value": "False"}]),
        Dialect::Entra,
        json!({"active": false}),
        &["boolean_as_string", "operation_case"],
    );
}

#[test]
fn entra_sends_one_operation_without_path_and_with_dotted_and_qualified_keys() {
    check(
        &json!([{"op": "Add", "value": {
            "displayName": "Babs J", "name.givenName": "Babs", "name.middleName": "J",
            "emails[type eq \"work\"].value": "b@example.net",
            format!("{ENTERPRISE}:department"): "Rides", format!("{ENTERPRISE}:manager"): "77",
            format!("{USER}:title"): "Driver"}}]),
        Dialect::Entra,
        json!({"displayName": "Babs J", "title": "Driver", "name": {"familyName": "Jensen", "givenName": "Babs", "middleName": "J"},
            "emails": [{"value": "b@example.net", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
            ENTERPRISE: {"department": "Rides", "manager": {"value": "77"}}}),
        &["operation_case", "qualified_key", "bare_value"],
    );
    check(
        &json!([{"op": "replace", "value": {ENTERPRISE: {"manager.value": "77", "manager.$ref": null}}}]),
        Dialect::Entra,
        json!({ENTERPRISE: {"department": "Tours", "manager": {"value": "77"}}}),
        &["qualified_key"],
    );
}

#[test]
fn entra_replaces_in_elements_that_are_not_there_which_become_one() {
    check(
        &json!([
            {"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1"},
            {"op": "Add", "path": "phoneNumbers[type eq \"mobile\"].display", "value": "one"},
            {"op": "Replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "2"},
            {"op": "Replace", "path": "addresses[type eq \"other\"].streetAddress", "value": "Main St"},
            {"op": "Replace", "path": "addresses[type eq \"other\"].locality", "value": "Springfield"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "admin"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].display", "value": "Admin"},
            {"op": "Replace", "path": "emails[type eq \"other\" and primary eq true]", "value": {"value": "o@x"}},
        ]),
        Dialect::Entra,
        json!({
            "phoneNumbers": [{"value": "1", "display": "one", "type": "mobile"}, {"value": "2", "type": "work"}],
            "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "primary": true}, {"type": "home", "locality": "Hollywood"},
                {"type": "other", "streetAddress": "Main St", "locality": "Springfield"}],
            "roles": [{"value": "admin", "display": "Admin", "primary": true}],
            "emails": [{"value": "bjensen@example.com", "type": "work", "primary": false}, {"value": "babs@jensen.org", "type": "home"},
                {"value": "o@x", "type": "other", "primary": true}],
        }),
        &["boolean_as_string", "operation_case", "create_by_filter"],
    );
}

#[test]
fn a_filter_that_leaves_a_choice_creates_nothing() {
    for filter in [
        "type eq \"a\" or type eq \"b\"",
        "type ne \"work\" and type ne \"home\"",
        "type eq \"a\" and type eq \"b\"",
        "not (value pr)",
        "type eq null",
        "value sw \"x\"",
    ] {
        let path = format!("emails[{filter}].value");
        let operations = json!([{"op": "replace", "path": path, "value": "x"}]);
        assert_eq!(
            refusal(&operations, Dialect::Lenient),
            ErrorKind::NoTarget,
            "{filter}"
        );
    }
}

#[test]
fn emptying_what_is_not_there_creates_nothing() {
    check(
        &json!([{"op": "Replace", "path": "emails[type eq \"other\"].value", "value": ""}]),
        Dialect::Entra,
        json!({}),
        &["operation_case", "empty_unassigns", "remove_absent"],
    );
}

#[test]
fn a_manager_is_a_bare_string_an_object_or_emptied() {
    let path = format!("{ENTERPRISE}:manager");
    let manager = |value: Value| {
        let mut extension = json!({"department": "Tours", "manager": value});
        if extension["manager"].is_null() {
            extension.as_object_mut().unwrap().remove("manager");
        }
        json!({ENTERPRISE: extension})
    };
    let present = json!({"value": "26118915", "$ref": "../Users/26118915"});
    for (op, value, expected, used) in [
        (
            "add",
            json!("77"),
            json!({"value": "77"}),
            &["bare_value"][..],
        ),
        (
            "replace",
            json!("77"),
            json!({"value": "77"}),
            &["bare_value"],
        ),
        (
            "replace",
            json!("26118915"),
            present.clone(),
            &["bare_value"],
        ),
        (
            "replace",
            json!({"value": "77", "$ref": null, "displayName": "x"}),
            json!({"value": "77"}),
            &[],
        ),
        ("replace", json!(""), json!(null), &["empty_unassigns"]),
        ("replace", json!(null), json!(null), &[]),
        ("replace", json!([]), json!(null), &[]),
        (
            "replace",
            json!({"value": ""}),
            json!({"$ref": "../Users/26118915"}),
            &["empty_unassigns"],
        ),
        ("remove", json!(""), json!(null), &["remove_by_value"]),
        (
            "remove",
            json!({"value": "26118915"}),
            json!(null),
            &["remove_by_value"],
        ),
        (
            "remove",
            json!("26118915"),
            json!(null),
            &["remove_by_value", "bare_value"],
        ),
        (
            "remove",
            json!("77"),
            present.clone(),
            &["remove_by_value", "bare_value", "remove_absent"],
        ),
        ("remove", json!(null), json!(null), &[]),
    ] {
        let operations = json!([{"op": op, "path": path, "value": value}]);
        check(&operations, Dialect::Entra, manager(expected), used);
    }
}

#[test]
fn a_manager_is_named_without_the_urn_of_the_extension_and_in_a_list_of_one() {
    let element = json!([{"$ref": "https://idp.example/Users/77", "value": "77"}]);
    let whole = json!({"department": "Tours",
        "manager": {"value": "77", "$ref": "https://idp.example/Users/77"}});
    let qualified = format!("{ENTERPRISE}:manager");
    for (operation, used) in [
        (
            json!({"op": "Add", "path": "manager", "value": element}),
            &["operation_case", "unqualified_attribute", "list_for_single"][..],
        ),
        (
            json!({"op": "Add", "path": qualified, "value": element}),
            &["operation_case", "list_for_single"],
        ),
        (
            json!({"op": "Replace", "value": {"manager": element}}),
            &["operation_case", "unqualified_attribute", "list_for_single"],
        ),
    ] {
        let operations = json!([operation]);
        check(
            &operations,
            Dialect::Entra,
            json!({ENTERPRISE: whole}),
            used,
        );
    }
    for (operation, changes, used) in [
        (
            json!({"op": "replace", "path": "manager", "value": "77"}),
            json!({"department": "Tours", "manager": {"value": "77"}}),
            &["unqualified_attribute", "bare_value"][..],
        ),
        (
            json!({"op": "replace", "value": {"manager.value": "77", "manager.$ref": null}}),
            json!({"department": "Tours", "manager": {"value": "77"}}),
            &["qualified_key", "unqualified_attribute"],
        ),
        (
            json!({"op": "remove", "path": "Manager"}),
            json!({"department": "Tours"}),
            &["unqualified_attribute"],
        ),
    ] {
        let operations = json!([operation]);
        check(
            &operations,
            Dialect::Entra,
            json!({ENTERPRISE: changes}),
            used,
        );
    }
}

#[test]
fn what_several_extensions_define_is_never_guessed_at_and_never_ignored() {
    let schema = |name: &str| {
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": format!("urn:example:{name}"),
            "name": name, "attributes": [{"name": "floor", "type": "string"}]})
    };
    let documents = json!([
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:Desk", "name": "Desk",
            "attributes": [{"name": "label", "type": "string"}]},
        schema("East"),
        schema("West"),
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Desk", "endpoint": "/Desks",
            "schema": "urn:example:Desk", "schemaExtensions": [
                {"schema": "urn:example:East", "required": false}, {"schema": "urn:example:West", "required": false}]},
    ]);
    let registry = Registry::load(&[("desk.json".to_owned(), documents.to_string())]).unwrap();
    let desk = registry.resource_type("Desk").unwrap();
    let stored = json!({"schemas": ["urn:example:Desk"], "label": "a"});
    for (operation, kind) in [
        (
            json!({"op": "replace", "path": "floor", "value": "2"}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "replace", "value": {"floor": "2"}}),
            ErrorKind::InvalidSyntax,
        ),
    ] {
        let error = apply_to(desk, &stored, &json!([operation]), Dialect::Lenient).unwrap_err();
        assert_eq!(error.kind, kind);
        assert_eq!(
            error.detail,
            "several extensions of a Desk define floor: write one of urn:example:East:floor, urn:example:West:floor"
        );
    }
}

#[test]
fn the_base_schema_is_no_place_of_its_own_and_what_stands_there_is_not_lost() {
    for (operation, kind) in [
        (
            json!({"op": "replace", "value": {USER: {"active": false}}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "path": USER, "value": {"active": false}}),
            ErrorKind::InvalidPath,
        ),
    ] {
        for dialect in Dialect::ALL {
            assert_eq!(refusal(&json!([operation]), dialect), kind, "{operation}");
        }
    }
}

#[test]
fn an_empty_text_unassigns_in_a_replace() {
    check(
        &json!([{"op": "replace", "value": {"title": "", "name": {"givenName": ""}, "emails": ""}}]),
        Dialect::Okta,
        json!({"title": null, "name": {"familyName": "Jensen"}, "emails": null}),
        &["empty_unassigns"],
    );
}

#[test]
fn elements_to_remove_may_be_named_in_the_value() {
    for value in [
        json!([{"value": "BJensen@example.com"}]),
        json!([{"$ref": null, "display": "x", "type": "other", "Value": "bjensen@example.com"}]),
        json!({"value": "bjensen@example.com"}),
    ] {
        check(
            &json!([{"op": "remove", "path": "emails", "value": value}]),
            Dialect::Entra,
            json!({"emails": [{"value": "babs@jensen.org", "type": "home"}]}),
            &["remove_by_value"],
        );
    }
    let none = json!([{"op": "remove", "path": "emails", "value": []}]);
    check(&none, Dialect::Entra, json!({}), &["remove_by_value"]);
    let unknown = json!([{"op": "remove", "path": "emails", "value": [{"value": "x"}]}]);
    check(
        &unknown,
        Dialect::Entra,
        json!({}),
        &["remove_by_value", "remove_absent"],
    );
    let address = json!([{"op": "remove", "path": "addresses", "value": [{"type": "home", "locality": "Hollywood"}]}]);
    let work =
        json!([{"type": "work", "streetAddress": "100 Universal City Plaza", "primary": true}]);
    check(
        &address,
        Dialect::Entra,
        json!({"addresses": work}),
        &["remove_by_value"],
    );
}

#[test]
fn okta_deactivates_without_a_path() {
    check(
        &json!([{"op": "replace", "value": {"active": false}}]),
        Dialect::Okta,
        json!({"active": false}),
        &[],
    );
}

#[test]
fn okta_renames_a_group_and_repeats_its_id() {
    let mut stored = canonical(
        "Group",
        &json!({"schemas": [GROUP], "displayName": "Tours"}),
    );
    stored["id"] = json!("abf4dd94");
    let operations =
        json!([{"op": "replace", "value": {"id": "abf4dd94", "displayName": "Guides"}}]);
    for dialect in [Dialect::Okta, Dialect::Strict] {
        let (document, used) = apply_to(&of_type("Group"), &stored, &operations, dialect).unwrap();
        assert_eq!(document["displayName"], "Guides");
        assert_eq!(used, Vec::<&str>::new());
    }
}

#[test]
fn what_no_schema_defines_is_ignored_and_what_is_absent_is_gone() {
    check(
        &json!([
            {"op": "replace", "path": "nosuch", "value": 1},
            {"op": "replace", "path": "urn:example:other:User:x", "value": 1},
            {"op": "replace", "value": {"nosuch": 1, "name": {"nosuch": 1}, ENTERPRISE: {"nosuch": 1}}},
            {"op": "remove", "path": "nickName"},
            {"op": "remove", "path": "emails[type eq \"other\"]"},
            {"op": "remove", "path": "emails[type eq \"home\"].display"},
            {"op": "remove", "path": "name.middleName"},
            {"op": "remove", "path": "roles"},
        ]),
        Dialect::Okta,
        json!({}),
        &["unknown_attribute", "remove_absent"],
    );
}

#[test]
fn a_key_that_a_dialect_does_not_expand_is_refused_and_not_ignored() {
    let operations = json!([{"op": "replace", "value": {"name.givenName": "Babs"}}]);
    assert_eq!(
        refusal(&operations, Dialect::Okta),
        ErrorKind::InvalidSyntax
    );
}
