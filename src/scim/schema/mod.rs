//! The schema registry: attribute definitions and resource types (RFC 7643 sections 6 and 7), read from
//! JSON documents and never written in code.
//!
//! [`Registry`] is built once at start and shared; [`ResourceType::resolve`] turns names into definitions.

mod load;

use std::sync::Arc;

use serde_json::Value;

use super::path::AttributePath;

pub use load::{RESOURCE_TYPE_SCHEMA, SCHEMA_SCHEMA, SERVICE_PROVIDER_CONFIG_SCHEMA, SchemaError};

/// The data type of an attribute (RFC 7643 section 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeKind {
    /// A sequence of characters.
    String,
    /// `true` or `false`.
    Boolean,
    /// A number with a fraction.
    Decimal,
    /// A whole number that fits 64 bits.
    Integer,
    /// An instant (RFC 3339).
    DateTime,
    /// Base64 data.
    Binary,
    /// A URI, or an address of another resource.
    Reference,
    /// A group of sub-attributes.
    Complex,
}

/// Who may write an attribute, and when (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// Only the server writes it; what clients send is ignored.
    ReadOnly,
    /// Written and read at will.
    ReadWrite,
    /// Written once.
    Immutable,
    /// Written, never read back.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returned {
    /// Whatever is asked for.
    Always,
    /// Never.
    Never,
    /// Unless excluded, or others are asked for.
    Default,
    /// Only when asked for.
    Request,
}

/// How far a value must be unique (RFC 7643 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Uniqueness {
    /// Not at all.
    None,
    /// Within the directory and resource type.
    Server,
    /// Everywhere; enforced like `Server`.
    Global,
}

/// One attribute or sub-attribute definition (RFC 7643 section 7).
#[derive(Debug, Clone)]
pub struct Attribute {
    /// The name in its canonical case.
    pub name: String,
    /// The data type.
    pub kind: AttributeKind,
    /// Whether it holds an array of values.
    pub multi_valued: bool,
    /// For people.
    pub description: String,
    /// Whether a resource without it is refused.
    pub required: bool,
    /// Suggested values; hints, not a closed list.
    pub canonical_values: Vec<String>,
    /// Whether comparisons of its strings mind the case.
    pub case_exact: bool,
    /// Who may write it.
    pub mutability: Mutability,
    /// When it is part of an answer.
    pub returned: Returned,
    /// How far its value must be unique.
    pub uniqueness: Uniqueness,
    /// For references: resource types, `external` or `uri`.
    pub reference_types: Vec<String>,
    /// For complex attributes.
    pub sub_attributes: Vec<Attribute>,
}

impl Attribute {
    /// The sub-attribute of this name, whatever its case.
    #[must_use]
    pub fn sub_attribute(&self, name: &str) -> Option<&Attribute> {
        self.sub_attributes
            .iter()
            .find(|sub| sub.name.eq_ignore_ascii_case(name))
    }
}

/// A schema (RFC 7643 section 7).
#[derive(Debug, Clone)]
pub struct Schema {
    /// The URN, in the case of its document.
    pub id: String,
    /// For people.
    pub name: String,
    /// For people.
    pub description: String,
    /// Its attribute definitions, in document order, which is the order of answers.
    pub attributes: Vec<Attribute>,
    /// The document as read, for discovery.
    pub document: Value,
}

impl Schema {
    /// The attribute of this name, whatever its case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// A schema extension of a resource type (RFC 7643 section 6).
#[derive(Debug, Clone)]
pub struct Extension {
    /// The schema.
    pub schema: Arc<Schema>,
    /// Whether every resource of the type must hold it.
    pub required: bool,
}

/// A resource type (RFC 7643 section 6) with its schemas resolved.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// The identifier, for instance `User`.
    pub id: String,
    /// The name, which `meta.resourceType` holds.
    pub name: String,
    /// For people.
    pub description: String,
    /// The path below the base URL, with its leading slash: `/Users`.
    pub endpoint: String,
    /// The attributes that every resource has: `schemas`, `id`, `externalId`, `meta` (RFC 7643 section 3.1).
    pub common: Arc<Schema>,
    /// The base schema.
    pub schema: Arc<Schema>,
    /// The extensions, in document order.
    pub extensions: Vec<Extension>,
    /// Whether a stored document can be answered as it is: no attribute that must be hidden.
    pub spliceable: bool,
    /// The canonical paths of attributes whose values must be unique, but for `id` and `userName`.
    pub unique_paths: Vec<String>,
    /// The document as read, for discovery.
    pub document: Value,
}

