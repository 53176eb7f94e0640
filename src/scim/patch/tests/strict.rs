//! What the strict dialect refuses, each taken by the lenient one.

use super::*;

#[test]
fn the_strict_dialect_takes_the_letter_of_the_rfc_only() {
    for (operation, kind) in [
        (
            json!({"op": "Replace", "path": "title", "value": "x"}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "path": "active", "value": "False"}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "value": {"name.givenName": "x"}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "value": {format!("{ENTERPRISE}:department"): "x"}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "value": {ENTERPRISE: {"manager.value": "x"}}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "value": {"nosuch": 1}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "value": {"name": {"nosuch": 1}}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "replace", "path": "nosuch", "value": 1}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "replace", "path": "name.nosuch", "value": 1}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "replace", "path": "id", "value": "1"}),
            ErrorKind::Mutability,
        ),
        (
            json!({"op": "replace", "value": {"meta": {"resourceType": "User"}}}),
            ErrorKind::Mutability,
        ),
        (
            json!({"op": "remove", "path": "nickName"}),
            ErrorKind::NoTarget,
        ),
        (
            json!({"op": "remove", "path": "emails[type eq \"other\"]"}),
            ErrorKind::NoTarget,
        ),
        (
            json!({"op": "remove", "path": "emails", "value": [{"value": "bjensen@example.com"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "emails[type eq \"other\"].value", "value": "x"}),
            ErrorKind::NoTarget,
        ),
        (
            json!({"op": "replace", "path": "emails[primary eq \"True\"].value", "value": "x"}),
            ErrorKind::InvalidFilter,
        ),
        (
            json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": "x"}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": format!("{ENTERPRISE}:manager"), "value": ""}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "add", "path": "manager", "value": {"value": "x"}}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "add", "value": {"manager": {"value": "x"}}}),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"op": "add", "path": format!("{ENTERPRISE}:manager"), "value": [{"value": "x"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "emails", "value": {"value": "x"}}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "emails", "value": [{"value": "x", "primary": true}, {"value": "y", "primary": true}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "schemas", "value": ["urn:other"]}),
            ErrorKind::InvalidValue,
        ),
    ] {
        assert_eq!(
            refusal(&json!([operation]), Dialect::Strict),
            kind,
            "{operation}"
        );
        let lenient = patched(&json!([operation]), Dialect::Lenient);
        assert!(lenient.is_ok(), "{operation}: {lenient:?}");
    }
}

#[test]
fn the_strict_dialect_says_by_which_name_an_attribute_of_an_extension_is_known() {
    let operations = json!([{"op": "add", "path": "manager", "value": {"value": "x"}}]);
    let error = patched(&operations, Dialect::Strict).unwrap_err();
    assert_eq!(
        error.detail,
        format!("manager belongs to an extension and must be written as {ENTERPRISE}:manager")
    );
}

#[test]
fn an_empty_text_is_a_text_to_the_strict_dialect() {
    let operations = json!([{"op": "replace", "path": "title", "value": ""}]);
    assert_eq!(patched(&operations, Dialect::Strict).unwrap()["title"], "");
}
