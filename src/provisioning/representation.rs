//! The answer's form of a resource: the stored text, spliced with what is computed.
//!
//! Members of a group are never gathered in memory: [`Rendering`] takes them a page at a time.

use serde_json::{Map, Value, json};

use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::store::StoreError;
use crate::store::memberships::{GroupMember, MemberOf};
use crate::store::resources::Resource;

use super::columns::{GROUP, USER};
use super::context::{Context, entity_tag};

/// Whether answers with this projection show the groups of a user.
#[must_use]
pub fn shows_groups(resource_type: &ResourceType, projection: &Projection) -> bool {
    resource_type.name == USER && projection.wants(resource_type, "groups")
}

/// Whether answers with this projection show the members of a group.
#[must_use]
pub fn shows_members(resource_type: &ResourceType, projection: &Projection) -> bool {
    resource_type.name == GROUP && projection.wants(resource_type, "members")
}

/// The JSON text of one resource in the making.
#[derive(Debug)]
pub struct Rendering<'a> {
    context: &'a Context,
    resource_type: &'a ResourceType,
    projection: &'a Projection,
    text: String,
    members: usize,
}

impl<'a> Rendering<'a> {
    /// Everything but the members; `groups` are those of a user, where they are shown.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the stored document is not a JSON object.
    pub fn start(
        context: &'a Context,
        resource_type: &'a ResourceType,
        projection: &'a Projection,
        resource: &Resource,
        groups: &[MemberOf],
    ) -> Result<Self, StoreError> {
        let meta = meta(context, resource_type, resource);
        let groups = groups_value(context, groups);
        let text = if projection.is_default() && resource_type.spliceable {
            splice(resource, &meta, groups.as_ref())?
        } else {
            project(resource_type, projection, resource, meta, groups)?
        };
        Ok(Self {
            context,
            resource_type,
            projection,
            text,
            members: 0,
        })
    }

    /// Adds some members.
    pub fn push_members(&mut self, members: &[GroupMember]) {
        for member in members {
            let Some(element) = self.project_member(member_value(self.context, member)) else {
                continue;
            };
            self.text.push_str(if self.members == 0 {
                ",\"members\":["
            } else {
                ","
            });
            self.text.push_str(&element.to_string());
            self.members += 1;
        }
    }

    /// Takes what has been rendered so far, so that it can be sent while the rest is made.
    #[must_use]
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// How much is waiting to be taken, in bytes.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.text.len()
    }

    /// Closes the object and gives what has not been taken yet.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.text
            .push_str(if self.members == 0 { "}" } else { "]}" });
        self.text
    }

    fn project_member(&self, member: Value) -> Option<Value> {
        if self.projection.is_default() {
            return Some(member);
        }
        let mut holder = Map::new();
        holder.insert("members".to_owned(), Value::Array(vec![member]));
        self.projection.apply(self.resource_type, &mut holder);
        match holder.remove("members") {
            Some(Value::Array(mut kept)) => kept.pop(),
            _ => None,
        }
    }
}

/// `{"id":…,<stored members>,"groups":…,"meta":…` without the closing brace.
fn splice(resource: &Resource, meta: &Value, groups: Option<&Value>) -> Result<String, StoreError> {
    let inner = resource
        .document
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .ok_or(StoreError::Corrupt { what: "resource" })?;
    let mut text = String::with_capacity(inner.len() + 384);
    text.push_str("{\"id\":\"");
    text.push_str(resource.id.as_str());
    text.push('"');
    if !inner.is_empty() {
        text.push(',');
        text.push_str(inner);
    }
    if let Some(groups) = groups {
        text.push_str(",\"groups\":");
        text.push_str(&groups.to_string());
    }
    text.push_str(",\"meta\":");
    text.push_str(&meta.to_string());
    Ok(text)
}

/// The same with attributes chosen by the client (RFC 7644 section 3.9).
fn project(
    resource_type: &ResourceType,
    projection: &Projection,
    resource: &Resource,
    meta: Value,
    groups: Option<Value>,
) -> Result<String, StoreError> {
    let mut full = parse_document(resource)?;
    full.insert("id".to_owned(), Value::from(resource.id.as_str()));
    if let Some(groups) = groups {
        full.insert("groups".to_owned(), groups);
    }
    full.insert("meta".to_owned(), meta);
    projection.apply(resource_type, &mut full);
    let mut text = Value::Object(full).to_string();
    text.pop();
    Ok(text)
}

/// The stored document as a JSON object.
///
/// # Errors
/// [`StoreError::Corrupt`] where it is none.
pub fn parse_document(resource: &Resource) -> Result<Map<String, Value>, StoreError> {
    serde_json::from_str(&resource.document).map_err(|_| StoreError::Corrupt { what: "resource" })
}

/// `meta` (RFC 7643 section 3.1).
fn meta(context: &Context, resource_type: &ResourceType, resource: &Resource) -> Value {
    json!({
        "resourceType": resource_type.name,
        "created": resource.created_at,
        "lastModified": resource.modified_at,
        "location": context.location(resource_type, resource.id.as_str()),
        "version": entity_tag(resource),
    })
}

/// `groups` of a user (RFC 7643 section 4.1.2); none is absent.
fn groups_value(context: &Context, groups: &[MemberOf]) -> Option<Value> {
    if groups.is_empty() {
        return None;
    }
    let elements = groups.iter().map(|group| {
        let mut element = Map::new();
        element.insert("value".to_owned(), Value::from(group.group_id.as_str()));
        element.insert(
            "$ref".to_owned(),
            Value::from(format!("{}/Groups/{}", context.base_url, group.group_id)),
        );
        if let Some(display) = &group.display_name {
            element.insert("display".to_owned(), Value::from(display.as_str()));
        }
        let kind = if group.direct { "direct" } else { "indirect" };
        element.insert("type".to_owned(), Value::from(kind));
        Value::Object(element)
    });
    Some(elements.collect())
}

/// One element of `members` (RFC 7643 section 4.2).
fn member_value(context: &Context, member: &GroupMember) -> Value {
    let endpoint = context
        .registry
        .resource_type(&member.member_type)
        .map_or("", |kind| kind.endpoint.as_str());
    let mut element = Map::new();
    element.insert("value".to_owned(), Value::from(member.id.as_str()));
    element.insert(
        "$ref".to_owned(),
        Value::from(format!("{}{endpoint}/{}", context.base_url, member.id)),
    );
    if let Some(display) = &member.display {
        element.insert("display".to_owned(), Value::from(display.as_str()));
    }
    element.insert("type".to_owned(), Value::from(member.member_type.as_str()));
    Value::Object(element)
}
