//! A directory as lines.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::lifecycle::{GROUP, USER};
use crate::provisioning::context::Context;
use crate::provisioning::error::ProvisioningError;
use crate::provisioning::representation;
use crate::scim::projection::Projection;
use crate::scim::resource::SCHEMAS;
use crate::scim::schema::ResourceType;
use crate::store::memberships::{self, GroupMember};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, StoreError};

/// Resources read at a time.
const PAGE: i64 = 500;
/// Members on one line at most.
const MEMBERS_A_LINE: i64 = 1_000;

/// Gives every resource of the context's directory as a line without its end, and how many resources were
/// begun with it (one, or none for a line of members). What takes it gives back false to stop.
///
/// What is given is of one moment where the caller has begun a transaction that sees one.
///
/// # Errors
/// When the database fails.
pub fn export(
    connection: &mut DatabaseConnection,
    context: &Context,
    line: &mut dyn FnMut(&str, u64) -> bool,
) -> Result<(), ProvisioningError> {
    let registry = &context.registry;
    let (groups, others): (Vec<_>, Vec<_>) = registry
        .resource_types()
        .iter()
        .partition(|resource_type| resource_type.name == GROUP);
    for resource_type in others.iter().chain(&groups) {
        let is_wanted = each(connection, context, resource_type, |_, resource| {
            let resource = said_inactive(resource)?;
            let text =
                representation::alone(context, resource_type, &Projection::default(), &resource)?;
            Ok(line(&text, 1))
        })?;
        if !is_wanted {
            return Ok(());
        }
    }
    for resource_type in groups {
        let is_wanted = each(connection, context, resource_type, |connection, group| {
            export_members(connection, resource_type, group, line)
        })?;
        if !is_wanted {
            return Ok(());
        }
    }
    Ok(())
}

/// The same resource, of whose person the document says that they are inactive where they are: a client may have taken
/// the attribute away, and without it an import would take them for active.
fn said_inactive(resource: &Resource) -> Result<Cow<'_, Resource>, StoreError> {
    if resource.active || resource.resource_type != USER {
        return Ok(Cow::Borrowed(resource));
    }
    let mut document = representation::parse_document(resource)?;
    document.insert("active".to_owned(), Value::Bool(false));
    Ok(Cow::Owned(Resource {
        document: Value::Object(document).to_string(),
        ..resource.clone()
    }))
}

/// Does something with every resource of a type; false where it was stopped.
fn each(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    mut body: impl FnMut(&mut DatabaseConnection, &Resource) -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    let directory = &context.directory.id;
    let mut after: Option<String> = None;
    loop {
        let page = resources::list(
            connection,
            Some(directory),
            &resource_type.name,
            None,
            after.as_deref(),
            PAGE,
        )?;
        let Some(last) = page.last() else {
            return Ok(true);
        };
        after = Some(last.id.to_string());
        for resource in &page {
            if !body(connection, resource)? {
                return Ok(false);
            }
        }
    }
}

fn export_members(
    connection: &mut DatabaseConnection,
    resource_type: &ResourceType,
    group: &Resource,
    line: &mut dyn FnMut(&str, u64) -> bool,
) -> Result<bool, StoreError> {
    let mut after = None;
    loop {
        let page = memberships::page(connection, &group.id, after.as_ref(), MEMBERS_A_LINE)?;
        let Some(last) = page.last() else {
            return Ok(true);
        };
        after = Some(last.id.clone());
        if !line(&line_of_members(resource_type, group, &page), 0) {
            return Ok(false);
        }
    }
}

fn line_of_members(
    resource_type: &ResourceType,
    group: &Resource,
    members: &[GroupMember],
) -> String {
    let mut text = Map::new();
    text.insert(
        SCHEMAS.to_owned(),
        Value::from(vec![resource_type.schema.id.as_str()]),
    );
    text.insert("id".to_owned(), Value::from(group.id.as_str()));
    if let Some(external_id) = &group.external_id {
        text.insert("externalId".to_owned(), Value::from(external_id.as_str()));
    }
    if let Some(display_name) = &group.display_name {
        text.insert("displayName".to_owned(), Value::from(display_name.as_str()));
    }
    text.insert(
        "members".to_owned(),
        members.iter().map(member_value).collect(),
    );
    Value::Object(text).to_string()
}

/// Without the address, which is this server's.
fn member_value(member: &GroupMember) -> Value {
    let mut value = Map::new();
    value.insert("value".to_owned(), Value::from(member.id.as_str()));
    if let Some(display) = &member.display {
        value.insert("display".to_owned(), Value::from(display.as_str()));
    }
    value.insert("type".to_owned(), Value::from(member.member_type.as_str()));
    Value::Object(value)
}
