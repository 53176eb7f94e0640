//! Splitting off an attribute that is kept outside the document.

use super::*;
use crate::scim::condition::Condition;

type Split = (PatchRequest, Vec<ElementChange>);

fn split(operations: &Value, dialect: Dialect) -> Result<Split, ScimError> {
    let mut leniencies = Leniencies::new(dialect);
    let request = parse(&body(operations), 100, &mut leniencies)?;
    split_elements(&of_type("Group"), request, "members", &mut leniencies)
}

fn changes(operation: &Value, dialect: Dialect) -> Result<Vec<ElementChange>, ScimError> {
    let (rest, changes) = split(&json!([operation]), dialect)?;
    assert_eq!(rest.operations, [], "{operation}");
    Ok(changes)
}

fn members(values: &[&str]) -> Vec<Map<String, Value>> {
    values
        .iter()
        .map(|value| Map::from_iter([("value".to_owned(), json!(value))]))
        .collect()
}

fn values(values: &[&str]) -> ElementChange {
    ElementChange::RemoveValues(values.iter().map(|&value| value.to_owned()).collect())
}

#[test]
fn operations_become_changes_of_elements() {
    use ElementChange::{Add, RemoveAll, Replace};
    let qualified = format!("{GROUP}:members");
    for (operation, expected) in [
        (
            json!({"op": "add", "path": "members", "value": [{"value": "1", "display": "Babs"}, {"VALUE": "2", "$ref": null}]}),
            vec![Add(vec![
                Map::from_iter([
                    ("value".to_owned(), json!("1")),
                    ("display".to_owned(), json!("Babs")),
                ]),
                Map::from_iter([("value".to_owned(), json!("2"))]),
            ])],
        ),
        (
            json!({"op": "add", "path": qualified, "value": {"value": "1"}}),
            vec![Add(members(&["1"]))],
        ),
        (json!({"op": "add", "path": "members", "value": []}), vec![]),
        (
            json!({"op": "add", "path": "members", "value": null}),
            vec![],
        ),
        (
            json!({"op": "add", "value": {"members": [{"value": "1"}]}}),
            vec![Add(members(&["1"]))],
        ),
        (
            json!({"op": "replace", "path": "MEMBERS", "value": [{"value": "1"}]}),
            vec![Replace(members(&["1"]))],
        ),
        (
            json!({"op": "replace", "path": "members", "value": []}),
            vec![Replace(vec![])],
        ),
        (
            json!({"op": "replace", "path": "members", "value": null}),
            vec![Replace(vec![])],
        ),
        (
            json!({"op": "replace", "value": {"Members": [{"value": "1"}]}}),
            vec![Replace(members(&["1"]))],
        ),
        (json!({"op": "remove", "path": "members"}), vec![RemoveAll]),
        (
            json!({"op": "remove", "path": "members", "value": null}),
            vec![RemoveAll],
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"1\"]"}),
            vec![values(&["1"])],
        ),
        (
            json!({"op": "remove", "path": "members[value eq\"1\"]"}),
            vec![values(&["1"])],
        ),
        (
            json!({"op": "remove", "path": format!("{qualified}[Value eq \"1\"]")}),
            vec![values(&["1"])],
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"1\" or (value eq \"2\" or value eq \"3\")]"}),
            vec![values(&["1", "2", "3"])],
        ),
    ] {
        assert_eq!(
            changes(&operation, Dialect::Strict),
            Ok(expected),
            "{operation}"
        );
    }
}

#[test]
fn members_are_removed_by_value_and_only_those() {
    for (value, expected) in [
        (json!([{"$ref": null, "value": "1"}]), vec![values(&["1"])]),
        (
            json!([{"value": "1", "display": "x", "type": "User"}, {"value": "2"}]),
            vec![values(&["1", "2"])],
        ),
        (json!({"value": "1"}), vec![values(&["1"])]),
        (json!(["1"]), vec![values(&["1"])]),
        (json!([]), vec![]),
    ] {
        let operation = json!({"op": "Remove", "path": "members", "value": value});
        assert_eq!(
            changes(&operation, Dialect::Entra),
            Ok(expected),
            "{operation}"
        );
        let refused = changes(
            &json!({"op": "remove", "path": "members", "value": value}),
            Dialect::Strict,
        );
        assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidValue);
    }
}

