//! People who were deleted, and are recovered or forgotten for good.
//!
//! A person comes back inactive, with the same id, and with nothing that authenticates them. They are in the groups
//! again that are still there, but for those that give a role: whoever recovers them gives no rights by it.

use serde_json::json;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::store::deleted_people::{self, DeletedPerson};
use crate::store::id::ResourceId;
use crate::store::memberships::{self, GroupMember};
use crate::store::resources::{self, Resource};
use crate::store::side_values::SideValues;
use crate::store::{DatabaseConnection, StoreError};

use super::rights::gives_a_role;
use super::{Cause, GROUP, LifecycleError, USER};

/// A person who is there again.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The person, inactive.
    pub resource: Resource,
    /// The groups that they are in again.
    pub groups: Vec<ResourceId>,
    /// Those that they are not in again: gone, or giving a role.
    pub left_out: Vec<ResourceId>,
}

/// Keeps a person who is being deleted, so that it can be undone for a time.
pub(super) fn keep(
    connection: &mut DatabaseConnection,
    person: &Resource,
    groups: &[ResourceId],
    cause: &Cause,
) -> Result<(), StoreError> {
    deleted_people::insert(
        connection,
        &DeletedPerson {
            resource: person.clone(),
            groups: groups.to_vec(),
            deleted_at: cause.now,
            actor_kind: cause.actor.kind.clone(),
            actor_credential_id: cause.actor.credential_id.as_ref().map(ToString::to_string),
            actor_name: cause.actor.name.clone(),
        },
    )
}

/// A person who was deleted within so many days.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn find_deleted(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    days: u32,
    now: Timestamp,
) -> Result<DeletedPerson, LifecycleError> {
    let found = deleted_people::find(connection, id, since(days, now))?;
    Ok(found.ok_or(PolicyError::NotFound("deleted user"))?)
}

/// The same, whom nobody else takes until the transaction ends.
///
/// # Errors
/// As [`find_deleted`].
pub fn hold_deleted(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    days: u32,
    now: Timestamp,
) -> Result<DeletedPerson, LifecycleError> {
    let found = deleted_people::find_for_update(connection, id, since(days, now))?;
    Ok(found.ok_or(PolicyError::NotFound("deleted user"))?)
}

/// Those deleted at this instant or later can be recovered.
#[must_use]
pub fn since(days: u32, now: Timestamp) -> Timestamp {
    now.plus_days(-i64::from(days))
}

/// Puts a person back: `resource` is what they were, inactive.
///
/// # Errors
/// [`LifecycleError::Conflict`] where somebody else has their `userName` or `externalId` by now; when the database
/// fails.
pub fn recover(
    connection: &mut DatabaseConnection,
    deleted: &DeletedPerson,
    resource: Resource,
    side: &SideValues,
    cause: &Cause,
) -> Result<Recovered, LifecycleError> {
    let directory = &deleted.resource.directory_id;
    let resource = Resource {
        // Nobody takes what they read before for what is there now.
        version: deleted.resource.version + 1,
        active: false,
        created_at: deleted.resource.created_at,
        modified_at: cause.now,
        ..resource
    };
    // Groups are held before their members.
    resources::lock_all(connection, directory, &deleted.groups)?;
    resources::insert(connection, &resource, side)?;
    let member = GroupMember {
        id: resource.id.clone(),
        member_type: USER.to_owned(),
        display: None,
    };
    let (mut groups, mut left_out) = (Vec::new(), Vec::new());
    for group in &deleted.groups {
        let is_there = resources::find(connection, directory, GROUP, group.as_str())?.is_some();
        if is_there && !gives_a_role(connection, directory, group)? {
            memberships::add(connection, directory, group, std::slice::from_ref(&member))?;
            groups.push(group.clone());
        } else {
            left_out.push(group.clone());
        }
    }
    resources::touch(connection, directory, &groups, cause.now)?;
    deleted_people::delete(connection, &resource.id)?;
    let event = about(Action::UserRecovered, &resource)
        .with("deleted_at", deleted.deleted_at.to_rfc3339())
        .with("groups", json!(groups))
        .with("groups_left_out", json!(left_out));
    audit::record(connection, &cause.actor, cause.now, event)?;
    Ok(Recovered {
        resource,
        groups,
        left_out,
    })
}

/// Forgets a deleted person for good, before their time.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn forget_deleted(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    days: u32,
    cause: &Cause,
) -> Result<(), LifecycleError> {
    let deleted = hold_deleted(connection, id, days, cause.now)?;
    deleted_people::delete(connection, id)?;
    // Who they were is what is to be forgotten.
    let event = Event::new(Action::DeletedUserForgotten)
        .within(&deleted.resource.directory_id)
        .to(USER, id.as_str(), None);
    audit::record(connection, &cause.actor, cause.now, event)?;
    Ok(())
}

/// Forgets for good whoever was deleted more than so many days ago, and says how many.
///
/// # Errors
/// When the database fails.
pub fn forget_old(
    connection: &mut DatabaseConnection,
    days: u32,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let before = since(days, now);
    let forgotten = deleted_people::delete_before(connection, before)?;
    if forgotten > 0 {
        let event = Event::new(Action::DeletedUserForgotten)
            .with("count", forgotten)
            .with("deleted_before", before.to_rfc3339());
        audit::record(connection, &Actor::system(), now, event)?;
    }
    Ok(forgotten)
}

fn about(action: Action, person: &Resource) -> Event {
    Event::new(action)
        .within(&person.directory_id)
        .to(USER, person.id.as_str(), person.label())
}
