//! `role`

use clap::Subcommand;

use crate::http::admin::view;
use crate::lifecycle::{
    GROUP, impact_of_unassigning, impact_of_unmapping, unassign_role, unmap_group,
};
use crate::policies::roles::{assign, map_group};
use crate::policies::{PolicyError, Role};
use crate::store::id::{ResourceId, RoleMappingId};
use crate::store::roles;

use super::CommandError;
use super::context::CommandContext;
use super::policy;

/// What to do with roles: owner, admin, auditor.
#[derive(Debug, Subcommand)]
pub(super) enum RoleCommand {
    /// Lists who was granted which role
    List {
        /// Of this person alone
        #[arg(long)]
        user: Option<String>,
    },
    /// Grants a role to a person
    Assign {
        /// Their id
        user: String,
        /// owner, admin or auditor
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Takes a granted role away
    Unassign {
        /// Their id
        user: String,
        /// owner, admin or auditor
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Tells what taking a granted role away from a person would end
    ImpactOfUnassigning {
        /// Their id
        user: String,
        /// owner, admin or auditor
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Tells what removing the mapping of a group would end
    ImpactOfUnmapping {
        /// The mapping's id
        id: String,
    },
    /// Lists which groups give which role
    Mappings,
    /// Grants a role to the members of a group
    Map {
        /// The group's id
        group: String,
        /// admin or auditor
        #[arg(value_parser = role)]
        role: Role,
    },
    /// Removes the mapping of a group to a role
    Unmap {
        /// The mapping's id
        id: String,
    },
}

fn role(name: &str) -> Result<Role, PolicyError> {
    Role::from_name(name)
}

pub(super) fn run(command: RoleCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        RoleCommand::List { user } => {
            let user = user.map(ResourceId::new);
            let found =
                context.read(|connection| roles::list_assignments(connection, user.as_ref()))?;
            let shown: Vec<_> = found.iter().map(view::assignment).collect();
            output.list(&shown, &["user_id", "role", "granted_at", "granted_by"])
        }
        RoleCommand::Assign { user, role } => {
            let user = ResourceId::new(user);
            context.write(move |connection| assign(connection, &user, role, &cause.actor, now))?;
            output.done("granted")
        }
        RoleCommand::Unassign { user, role } => {
            let user = ResourceId::new(user);
            context.write(move |connection| unassign_role(connection, &user, role, &cause))?;
            output.done("taken away")
        }
        RoleCommand::ImpactOfUnassigning { user, role } => {
            let user = ResourceId::new(user);
            policy::show_impact(context, |connection, now| {
                impact_of_unassigning(connection, &user, role, now)
            })
        }
        RoleCommand::ImpactOfUnmapping { id } => {
            let id = RoleMappingId::new(id);
            policy::show_impact(context, |connection, now| {
                impact_of_unmapping(connection, &id, now)
            })
        }
        RoleCommand::Mappings => {
            let found = context.read(|connection| roles::list_mappings(connection, None))?;
            let shown: Vec<_> = found.iter().map(view::mapping).collect();
            output.list(
                &shown,
                &["id", "directory_id", "group_id", "role", "created_at"],
            )
        }
        RoleCommand::Map { group, role } => {
            let group = ResourceId::new(group);
            let mapping = context.write(move |connection| {
                map_group(connection, &group, GROUP, role, &cause.actor, now)
            })?;
            output.one(&view::mapping(&mapping))
        }
        RoleCommand::Unmap { id } => {
            let id = RoleMappingId::new(id);
            context.write(move |connection| unmap_group(connection, &id, &cause))?;
            output.done("removed")
        }
    }
}
