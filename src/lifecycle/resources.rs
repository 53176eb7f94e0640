//! The door through which resources are written.

use serde_json::json;

use crate::audit::{self, Action, Event};
use crate::policies::authentication;
use crate::store::id::CredentialId;
use crate::store::resources::{self, Resource};
use crate::store::side_values::SideValues;
use crate::store::{DatabaseConnection, StoreError, creation, memberships, roles};

use super::deprovision::{Reason, deprovision};
use super::membership::{MemberChange, Moved, change_members};
use super::rights::RolesBefore;
use super::{Cause, GROUP, LifecycleError, USER, recovery};

/// How many members an audit event names.
const NAMED_MEMBERS: usize = 100;

/// A resource as it is to be.
#[derive(Debug)]
pub struct Change<'a> {
    /// Its columns and document; version and times are set here.
    pub resource: Resource,
    /// What is looked up of it.
    pub side: SideValues,
    /// Changes of its members, in order.
    pub members: &'a [MemberChange],
    /// The attributes that the request named, for the audit; no values.
    pub named: Vec<String>,
}

/// Adds a resource and gives it as it is stored.
///
/// # Errors
/// [`LifecycleError::Conflict`] where a value must be unique and is not; when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    change: Change<'_>,
    cause: &Cause,
) -> Result<Resource, LifecycleError> {
    let resource = first_version(change.resource, cause);
    resources::insert(connection, &resource, &change.side)?;
    let moved = change_members(connection, &resource, change.members, cause)?;
    record(
        connection,
        Action::ResourceCreated,
        &resource,
        change.named,
        &moved,
        cause,
    )?;
    Ok(resource)
}

/// Adds a resource without members by one statement, where the database offers that and the caller's key is nobody's
/// and stands in it; `None` where nothing was added, and [`create`] is to be asked within a transaction.
///
/// # Errors
/// As [`create`].
pub fn create_at_once(
    connection: &mut DatabaseConnection,
    key: &CredentialId,
    change: Change<'_>,
    cause: &Cause,
) -> Result<Option<Resource>, LifecycleError> {
    let resource = first_version(change.resource, cause);
    let moved = Moved::default();
    let event = event_of(Action::ResourceCreated, &resource, change.named, &moved);
    let event = audit::row_of(&cause.actor, cause.now, event);
    let side = &change.side;
    let is_added = creation::insert_under(connection, key, cause.now, &resource, side, &event)?;
    Ok(is_added.then_some(resource))
}

fn first_version(resource: Resource, cause: &Cause) -> Resource {
    Resource {
        version: 1,
        created_at: cause.now,
        modified_at: cause.now,
        ..resource
    }
}

/// Changes a resource, whose row the caller holds, and gives it as it is stored. Where nothing changes,
/// nothing is written and the version stays; where a person is not active afterwards, everything of theirs
/// ends, again if need be.
///
/// # Errors
/// [`LifecycleError::Conflict`] where a value must be unique and is not; when the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    before: &Resource,
    change: Change<'_>,
    cause: &Cause,
) -> Result<Resource, LifecycleError> {
    let moved = change_members(connection, before, change.members, cause)?;
    let is_same = before.document == change.resource.document && moved.is_nothing();
    let after = if is_same {
        before.clone()
    } else {
        let after = Resource {
            version: before.version + 1,
            created_at: before.created_at,
            modified_at: cause.now,
            ..change.resource
        };
        resources::update(connection, before, &after, &change.side)?;
        record(
            connection,
            Action::ResourceUpdated,
            &after,
            change.named,
            &moved,
            cause,
        )?;
        after
    };
    if after.resource_type == USER {
        follow_activity(connection, before, &after, cause)?;
    }
    Ok(after)
}

fn follow_activity(
    connection: &mut DatabaseConnection,
    before: &Resource,
    after: &Resource,
    cause: &Cause,
) -> Result<(), StoreError> {
    if !after.active {
        let is_repeated = !before.active;
        return deprovision(connection, after, Reason::Deactivated, is_repeated, cause);
    }
    if !before.active {
        let mut event = Event::new(Action::UserReactivated)
            .within(&after.directory_id)
            .to(USER, after.id.as_str(), after.label());
        // Those that their groups give rested, and count again.
        let roles = roles::roles_of(connection, &after.id)?;
        if !roles.is_empty() {
            event = event.with("roles", roles);
        }
        audit::record(connection, &cause.actor, cause.now, event)?;
    }
    Ok(())
}

/// Removes a resource, whose row the caller holds, from everywhere.
///
/// # Errors
/// When the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    cause: &Cause,
) -> Result<(), LifecycleError> {
    if resource.resource_type == USER {
        deprovision(connection, resource, Reason::Deleted, false, cause)?;
    }
    let before = if resource.resource_type == GROUP {
        RolesBefore::of_group(connection, &resource.directory_id, &resource.id)?
    } else {
        RolesBefore::default()
    };
    let groups = memberships::direct_groups_of(connection, &resource.id)?;
    if resource.resource_type == USER {
        recovery::keep(connection, resource, &groups, cause)?;
    }
    memberships::forget(connection, &resource.id)?;
    authentication::forget_member(connection, &resource.id, &cause.actor, cause.now)?;
    roles::delete_mappings_of_group(connection, &resource.id)?;
    resources::delete(connection, resource)?;
    before.settle(connection, cause)?;
    resources::touch(connection, &resource.directory_id, &groups, cause.now)?;
    record(
        connection,
        Action::ResourceDeleted,
        resource,
        Vec::new(),
        &Moved::default(),
        cause,
    )?;
    Ok(())
}

fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    resource: &Resource,
    named: Vec<String>,
    moved: &Moved,
    cause: &Cause,
) -> Result<(), StoreError> {
    let event = event_of(action, resource, named, moved);
    audit::record(connection, &cause.actor, cause.now, event)
}

fn event_of(action: Action, resource: &Resource, named: Vec<String>, moved: &Moved) -> Event {
    let mut event = Event::new(action)
        .within(&resource.directory_id)
        .to(
            &resource.resource_type,
            resource.id.as_str(),
            resource.label(),
        )
        .with("version", resource.version);
    if !named.is_empty() {
        event = event.with("attributes", named);
    }
    for (name, members) in [
        ("members_added", &moved.added),
        ("members_removed", &moved.removed),
    ] {
        if !members.is_empty() {
            let some: Vec<&str> = members
                .iter()
                .take(NAMED_MEMBERS)
                .map(crate::store::id::ResourceId::as_str)
                .collect();
            event = event.with(name, json!({"count": members.len(), "ids": some}));
        }
    }
    event
}
