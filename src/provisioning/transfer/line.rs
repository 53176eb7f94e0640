//! One line: its resource, and the members that it names.
//!
//! Members are read without a tree of them in memory: a group of everybody may be one line.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::lifecycle::GROUP;
use crate::provisioning::context::Context;
use crate::provisioning::error::ProvisioningError;
use crate::provisioning::members::MEMBERS;
use crate::provisioning::password::Passwords;
use crate::provisioning::write::{Creation, Payload};
use crate::scim::ScimError;
use crate::scim::leniency::Leniencies;
use crate::scim::resource::SCHEMAS;
use crate::scim::schema::ResourceType;
use crate::store::id::ResourceId;

/// The identifier that something has where the lines come from: a UUID, or the hash of what else it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Origin(u128);

impl Origin {
    pub(super) fn of(id: &str) -> Self {
        let uuid = Uuid::try_parse(id).map(|id| id.as_u128());
        Self(uuid.unwrap_or_else(|_| {
            let hash = Sha256::digest(id.as_bytes());
            hash.iter()
                .take(16)
                .fold(0, |number, byte| number << 8 | u128::from(*byte))
        }))
    }

    /// As an identifier of ours; what was no UUID gives one that nothing has.
    pub(super) fn id(self) -> ResourceId {
        ResourceId::new(Uuid::from_u128(self.0).to_string())
    }
}

/// A member as a line names it.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) origin: Origin,
    pub(super) display: Option<String>,
}

/// A line that was understood.
pub struct Line {
    pub(super) number: u64,
    pub(super) origin: Option<Origin>,
    pub(super) resource_type: Arc<ResourceType>,
    pub(super) creation: Creation,
    pub(super) members: Arc<Vec<Named>>,
}

impl Line {
    /// Understands a line: all of it that needs no database. With `keep_ids` the resource gets the `id` that it
    /// has, which must be a UUID.
    ///
    /// # Errors
    /// As a creation over SCIM; 400 `invalidSyntax` for what is no resource of a known type.
    pub fn prepare(
        context: &Context,
        keep_ids: bool,
        number: u64,
        text: &[u8],
    ) -> Result<Self, ProvisioningError> {
        let resource_type = type_of(context, &parse::<Schemas>(text)?)?;
        let (body, members) = if resource_type.name == GROUP {
            let Group { body, members } = parse(text)?;
            (Value::Object(body), members)
        } else {
            (parse(text)?, Vec::new())
        };
        let id = body.get("id").and_then(Value::as_str);
        let kept = if keep_ids { Some(own_id(id)?) } else { None };
        let passwords = Passwords::prepare(context, &body)?;
        let payload = Payload {
            body: &body,
            passwords: &passwords,
        };
        let mut leniencies = Leniencies::new(context.directory.dialect);
        let creation = Creation::prepare(context, &resource_type, kept, payload, &mut leniencies)?;
        Ok(Self {
            number,
            origin: id.map(Origin::of),
            resource_type,
            creation,
            members: Arc::new(members),
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, ScimError> {
    serde_json::from_slice(text)
        .map_err(|error| ScimError::invalid_syntax(format!("the line is no resource: {error}")))
}

/// What a line says that it is, with everything else passed over.
struct Schemas(Vec<String>);

impl<'de> Deserialize<'de> for Schemas {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Schemas;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Schemas, A::Error> {
                let mut schemas = Vec::new();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if name.eq_ignore_ascii_case(SCHEMAS) {
                        schemas = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Schemas(schemas))
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

/// A group without its members, and these.
struct Group {
    body: Map<String, Value>,
    members: Vec<Named>,
}

impl<'de> Deserialize<'de> for Group {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Group;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Group, A::Error> {
                let mut body = Map::new();
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name.eq_ignore_ascii_case(MEMBERS) {
                        members = map.next_value::<Option<Members>>()?.unwrap_or_default().0;
                    } else {
                        body.insert(name, map.next_value()?);
                    }
                }
                Ok(Group { body, members })
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

/// The members of a group, one by one.
#[derive(Default)]
struct Members(Vec<Named>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array of members")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(named) = elements.next_element()? {
                    members.push(named);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Element<'a> {
            #[serde(borrow, alias = "Value")]
            value: Option<Cow<'a, str>>,
            #[serde(alias = "Display")]
            display: Option<String>,
        }
        let element = Element::deserialize(deserializer)?;
        let value = element.value.ok_or_else(|| {
            D::Error::custom("members.value is required: the id of a user or group")
        })?;
        Ok(Self {
            origin: Origin::of(&value),
            display: element.display,
        })
    }
}

fn type_of(context: &Context, schemas: &Schemas) -> Result<Arc<ResourceType>, ScimError> {
    let types = context.registry.resource_types();
    schemas
        .0
        .iter()
        .find_map(|urn| {
            let mut types = types.iter();
            types.find(|kind| kind.schema.id.eq_ignore_ascii_case(urn))
        })
        .cloned()
        .ok_or_else(|| {
            ScimError::invalid_syntax("schemas: none of them is the schema of a resource type")
        })
}

fn own_id(id: Option<&str>) -> Result<ResourceId, ScimError> {
    id.and_then(|id| Uuid::try_parse(id).ok())
        .map(|id| ResourceId::new(id.to_string()))
        .ok_or_else(|| ScimError::invalid_value("id: only a UUID can be kept"))
}
