//! Reading schema and resource-type documents (RFC 7643 sections 6 and 7) into a [`Registry`].
//!
//! Documents come as name and text; nothing here touches the disk. Each refusal names the file, the JSON
//! pointer of the culprit and the reason.

mod attribute;
mod place;

use std::sync::Arc;

use serde_json::Value;

use super::{
    Attribute, AttributeKind, Extension, Mutability, Registry, ResourceType, Returned, Schema,
    Uniqueness,
};
use attribute::read_attributes;
pub use place::SchemaError;
use place::{Place, flag, optional_text, required_text};

/// The URN of schema documents.
pub const SCHEMA_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Schema";
/// The URN of resource-type documents.
pub const RESOURCE_TYPE_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:ResourceType";
/// The URN of the service provider's configuration.
pub const SERVICE_PROVIDER_CONFIG_SCHEMA: &str =
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";

const COMMON: &str = include_str!("../../../scim-schemas/common.json");
const BUILT_IN: [(&str, &str); 7] = [
    (
        "scim-schemas/user.json",
        include_str!("../../../scim-schemas/user.json"),
    ),
    (
        "scim-schemas/enterprise_user.json",
        include_str!("../../../scim-schemas/enterprise_user.json"),
    ),
    (
        "scim-schemas/group.json",
        include_str!("../../../scim-schemas/group.json"),
    ),
    (
        "scim-schemas/service_provider_config.json",
        include_str!("../../../scim-schemas/service_provider_config.json"),
    ),
    (
        "scim-schemas/resource_type.json",
        include_str!("../../../scim-schemas/resource_type.json"),
    ),
    (
        "scim-schemas/schema.json",
        include_str!("../../../scim-schemas/schema.json"),
    ),
    (
        "scim-schemas/resource_types.json",
        include_str!("../../../scim-schemas/resource_types.json"),
    ),
];

/// Endpoints that the protocol itself occupies (RFC 7644 section 3.2).
const RESERVED_ENDPOINTS: [&str; 6] = [
    "/Me",
    "/Schemas",
    "/ResourceTypes",
    "/ServiceProviderConfig",
    "/Bulk",
    "/.search",
];

/// A resource-type document before its schemas are resolved.
struct ResourceTypeDocument<'a> {
    place: Place<'a>,
    document: Value,
    extensions: Vec<(Place<'a>, String, bool)>,
}

impl Registry {
    /// The built-in schemas and resource types, and the documents given as (file name, text).
    ///
    /// A document is a schema, a resource type, or an array of such. A resource type with the id of a
    /// built-in one adds its extensions to that one.
    ///
    /// # Errors
    /// [`SchemaError`] for the first document that cannot be taken.
    pub fn load(documents: &[(String, String)]) -> Result<Self, SchemaError> {
        let built_in = BUILT_IN.iter().copied();
        let own = documents
            .iter()
            .map(|(file, text)| (file.as_str(), text.as_str()));
        let mut schemas: Vec<Arc<Schema>> = Vec::new();
        let mut types: Vec<ResourceTypeDocument<'_>> = Vec::new();
        for (file, text) in built_in.chain(own) {
            for (place, document) in documents_of(file, text)? {
                read_document(&place, document, &mut schemas, &mut types)?;
            }
        }
        let common_place = Place {
            file: "scim-schemas/common.json",
            pointer: String::new(),
        };
        let common = Arc::new(read_schema(&common_place, parse(&common_place, COMMON)?)?);
        let mut resource_types: Vec<Arc<ResourceType>> = Vec::new();
        for document in types {
            let resolved = resolve(document, &schemas, &common, &resource_types)?;
            resource_types.push(Arc::new(resolved));
        }
        Ok(Self {
            schemas,
            resource_types,
        })
    }
}

fn parse(place: &Place<'_>, text: &str) -> Result<Value, SchemaError> {
    serde_json::from_str(text).or_else(|error| place.refuse(format!("not valid JSON: {error}")))
}

fn documents_of<'a>(file: &'a str, text: &str) -> Result<Vec<(Place<'a>, Value)>, SchemaError> {
    let place = Place {
        file,
        pointer: String::new(),
    };
    Ok(match parse(&place, text)? {
        Value::Array(elements) => elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| (place.below(index), element))
            .collect(),
        single => vec![(place, single)],
    })
}

