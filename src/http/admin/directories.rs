//! Directories: list, create, show, change, remove.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::lifecycle;
use crate::policies::{PolicyError, Role, Scope};
use crate::scim::leniency::Dialect;
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::{DatabaseConnection, StoreError, resources, roles};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::view::DirectoryView;
use super::{Admin, AdminEndpoint, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::DirectoriesRead, Scope::DirectoriesWrite);
    vec![
        AdminEndpoint::at("/directories")
            .get(
                read,
                list,
                Operation::new("List directories").lists::<DirectoryView>(),
            )
            .post(
                write,
                create,
                Operation::new("Make a directory for an identity provider")
                    .creates::<DirectoryView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/directories/{id}")
            .get(
                read,
                show,
                Operation::new("Show a directory").shows::<DirectoryView>(),
            )
            .patch(
                write,
                update,
                Operation::new("Change a directory")
                    .shows::<DirectoryView>()
                    .refuses(&[409]),
            )
            .delete(
                write,
                remove,
                Operation::new("Remove a directory")
                    .explained("Everybody in it is deprovisioned, and its SCIM keys are revoked.")
                    .ends()
                    .refuses(&[409]),
            ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DirectoryChange)]
struct Body {
    /// A new directory needs one.
    name: Option<String>,
    /// Which deviations of the identity provider are forgiven.
    #[schema(value_type = Option<Dialect>)]
    dialect: Option<String>,
    /// Whether the identity provider may set passwords.
    password_allowed: Option<bool>,
}

impl Body {
    fn dialect(&self) -> Result<Option<Dialect>, Problem> {
        self.dialect
            .as_deref()
            .map(|name| {
                Dialect::from_name(name).ok_or_else(|| {
                    Problem::invalid_value(format!(
                        "dialect is {name:?}; it must be lenient, strict, entra or okta"
                    ))
                })
            })
            .transpose()
    }
}

/// One directory.
pub(in super::super) fn find(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
) -> Result<Directory, PolicyError> {
    directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))
}

async fn list(_: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let found = state.database.read(directories::list).await?;
    Ok(page::whole(found.iter().map(view::directory).collect()))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Body>,
) -> Result<HttpResponse, Problem> {
    let dialect = body.dialect()?.unwrap_or_default();
    let body = body.into_inner();
    let directory = admin
        .write(&state, move |connection, admin| {
            lifecycle::create_directory(
                connection,
                body.name.as_deref().unwrap_or_default(),
                DirectoryKind::Scim,
                dialect,
                body.password_allowed.unwrap_or(false),
                &admin.cause(),
            )
        })
        .await?;
    Ok(created(
        "directories",
        directory.id.as_str(),
        view::directory(&directory),
    ))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DirectoryId::new(id.into_inner());
    let directory = state
        .database
        .read_now(|connection| find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::directory(&directory)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<Body>,
) -> Result<HttpResponse, Problem> {
    let id = DirectoryId::new(id.into_inner());
    let dialect = body.dialect()?;
    let body = body.into_inner();
    let directory = admin
        .write(&state, move |connection, admin| {
            lifecycle::update_directory(
                connection,
                &id,
                body.name.as_deref(),
                dialect,
                body.password_allowed,
                &admin.cause(),
            )
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::directory(&directory)))
}

/// Whether somebody in a directory is an owner.
fn has_owner(connection: &mut DatabaseConnection, id: &DirectoryId) -> Result<bool, StoreError> {
    for assignment in roles::list_assignments(connection, None)? {
        if assignment.role != Role::Owner.name() {
            continue;
        }
        let person = resources::find_any(connection, &ResourceId::new(assignment.person_id))?;
        if person.is_some_and(|person| person.directory_id == *id) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deprovisions everybody in it (`lifecycle`), and revokes its SCIM keys.
async fn remove(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    remove_by(admin, &state, DirectoryId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Removes a directory, and deprovisions everybody in it.
pub(in super::super) async fn remove_by(
    admin: Admin,
    state: &State,
    id: DirectoryId,
) -> Result<(), Problem> {
    admin
        .write(state, move |connection, admin| {
            // Nobody but an owner ends an owner; the local directory goes with nobody.
            let is_local = find(connection, &id)?.kind == DirectoryKind::Local;
            if !is_local && has_owner(connection, &id)? {
                admin.rights.check_roles(&[Role::Owner])?;
            }
            lifecycle::remove_directory(connection, &id, &admin.cause())
        })
        .await
}
