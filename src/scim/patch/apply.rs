//! Applying operations to a document: what a path or a key means here, and who may write it.

use serde_json::{Map, Value};

use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::resource::{SCHEMAS, check, immutable, unknown};
use crate::scim::schema::{Attribute, Mutability, Resolved, ResourceType, Schema};
use crate::scim::unqualified::{qualified, refuse_base_schema};
use crate::scim::{ErrorKind, ScimError};

use super::path::PatchPath;
use super::place::Place;
use super::remove::remove;
use super::write::{write, write_selected, write_sub_attribute};
use super::{Operation, OperationKind, PatchRequest, absent, mutability, take_object};

/// The canonical document after a PATCH (RFC 7644 section 3.5.2): all operations, or an error.
///
/// A request that changes nothing gives a document equal to the stored one. Where `stored` holds `id` and
/// other read-only attributes, a request may repeat their values in any dialect.
///
/// # Errors
/// 400 with the `scimType` of RFC 7644 table 9 and a detail that names the attribute.
pub fn apply(
    resource_type: &ResourceType,
    stored: &Map<String, Value>,
    request: &PatchRequest,
    leniencies: &mut Leniencies,
) -> Result<Map<String, Value>, ScimError> {
    let mut patch = Patch {
        resource_type,
        document: stored.clone(),
        leniencies,
    };
    for operation in &request.operations {
        patch.operate(operation)?;
    }
    let mut document = patch.document;
    check(resource_type, &mut document, leniencies)?;
    Ok(document)
}

struct Patch<'a, 'b> {
    resource_type: &'a ResourceType,
    document: Map<String, Value>,
    leniencies: &'b mut Leniencies,
}

