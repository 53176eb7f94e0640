//! What must hold of a whole document, whoever wrote it.

use serde_json::{Map, Value};

use crate::scim::ScimError;
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::schema::{Attribute, AttributeKind, ResourceType, Schema};

use super::SCHEMAS;
use super::value::drop_repeated;

/// Checks required attributes and primary values, lists the schemas that the document really holds, and
/// brings it into canonical order.
///
/// # Errors
/// 400 `invalidValue` that names the attribute.
pub fn check(
    resource_type: &ResourceType,
    document: &mut Map<String, Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let mut ordered = Map::new();
    let mut schemas = vec![Value::from(resource_type.schema.id.as_str())];
    ordered.insert(SCHEMAS.to_owned(), Value::Null);
    take(
        &resource_type.common,
        document,
        &mut ordered,
        "",
        leniencies,
    )?;
    take(
        &resource_type.schema,
        document,
        &mut ordered,
        "",
        leniencies,
    )?;
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        match document.remove(urn) {
            Some(Value::Object(mut members)) if !members.is_empty() => {
                let mut holder = Map::new();
                let prefix = format!("{urn}:");
                take(
                    &extension.schema,
                    &mut members,
                    &mut holder,
                    &prefix,
                    leniencies,
                )?;
                if !holder.is_empty() {
                    schemas.push(Value::from(urn.as_str()));
                    ordered.insert(urn.clone(), Value::Object(holder));
                }
            }
            _ if extension.required => {
                return Err(ScimError::invalid_value(format!(
                    "a {} must have the extension {urn}",
                    resource_type.name
                )));
            }
            _ => {}
        }
    }
    ordered.insert(SCHEMAS.to_owned(), Value::Array(schemas));
    *document = ordered;
    Ok(())
}

/// Moves a schema's attributes over in its order and checks each.
fn take(
    schema: &Schema,
    from: &mut Map<String, Value>,
    to: &mut Map<String, Value>,
    prefix: &str,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    for attribute in &schema.attributes {
        if attribute.name == SCHEMAS {
            continue;
        }
        let place = format!("{prefix}{}", attribute.name);
        let value = from.remove(&attribute.name);
        let Some(mut value) = value.filter(|value| !is_blank(attribute, value)) else {
            if attribute.required {
                return Err(ScimError::invalid_value(format!(
                    "{place} is required and must not be empty"
                )));
            }
            continue;
        };
        check_value(attribute, &place, &mut value, leniencies)?;
        to.insert(attribute.name.clone(), value);
    }
    Ok(())
}

/// A required text of nothing but spaces is as good as none.
fn is_blank(attribute: &Attribute, value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => attribute.required && text.trim().is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn check_value(
    attribute: &Attribute,
    place: &str,
    value: &mut Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    if attribute.kind != AttributeKind::Complex {
        return Ok(());
    }
    match value {
        Value::Array(elements) => {
            for element in elements.iter() {
                check_sub_attributes(attribute, place, element)?;
            }
            one_primary(place, elements, leniencies)
        }
        single => check_sub_attributes(attribute, place, single),
    }
}

fn check_sub_attributes(
    attribute: &Attribute,
    place: &str,
    element: &Value,
) -> Result<(), ScimError> {
    let missing = attribute.sub_attributes.iter().find(|sub| {
        sub.required
            && element
                .get(&sub.name)
                .is_none_or(|value| is_blank(sub, value))
    });
    match missing {
        Some(sub) => Err(ScimError::invalid_value(format!(
            "{place}.{} is required and must not be empty",
            sub.name
        ))),
        None => Ok(()),
    }
}

/// RFC 7643 section 2.4: `primary` is true of one element at most.
fn one_primary(
    place: &str,
    elements: &mut Vec<Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let is_primary = |element: &Value| element.get("primary") == Some(&Value::Bool(true));
    if elements
        .iter()
        .filter(|element| is_primary(element))
        .count()
        < 2
    {
        return Ok(());
    }
    if !leniencies.take(Leniency::SeveralPrimary) {
        return Err(ScimError::invalid_value(format!(
            "{place}: primary is true of more than one element"
        )));
    }
    let last = elements.iter().rposition(is_primary);
    for (index, element) in elements.iter_mut().enumerate() {
        if Some(index) != last
            && is_primary(element)
            && let Some(members) = element.as_object_mut()
        {
            members.insert("primary".to_owned(), Value::Bool(false));
        }
    }
    // Without the claim, an element may be equal to another.
    drop_repeated(elements);
    Ok(())
}
