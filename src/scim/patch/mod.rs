//! PATCH (RFC 7644 section 3.5.2): reading a request, and applying it to a canonical document.
//!
//! Pure: [`apply`] gives a new document and leaves the stored one alone, so a failed operation changes
//! nothing. An attribute that is kept outside the document is split off with [`split_elements`] first.
//! What an attribute means is known to nobody here.

mod apply;
mod elements;
mod path;
mod place;
mod remove;
mod request;
mod write;

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::leniency::{Leniencies, Leniency};
use super::path::AttributePath;
use super::resource::immutable;
use super::schema::{Attribute, Mutability};
use super::{ErrorKind, ScimError};

pub use apply::apply;
pub use elements::{ElementChange, split_elements};
pub use path::PatchPath;
pub use request::{PATCH_SCHEMA, parse};

/// What an operation does (RFC 7644 sections 3.5.2.1 to 3.5.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// `add`
    Add,
    /// `remove`
    Remove,
    /// `replace`
    Replace,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What it does.
    pub kind: OperationKind,
    /// Where; without one, `value` holds attributes of the resource.
    pub path: Option<PatchPath>,
    /// With what. Every `add` and `replace` has one.
    pub value: Option<Value>,
}

/// A PATCH request, read but not yet held against a resource type.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRequest {
    /// The operations, applied in their order.
    pub operations: Vec<Operation>,
}

impl PatchRequest {
    /// The attributes that the request names, without values, filters or sub-attributes: what a request
    /// log may hold.
    #[must_use]
    pub fn touched(&self) -> Vec<String> {
        let mut names = BTreeSet::new();
        for operation in &self.operations {
            match (&operation.path, &operation.value) {
                (Some(path), _) => {
                    names.insert(top_level(path));
                }
                (None, Some(Value::Object(members))) => names.extend(
                    members
                        .keys()
                        .filter_map(|key| PatchPath::parse(key).ok())
                        .map(|path| top_level(&path)),
                ),
                (None, _) => {}
            }
        }
        names.into_iter().collect()
    }
}

fn top_level(path: &PatchPath) -> String {
    AttributePath {
        sub_attribute: None,
        ..path.attribute.clone()
    }
    .to_string()
}

/// Lets an operation change one attribute and refuses an outcome that the attribute's definition forbids.
fn guarded(
    kind: OperationKind,
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    place: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), ScimError>,
) -> Result<(), ScimError> {
    let present = holder.contains_key(&attribute.name);
    let fixed = match attribute.mutability {
        Mutability::Immutable => holder.get(&attribute.name).cloned(),
        _ => None,
    };
    change(holder)?;
    let after = holder.get(&attribute.name);
    if fixed.is_some() && fixed.as_ref() != after {
        return Err(immutable(place));
    }
    // RFC 7644 section 3.5.2.2
    if kind == OperationKind::Remove && attribute.required && present && after.is_none() {
        return Err(mutability(format!(
            "{place} is required and cannot be removed"
        )));
    }
    Ok(())
}

/// `remove` of something that is not there.
fn absent(place: &str, leniencies: &mut Leniencies) -> Result<(), ScimError> {
    if leniencies.take(Leniency::RemoveAbsent) {
        return Ok(());
    }
    Err(no_target(format!("{place} selects nothing to remove")))
}

/// A member taken out of an object, as an object; empty where there is none.
fn take_object(holder: &mut Map<String, Value>, key: &str) -> Map<String, Value> {
    match holder.remove(key) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// The elements of a multi-valued attribute, taken out of their holder.
fn take_elements(holder: &mut Map<String, Value>, attribute: &Attribute) -> Vec<Value> {
    match holder.remove(&attribute.name) {
        Some(Value::Array(elements)) => elements,
        Some(single) => vec![single],
        None => Vec::new(),
    }
}

/// Puts elements back. RFC 7644 section 3.5.2.2: with the last element gone, the attribute is unassigned.
fn put_elements(holder: &mut Map<String, Value>, attribute: &Attribute, mut elements: Vec<Value>) {
    elements.retain(|element| match element {
        Value::Null => false,
        Value::Object(members) => !members.is_empty(),
        _ => true,
    });
    super::resource::value::drop_repeated(&mut elements);
    if !elements.is_empty() {
        holder.insert(attribute.name.clone(), Value::Array(elements));
    }
}

/// Puts the members of a complex value back, in the schema's order.
fn put_members(
    holder: &mut Map<String, Value>,
    attribute: &Attribute,
    members: Map<String, Value>,
) {
    let members = ordered(attribute, members);
    if !members.is_empty() {
        holder.insert(attribute.name.clone(), Value::Object(members));
    }
}

fn ordered(attribute: &Attribute, mut members: Map<String, Value>) -> Map<String, Value> {
    attribute
        .sub_attributes
        .iter()
        .filter_map(|sub| members.remove_entry(&sub.name))
        .collect()
}

fn mutability(detail: String) -> ScimError {
    ScimError::new(ErrorKind::Mutability, detail)
}

fn no_target(detail: String) -> ScimError {
    ScimError::new(ErrorKind::NoTarget, detail)
}

#[cfg(test)]
mod tests;
