//! Changes to a multi-valued attribute that is kept outside the document, as rows of its own.
//!
//! Such a list may be long: the request alone is read, never the elements that are there.

use serde_json::{Map, Value};

use crate::scim::ScimError;
use crate::scim::condition::{Condition, bind_element};
use crate::scim::filter::{Filter, Literal, Operator};
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::path::AttributePath;
use crate::scim::resource::value::canonical_element;
use crate::scim::schema::{Attribute, Mutability, Resolved, ResourceType};

use super::path::PatchPath;
use super::remove::named_values;
use super::{Operation, OperationKind, PatchRequest, mutability};

/// One change to the list. Elements are canonical and have a `value`, by which they are known.
#[derive(Debug, Clone, PartialEq)]
pub enum ElementChange {
    /// Adds those that are not in the list.
    Add(Vec<Map<String, Value>>),
    /// Makes these the whole list.
    Replace(Vec<Map<String, Value>>),
    /// Removes all.
    RemoveAll,
    /// Removes those of these values.
    RemoveValues(Vec<String>),
    /// Removes those of which this holds; its targets are sub-attributes.
    RemoveWhere(Condition),
}

/// Splits off what a request does to one core attribute: the rest of the request, and the changes to the
/// attribute's elements in their order. A type that lacks the attribute gets its request back.
///
/// # Errors
/// 400 `invalidValue` for an element without `value`, `invalidPath` or `mutability` for a change inside an
/// element, and otherwise as [`super::apply`].
pub fn split_elements(
    resource_type: &ResourceType,
    request: PatchRequest,
    attribute: &str,
    leniencies: &mut Leniencies,
) -> Result<(PatchRequest, Vec<ElementChange>), ScimError> {
    let Some(attribute) = resource_type.attribute(attribute) else {
        return Ok((request, Vec::new()));
    };
    let mut split = Split {
        resource_type,
        attribute,
        changes: Vec::new(),
        leniencies,
    };
    let mut operations = Vec::with_capacity(request.operations.len());
    for operation in request.operations {
        operations.extend(split.operation(operation)?);
    }
    Ok((PatchRequest { operations }, split.changes))
}

struct Split<'a, 'b> {
    resource_type: &'a ResourceType,
    attribute: &'a Attribute,
    changes: Vec<ElementChange>,
    leniencies: &'b mut Leniencies,
}

impl Split<'_, '_> {
    /// Takes an operation, or the part of it that concerns the attribute; gives what is left.
    fn operation(&mut self, operation: Operation) -> Result<Option<Operation>, ScimError> {
        let kind = operation.kind;
        match operation {
            Operation {
                path: Some(path),
                value,
                ..
            } if self.concerns(&path) => {
                self.change(kind, &path, value)?;
                Ok(None)
            }
            Operation {
                path: None,
                value: Some(Value::Object(members)),
                ..
            } => {
                let mut rest = Map::new();
                for (key, value) in members {
                    match self.key_path(&key)? {
                        Some(path) => self.change(kind, &path, Some(value))?,
                        None => {
                            rest.insert(key, value);
                        }
                    }
                }
                Ok((!rest.is_empty()).then_some(Operation {
                    kind,
                    path: None,
                    value: Some(Value::Object(rest)),
                }))
            }
            other => Ok(Some(other)),
        }
    }

    fn concerns(&self, path: &PatchPath) -> bool {
        matches!(
            self.resource_type.resolve(&path.attribute),
            Some(Resolved::Attribute { extension: None, attribute, .. })
                if attribute.name == self.attribute.name
        )
    }

    fn key_path(&mut self, key: &str) -> Result<Option<PatchPath>, ScimError> {
        if key.eq_ignore_ascii_case(&self.attribute.name) {
            return Ok(Some(PatchPath {
                attribute: AttributePath::of(key),
                filter: None,
            }));
        }
        match PatchPath::parse(key) {
            Ok(path) if self.concerns(&path) => {
                if self.leniencies.take(Leniency::QualifiedKey) {
                    return Ok(Some(path));
                }
                Err(ScimError::invalid_syntax(format!(
                    "{key:?} must be written as the path of an operation, not as a key of its value"
                )))
            }
            _ => Ok(None),
        }
    }

