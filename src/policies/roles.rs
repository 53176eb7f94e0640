//! Roles: what people may do in the admin interface, granted to them or to a mapped group.
//!
//! What follows from losing a role is `lifecycle`'s; nothing here takes one away.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::id::{ResourceId, RoleMappingId};
use crate::store::roles::{self, Mapping};
use crate::store::{DatabaseConnection, resources};

use super::PolicyError;
use super::scopes::Scope;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything, roles of others included. Only ever granted by hand.
    Owner,
    /// Everything but granting and taking the owner role.
    Admin,
    /// Sees everything, changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Owner, Self::Admin, Self::Auditor];

    /// The name in requests and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`] where there is none.
    pub fn from_name(name: &str) -> Result<Self, PolicyError> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| {
                PolicyError::Invalid(format!(
                    "role is {name:?}; it must be owner, admin or auditor"
                ))
            })
    }

    /// Whether the role includes a scope.
    #[must_use]
    pub fn allows(self, scope: Scope) -> bool {
        match self {
            Self::Owner | Self::Admin => true,
            Self::Auditor => scope.is_read_only(),
        }
    }
}

/// The roles that a person has now.
///
/// # Errors
/// When the database fails.
pub fn roles_of(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<Role>, PolicyError> {
    // A stored name that is no role gives no right.
    Ok(roles::roles_of(connection, person)?
        .iter()
        .filter_map(|name| Role::from_name(name).ok())
        .collect())
}

/// The scopes that roles include together.
#[must_use]
pub fn scopes_of(roles: &[Role]) -> Vec<Scope> {
    Scope::ALL
        .into_iter()
        .filter(|scope| roles.iter().any(|role| role.allows(*scope)))
        .collect()
}

/// Grants a role to a person; false where they had it by assignment already.
///
/// # Errors
/// [`PolicyError::NotFound`] for no person, [`PolicyError::Conflict`] for one who is not active; when the
/// database fails.
pub fn assign(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    role: Role,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, PolicyError> {
    let found = resources::lock_shared(connection, person)?
        .filter(|found| found.user_name.is_some())
        .ok_or(PolicyError::NotFound("user"))?;
    if !found.active {
        return Err(PolicyError::Conflict(
            "the user is not active and can be given no role".to_owned(),
        ));
    }
    let assigned = roles::assign(
        connection,
        person,
        role.name(),
        actor.person_id.as_ref(),
        now,
    )?;
    if assigned {
        let event = Event::new(Action::RoleAssigned)
            .within(&found.directory_id)
            .to("User", person.as_str(), found.label())
            .with("role", role.name());
        audit::record(connection, actor, now, event)?;
    }
    Ok(assigned)
}

/// Maps a group to a role.
///
/// # Errors
/// [`PolicyError::Forbidden`] for the owner role, which no identity provider may give;
/// [`PolicyError::NotFound`] for no group; [`PolicyError::Conflict`] where it is mapped already; when the
/// database fails.
pub fn map_group(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
    group_type: &str,
    role: Role,
    actor: &Actor,
    now: Timestamp,
) -> Result<Mapping, PolicyError> {
    if role == Role::Owner {
        return Err(PolicyError::Forbidden(
            "a group cannot be mapped to the owner role, which is only ever granted by hand"
                .to_owned(),
        ));
    }
    let found = resources::lock_shared(connection, group)?
        .filter(|found| found.resource_type == group_type)
        .ok_or(PolicyError::NotFound("group"))?;
    let mapping = Mapping {
        id: RoleMappingId::generate(),
        directory_id: found.directory_id.clone(),
        group_id: group.clone(),
        role: role.name().to_owned(),
        created_at: now,
        created_by: actor.person_id.clone(),
    };
    roles::insert_mapping(connection, &mapping).map_err(|error| {
        match error.unique_violation() {
            Some(_) => PolicyError::Conflict("the group is mapped to that role already".to_owned()),
            None => error.into(),
        }
    })?;
    let event = Event::new(Action::RoleMappingCreated)
        .within(&found.directory_id)
        .to("Group", group.as_str(), found.label())
        .with("role", role.name());
    audit::record(connection, actor, now, event)?;
    Ok(mapping)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_changes_nothing_and_nobody_has_rights_without_a_role() {
        assert_eq!(scopes_of(&[]), []);
        assert!(
            scopes_of(&[Role::Auditor])
                .iter()
                .all(|scope| scope.is_read_only())
        );
        assert_eq!(scopes_of(&[Role::Auditor, Role::Admin]), Scope::ALL);
    }
}