#[test]
fn any_other_filter_stays_a_condition() {
    for filter in [
        "type eq \"User\"",
        "value eq \"1\" and type eq \"User\"",
        "value sw \"1\" or value eq \"2\"",
        "not (value eq \"1\")",
    ] {
        let operation = json!({"op": "remove", "path": format!("members[{filter}]")});
        let found = changes(&operation, Dialect::Strict).unwrap();
        assert!(
            matches!(found.as_slice(), [ElementChange::RemoveWhere(_)]),
            "{found:?}"
        );
    }
    let operation = json!({"op": "remove", "path": "members[type eq \"user\"]"});
    let [ElementChange::RemoveWhere(condition)] =
        &changes(&operation, Dialect::Strict).unwrap()[..]
    else {
        panic!("one condition")
    };
    let matches = |condition: &Condition, kind: &str| {
        condition.matches_element(&json!({"value": "1", "type": kind}))
    };
    assert!(matches(condition, "User") && !matches(condition, "Group"));
}

#[test]
fn the_rest_of_the_request_stays_in_order() {
    let operations = json!([
        {"op": "Add", "value": {"displayName": "Guides", "members": [{"value": "1"}], format!("{GROUP}:externalId"): "x"}},
        {"op": "Remove", "path": "members[value eq \"2\"]"},
        {"op": "Replace", "path": "displayName", "value": "Drivers"},
        {"op": "Add", "value": {format!("{}:MEMBERS", GROUP.to_uppercase()): [{"value": "3"}]}},
    ]);
    let (rest, changes) = split(&operations, Dialect::Entra).unwrap();
    let expected = [
        ElementChange::Add(members(&["1"])),
        values(&["2"]),
        ElementChange::Add(members(&["3"])),
    ];
    assert_eq!(changes, expected);
    assert_eq!(
        rest.touched(),
        ["displayName".to_owned(), format!("{GROUP}:externalId")]
    );
    assert_eq!(rest.operations.len(), 2);
    let qualified = json!([{"op": "add", "value": {format!("{GROUP}:members"): []}}]);
    let refused = split(&qualified, Dialect::Okta).unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidSyntax);
}

#[test]
fn what_is_unclear_changes_no_member() {
    for (operation, kind) in [
        (
            json!({"op": "add", "path": "members", "value": [{"display": "Babs"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "members", "value": ""}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "members", "value": [{}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "members", "value": [null]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "members", "value": [{"value": ""}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "replace", "path": "members", "value": {}}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "add", "path": "members", "value": 1}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": "members", "value": [{"display": "Babs"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": "members", "value": [null]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": "members[type pr]", "value": [{"value": "1"}]}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"op": "remove", "path": "members[value eq \"1\"].type"}),
            ErrorKind::Mutability,
        ),
        (
            json!({"op": "remove", "path": "members[nosuch eq \"1\"]"}),
            ErrorKind::InvalidFilter,
        ),
        (
            json!({"op": "replace", "path": "members[value eq \"1\"]", "value": {"value": "2"}}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "add", "path": "members[value eq \"1\"].value", "value": "2"}),
            ErrorKind::InvalidPath,
        ),
        (
            json!({"op": "replace", "path": "members.value", "value": "2"}),
            ErrorKind::InvalidPath,
        ),
    ] {
        let refused = split(&json!([operation]), Dialect::Lenient);
        assert_eq!(
            refused.map_err(|error| error.kind),
            Err(kind),
            "{operation}"
        );
    }
}

#[test]
fn what_a_member_is_called_is_said_with_the_member() {
    let operation =
        json!({"op": "replace", "path": "members[value eq \"1\"].display", "value": "Babs"});
    for dialect in [Dialect::Lenient, Dialect::Strict] {
        let refused = changes(&operation, dialect).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::InvalidPath);
    }
}

#[test]
fn a_type_without_the_attribute_gets_its_request_back() {
    let mut leniencies = Leniencies::new(Dialect::Lenient);
    let operations = json!([{"op": "add", "path": "members", "value": [{"value": "1"}]}]);
    let request = parse(&body(&operations), 100, &mut leniencies).unwrap();
    let split = split_elements(
        &of_type("User"),
        request.clone(),
        "members",
        &mut leniencies,
    );
    assert_eq!(split, Ok((request, Vec::new())));
}
