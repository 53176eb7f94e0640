//! What a deprovisioning, the loss of a role or the removal of a directory would end: the same conditions as
//! the cascade itself, and nothing is written.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::policies::{PolicyError, Role};
use crate::secret::SecretKind;
use crate::store::credentials::{self, Counts, Credential, Whose};
use crate::store::id::{DirectoryId, ResourceId, RoleMappingId};
use crate::store::resources::{self, Resource};
use crate::store::roles::{self, Without};
use crate::store::{
    DatabaseConnection, StoreError, directories, memberships, resource_counts, service_accounts,
};

use super::owners::is_last_owner;
use super::resting::{RoleByGroups, roles_by_groups};
use super::rights::has_lost;
use super::{LifecycleError, USER};

/// What would end.
#[derive(Debug, Clone, Default)]
pub struct Impact {
    /// How many people it concerns.
    pub people: i64,
    /// What would be revoked, by kind; sessions end.
    pub revoked: Counts,
    /// The keys that would be left behind: they go on working.
    pub orphaned: Vec<Credential>,
    /// How many service accounts would be left behind.
    pub accounts_orphaned: i64,
    /// Who would lose which roles for good.
    pub roles_lost: Vec<RoleLoss>,
    /// The roles that would rest while the person who leaves is inactive, since groups give them.
    pub roles_resting: Vec<RoleByGroups>,
    /// Whether it would leave nobody with the owner role, so that it is refused by hand.
    pub last_owner: bool,
}

/// The roles that somebody would lose.
#[derive(Debug, Clone)]
pub struct RoleLoss {
    /// The person.
    pub person: Resource,
    /// By their names.
    pub roles: Vec<String>,
}

impl Impact {
    fn revoke(&mut self, counts: Counts) {
        for (kind, count) in counts {
            *self.revoked.entry(kind).or_default() += count;
        }
    }

    /// What would be left behind, by kind, as a receipt counts it.
    #[must_use]
    pub fn orphaned_counts(&self) -> Counts {
        let mut counts = Counts::new();
        for key in &self.orphaned {
            *counts.entry(key.kind.name().to_owned()).or_default() += 1;
        }
        if self.accounts_orphaned > 0 {
            counts.insert("service_account".to_owned(), self.accounts_orphaned);
        }
        counts
    }

    fn leave(
        &mut self,
        connection: &mut DatabaseConnection,
        whose: Whose<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let left = credentials::would_be_orphans(connection, whose, now)?;
        self.orphaned.extend(left);
        self.accounts_orphaned += service_accounts::count_would_be_orphans(connection, whose)?;
        Ok(())
    }

    fn lose(&mut self, person: Resource, roles: Vec<String>) {
        if !roles.is_empty() {
            self.roles_lost.push(RoleLoss { person, roles });
        }
    }
}

fn find_person(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Resource, PolicyError> {
    resources::find_any(connection, id)?
        .filter(|found| found.resource_type == USER)
        .ok_or(PolicyError::NotFound("user"))
}

/// What the deprovisioning of a person would end.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn impact_of_leaving(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    now: Timestamp,
) -> Result<Impact, LifecycleError> {
    let person = find_person(connection, id)?;
    let whose = Whose::Person(id);
    let mut impact = Impact {
        people: 1,
        revoked: credentials::count_all_of(connection, whose)?,
        last_owner: is_last_owner(connection, &BTreeSet::from([id.clone()]))?,
        ..Impact::default()
    };
    impact.leave(connection, whose, now)?;
    // As the cascade does: what was granted goes, and memberships are the identity provider's.
    let mut granted: Vec<String> = roles::list_assignments(connection, Some(id))?
        .into_iter()
        .map(|assignment| assignment.role)
        .collect();
    granted.sort();
    impact.lose(person, granted);
    impact.roles_resting = roles_by_groups(connection, id)?;
    Ok(impact)
}

