//! PATCH: operations on a resource, of any form or as the schema has them.

use arbitrary::Unstructured;
use portcullis::http::scim::json;
use portcullis::scim::ScimError;
use portcullis::scim::leniency::{Dialect, Leniencies, Leniency};
use portcullis::scim::patch::{self, ElementChange, PATCH_SCHEMA};
use portcullis::scim::resource;
use portcullis::scim::schema::{Mutability, ResourceType, Schema};
use serde_json::{Map, Value};

use super::typed;
use super::world::{lenient, resource_type};

/// JSON with `type`, `resource` and `operations` is taken as it is; other bytes choose among what the schema has.
pub fn run(data: &[u8]) {
    if let Ok(Value::Object(given)) = json::parse(data) {
        let name = given.get("type").and_then(Value::as_str);
        let kind = resource_type(if name == Some("Group") {
            "Group"
        } else {
            "User"
        });
        let operations = given.get("operations").and_then(Value::as_array);
        if let (Some(input), Some(operations)) = (given.get("resource"), operations) {
            check(kind, input, operations);
        }
        return;
    }
    let mut bytes = Unstructured::new(data);
    let kind = match bytes.ratio(1, 8) {
        Ok(true) => resource_type("Group"),
        _ => resource_type("User"),
    };
    let made = typed::resource(&mut bytes, kind)
        .and_then(|input| Ok((input, typed::operations(&mut bytes, kind)?)));
    if let Ok((input, operations)) = made {
        check(kind, &Value::Object(input), &operations);
    }
}

/// What a PATCH did: the document, and what had to be forgiven.
type Patched = Result<(Map<String, Value>, Vec<Leniency>), ScimError>;

fn apply(
    kind: &ResourceType,
    stored: &Map<String, Value>,
    operations: &[Value],
    dialect: Dialect,
) -> Patched {
    let body = serde_json::json!({"schemas": [PATCH_SCHEMA], "Operations": operations});
    let mut leniencies = Leniencies::new(dialect);
    let request = patch::parse(&body, 100, &mut leniencies)?;
    let document = patch::apply(kind, stored, &request, &mut leniencies)?;
    Ok((document, leniencies.used().collect()))
}

/// What must hold of any resource and any operations on it.
pub fn check(kind: &ResourceType, input: &Value, operations: &[Value]) {
    let Ok(stored) = resource::create(kind, input, &mut lenient()) else {
        return;
    };
    is_canonical(kind, &stored);
    splits(kind, operations);
    let leniently = apply(kind, &stored, operations, Dialect::Lenient);
    let strictly = apply(kind, &stored, operations, Dialect::Strict);
    match (&leniently, &strictly) {
        (Ok((lenient, used)), Ok((strict, _))) if used.is_empty() => assert_eq!(lenient, strict),
        (Ok((_, used)), Err(error)) if used.is_empty() => {
            panic!("refused strictly for no reason: {error}")
        }
        _ => {}
    }
    for dialect in Dialect::ALL {
        let Ok((document, _)) = apply(kind, &stored, operations, dialect) else {
            continue;
        };
        is_canonical(kind, &document);
        keeps_what_is_fixed(kind, &stored, &document);
        in_steps(kind, &stored, operations, dialect, &document);
        if let [operation] = operations {
            again(kind, operation, dialect, &document);
        }
    }
}

/// A document that is checked, replaced by itself or patched with itself is the same to the last byte.
fn is_canonical(kind: &ResourceType, document: &Map<String, Value>) {
    let strict = || Leniencies::new(Dialect::Strict);
    let text = Value::Object(document.clone()).to_string();
    let is_same = |other: Map<String, Value>, what: &str| {
        assert_eq!(Value::Object(other).to_string(), text, "{what}");
    };
    let mut checked = document.clone();
    resource::check(kind, &mut checked, &mut strict()).expect("it was checked");
    is_same(checked, "checked");
    let itself = Value::Object(document.clone());
    let replaced = resource::replace(kind, document, &itself, &[], &mut strict());
    is_same(replaced.expect("it was taken"), "replaced by itself");
    let operation = serde_json::json!({"op": "replace", "value": itself});
    let patched = apply(kind, document, &[operation], Dialect::Strict);
    is_same(patched.expect("it was taken").0, "patched with itself");
}

/// RFC 7643 section 7: what is read-only or immutable and has a value keeps it.
fn keeps_what_is_fixed(
    kind: &ResourceType,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) {
    compare(&kind.common, before, Some(after));
    compare(&kind.schema, before, Some(after));
    for extension in &kind.extensions {
        let part = |document: &'_ Map<String, Value>| {
            let part = document
                .get(&extension.schema.id)
                .and_then(Value::as_object);
            part.cloned()
        };
        if let Some(before) = part(before) {
            compare(&extension.schema, &before, part(after).as_ref());
        }
    }
}

fn compare(schema: &Schema, before: &Map<String, Value>, after: Option<&Map<String, Value>>) {
    for attribute in &schema.attributes {
        let is_fixed = matches!(
            attribute.mutability,
            Mutability::ReadOnly | Mutability::Immutable
        );
        // The server writes `schemas`, by what the document holds.
        if !is_fixed || attribute.name == resource::SCHEMAS {
            continue;
        }
        if let Some(value) = before.get(&attribute.name) {
            let now = after.and_then(|after| after.get(&attribute.name));
            assert_eq!(now, Some(value), "{} has changed", attribute.name);
        }
    }
}

/// Operations one by one, where each of them alone is taken, come to what they do together.
fn in_steps(
    kind: &ResourceType,
    stored: &Map<String, Value>,
    operations: &[Value],
    dialect: Dialect,
    together: &Map<String, Value>,
) {
    let mut document = stored.clone();
    for operation in operations {
        match apply(kind, &document, std::slice::from_ref(operation), dialect) {
            // Of several elements that an operation makes primary, one is chosen when the request ends.
            Ok((_, used)) if used.contains(&Leniency::SeveralPrimary) => return,
            Ok((next, _)) => document = next,
            Err(_) => return,
        }
    }
    assert_eq!(&document, together, "in steps: {operations:?}");
}

/// An operation that selects nothing by a filter changes nothing when it is sent again.
fn again(kind: &ResourceType, operation: &Value, dialect: Dialect, document: &Map<String, Value>) {
    if operation.to_string().contains('[') {
        return;
    }
    if let Ok((twice, _)) = apply(kind, document, std::slice::from_ref(operation), dialect) {
        assert_eq!(&twice, document, "sent again: {operation}");
    }
}

/// What concerns the members of a group is split off, and each of them has a value.
fn splits(kind: &ResourceType, operations: &[Value]) {
    let body = serde_json::json!({"schemas": [PATCH_SCHEMA], "Operations": operations});
    for dialect in Dialect::ALL {
        let mut leniencies = Leniencies::new(dialect);
        if let Ok(request) = patch::parse(&body, 100, &mut leniencies)
            && let Ok((rest, changes)) =
                patch::split_elements(kind, request, "members", &mut leniencies)
        {
            let is_group = kind.attribute("members").is_some();
            assert!(!is_group || !rest.touched().iter().any(|name| name == "members"));
            for change in changes {
                if let ElementChange::Add(elements) | ElementChange::Replace(elements) = change {
                    let has_value = |element: &Map<String, Value>| {
                        element.get("value").is_some_and(Value::is_string)
                    };
                    assert!(elements.iter().all(has_value), "a member without value");
                }
            }
        }
    }
}