fn read_document<'a>(
    place: &Place<'a>,
    document: Value,
    schemas: &mut Vec<Arc<Schema>>,
    types: &mut Vec<ResourceTypeDocument<'a>>,
) -> Result<(), SchemaError> {
    let names = |urn: &str| {
        document
            .get("schemas")
            .and_then(Value::as_array)
            .is_some_and(|list| list.iter().any(|item| item == urn))
    };
    if names(RESOURCE_TYPE_SCHEMA) {
        return read_resource_type(place, document, types);
    }
    if !names(SCHEMA_SCHEMA) {
        return place.below("schemas").refuse(format!(
            "must name {SCHEMA_SCHEMA} or {RESOURCE_TYPE_SCHEMA}"
        ));
    }
    let schema = read_schema(place, document)?;
    if schemas
        .iter()
        .any(|known| known.id.eq_ignore_ascii_case(&schema.id))
    {
        return place.below("id").refuse(format!(
            "a schema with the id {:?} exists already",
            schema.id
        ));
    }
    schemas.push(Arc::new(schema));
    Ok(())
}

fn read_schema(place: &Place<'_>, document: Value) -> Result<Schema, SchemaError> {
    let id = required_text(place, &document, "id")?;
    if !id.to_ascii_lowercase().starts_with("urn:") || id.chars().any(char::is_whitespace) {
        return place.below("id").refuse("must be a URN");
    }
    let attributes = read_attributes(&place.below("attributes"), document.get("attributes"))?;
    Ok(Schema {
        id,
        name: optional_text(place, &document, "name")?,
        description: optional_text(place, &document, "description")?,
        attributes,
        document,
    })
}

fn read_resource_type<'a>(
    place: &Place<'a>,
    document: Value,
    types: &mut Vec<ResourceTypeDocument<'a>>,
) -> Result<(), SchemaError> {
    let name = required_text(place, &document, "name")?;
    let mut extensions = Vec::new();
    if let Some(list) = document.get("schemaExtensions") {
        let list_place = place.below("schemaExtensions");
        let Value::Array(list) = list else {
            return list_place.refuse("must be an array");
        };
        for (index, entry) in list.iter().enumerate() {
            let place = list_place.below(index);
            let urn = required_text(&place, entry, "schema")?;
            let required = flag(&place, entry, "required")?;
            extensions.push((place, urn, required));
        }
    }
    let known = types
        .iter_mut()
        .find(|known| known.document.get("name").and_then(Value::as_str) == Some(&name));
    if let Some(known) = known {
        for key in ["endpoint", "schema"] {
            if document.get(key) != known.document.get(key) {
                return place.below(key).refuse(format!(
                    "differs from the resource type {name:?} that exists already"
                ));
            }
        }
        known.extensions.append(&mut extensions);
        return Ok(());
    }
    types.push(ResourceTypeDocument {
        place: place.clone(),
        document,
        extensions,
    });
    Ok(())
}

fn resolve(
    source: ResourceTypeDocument<'_>,
    schemas: &[Arc<Schema>],
    common: &Arc<Schema>,
    others: &[Arc<ResourceType>],
) -> Result<ResourceType, SchemaError> {
    let ResourceTypeDocument {
        place,
        mut document,
        extensions,
    } = source;
    let name = required_text(&place, &document, "name")?;
    let endpoint = required_text(&place, &document, "endpoint")?;
    check_endpoint(&place.below("endpoint"), &endpoint, others)?;
    let schema = base_schema(&place, &document, schemas, common)?;
    let extensions = resolve_extensions(extensions, schemas, &schema)?;
    if let Some(object) = document.as_object_mut() {
        let listed = extensions
            .iter()
            .map(|extension| serde_json::json!({"schema": extension.schema.id, "required": extension.required}))
            .collect();
        object.insert("schemaExtensions".to_owned(), Value::Array(listed));
    }
    let all = || {
        schema.attributes.iter().chain(
            extensions
                .iter()
                .flat_map(|extension| extension.schema.attributes.iter()),
        )
    };
    Ok(ResourceType {
        id: match optional_text(&place, &document, "id")? {
            id if id.is_empty() => name.clone(),
            id => id,
        },
        description: optional_text(&place, &document, "description")?,
        spliceable: !all().any(hidden),
        unique_paths: unique_paths(&schema, &extensions),
        name,
        endpoint,
        common: Arc::clone(common),
        schema,
        extensions,
        document,
    })
}

/// Whether a stored document may hold the attribute while an answer to a plain request must not.
/// Write-only attributes of the base schema called `password` are kept apart by the rooms above.
fn hidden(attribute: &Attribute) -> bool {
    let kept_apart = attribute.mutability == Mutability::WriteOnly && attribute.name == "password";
    let here = matches!(attribute.returned, Returned::Never | Returned::Request) && !kept_apart;
    here || attribute.sub_attributes.iter().any(hidden)
}

