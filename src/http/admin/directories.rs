//! Directories: list, create, show, change, remove.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::lifecycle;
use crate::policies::{PolicyError, Scope};
use crate::scim::leniency::Dialect;
use crate::store::DatabaseConnection;
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::id::DirectoryId;

use super::super::problem::Problem;
use super::super::{Endpoint, State};
use super::{Admin, created, page, view};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/directories").get(list).post(create))
        .service(
            Endpoint::at("/directories/{id}")
                .get(show)
                .patch(update)
                .delete(remove),
        );
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    name: Option<String>,
    dialect: Option<String>,
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
pub(super) fn find(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
) -> Result<Directory, PolicyError> {
    directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))
}

async fn list(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    Admin::with(Scope::DirectoriesRead, &request, &state).await?;
    let found = state.database.read(directories::list).await?;
    Ok(page::whole(found.iter().map(view::directory).collect()))
}

async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Body>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::DirectoriesWrite, &request, &state).await?;
    let dialect = body.dialect()?.unwrap_or_default();
    let body = body.into_inner();
    let directory = state
        .database
        .write(move |connection| {
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
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Admin::with(Scope::DirectoriesRead, &request, &state).await?;
    let id = DirectoryId::new(id.into_inner());
    let directory = state
        .database
        .read_now(|connection| find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::directory(&directory)))
}

async fn update(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<Body>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::DirectoriesWrite, &request, &state).await?;
    let id = DirectoryId::new(id.into_inner());
    let dialect = body.dialect()?;
    let body = body.into_inner();
    let directory = state
        .database
        .write(move |connection| {
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

/// Deprovisions everybody in it (`lifecycle`), and revokes its SCIM keys.
async fn remove(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::DirectoriesWrite, &request, &state).await?;
    let id = DirectoryId::new(id.into_inner());
    state
        .database
        .write(move |connection| lifecycle::remove_directory(connection, &id, &admin.cause()))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
