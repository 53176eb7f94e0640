//! Whole resources: from what a client sent to the canonical document (RFC 7643 section 2, RFC 7644
//! sections 3.3 and 3.5.1).
//!
//! A canonical document has the schema's names in the schema's order, no null, no empty array and no empty
//! complex value. Values are in [`value`].

mod check;
pub mod value;

use serde_json::{Map, Value};

use super::leniency::{Leniencies, Leniency};
use super::path::AttributePath;
use super::schema::{Attribute, Mutability, Resolved, ResourceType, Schema};
use super::unqualified::{qualified, refuse_base_schema};
use super::{ErrorKind, ScimError};

pub use check::check;
use value::canonical_value;

/// The attribute that lists the schema URNs (RFC 7643 section 3).
pub const SCHEMAS: &str = "schemas";

/// The canonical document of a new resource (RFC 7644 section 3.3). Read-only attributes are ignored.
///
/// # Errors
/// 400 `invalidSyntax` or `invalidValue` that names the attribute.
pub fn create(
    resource_type: &ResourceType,
    input: &Value,
    leniencies: &mut Leniencies,
) -> Result<Map<String, Value>, ScimError> {
    let mut document = read(resource_type, input, leniencies)?;
    check(resource_type, &mut document, leniencies)?;
    Ok(document)
}

/// The canonical document after a PUT (RFC 7644 section 3.5.1).
///
/// What the request leaves out is cleared, but for read-only and write-only attributes, immutable ones that
/// are set, and the core attributes that the caller names in `keep_absent`.
///
/// # Errors
/// 400 `mutability` for a changed immutable attribute; otherwise as [`create`].
pub fn replace(
    resource_type: &ResourceType,
    stored: &Map<String, Value>,
    input: &Value,
    keep_absent: &[&str],
    leniencies: &mut Leniencies,
) -> Result<Map<String, Value>, ScimError> {
    let mut document = read(resource_type, input, leniencies)?;
    keep(&resource_type.common, stored, &mut document, keep_absent)?;
    keep(&resource_type.schema, stored, &mut document, keep_absent)?;
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(Value::Object(old)) = stored.get(urn) else {
            continue;
        };
        let mut new = match document.remove(urn) {
            Some(Value::Object(new)) => new,
            _ => Map::new(),
        };
        keep(&extension.schema, old, &mut new, &[])?;
        if !new.is_empty() {
            document.insert(urn.clone(), Value::Object(new));
        }
    }
    check(resource_type, &mut document, leniencies)?;
    Ok(document)
}

/// Carries over what a PUT does not touch, and refuses what it must not change.
fn keep(
    schema: &Schema,
    stored: &Map<String, Value>,
    document: &mut Map<String, Value>,
    keep_absent: &[&str],
) -> Result<(), ScimError> {
    for attribute in &schema.attributes {
        let Some(old) = stored.get(&attribute.name) else {
            continue;
        };
        let new = document.get(&attribute.name);
        let kept = match attribute.mutability {
            Mutability::ReadOnly => true,
            Mutability::Immutable => {
                if new.is_some_and(|new| new != old) {
                    return Err(immutable(&attribute.name));
                }
                true
            }
            Mutability::WriteOnly => new.is_none(),
            Mutability::ReadWrite => {
                new.is_none() && keep_absent.contains(&attribute.name.as_str())
            }
        };
        if kept {
            document.insert(attribute.name.clone(), old.clone());
        }
    }
    Ok(())
}

/// 400 `mutability` for an immutable attribute that has a value.
pub(crate) fn immutable(name: &str) -> ScimError {
    ScimError::new(
        ErrorKind::Mutability,
        format!("{name} is immutable and has a value already"),
    )
}

/// Reads a body into canonical values, without the checks of the whole.
fn read(
    resource_type: &ResourceType,
    input: &Value,
    leniencies: &mut Leniencies,
) -> Result<Map<String, Value>, ScimError> {
    let Value::Object(input) = input else {
        return Err(ScimError::invalid_syntax(
            "the body must be a JSON object that represents a resource",
        ));
    };
    let mut document = Map::new();
    let schemas = input
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(SCHEMAS))
        .map(|(_, value)| value);
    check_schemas(resource_type, schemas, leniencies)?;
    for (key, value) in input {
        if !key.eq_ignore_ascii_case(SCHEMAS) {
            read_member(resource_type, key, value, &mut document, leniencies)?;
        }
    }
    Ok(document)
}

