//! Whom a policy names: people and groups.

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::store::id::{DirectoryId, PolicyId, ResourceId};
use crate::store::policies::{self as table, PolicyRow};
use crate::store::{DatabaseConnection, StoreError, resources};

use super::row::{event, find_row, refuse_default};
use super::{GROUP, PERSON};

/// Lets a policy name a person or group; false where it did before.
///
/// # Errors
/// [`PolicyError::NotFound`] where either does not exist; [`PolicyError::Invalid`] for a member that is
/// neither person nor group; [`PolicyError::Conflict`] for the default policy; when the database fails.
pub fn add_member(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    member: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, PolicyError> {
    table::lock(connection)?;
    let row = find_row(connection, id)?;
    refuse_default(&row, NO_MEMBERS)?;
    name_member(connection, &row, member, actor, now)
}

/// Why the default policy names nobody.
pub(super) const NO_MEMBERS: &str = "name anybody: it holds for whoever no other policy names";

pub(super) fn name_member(
    connection: &mut DatabaseConnection,
    row: &PolicyRow,
    member: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, PolicyError> {
    // Held, so that it is not deleted meanwhile.
    let found = resources::lock_shared(connection, member)?
        .ok_or(PolicyError::NotFound("user or group"))?;
    check_member_type(&found.resource_type)?;
    let id = PolicyId::new(row.id.as_str());
    let added = table::add_member(connection, &id, member, &found.resource_type, now)?;
    if added {
        let event = event(Action::PolicyMemberAdded, row)
            .with("member_type", found.resource_type.as_str())
            .with("member_id", member.as_str())
            .with("member_name", found.label());
        audit::record(connection, actor, now, event)?;
    }
    Ok(added)
}

pub(super) fn check_member_type(resource_type: &str) -> Result<(), PolicyError> {
    if resource_type == PERSON || resource_type == GROUP {
        return Ok(());
    }
    Err(PolicyError::Invalid(format!(
        "the member is a {resource_type}; a policy names users and groups"
    )))
}

/// Lets a policy name a person or group no more.
///
/// # Errors
/// [`PolicyError::NotFound`] where there is no such policy, or it does not name them; when the database
/// fails.
pub fn remove_member(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    member: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), PolicyError> {
    table::lock(connection)?;
    let row = find_row(connection, id)?;
    if !table::remove_member(connection, id, member)? {
        return Err(PolicyError::NotFound("member of the policy"));
    }
    let event = event(Action::PolicyMemberRemoved, &row).with("member_id", member.as_str());
    audit::record(connection, actor, now, event)?;
    Ok(())
}

/// Takes a person or group that is deleted out of every policy that names it.
///
/// # Errors
/// When the database fails.
pub fn forget_member(
    connection: &mut DatabaseConnection,
    member: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    for id in table::forget_member(connection, member)? {
        if let Some(row) = table::find(connection, &id)? {
            let event = event(Action::PolicyMemberRemoved, &row)
                .with("member_id", member.as_str())
                .with("reason", "deleted");
            audit::record(connection, actor, now, event)?;
        }
    }
    Ok(())
}

/// Takes everybody of a directory that is removed out of every policy.
///
/// # Errors
/// When the database fails.
pub fn forget_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    table::forget_directory(connection, directory)
}