impl<'a> Patch<'a, '_> {
    fn operate(&mut self, operation: &Operation) -> Result<(), ScimError> {
        let kind = operation.kind;
        match (&operation.path, &operation.value) {
            (Some(path), value) => self.at(kind, path, value.as_ref()),
            (None, Some(Value::Object(members))) => members
                .iter()
                .try_for_each(|(key, value)| self.member(kind, None, key, value)),
            (None, _) => Ok(()),
        }
    }

    /// A key of a value without path, or of an extension's object.
    fn member(
        &mut self,
        kind: OperationKind,
        extension: Option<&'a Schema>,
        key: &str,
        value: &Value,
    ) -> Result<(), ScimError> {
        let attribute = match extension {
            None => self.resource_type.attribute(key),
            Some(schema) => schema.attribute(key),
        };
        if let Some(attribute) = attribute {
            let name = match extension {
                None => attribute.name.clone(),
                Some(schema) => format!("{}:{}", schema.id, attribute.name),
            };
            let place = Place {
                extension,
                attribute,
                sub_attribute: None,
                filter: None,
                name,
            };
            return self.change(kind, &place, Some(value));
        }
        if extension.is_none()
            && let Some(extension) = self.resource_type.extension(key)
        {
            return self.extension(kind, &extension.schema, Some(value));
        }
        let Some((path, is_plain)) = self.key_path(extension, key)? else {
            return unknown(self.resource_type, key, self.leniencies);
        };
        if is_plain || self.leniencies.take(Leniency::QualifiedKey) {
            return self.at(kind, &path, Some(value));
        }
        Err(ScimError::invalid_syntax(format!(
            "{key:?} must be written as the path of an operation, not as a key of its value"
        )))
    }

    /// The path that a dotted, filtered or qualified key spells, where it means something here, and whether the key
    /// is but the name of an extension's attribute.
    fn key_path(
        &mut self,
        extension: Option<&Schema>,
        key: &str,
    ) -> Result<Option<(PatchPath, bool)>, ScimError> {
        let kind = ErrorKind::InvalidSyntax;
        refuse_base_schema(self.resource_type, key, kind)?;
        let Ok(mut path) = PatchPath::parse(key) else {
            return Ok(None);
        };
        let mut is_plain = false;
        if let Some(schema) = extension {
            path.attribute
                .schema
                .get_or_insert_with(|| schema.id.clone());
        } else if let Some(meant) =
            qualified(self.resource_type, &path.attribute, kind, self.leniencies)?
        {
            path.attribute = meant;
            is_plain = path.filter.is_none() && path.attribute.sub_attribute.is_none();
        }
        let is_known = self.resource_type.resolve(&path.attribute).is_some();
        Ok(is_known.then_some((path, is_plain)))
    }

    fn at(
        &mut self,
        kind: OperationKind,
        path: &PatchPath,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        match self.resource_type.resolve(&path.attribute) {
            Some(Resolved::Attribute {
                extension,
                attribute,
                sub_attribute,
            }) => {
                let place = Place {
                    extension,
                    attribute,
                    sub_attribute,
                    filter: path.filter.as_ref(),
                    name: path.to_string(),
                };
                self.change(kind, &place, value)
            }
            Some(Resolved::Extension(schema)) if path.filter.is_none() => {
                self.extension(kind, schema, value)
            }
            Some(Resolved::Extension(_)) => Err(ScimError::invalid_path(format!(
                "{path}: a schema extension takes no filter"
            ))),
            None => self.at_unresolved(kind, path, value),
        }
    }

    /// A path that as it is written names nothing here.
    fn at_unresolved(
        &mut self,
        kind: OperationKind,
        path: &PatchPath,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        let refusal = ErrorKind::InvalidPath;
        refuse_base_schema(self.resource_type, &path.to_string(), refusal)?;
        let written = &path.attribute;
        if let Some(attribute) = qualified(self.resource_type, written, refusal, self.leniencies)? {
            let filter = path.filter.clone();
            return self.at(kind, &PatchPath { attribute, filter }, value);
        }
        if self.leniencies.take(Leniency::UnknownAttribute) {
            return Ok(());
        }
        Err(ScimError::invalid_path(format!(
            "no schema of a {} defines {path}",
            self.resource_type.name
        )))
    }

    fn change(
        &mut self,
        kind: OperationKind,
        place: &Place<'_>,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        if place.extension.is_none() && place.attribute.name == SCHEMAS {
            return self.schemas(kind, value);
        }
        let mut own = place
            .extension
            .map(|schema| take_object(&mut self.document, &schema.id));
        let holder = own.as_mut().unwrap_or(&mut self.document);
        change_in(holder, kind, place, value, self.leniencies)?;
        if let (Some(schema), Some(holder)) = (place.extension, own)
            && !holder.is_empty()
        {
            self.document
                .insert(schema.id.clone(), Value::Object(holder));
        }
        Ok(())
    }

    /// RFC 7644 section 3.5.2: the list of schemas follows from the attributes that are there, so writing it
    /// changes nothing by itself.
    fn schemas(&mut self, kind: OperationKind, value: Option<&Value>) -> Result<(), ScimError> {
        if kind == OperationKind::Remove {
            return Err(mutability(format!(
                "{SCHEMAS} is required and follows from the attributes; remove those instead"
            )));
        }
        let listed = match value {
            Some(Value::Array(listed)) => listed.as_slice(),
            Some(single @ Value::String(_)) => std::slice::from_ref(single),
            _ => &[],
        };
        let known = |urn: &Value| {
            urn.as_str().is_some_and(|urn| {
                urn.eq_ignore_ascii_case(&self.resource_type.schema.id)
                    || self.resource_type.extension(urn).is_some()
            })
        };
        let all_known = !listed.is_empty() && listed.iter().all(known);
        if all_known || self.leniencies.take(Leniency::UnknownAttribute) {
            return Ok(());
        }
        Err(ScimError::invalid_value(format!(
            "{SCHEMAS} must be an array of schema URNs of a {}",
            self.resource_type.name
        )))
    }

    /// A whole extension: its attributes are merged, as those of the resource itself are.
    fn extension(
        &mut self,
        kind: OperationKind,
        schema: &'a Schema,
        value: Option<&Value>,
    ) -> Result<(), ScimError> {
        match (kind, value) {
            (OperationKind::Remove, None | Some(Value::Null))
            | (OperationKind::Replace, Some(Value::Null)) => self.remove_extension(kind, schema),
            (OperationKind::Add, Some(Value::Null)) => Ok(()),
            (OperationKind::Remove, Some(_)) => Err(ScimError::invalid_value(format!(
                "remove of {} takes no value",
                schema.id
            ))),
            (_, Some(Value::Object(members))) => members
                .iter()
                .try_for_each(|(key, value)| self.member(kind, Some(schema), key, value)),
            _ => Err(ScimError::invalid_value(format!(
                "{} must be an object with the extension's attributes",
                schema.id
            ))),
        }
    }

    fn remove_extension(&mut self, kind: OperationKind, schema: &Schema) -> Result<(), ScimError> {
        let required = self
            .resource_type
            .extension(&schema.id)
            .is_some_and(|extension| extension.required);
        if required {
            return Err(mutability(format!(
                "the extension {} is required and cannot be removed",
                schema.id
            )));
        }
        let mut holder = take_object(&mut self.document, &schema.id);
        if holder.is_empty() && kind == OperationKind::Remove {
            return absent(&schema.id, self.leniencies);
        }
        for attribute in &schema.attributes {
            match attribute.mutability {
                Mutability::ReadOnly => {}
                Mutability::Immutable if holder.contains_key(&attribute.name) => {
                    return Err(immutable(&format!("{}:{}", schema.id, attribute.name)));
                }
                _ => {
                    holder.remove(&attribute.name);
                }
            }
        }
        if !holder.is_empty() {
            self.document
                .insert(schema.id.clone(), Value::Object(holder));
        }
        Ok(())
    }
}

