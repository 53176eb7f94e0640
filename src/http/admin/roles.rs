//! Roles: granted to people, and to the members of mapped groups.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::credentials::{CredentialError, refuse_nobodys};
use crate::lifecycle;
use crate::policies::roles::{assign, map_group};
use crate::policies::{Role, Scope};
use crate::store::id::{DirectoryId, ResourceId, RoleMappingId};
use crate::store::roles::{self, Assignment, Mapping};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::view::{AssignmentView, MappingView};
use super::{Admin, AdminEndpoint, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::RolesRead, Scope::RolesWrite);
    vec![
        AdminEndpoint::at("/roles/assignments")
            .get(
                read,
                list_assignments,
                Operation::new("List roles that are granted to people").lists::<AssignmentView>(),
            )
            .post(
                write,
                create_assignment,
                Operation::new("Grant a role to a person")
                    .creates::<AssignmentView>()
                    .refuses(&[404, 409]),
            ),
        AdminEndpoint::at("/roles/assignments/{user}/{role}").delete(
            write,
            delete_assignment,
            Operation::new("Take a role from a person")
                .orphans_may()
                .ends()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/roles/mappings")
            .get(
                read,
                list_mappings,
                Operation::new("List groups that give roles").lists::<MappingView>(),
            )
            .post(
                write,
                create_mapping,
                Operation::new("Let a group give its members a role")
                    .creates::<MappingView>()
                    .refuses(&[404, 409]),
            ),
        AdminEndpoint::at("/roles/mappings/{id}").delete(
            write,
            delete_mapping,
            Operation::new("Let a group give a role no more")
                .orphans_may()
                .ends()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct OfUser {
    /// Of this person only
    user_id: Option<String>,
}

#[derive(Deserialize, IntoParams)]
struct InDirectory {
    /// Of groups of this directory only
    directory_id: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRoleAssignment)]
struct NewAssignment {
    user_id: String,
    #[schema(value_type = Role)]
    role: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRoleMapping)]
struct NewMapping {
    group_id: String,
    #[schema(value_type = Role)]
    role: String,
}

async fn list_assignments(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<OfUser>,
) -> Result<HttpResponse, Problem> {
    let user = query.into_inner().user_id.map(ResourceId::new);
    let found = state
        .database
        .read(move |connection| roles::list_assignments(connection, user.as_ref()))
        .await?;
    Ok(page::whole(found.iter().map(view::assignment).collect()))
}

async fn create_assignment(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewAssignment>,
) -> Result<HttpResponse, Problem> {
    let role = Role::from_name(&body.role)?;
    let user = ResourceId::new(body.into_inner().user_id);
    let found = grant_by(admin, &state, user, role).await?;
    Ok(created(
        "roles/assignments",
        &format!("{}/{}", found.person_id, found.role),
        view::assignment(&found),
    ))
}

/// Grants a role that is among the caller's own rights.
pub(in super::super) async fn grant_by(
    admin: Admin,
    state: &State,
    user: ResourceId,
    role: Role,
) -> Result<Assignment, Problem> {
    admin
        .write(state, move |connection, admin| {
            admin.rights.check_roles(&[role])?;
            refuse_nobodys(connection, &admin.actor)?;
            assign(connection, &user, role, &admin.actor, admin.now)?;
            let found = roles::list_assignments(connection, Some(&user))?;
            let granted = found.into_iter().find(|found| found.role == role.name());
            granted.ok_or(CredentialError::NotFound("assignment"))
        })
        .await
}

async fn delete_assignment(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (user, role) = path.into_inner();
    let role = Role::from_name(&role)?;
    unassign_by(admin, &state, ResourceId::new(user), role).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Takes a granted role away.
pub(in super::super) async fn unassign_by(
    admin: Admin,
    state: &State,
    user: ResourceId,
    role: Role,
) -> Result<(), Problem> {
    admin
        .write(state, move |connection, admin| {
            // Nobody but an owner ends an owner.
            admin.rights.check_roles(&[role])?;
            lifecycle::unassign_role(connection, &user, role, &admin.cause())
        })
        .await
}

async fn list_mappings(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<InDirectory>,
) -> Result<HttpResponse, Problem> {
    let directory = query.into_inner().directory_id.map(DirectoryId::new);
    let found = state
        .database
        .read(move |connection| roles::list_mappings(connection, directory.as_ref()))
        .await?;
    Ok(page::whole(found.iter().map(view::mapping).collect()))
}

async fn create_mapping(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewMapping>,
) -> Result<HttpResponse, Problem> {
    let role = Role::from_name(&body.role)?;
    let group = ResourceId::new(body.into_inner().group_id);
    let mapping = map_by(admin, &state, group, role).await?;
    Ok(created(
        "roles/mappings",
        mapping.id.as_str(),
        view::mapping(&mapping),
    ))
}

/// Maps a group to a role that is among the caller's own rights.
pub(in super::super) async fn map_by(
    admin: Admin,
    state: &State,
    group: ResourceId,
    role: Role,
) -> Result<Mapping, Problem> {
    admin
        .write(state, move |connection, admin| {
            // Before the rights: a group never gives the owner role, whoever asks.
            if role != Role::Owner {
                admin.rights.check_roles(&[role])?;
            }
            refuse_nobodys(connection, &admin.actor)?;
            let group_type = lifecycle::GROUP;
            let mapping = map_group(
                connection,
                &group,
                group_type,
                role,
                &admin.actor,
                admin.now,
            )?;
            Ok::<_, CredentialError>(mapping)
        })
        .await
}

async fn delete_mapping(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    unmap_by(admin, &state, RoleMappingId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes the mapping of a group to a role that is among the caller's own rights.
pub(in super::super) async fn unmap_by(
    admin: Admin,
    state: &State,
    id: RoleMappingId,
) -> Result<(), Problem> {
    admin
        .write(state, move |connection, admin| {
            if let Some(mapping) = roles::find_mapping(connection, &id)? {
                admin
                    .rights
                    .check_roles(&[Role::from_name(&mapping.role)?])?;
            }
            lifecycle::unmap_group(connection, &id, &admin.cause())
        })
        .await
}
