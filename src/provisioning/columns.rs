//! What of a canonical document is also kept in columns and side tables, because it is looked up there.
//! This is where the attribute names that Portcullis itself understands are known.

use serde_json::{Map, Value};

use crate::lifecycle::{GROUP, USER};
use crate::scim::path::AttributePath;
use crate::scim::schema::{AttributeKind, Resolved, ResourceType};
use crate::scim::{ErrorKind, ScimError};
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::layout::{Column, Layout};
use crate::store::resources::Resource;
use crate::store::side_values::SideValues;

use super::context::Context;
use super::error::ProvisioningError;

/// The longest value that an index takes, in bytes: PostgreSQL refuses index rows of 2,704 bytes.
const MAX_INDEXED_BYTES: usize = 1024;

/// The row of a document. Version and times are the caller's.
///
/// # Errors
/// 400 `invalidValue` where an indexed value is too long.
pub fn resource_of(
    context: &Context,
    resource_type: &ResourceType,
    id: ResourceId,
    document: &Map<String, Value>,
) -> Result<(Resource, SideValues), ProvisioningError> {
    let text = |name: &str| {
        document
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let now = context.clock.now();
    let resource = Resource {
        id,
        directory_id: DirectoryId::new(context.directory.id.as_str()),
        resource_type: resource_type.name.clone(),
        user_name: text("userName").filter(|_| resource_type.name == USER),
        external_id: text("externalId"),
        display_name: text("displayName"),
        active: document.get("active").and_then(Value::as_bool) != Some(false),
        version: 1,
        created_at: now,
        modified_at: now,
        document: written(document)?,
    };
    for (name, value) in [
        ("userName", &resource.user_name),
        ("externalId", &resource.external_id),
        ("displayName", &resource.display_name),
    ] {
        if let Some(value) = value {
            check_length(name, value)?;
        }
    }
    let side_values = side_values(context, resource_type, document)?;
    Ok((resource, side_values))
}

fn written(document: &Map<String, Value>) -> Result<String, ScimError> {
    serde_json::to_string(document).map_err(|error| {
        let detail = format!("the document cannot be written: {error}");
        ScimError::new(ErrorKind::Internal, detail)
    })
}

fn side_values(
    context: &Context,
    resource_type: &ResourceType,
    document: &Map<String, Value>,
) -> Result<SideValues, ScimError> {
    let mut side = SideValues::default();
    for path in context.indexed_attributes.iter() {
        collect(resource_type, document, path, &mut side.indexed)?;
    }
    for path in &resource_type.unique_paths {
        collect(resource_type, document, path, &mut side.unique)?;
    }
    Ok(side)
}

/// The folded values of a path in a document; a path that this resource type lacks has none.
fn collect(
    resource_type: &ResourceType,
    document: &Map<String, Value>,
    path: &str,
    found: &mut Vec<(String, String)>,
) -> Result<(), ScimError> {
    let Ok(parsed) = AttributePath::parse(path) else {
        return Ok(());
    };
    let Some(Resolved::Attribute {
        extension,
        attribute,
        sub_attribute,
    }) = resource_type.resolve(&parsed)
    else {
        return Ok(());
    };
    let holder = match extension {
        None => Some(document),
        Some(schema) => document.get(&schema.id).and_then(Value::as_object),
    };
    let Some(value) = holder.and_then(|holder| holder.get(&attribute.name)) else {
        return Ok(());
    };
    let case_exact = sub_attribute.unwrap_or(attribute).case_exact;
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        single => std::slice::from_ref(single),
    };
    for element in elements {
        let leaf = match sub_attribute {
            None => Some(element),
            Some(sub) => element.get(&sub.name),
        };
        let text = match leaf {
            Some(Value::String(text)) if case_exact => text.clone(),
            Some(Value::String(text)) => text.to_lowercase(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(flag)) => flag.to_string(),
            _ => continue,
        };
        check_length(path, &text)?;
        let entry = (path.to_owned(), text);
        if !found.contains(&entry) {
            found.push(entry);
        }
    }
    Ok(())
}

fn check_length(attribute: &str, value: &str) -> Result<(), ScimError> {
    if value.len() <= MAX_INDEXED_BYTES {
        return Ok(());
    }
    Err(ScimError::invalid_value(format!(
        "{attribute} is longer than {MAX_INDEXED_BYTES} bytes"
    )))
}

/// Where the attributes of a resource type are kept.
#[must_use]
pub fn layout(context: &Context, resource_type: &ResourceType) -> Layout {
    let mut columns = vec![
        ("id", Column::Id),
        ("externalId", Column::ExternalId),
        ("meta.resourceType", Column::ResourceType),
        ("meta.created", Column::CreatedAt),
        ("meta.lastModified", Column::ModifiedAt),
        ("meta.location", Column::Location),
        ("meta.version", Column::EntityTag),
    ];
    let display_name = resource_type.attribute("displayName");
    if display_name
        .is_some_and(|attribute| attribute.kind == AttributeKind::String && !attribute.multi_valued)
    {
        columns.push(("displayName", Column::DisplayName));
    }
    match resource_type.name.as_str() {
        USER => columns.extend([("userName", Column::UserName), ("groups", Column::Groups)]),
        GROUP => columns.push(("members", Column::Members)),
        _ => {}
    }
    Layout {
        resource_type: resource_type.name.clone(),
        columns: columns
            .into_iter()
            .map(|(path, column)| (path.to_owned(), column))
            .collect(),
        indexed: context
            .indexed_attributes
            .iter()
            .filter(|path| is_text(resource_type, path))
            .cloned()
            .collect(),
        addresses: context
            .registry
            .resource_types()
            .iter()
            .map(|kind| (kind.name.clone(), context.location(kind, "")))
            .collect(),
    }
}

/// Only text is looked up in the side table as it is stored there.
fn is_text(resource_type: &ResourceType, path: &str) -> bool {
    let resolved = AttributePath::parse(path)
        .ok()
        .and_then(|path| resource_type.resolve(&path));
    match resolved {
        Some(Resolved::Attribute {
            attribute,
            sub_attribute,
            ..
        }) => matches!(
            sub_attribute.unwrap_or(attribute).kind,
            AttributeKind::String | AttributeKind::Reference
        ),
        _ => false,
    }
}