    fn change(
        &mut self,
        kind: OperationKind,
        path: &PatchPath,
        value: Option<Value>,
    ) -> Result<(), ScimError> {
        if path.filter.is_some() || path.attribute.sub_attribute.is_some() {
            return self.change_inside(kind, path, value.as_ref());
        }
        let change = match (kind, value) {
            (OperationKind::Remove, value) => match self.named(path, value.as_ref())? {
                None => ElementChange::RemoveAll,
                Some(values) if values.is_empty() => return Ok(()),
                Some(values) => ElementChange::RemoveValues(values),
            },
            (OperationKind::Add, None | Some(Value::Null)) => return Ok(()),
            (OperationKind::Add, Some(value)) => match self.elements(kind, &value)? {
                elements if elements.is_empty() => return Ok(()),
                elements => ElementChange::Add(elements),
            },
            (OperationKind::Replace, None | Some(Value::Null)) => {
                ElementChange::Replace(Vec::new())
            }
            (OperationKind::Replace, Some(value)) => {
                ElementChange::Replace(self.elements(kind, &value)?)
            }
        };
        self.changes.push(change);
        Ok(())
    }

    fn named(
        &mut self,
        path: &PatchPath,
        value: Option<&Value>,
    ) -> Result<Option<Vec<String>>, ScimError> {
        let named = named_values(self.attribute, &path.to_string(), value, self.leniencies)?;
        named
            .map(|values| {
                values
                    .into_iter()
                    .map(|value| match value {
                        Value::String(value) => Ok(value),
                        _ => Err(self.without_value()),
                    })
                    .collect()
            })
            .transpose()
    }

    fn without_value(&self) -> ScimError {
        ScimError::invalid_value(format!(
            "each element of {} must have a \"value\"",
            self.attribute.name
        ))
    }

    /// The canonical elements of a value. Whatever is unclear is refused: what looks empty must not empty
    /// the list.
    fn elements(
        &mut self,
        kind: OperationKind,
        value: &Value,
    ) -> Result<Vec<Map<String, Value>>, ScimError> {
        let name = &self.attribute.name;
        let listed = match value {
            Value::Array(listed) => listed.as_slice(),
            // RFC 7644 section 3.5.2.1: `add` takes one value as well.
            single if kind == OperationKind::Add => std::slice::from_ref(single),
            single if self.leniencies.take(Leniency::SingleForMultiple) => {
                std::slice::from_ref(single)
            }
            _ => return Err(ScimError::invalid_value(format!("{name} must be an array"))),
        };
        let mut elements = Vec::with_capacity(listed.len());
        for element in listed {
            match canonical_element(self.attribute, name, element, self.leniencies)? {
                Some(Value::Object(members))
                    if members
                        .get("value")
                        .and_then(Value::as_str)
                        .is_some_and(|value| !value.is_empty()) =>
                {
                    elements.push(members);
                }
                _ => return Err(self.without_value()),
            }
        }
        Ok(elements)
    }

    /// A change to some elements, or to something inside them.
    fn change_inside(
        &mut self,
        kind: OperationKind,
        path: &PatchPath,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let name = &self.attribute.name;
        let sub = path
            .attribute
            .sub_attribute
            .as_deref()
            .and_then(|sub| self.attribute.sub_attribute(sub));
        match (kind, sub, &path.filter) {
            (OperationKind::Remove, None, Some(filter)) => self.remove_where(path, filter, value),
            (OperationKind::Remove, Some(_), Some(_)) => Err(mutability(format!(
                "{path}: an element of {name} is removed as a whole or not at all"
            ))),
            (_, Some(sub), _) if sub.mutability == Mutability::ReadOnly => {
                if self.leniencies.take(Leniency::ReadOnlyIgnored) {
                    return Ok(());
                }
                Err(mutability(format!("{path} is read-only")))
            }
            _ => Err(ScimError::invalid_path(format!(
                "{path}: the elements of {name} are added, removed or replaced as a whole, with the \
                 path {name}"
            ))),
        }
    }

    fn remove_where(
        &mut self,
        path: &PatchPath,
        filter: &Filter,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if value.is_some_and(|value| !value.is_null()) {
            return Err(ScimError::invalid_value(format!(
                "remove of {path} names elements by its filter and takes no value"
            )));
        }
        let condition = bind_element(filter, self.attribute, self.leniencies)?;
        let mut values = Vec::new();
        self.changes.push(if collect_values(filter, &mut values) {
            ElementChange::RemoveValues(values)
        } else {
            ElementChange::RemoveWhere(condition)
        });
        Ok(())
    }
}

/// Collects the values that a filter of `value eq "…"`, joined by `or`, names; false for any other filter.
fn collect_values(filter: &Filter, values: &mut Vec<String>) -> bool {
    match filter {
        Filter::Or(parts) => parts.iter().all(|part| collect_values(part, values)),
        Filter::Compare {
            path,
            operator: Operator::Equal,
            value: Literal::Text(text),
        } if path.attribute.eq_ignore_ascii_case("value") => {
            values.push(text.clone());
            true
        }
        _ => false,
    }
}
