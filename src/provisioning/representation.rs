//! The answer's form of a resource: the stored text, spliced with what is computed.
//!
//! Members of a group are never gathered in memory: they are written a page at a time.

use serde_json::{Map, Value, json};

use crate::lifecycle::{GROUP, USER};
use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::store::memberships::{self, GroupMember, MemberOf};
use crate::store::resources::Resource;
use crate::store::{DatabaseConnection, StoreError};

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

/// Text in the making that is sent while it is made, so that a group of any size needs no memory.
pub struct Output<'a> {
    text: String,
    /// Takes a piece; false where nobody takes it any more.
    send: Option<&'a mut dyn FnMut(String) -> bool>,
    is_broken: bool,
}

/// How much is gathered before it is sent, in bytes.
const PIECE: usize = 64 * 1024;

impl<'a> Output<'a> {
    /// Sends pieces there.
    #[must_use]
    pub fn new(send: &'a mut dyn FnMut(String) -> bool) -> Self {
        Self {
            text: String::new(),
            send: Some(send),
            is_broken: false,
        }
    }

    /// Keeps everything, for what is known to be small.
    #[must_use]
    pub fn gathered() -> Self {
        Self {
            text: String::new(),
            send: None,
            is_broken: false,
        }
    }

    /// Adds text.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Sends what has been gathered where that is enough; false where it is of no use to go on.
    pub fn pass_on(&mut self) -> bool {
        if self.is_broken || self.text.len() < PIECE {
            return !self.is_broken;
        }
        if let Some(send) = &mut self.send {
            self.is_broken = !send(std::mem::take(&mut self.text));
        }
        !self.is_broken
    }

    /// The rest, which has not been sent; `None` where a piece was not taken, so that nobody mistakes what
    /// was sent for the whole.
    #[must_use]
    pub fn finish(self) -> Option<String> {
        (!self.is_broken).then_some(self.text)
    }
}

/// Members read at a time.
const PAGE: i64 = 1_000;

/// Writes the representation of a resource; `groups` are those of a user, where they are shown.
///
/// # Errors
/// [`StoreError::Corrupt`] where the stored document is not a JSON object; when the database fails.
pub fn write(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    projection: &Projection,
    resource: &Resource,
    groups: &[MemberOf],
    output: &mut Output<'_>,
) -> Result<(), StoreError> {
    output.push(&front(
        context,
        resource_type,
        projection,
        resource,
        groups,
    )?);
    if shows_members(resource_type, projection) {
        write_members(
            connection,
            context,
            resource_type,
            projection,
            resource,
            output,
        )?;
    }
    output.push("}");
    Ok(())
}

/// The representation of a resource that is in no group and has no members, nor can have any.
///
/// # Errors
/// [`StoreError::Corrupt`] where the stored document is not a JSON object.
pub fn alone(
    context: &Context,
    resource_type: &ResourceType,
    projection: &Projection,
    resource: &Resource,
) -> Result<String, StoreError> {
    let mut text = front(context, resource_type, projection, resource, &[])?;
    text.push('}');
    Ok(text)
}

/// All of a representation but the members and the closing brace.
fn front(
    context: &Context,
    resource_type: &ResourceType,
    projection: &Projection,
    resource: &Resource,
    groups: &[MemberOf],
) -> Result<String, StoreError> {
    let meta = meta(context, resource_type, resource);
    let groups = groups_value(context, groups);
    if projection.is_default() && resource_type.spliceable {
        splice(resource, &meta, groups.as_ref())
    } else {
        project(resource_type, projection, resource, meta, groups)
    }
}

fn write_members(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    projection: &Projection,
    group: &Resource,
    output: &mut Output<'_>,
) -> Result<(), StoreError> {
    let mut is_first = true;
    let mut after = None;
    loop {
        let page = memberships::page(connection, &group.id, after.as_ref(), PAGE)?;
        let is_last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        after = page.last().map(|member| member.id.clone());
        for member in page {
            let member = member_value(context, &member);
            let Some(member) = project_member(resource_type, projection, member) else {
                continue;
            };
            output.push(if is_first { ",\"members\":[" } else { "," });
            output.push(&member.to_string());
            is_first = false;
        }
        if is_last || !output.pass_on() {
            break;
        }
    }
    if !is_first {
        output.push("]");
    }
    Ok(())
}

fn project_member(
    resource_type: &ResourceType,
    projection: &Projection,
    member: Value,
) -> Option<Value> {
    if projection.is_default() {
        return Some(member);
    }
    let mut holder = Map::new();
    holder.insert("members".to_owned(), Value::Array(vec![member]));
    projection.apply(resource_type, &mut holder);
    match holder.remove("members") {
        Some(Value::Array(mut kept)) => kept.pop(),
        _ => None,
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
pub(super) fn member_value(context: &Context, member: &GroupMember) -> Value {
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