/// The canonical paths of the attributes whose values must be unique, but for those with a column.
fn unique_paths(schema: &Schema, extensions: &[Extension]) -> Vec<String> {
    let core = unique_names(schema)
        .into_iter()
        .filter(|name| name != "userName");
    let extended = extensions.iter().flat_map(|extension| {
        let urn = &extension.schema.id;
        let names = unique_names(&extension.schema).into_iter();
        names.map(move |name| format!("{urn}:{name}"))
    });
    core.chain(extended).collect()
}

/// The unique attributes and sub-attributes of a schema; a complex value is unique by its parts only.
fn unique_names(schema: &Schema) -> Vec<String> {
    let is_unique = |attribute: &Attribute| {
        attribute.uniqueness != Uniqueness::None && attribute.kind != AttributeKind::Complex
    };
    let mut names = Vec::new();
    for attribute in &schema.attributes {
        if is_unique(attribute) {
            names.push(attribute.name.clone());
        }
        let unique_parts = attribute.sub_attributes.iter().filter(|sub| is_unique(sub));
        names.extend(unique_parts.map(|sub| format!("{}.{}", attribute.name, sub.name)));
    }
    names
}

fn check_endpoint(
    place: &Place<'_>,
    endpoint: &str,
    others: &[Arc<ResourceType>],
) -> Result<(), SchemaError> {
    let well_formed = endpoint.strip_prefix('/').is_some_and(|rest| {
        !rest.is_empty()
            && rest
                .chars()
                .all(|next| next.is_ascii_alphanumeric() || next == '-' || next == '_')
    });
    if !well_formed {
        return place.refuse("must be one path segment such as \"/Devices\"");
    }
    if RESERVED_ENDPOINTS.contains(&endpoint) {
        return place.refuse(format!("{endpoint:?} is occupied by the protocol"));
    }
    if others.iter().any(|other| other.endpoint == endpoint) {
        return place.refuse(format!("{endpoint:?} belongs to another resource type"));
    }
    Ok(())
}

fn base_schema(
    place: &Place<'_>,
    document: &Value,
    schemas: &[Arc<Schema>],
    common: &Schema,
) -> Result<Arc<Schema>, SchemaError> {
    let urn = required_text(place, document, "schema")?;
    let place = place.below("schema");
    let Some(schema) = find(schemas, &urn) else {
        return place.refuse(format!("no schema has the id {urn:?}"));
    };
    check_resource_schema(&place, &schema)?;
    let clash = schema
        .attributes
        .iter()
        .find(|attribute| common.attribute(&attribute.name).is_some());
    if let Some(attribute) = clash {
        return place.refuse(format!(
            "its attribute {:?} is one that every resource has",
            attribute.name
        ));
    }
    Ok(schema)
}

fn resolve_extensions(
    extensions: Vec<(Place<'_>, String, bool)>,
    schemas: &[Arc<Schema>],
    base: &Schema,
) -> Result<Vec<Extension>, SchemaError> {
    let mut resolved: Vec<Extension> = Vec::new();
    for (place, urn, required) in extensions {
        let place = place.below("schema");
        let Some(schema) = find(schemas, &urn) else {
            return place.refuse(format!("no schema has the id {urn:?}"));
        };
        check_resource_schema(&place, &schema)?;
        let repeated = schema.id == base.id
            || resolved
                .iter()
                .any(|extension| extension.schema.id == schema.id);
        if repeated {
            return place.refuse(format!("{urn:?} is already part of the resource type"));
        }
        resolved.push(Extension { schema, required });
    }
    Ok(resolved)
}

/// RFC 7643 section 2.3.8: a sub-attribute is never complex. (The schema of schemas is, and is no base.) And
/// what is required must be writable, or there would be no such resource.
fn check_resource_schema(place: &Place<'_>, schema: &Schema) -> Result<(), SchemaError> {
    let nested = schema.attributes.iter().find(|attribute| {
        attribute
            .sub_attributes
            .iter()
            .any(|sub| sub.kind == AttributeKind::Complex)
    });
    let unattainable = schema
        .attributes
        .iter()
        .find(|attribute| attribute.required && attribute.mutability == Mutability::ReadOnly);
    if let Some(attribute) = unattainable {
        return place.refuse(format!(
            "the attribute {:?} is required, and readOnly, so that no client can give it",
            attribute.name
        ));
    }
    match nested {
        Some(attribute) => place.refuse(format!(
            "the attribute {:?} has a complex sub-attribute (RFC 7643 section 2.3.8)",
            attribute.name
        )),
        None => Ok(()),
    }
}

fn find(schemas: &[Arc<Schema>], urn: &str) -> Option<Arc<Schema>> {
    schemas
        .iter()
        .find(|schema| schema.id.eq_ignore_ascii_case(urn))
        .cloned()
}

#[cfg(test)]
mod tests;