fn change_in(
    holder: &mut Map<String, Value>,
    kind: OperationKind,
    place: &Place<'_>,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let Place {
        attribute,
        sub_attribute,
        filter,
        name,
        ..
    } = place;
    let is_read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
    if is_read_only(attribute) || sub_attribute.is_some_and(is_read_only) {
        return read_only(holder, kind, place, value, leniencies);
    }
    if filter.is_some() && !attribute.multi_valued {
        return Err(ScimError::invalid_path(format!(
            "{name}: {} holds a single value and takes no filter",
            attribute.name
        )));
    }
    if filter.is_none() && sub_attribute.is_some() && attribute.multi_valued {
        return Err(ScimError::invalid_path(format!(
            "{name}: {} holds several values; a filter must select some, as in {}[type eq \"work\"]",
            attribute.name, attribute.name
        )));
    }
    if kind == OperationKind::Remove {
        return remove(holder, place, value, leniencies);
    }
    let Some(value) = value else {
        return Err(ScimError::invalid_value(format!(
            "add and replace of {name} must have a value"
        )));
    };
    match (filter, sub_attribute) {
        (Some(filter), _) => write_selected(holder, kind, place, filter, value, leniencies),
        (None, Some(sub)) => {
            write_sub_attribute(holder, kind, attribute, sub, name, value, leniencies)
        }
        (None, None) => write(holder, kind, attribute, name, value, leniencies),
    }
}

/// A read-only attribute may be named with the value that it has.
fn read_only(
    holder: &Map<String, Value>,
    kind: OperationKind,
    place: &Place<'_>,
    value: Option<&Value>,
    leniencies: &mut Leniencies,
) -> Result<(), ScimError> {
    let present = holder
        .get(&place.attribute.name)
        .and_then(|value| match place.sub_attribute {
            None => Some(value),
            Some(sub) => value.get(&sub.name),
        });
    let unchanged = kind != OperationKind::Remove
        && place.filter.is_none()
        && value.filter(|value| !value.is_null()) == present;
    if unchanged || leniencies.take(Leniency::ReadOnlyIgnored) {
        return Ok(());
    }
    Err(mutability(format!("{} is read-only", place.name)))
}
