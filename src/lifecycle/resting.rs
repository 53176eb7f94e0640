//! Roles that groups give. Memberships are the identity provider's and outlive a deprovisioning: such a role rests
//! while its holder is inactive, counts for nothing, and is theirs again with their return.

use crate::policies::PolicyError;
use crate::store::id::ResourceId;
use crate::store::resources::{self, Resource};
use crate::store::roles::{self, ByGroup};
use crate::store::{DatabaseConnection, StoreError};

use super::{LifecycleError, USER};

/// A role that groups give to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleByGroups {
    /// By its name.
    pub role: String,
    /// The groups that are mapped to it, by name: the person is in each, or in one within it. At least one.
    pub groups: Vec<GivingGroup>,
}

/// A group that gives a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivingGroup {
    /// Its identifier.
    pub id: ResourceId,
    /// What it is called.
    pub name: Option<String>,
}

/// What the reactivation of a person would bring back.
#[derive(Debug, Clone)]
pub struct Returning {
    /// The person.
    pub person: Resource,
    /// The roles that rest; none of somebody who is active, and to whom nothing comes back.
    pub roles: Vec<RoleByGroups>,
}

/// The roles that groups give to a person, each once, in the order of their names.
///
/// # Errors
/// When the database fails.
pub fn roles_by_groups(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<RoleByGroups>, StoreError> {
    let mut found: Vec<RoleByGroups> = Vec::new();
    for ByGroup {
        role,
        group_id,
        group_name,
    } in roles::by_groups(connection, person)?
    {
        let group = GivingGroup {
            id: ResourceId::new(group_id),
            name: group_name,
        };
        match found.last_mut().filter(|last| last.role == role) {
            Some(last) => last.groups.push(group),
            None => found.push(RoleByGroups {
                role,
                groups: vec![group],
            }),
        }
    }
    Ok(found)
}

/// What the reactivation of a person would bring back: the roles that their groups give.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn impact_of_returning(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Returning, LifecycleError> {
    let person = resources::find_any(connection, id)?
        .filter(|found| found.resource_type == USER)
        .ok_or(PolicyError::NotFound("user"))?;
    let roles = if person.active {
        Vec::new()
    } else {
        roles_by_groups(connection, id)?
    };
    Ok(Returning { person, roles })
}