/// What taking a granted role from a person would end.
///
/// # Errors
/// [`PolicyError::NotFound`] where they have it not by assignment; when the database fails.
pub fn impact_of_unassigning(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    role: Role,
    now: Timestamp,
) -> Result<Impact, LifecycleError> {
    find_person(connection, id)?;
    let has_it = roles::list_assignments(connection, Some(id))?
        .iter()
        .any(|assignment| assignment.role == role.name());
    if !has_it {
        return Err(PolicyError::NotFound("role assignment").into());
    }
    let without = Without::Assignment(role.name());
    let mut impact = impact_on_roles(connection, BTreeSet::from([id.clone()]), &without, now)?;
    impact.last_owner =
        role == Role::Owner && is_last_owner(connection, &BTreeSet::from([id.clone()]))?;
    Ok(impact)
}

/// What removing the mapping of a group to a role would end.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn impact_of_unmapping(
    connection: &mut DatabaseConnection,
    id: &RoleMappingId,
    now: Timestamp,
) -> Result<Impact, LifecycleError> {
    let mapping =
        roles::find_mapping(connection, id)?.ok_or(PolicyError::NotFound("role mapping"))?;
    let people = memberships::members_within(connection, &mapping.group_id, USER)?;
    let without = Without::Mapping(id);
    Ok(impact_on_roles(
        connection,
        people.into_iter().collect(),
        &without,
        now,
    )?)
}

fn impact_on_roles(
    connection: &mut DatabaseConnection,
    people: BTreeSet<ResourceId>,
    without: &Without<'_>,
    now: Timestamp,
) -> Result<Impact, StoreError> {
    let mut impact = Impact::default();
    for id in people {
        let before = roles::roles_of(connection, &id)?;
        let after = roles::roles_without(connection, &id, without)?;
        if before == after {
            continue;
        }
        let Some(person) = resources::find_any(connection, &id)? else {
            continue;
        };
        impact.people += 1;
        if has_lost(&before, &after) {
            let (whose, kinds) = (Whose::Person(&id), [SecretKind::Session]);
            impact.revoke(credentials::count_kinds_of(connection, whose, &kinds)?);
            impact.leave(connection, whose, now)?;
        }
        let lost: Vec<String> = before
            .into_iter()
            .filter(|role| !after.contains(role))
            .collect();
        if !lost.is_empty() {
            let links = credentials::count_links_made_by(connection, Whose::Person(&id))?;
            impact.revoke(links);
        }
        impact.lose(person, lost);
    }
    Ok(impact)
}

/// What the removal of a directory would end. Its own SCIM keys are revoked, whoever made them.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn impact_of_removing(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
    now: Timestamp,
) -> Result<Impact, LifecycleError> {
    directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))?;
    let mut impact = Impact {
        people: resource_counts::count(connection, id, USER)?,
        revoked: credentials::count_all_of(connection, Whose::PeopleOf(id))?,
        ..Impact::default()
    };
    impact.revoke(credentials::count_bound(connection, id)?);
    impact.leave(connection, Whose::PeopleOf(id), now)?;
    impact
        .orphaned
        .retain(|key| key.directory_id.as_ref() != Some(id));
    let mut owners = BTreeSet::new();
    for person in people_with_roles(connection, id)? {
        let roles = roles::roles_of(connection, &person.id)?;
        owners.insert(person.id.clone());
        impact.lose(person, roles);
    }
    impact.last_owner = is_last_owner(connection, &owners)?;
    Ok(impact)
}

fn people_with_roles(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<Vec<Resource>, StoreError> {
    let mut ids: BTreeSet<ResourceId> = roles::list_assignments(connection, None)?
        .into_iter()
        .map(|assignment| ResourceId::new(assignment.person_id))
        .collect();
    for mapping in roles::list_mappings(connection, Some(directory))? {
        ids.extend(memberships::members_within(
            connection,
            &mapping.group_id,
            USER,
        )?);
    }
    let mut people = Vec::new();
    for id in ids {
        let person = resources::find_any(connection, &id)?;
        people.extend(person.filter(|person| person.directory_id == *directory));
    }
    Ok(people)
}
