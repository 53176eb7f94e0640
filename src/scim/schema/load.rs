//! Reading schema and resource-type documents (RFC 7643 sections 6 and 7) into a [`Registry`].
//!
//! Documents come as name and text; nothing here touches the disk. Each refusal names the file, the JSON
//! pointer of the culprit and the reason.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Attribute, AttributeKind, Extension, Mutability, Registry, ResourceType, Returned, Schema,
    Uniqueness,
};

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

/// A document that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}{pointer}: {reason}", if pointer.is_empty() { "" } else { "#" })]
pub struct SchemaError {
    /// The document's file name.
    pub file: String,
    /// The JSON pointer (RFC 6901) of the culprit; empty for the whole document.
    pub pointer: String,
    /// Why, and what would be accepted.
    pub reason: String,
}

/// A document's file and the place in it that is being read.
#[derive(Clone)]
struct Place<'a> {
    file: &'a str,
    pointer: String,
}

impl<'a> Place<'a> {
    fn below(&self, step: impl std::fmt::Display) -> Place<'a> {
        Place {
            file: self.file,
            pointer: format!("{}/{step}", self.pointer),
        }
    }

    fn refuse<T>(&self, reason: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError {
            file: self.file.to_owned(),
            pointer: self.pointer.clone(),
            reason: reason.into(),
        })
    }
}

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

fn read_attributes(place: &Place<'_>, list: Option<&Value>) -> Result<Vec<Attribute>, SchemaError> {
    let Some(Value::Array(list)) = list else {
        return place.refuse("must be an array of attribute definitions");
    };
    let mut attributes: Vec<Attribute> = Vec::with_capacity(list.len());
    for (index, definition) in list.iter().enumerate() {
        let place = place.below(index);
        let attribute = read_attribute(&place, definition)?;
        let taken = |known: &Attribute| known.name.eq_ignore_ascii_case(&attribute.name);
        if attributes.iter().any(taken) {
            return place
                .below("name")
                .refuse(format!("a second attribute is called {:?}", attribute.name));
        }
        attributes.push(attribute);
    }
    Ok(attributes)
}

fn read_attribute(place: &Place<'_>, definition: &Value) -> Result<Attribute, SchemaError> {
    if !definition.is_object() {
        return place.refuse("must be an object");
    }
    let name = required_text(place, definition, "name")?;
    if !is_attribute_name(&name) {
        return place.below("name").refuse(
            "must begin with a letter and hold only letters, digits, - and _ (RFC 7643 section 2.1)",
        );
    }
    let kind = choice(place, definition, "type", AttributeKind::String, &KINDS)?;
    let sub_attributes = match (kind, definition.get("subAttributes")) {
        (AttributeKind::Complex, Some(list)) => {
            read_attributes(&place.below("subAttributes"), Some(list))?
        }
        (AttributeKind::Complex, None) => {
            return place.refuse("a complex attribute needs subAttributes");
        }
        (_, Some(Value::Array(list))) if !list.is_empty() => {
            return place
                .below("subAttributes")
                .refuse("only a complex attribute has subAttributes");
        }
        _ => Vec::new(),
    };
    let (mutability, returned) = access(place, definition)?;
    Ok(Attribute {
        name,
        kind,
        multi_valued: flag(place, definition, "multiValued")?,
        description: optional_text(place, definition, "description")?,
        required: flag(place, definition, "required")?,
        canonical_values: texts(place, definition, "canonicalValues")?,
        // RFC 7643 section 2.3: binary and reference values are case exact whatever the document says.
        case_exact: flag(place, definition, "caseExact")?
            || matches!(kind, AttributeKind::Binary | AttributeKind::Reference),
        mutability,
        returned,
        uniqueness: choice(
            place,
            definition,
            "uniqueness",
            Uniqueness::None,
            &UNIQUENESSES,
        )?,
        reference_types: texts(place, definition, "referenceTypes")?,
        sub_attributes,
    })
}

/// RFC 7643 section 7: what can only be written is never returned, so nothing else may be said of it.
fn access(place: &Place<'_>, definition: &Value) -> Result<(Mutability, Returned), SchemaError> {
    let mutability = choice(
        place,
        definition,
        "mutability",
        Mutability::ReadWrite,
        &MUTABILITIES,
    )?;
    let usual = match mutability {
        Mutability::WriteOnly => Returned::Never,
        _ => Returned::Default,
    };
    let returned = choice(place, definition, "returned", usual, &RETURNED)?;
    if mutability == Mutability::WriteOnly && returned != Returned::Never {
        return place
            .below("returned")
            .refuse("must be never, since the attribute is writeOnly (RFC 7643 section 7)");
    }
    Ok((mutability, returned))
}

const KINDS: [(&str, AttributeKind); 8] = [
    ("string", AttributeKind::String),
    ("boolean", AttributeKind::Boolean),
    ("decimal", AttributeKind::Decimal),
    ("integer", AttributeKind::Integer),
    ("dateTime", AttributeKind::DateTime),
    ("binary", AttributeKind::Binary),
    ("reference", AttributeKind::Reference),
    ("complex", AttributeKind::Complex),
];
const MUTABILITIES: [(&str, Mutability); 4] = [
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];
const RETURNED: [(&str, Returned); 4] = [
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];
const UNIQUENESSES: [(&str, Uniqueness); 3] = [
    ("none", Uniqueness::None),
    ("server", Uniqueness::Server),
    ("global", Uniqueness::Global),
];

/// RFC 7643 section 2.1, and `$ref`.
fn is_attribute_name(name: &str) -> bool {
    let rest = name.strip_prefix('$').unwrap_or(name);
    let mut characters = rest.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '-' || next == '_')
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

fn required_text(place: &Place<'_>, holder: &Value, key: &str) -> Result<String, SchemaError> {
    match holder.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        _ => place
            .below(key)
            .refuse("must be a string that is not empty"),
    }
}

fn optional_text(place: &Place<'_>, holder: &Value, key: &str) -> Result<String, SchemaError> {
    match holder.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => place.below(key).refuse("must be a string"),
    }
}

fn flag(place: &Place<'_>, holder: &Value, key: &str) -> Result<bool, SchemaError> {
    match holder.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => place.below(key).refuse("must be true or false"),
    }
}

fn texts(place: &Place<'_>, holder: &Value, key: &str) -> Result<Vec<String>, SchemaError> {
    let refused = || place.below(key).refuse("must be an array of strings");
    match holder.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or_else(refused, Ok),
        Some(_) => refused(),
    }
}

fn choice<T: Copy>(
    place: &Place<'_>,
    holder: &Value,
    key: &str,
    default: T,
    choices: &[(&str, T)],
) -> Result<T, SchemaError> {
    let chosen = match holder.get(key) {
        None => return Ok(default),
        Some(value) => choices.iter().find(|(name, _)| value == name),
    };
    chosen.map_or_else(
        || {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            place
                .below(key)
                .refuse(format!("must be one of {}", names.join(", ")))
        },
        |(_, choice)| Ok(*choice),
    )
}

#[cfg(test)]
mod tests;
