//! Members of a group: from what a request names to changes of memberships.

use serde_json::{Map, Value};

use crate::lifecycle::{GROUP, MemberChange, USER};
use crate::scim::ScimError;
use crate::scim::condition::Condition;
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::patch::ElementChange;
use crate::store::id::ResourceId;
use crate::store::memberships::GroupMember;
use crate::store::resources::Resource;
use crate::store::{DatabaseConnection, memberships};

use super::context::Context;
use super::error::ProvisioningError;
use super::representation::member_value;

/// The attribute that is kept as memberships.
pub const MEMBERS: &str = "members";
/// Members read at a time.
const PAGE: i64 = 1_000;

/// Takes the members out of a document.
pub fn take(document: &mut Map<String, Value>) -> Vec<Map<String, Value>> {
    match document.shift_remove(MEMBERS) {
        Some(Value::Array(elements)) => elements
            .into_iter()
            .filter_map(|element| match element {
                Value::Object(element) => Some(element),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The members that elements name, with their types as the directory knows them. Since identifiers are
/// ours, one that is not known is nobody's and never will be: a lenient directory leaves it out.
///
/// # Errors
/// 400 `invalidValue` for what is neither a user nor a group of this directory.
pub fn resolve(
    connection: &mut DatabaseConnection,
    context: &Context,
    elements: &[Map<String, Value>],
    leniencies: &mut Leniencies,
) -> Result<Vec<GroupMember>, ProvisioningError> {
    let mut ids = Vec::with_capacity(elements.len());
    for element in elements {
        match element.get("value").and_then(Value::as_str) {
            Some(id) => ids.push(id),
            None => {
                return Err(ScimError::invalid_value(
                    "members.value is required: the id of a user or group",
                )
                .into());
            }
        }
    }
    let known = memberships::existing(connection, &context.directory.id, &ids)?;
    let mut members = Vec::with_capacity(ids.len());
    for (id, element) in ids.iter().zip(elements) {
        match known.get(*id) {
            Some(member) if member.member_type == USER || member.member_type == GROUP => {
                members.push(named(member, element));
            }
            _ if leniencies.take(Leniency::UnknownMember) => {}
            _ => {
                return Err(ScimError::invalid_value(format!(
                    "members.value {id:?} is neither a user nor a group of this directory"
                ))
                .into());
            }
        }
    }
    Ok(members)
}

/// Like [`resolve`], for members who take the place of others: where nobody of them is known, a group would
/// be emptied by mistake, which no leniency covers.
///
/// # Errors
/// As [`resolve`].
pub fn replacing(
    connection: &mut DatabaseConnection,
    context: &Context,
    elements: &[Map<String, Value>],
    leniencies: &mut Leniencies,
) -> Result<Vec<GroupMember>, ProvisioningError> {
    let members = resolve(connection, context, elements, leniencies)?;
    if members.is_empty() && !elements.is_empty() {
        return Err(ScimError::invalid_value(
            "members: none of them is a user or a group of this directory; to empty the group, send none",
        )
        .into());
    }
    Ok(members)
}

/// The name that a client gives a member is kept only where it is another than its own, which may change.
fn named(member: &GroupMember, element: &Map<String, Value>) -> GroupMember {
    let given = element.get("display").and_then(Value::as_str);
    GroupMember {
        display: given
            .filter(|given| member.display.as_deref() != Some(given))
            .map(str::to_owned),
        ..member.clone()
    }
}

/// The changes of memberships that a PATCH asks for.
///
/// # Errors
/// As [`resolve`].
pub fn changes(
    connection: &mut DatabaseConnection,
    context: &Context,
    group: &Resource,
    asked: Vec<ElementChange>,
    leniencies: &mut Leniencies,
) -> Result<Vec<MemberChange>, ProvisioningError> {
    let mut changes = Vec::with_capacity(asked.len());
    for change in asked {
        changes.push(match change {
            ElementChange::Add(elements) => {
                MemberChange::Add(resolve(connection, context, &elements, leniencies)?)
            }
            ElementChange::Replace(elements) => {
                MemberChange::Replace(replacing(connection, context, &elements, leniencies)?)
            }
            ElementChange::RemoveAll => MemberChange::Replace(Vec::new()),
            ElementChange::RemoveValues(values) => {
                MemberChange::Remove(values.into_iter().map(ResourceId::new).collect())
            }
            ElementChange::RemoveWhere(condition) => {
                let mut found = matching(connection, context, group, &condition)?;
                found.extend(matching_added(connection, context, &changes, &condition)?);
                MemberChange::Remove(found)
            }
        });
    }
    Ok(changes)
}

/// The members of which a condition holds, as they are before the request.
fn matching(
    connection: &mut DatabaseConnection,
    context: &Context,
    group: &Resource,
    condition: &Condition,
) -> Result<Vec<ResourceId>, ProvisioningError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = memberships::page(connection, &group.id, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = Some(last.id.clone());
        found.extend(
            page.iter()
                .filter(|member| condition.matches_element(&member_value(context, member)))
                .map(|member| member.id.clone()),
        );
    }
}

/// The members that earlier operations of the request add and of which a condition holds, since each
/// operation sees what those before it did (RFC 7644 section 3.5.2).
fn matching_added(
    connection: &mut DatabaseConnection,
    context: &Context,
    earlier: &[MemberChange],
    condition: &Condition,
) -> Result<Vec<ResourceId>, ProvisioningError> {
    let added: Vec<&GroupMember> = earlier
        .iter()
        .flat_map(|change| match change {
            MemberChange::Add(members) | MemberChange::Replace(members) => members.as_slice(),
            MemberChange::Remove(_) => &[],
        })
        .collect();
    let ids: Vec<&str> = added.iter().map(|member| member.id.as_str()).collect();
    let known = memberships::existing(connection, &context.directory.id, &ids)?;
    let is_selected = |member: &GroupMember| {
        let own_name = known
            .get(member.id.as_str())
            .and_then(|known| known.display.clone());
        let shown = GroupMember {
            display: member.display.clone().or(own_name),
            ..member.clone()
        };
        condition.matches_element(&member_value(context, &shown))
    };
    Ok(added
        .into_iter()
        .filter(|member| is_selected(member))
        .map(|member| member.id.clone())
        .collect())
}