/// RFC 7643 section 3: the URNs that the body claims to hold attributes of.
fn check_schemas(
    resource_type: &ResourceType,
    schemas: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let base = &resource_type.schema.id;
    let refused = || {
        Err(ScimError::invalid_syntax(format!(
            "schemas must be an array of URNs that holds {base:?}"
        )))
    };
    let listed: Vec<&str> = match schemas {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(list)) => match list.iter().map(Value::as_str).collect() {
            Some(listed) => listed,
            None => return refused(),
        },
        Some(_) => return refused(),
    };
    let has_base = listed.iter().any(|urn| urn.eq_ignore_ascii_case(base));
    if !has_base && !leniencies.take(Leniency::MissingSchema) {
        return refused();
    }
    let unknown = listed
        .iter()
        .find(|urn| !urn.eq_ignore_ascii_case(base) && resource_type.extension(urn).is_none());
    match unknown {
        Some(urn) if !leniencies.take(Leniency::UnknownAttribute) => {
            Err(ScimError::invalid_value(format!(
                "schemas holds {urn:?}, which is no schema of a {}",
                resource_type.name
            )))
        }
        _ => Ok(()),
    }
}

fn read_member(
    resource_type: &ResourceType,
    key: &str,
    value: &Value,
    document: &mut Map<String, Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    if let Some(attribute) = resource_type.attribute(key) {
        return put(document, attribute, key, value, leniencies);
    }
    if let Some(extension) = resource_type.extension(key) {
        return read_extension(&extension.schema, value, document, leniencies);
    }
    refuse_base_schema(resource_type, key, ErrorKind::InvalidSyntax)?;
    let Ok(written) = AttributePath::parse(key) else {
        return unknown(resource_type, key, leniencies);
    };
    let kind = ErrorKind::InvalidSyntax;
    let meant = qualified(resource_type, &written, kind, leniencies)?;
    let path = meant.as_ref().unwrap_or(&written);
    match resource_type.resolve(path) {
        Some(Resolved::Attribute {
            extension,
            attribute,
            sub_attribute: None,
        }) if meant.is_some() || leniencies.take(Leniency::QualifiedKey) => match extension {
            None => put(document, attribute, key, value, leniencies),
            Some(schema) => {
                let mut holder = take_object(document, &schema.id);
                put(&mut holder, attribute, key, value, leniencies)?;
                if !holder.is_empty() {
                    document.insert(schema.id.clone(), Value::Object(holder));
                }
                Ok(())
            }
        },
        // Known, so that it must not get lost as what is unknown may.
        Some(_) => Err(ScimError::invalid_syntax(format!(
            "{key:?} must be written as a member of its attribute or extension, not as a key"
        ))),
        None => unknown(resource_type, key, leniencies),
    }
}

fn read_extension(
    schema: &Schema,
    value: &Value,
    document: &mut Map<String, Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let members = match value {
        Value::Null => return Ok(()),
        Value::Object(members) => members,
        _ => {
            return Err(ScimError::invalid_value(format!(
                "{} must be an object with the extension's attributes",
                schema.id
            )));
        }
    };
    let mut holder = take_object(document, &schema.id);
    for (key, value) in members {
        match schema.attribute(key) {
            Some(attribute) => put(&mut holder, attribute, key, value, leniencies)?,
            None if leniencies.take(Leniency::UnknownAttribute) => {}
            None => {
                return Err(ScimError::invalid_syntax(format!(
                    "{} defines no attribute {key:?}",
                    schema.id
                )));
            }
        }
    }
    if !holder.is_empty() {
        document.insert(schema.id.clone(), Value::Object(holder));
    }
    Ok(())
}

fn take_object(document: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match document.remove(key) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

/// Puts the canonical value of one attribute. Read-only ones are ignored (RFC 7644 sections 3.3, 3.5.1).
fn put(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    key: &str,
    value: &Value,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(());
    }
    let Some(value) = canonical_value(attribute, &attribute.name, value, leniencies)? else {
        return Ok(());
    };
    match holder.insert(attribute.name.clone(), value) {
        None => Ok(()),
        Some(_) => Err(ScimError::invalid_syntax(format!(
            "{key} is given more than once, in different spellings"
        ))),
    }
}

/// An attribute that no schema of the type defines.
pub(crate) fn unknown(
    resource_type: &ResourceType,
    key: &str,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    if leniencies.take(Leniency::UnknownAttribute) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "no schema of a {} defines {key:?}",
        resource_type.name
    )))
}

#[cfg(test)]
mod tests;
