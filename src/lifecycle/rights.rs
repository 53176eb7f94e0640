//! Losing an admin role, by whatever way: an assignment or mapping removed, leaving a mapped group, or that
//! group deleted.

use std::collections::BTreeSet;

use crate::audit::{self, Action, Event};
use crate::policies::{PolicyError, Role};
use crate::store::id::{DirectoryId, ResourceId, RoleMappingId};
use crate::store::{DatabaseConnection, StoreError, memberships, resources};
use crate::store::{credentials, roles};

use super::deprovision::{Reason, lose_role};
use super::owners::refuse_last_owner;
use super::{Cause, LifecycleError, USER};

/// The roles of people before a change that may take some away.
#[derive(Debug, Default)]
pub(super) struct RolesBefore(Vec<(ResourceId, Vec<String>)>);

impl RolesBefore {
    /// Of those within some members of a group; nobody where no mapped group is concerned.
    pub(super) fn of_members(
        connection: &mut DatabaseConnection,
        directory: &DirectoryId,
        group: &ResourceId,
        leaving: &[ResourceId],
    ) -> Result<Self, StoreError> {
        if leaving.is_empty() || !gives_a_role(connection, directory, group)? {
            return Ok(Self::default());
        }
        let mut people = BTreeSet::new();
        for member in leaving {
            people.extend(memberships::members_within(connection, member, USER)?);
        }
        Self::of_people(connection, directory, people)
    }

    /// Of everybody within a group; nobody where no mapped group is concerned.
    pub(super) fn of_group(
        connection: &mut DatabaseConnection,
        directory: &DirectoryId,
        group: &ResourceId,
    ) -> Result<Self, StoreError> {
        Self::of_members(connection, directory, group, std::slice::from_ref(group))
    }

    /// Their rows are held before their roles are read: of two changes that each leave the role to the other,
    /// the second sees what the first has taken. No key of theirs is made until the commit either.
    fn of_people(
        connection: &mut DatabaseConnection,
        directory: &DirectoryId,
        people: BTreeSet<ResourceId>,
    ) -> Result<Self, StoreError> {
        let people: Vec<ResourceId> = people.into_iter().collect();
        resources::lock_all(connection, directory, &people)?;
        let mut before = Self::default();
        for person in people {
            let roles = roles::roles_of(connection, &person)?;
            if !roles.is_empty() {
                before.0.push((person, roles));
            }
        }
        Ok(before)
    }

    /// Does what follows for those who have lost admin rights, or their last role, since.
    pub(super) fn settle(
        self,
        connection: &mut DatabaseConnection,
        cause: &Cause,
    ) -> Result<(), StoreError> {
        for (person, before) in self.0 {
            let after = roles::roles_of(connection, &person)?;
            let is_left = has_lost(&before, &after);
            let lost: Vec<String> = before
                .into_iter()
                .filter(|role| !after.contains(role))
                .collect();
            if !is_left {
                lose_some(connection, &person, &lost, cause)?;
                continue;
            }
            if let Some(person) = resources::find_any(connection, &person)? {
                lose_role(connection, &person, &lost, cause)?;
            }
        }
        Ok(())
    }
}

/// An owner who goes on as an admin keeps what they have, but no link by which somebody else could become what
/// they were.
fn lose_some(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    lost: &[String],
    cause: &Cause,
) -> Result<(), StoreError> {
    if !lost.is_empty() {
        let reason = Reason::RoleLost.name();
        credentials::revoke_links_made_by(connection, person, reason, cause.now)?;
    }
    Ok(())
}

/// Whether somebody with the roles before has lost admin rights, or their last role.
pub(super) fn has_lost(before: &[String], after: &[String]) -> bool {
    (administers(before) && !administers(after)) || after.is_empty()
}

fn administers(roles: &[String]) -> bool {
    roles
        .iter()
        .any(|role| role == Role::Owner.name() || role == Role::Admin.name())
}

/// Whether a group is mapped to a role, or within one that is.
pub(super) fn gives_a_role(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    group: &ResourceId,
) -> Result<bool, StoreError> {
    let mapped = roles::list_mappings(connection, Some(directory))?;
    if mapped.is_empty() {
        return Ok(false);
    }
    let above = memberships::group_and_ancestors(connection, group)?;
    Ok(mapped
        .iter()
        .any(|mapping| above.contains(&mapping.group_id)))
}

/// Takes a granted role away from a person.
///
/// # Errors
/// [`PolicyError::NotFound`] where they have it not by assignment; [`PolicyError::Conflict`] where nobody else is
/// an owner; when the database fails.
pub fn unassign_role(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    role: Role,
    cause: &Cause,
) -> Result<(), LifecycleError> {
    let found = resources::find_any(connection, person)?.ok_or(PolicyError::NotFound("user"))?;
    let before = RolesBefore::of_people(
        connection,
        &found.directory_id,
        BTreeSet::from([person.clone()]),
    )?;
    if role == Role::Owner {
        refuse_last_owner(connection, std::slice::from_ref(person))?;
    }
    if !roles::unassign(connection, person, role.name())? {
        return Err(PolicyError::NotFound("role assignment").into());
    }
    let event = Event::new(Action::RoleUnassigned)
        .within(&found.directory_id)
        .to(USER, person.as_str(), found.label())
        .with("role", role.name());
    audit::record(connection, &cause.actor, cause.now, event)?;
    before.settle(connection, cause)?;
    Ok(())
}

/// Removes the mapping of a group to a role.
///
/// # Errors
/// [`PolicyError::NotFound`] where there is none; when the database fails.
pub fn unmap_group(
    connection: &mut DatabaseConnection,
    id: &RoleMappingId,
    cause: &Cause,
) -> Result<(), LifecycleError> {
    let mapping =
        roles::find_mapping(connection, id)?.ok_or(PolicyError::NotFound("role mapping"))?;
    let before = RolesBefore::of_group(connection, &mapping.directory_id, &mapping.group_id)?;
    roles::delete_mapping(connection, id)?;
    let event = Event::new(Action::RoleMappingDeleted)
        .within(&mapping.directory_id)
        .to("Group", mapping.group_id.as_str(), None)
        .with("role", mapping.role.as_str());
    audit::record(connection, &cause.actor, cause.now, event)?;
    before.settle(connection, cause)?;
    Ok(())
}