/// What an [`AttributePath`] means for one resource type.
#[derive(Debug, Clone, Copy)]
pub enum Resolved<'a> {
    /// A whole extension, named by its URN alone.
    Extension(&'a Schema),
    /// An attribute, in an extension or (`None`) of the core, and perhaps one of its sub-attributes.
    Attribute {
        /// The extension that defines it; `None` for base and common attributes.
        extension: Option<&'a Schema>,
        /// The definition.
        attribute: &'a Attribute,
        /// The sub-attribute, where the path names one.
        sub_attribute: Option<&'a Attribute>,
    },
}

impl ResourceType {
    /// The core attribute of this name (common or of the base schema), whatever its case.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.common
            .attribute(name)
            .or_else(|| self.schema.attribute(name))
    }

    /// The extension with this URN, whatever its case.
    #[must_use]
    pub fn extension(&self, urn: &str) -> Option<&Extension> {
        self.extensions
            .iter()
            .find(|extension| extension.schema.id.eq_ignore_ascii_case(urn))
    }

    /// What a path means here; `None` where this type has no such attribute.
    ///
    /// The URN of the base schema may qualify core attributes (RFC 7644 section 3.10), and the URN of an
    /// extension alone names the extension as a whole.
    #[must_use]
    pub fn resolve(&self, path: &AttributePath) -> Option<Resolved<'_>> {
        let (extension, attribute) = match &path.schema {
            None => (None, self.attribute(&path.attribute)?),
            Some(urn) if urn.eq_ignore_ascii_case(&self.schema.id) => {
                (None, self.attribute(&path.attribute)?)
            }
            Some(urn) => match self.extension(urn) {
                Some(extension) => (
                    Some(extension.schema.as_ref()),
                    extension.schema.attribute(&path.attribute)?,
                ),
                None => return self.whole_extension(path),
            },
        };
        let sub_attribute = match &path.sub_attribute {
            None => None,
            Some(name) => Some(attribute.sub_attribute(name)?),
        };
        Some(Resolved::Attribute {
            extension,
            attribute,
            sub_attribute,
        })
    }

    /// `urn:…:2.0:User` is split by the parser like any path; put together again it may name an extension.
    fn whole_extension(&self, path: &AttributePath) -> Option<Resolved<'_>> {
        let urn = format!("{}:{}", path.schema.as_deref()?, path.attribute);
        let urn = match &path.sub_attribute {
            None => urn,
            Some(rest) => format!("{urn}.{rest}"),
        };
        self.extension(&urn)
            .map(|extension| Resolved::Extension(extension.schema.as_ref()))
    }
}

/// All schemas and resource types that this server knows.
#[derive(Debug, Clone)]
pub struct Registry {
    schemas: Vec<Arc<Schema>>,
    resource_types: Vec<Arc<ResourceType>>,
}

impl Registry {
    /// All schemas, in the order of their loading.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// All resource types, in the order of their loading.
    #[must_use]
    pub fn resource_types(&self) -> &[Arc<ResourceType>] {
        &self.resource_types
    }

    /// The schema with this URN, whatever its case.
    #[must_use]
    pub fn schema(&self, urn: &str) -> Option<&Arc<Schema>> {
        self.schemas
            .iter()
            .find(|schema| schema.id.eq_ignore_ascii_case(urn))
    }

    /// The resource type of this name, in its exact case.
    #[must_use]
    pub fn resource_type(&self, name: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types.iter().find(|kind| kind.name == name)
    }

    /// The resource type served under this endpoint (`/Users`).
    #[must_use]
    pub fn endpoint(&self, endpoint: &str) -> Option<&Arc<ResourceType>> {
        self.resource_types
            .iter()
            .find(|kind| kind.endpoint == endpoint)
    }
}
