//! People, where they come from, and their roles.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::lifecycle::recovery::Recovered;
use crate::policies::Role;
use crate::scim::leniency::Dialect;
use crate::store::deleted_people::DeletedPerson;
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::{DirectoryId, ResourceId, RoleMappingId};
use crate::store::resources::Resource;
use crate::store::roles::{Assignment, Mapping};

/// A directory: one identity provider, or the local people.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Directory)]
pub struct DirectoryView {
    id: DirectoryId,
    name: String,
    #[schema(value_type = DirectoryKind)]
    kind: &'static str,
    #[schema(value_type = Dialect)]
    dialect: &'static str,
    /// Whether its identity provider may set passwords.
    password_allowed: bool,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A directory.
#[must_use]
pub fn directory(directory: &directories::Directory) -> DirectoryView {
    DirectoryView {
        id: directory.id.clone(),
        name: directory.name.clone(),
        kind: directory.kind.name(),
        dialect: directory.dialect.name(),
        password_allowed: directory.password_allowed,
        created_at: directory.created_at,
        modified_at: directory.modified_at,
    }
}

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    id: ResourceId,
    directory_id: DirectoryId,
    #[schema(required)]
    user_name: Option<String>,
    #[schema(required)]
    external_id: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    active: bool,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A person with the roles that they have now, by whatever way.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = UserWithRoles)]
pub struct UserWithRolesView {
    #[serde(flatten)]
    user: UserView,
    /// Those of somebody who is not active are given by groups, and rest: they count for nothing until the person is
    /// active again.
    #[schema(value_type = Vec<Role>)]
    roles: Vec<&'static str>,
}

/// A person.
#[must_use]
pub fn user(user: &Resource) -> UserView {
    UserView {
        id: user.id.clone(),
        directory_id: user.directory_id.clone(),
        user_name: user.user_name.clone(),
        external_id: user.external_id.clone(),
        display_name: user.display_name.clone(),
        active: user.active,
        created_at: user.created_at,
        modified_at: user.modified_at,
    }
}

/// A person with their roles.
#[must_use]
pub fn user_with_roles(person: &Resource, roles: &[Role]) -> UserWithRolesView {
    UserWithRolesView {
        user: user(person),
        roles: roles.iter().map(|role| role.name()).collect(),
    }
}

/// A role granted to a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleAssignment)]
pub struct AssignmentView {
    user_id: String,
    #[schema(value_type = Role)]
    role: String,
    granted_at: Timestamp,
    #[schema(required)]
    granted_by: Option<String>,
}

/// A role granted to a person.
#[must_use]
pub fn assignment(assignment: &Assignment) -> AssignmentView {
    AssignmentView {
        user_id: assignment.person_id.clone(),
        role: assignment.role.clone(),
        granted_at: Timestamp::from_millis(assignment.granted_at),
        granted_by: assignment.granted_by.clone(),
    }
}

/// A role granted to the members of a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleMapping)]
pub struct MappingView {
    id: RoleMappingId,
    directory_id: DirectoryId,
    group_id: ResourceId,
    #[schema(value_type = Role)]
    role: String,
    created_at: Timestamp,
    #[schema(required)]
    created_by: Option<ResourceId>,
}

/// A role granted to the members of a group.
#[must_use]
pub fn mapping(mapping: &Mapping) -> MappingView {
    MappingView {
        id: mapping.id.clone(),
        directory_id: mapping.directory_id.clone(),
        group_id: mapping.group_id.clone(),
        role: mapping.role.clone(),
        created_at: mapping.created_at,
        created_by: mapping.created_by.clone(),
    }
}

/// A deleted person, who can be recovered for a time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DeletedUser)]
pub struct DeletedUserView {
    id: ResourceId,
    directory_id: DirectoryId,
    #[schema(required)]
    user_name: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    #[schema(required)]
    external_id: Option<String>,
    was_active: bool,
    created_at: Timestamp,
    deleted_at: Timestamp,
    recoverable_until: Timestamp,
    deleted_by: DeletedByView,
}

/// Who has deleted a person.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DeletedBy)]
pub struct DeletedByView {
    kind: String,
    #[schema(required)]
    credential_id: Option<String>,
    #[schema(required)]
    name: Option<String>,
}

/// A deleted person, who can be recovered for so many days.
#[must_use]
pub fn deleted_user(deleted: &DeletedPerson, days: u32) -> DeletedUserView {
    let person = &deleted.resource;
    DeletedUserView {
        id: person.id.clone(),
        directory_id: person.directory_id.clone(),
        user_name: person.user_name.clone(),
        display_name: person.display_name.clone(),
        external_id: person.external_id.clone(),
        was_active: person.active,
        created_at: person.created_at,
        deleted_at: deleted.deleted_at,
        recoverable_until: deleted.deleted_at.plus_days(i64::from(days)),
        deleted_by: DeletedByView {
            kind: deleted.actor_kind.clone(),
            credential_id: deleted.actor_credential_id.clone(),
            name: deleted.actor_name.clone(),
        },
    }
}

/// A person who was recovered.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RecoveredUser)]
pub struct RecoveredView {
    user: UserView,
    /// The groups that they are in again.
    groups: Vec<ResourceId>,
    /// Those that they are not in again: gone, or giving a role.
    groups_left_out: Vec<ResourceId>,
}

/// A person who was recovered.
#[must_use]
pub fn recovered(recovered: &Recovered) -> RecoveredView {
    RecoveredView {
        user: user(&recovered.resource),
        groups: recovered.groups.clone(),
        groups_left_out: recovered.left_out.clone(),
    }
}
