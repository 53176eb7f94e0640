//! What the mutability of an attribute lets an operation do.

use super::*;

#[test]
fn required_attributes_cannot_go() {
    for (operation, kind) in [
        (
            json!({"op": "remove", "path": "userName"}),
            ErrorKind::Mutability,
        ),
        (
            json!({"op": "remove", "path": "schemas"}),
            ErrorKind::Mutability,
        ),
        (
            json!({"op": "replace", "path": "userName", "value": null}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "userName", "value": ""}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "value": {"userName": " "}}),
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

#[test]
fn a_read_only_attribute_may_be_named_with_its_own_value() {
    let mut stored = barbara();
    stored["id"] = json!("1");
    let patch = |operation: Value, dialect| {
        apply_to(&of_type("User"), &stored, &json!([operation]), dialect).map(|(_, used)| used)
    };
    let same = json!({"op": "replace", "value": {"id": "1", "groups": null}});
    assert_eq!(patch(same, Dialect::Strict), Ok(vec![]));
    for other in [
        json!({"op": "replace", "value": {"id": "2"}}),
        json!({"op": "replace", "path": "meta.version", "value": "x"}),
        json!({"op": "remove", "path": "id"}),
        json!({"op": "add", "path": "groups[value eq \"1\"].display", "value": "x"}),
        json!({"op": "add", "path": format!("{ENTERPRISE}:manager.displayName"), "value": "x"}),
    ] {
        let refused = patch(other.clone(), Dialect::Strict).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Mutability, "{other}");
        assert_eq!(patch(other, Dialect::Okta), Ok(vec!["read_only_ignored"]));
    }
}

#[test]
fn immutable_attributes_are_written_once() {
    let stored = json!({"schemas": ["urn:example:Device"], "tags": ["a"], "ports": [{"value": 1}, {"value": 2}]});
    let patch = |operations: Value| {
        apply_to(&device(), &stored, &operations, Dialect::Strict).map(|(document, _)| document)
    };
    for operations in [
        json!([{"op": "add", "path": "serial", "value": "1"}, {"op": "replace", "path": "serial", "value": "2"}]),
        json!([{"op": "add", "path": "serial", "value": "1"}, {"op": "remove", "path": "serial"}]),
        json!([{"op": "replace", "path": "ports[value eq 1].value", "value": 3}]),
        json!([{"op": "replace", "path": "ports[value eq 1]", "value": {"value": 3}}]),
        json!([{"op": "remove", "path": "ports[value eq 1].value"}]),
        json!([{"op": "remove", "path": "ports"}]),
        json!([{"op": "remove", "path": "ports[value gt 0]"}]),
    ] {
        let refused = patch(operations.clone()).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Mutability, "{operations}");
    }
    let document = patch(json!([
        {"op": "add", "path": "serial", "value": "1"},
        {"op": "add", "path": "serial", "value": "1"},
        {"op": "replace", "path": "ports[value eq 1].label", "value": "left"},
        {"op": "remove", "path": "ports[value eq 2]"},
        {"op": "add", "path": "ports", "value": [{"value": 3}]},
    ]));
    let expected = json!({"schemas": ["urn:example:Device"], "serial": "1", "tags": ["a"], "ports": [{"value": 1, "label": "left"}, {"value": 3}]});
    assert_eq!(document.unwrap(), expected);
}
