//! People who were deleted: listed, recovered, forgotten.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock::Timestamp;
use crate::lifecycle::recovery;
use crate::policies::Scope;
use crate::provisioning::people;
use crate::store::DatabaseConnection;
use crate::store::deleted_people::{self, DeletedPerson};
use crate::store::id::{DirectoryId, ResourceId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::listed::{cursor_of, place_of};
use super::page::PageQuery;
use super::view::{DeletedUserView, RecoveredView};
use super::{Admin, AdminEndpoint, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/deleted-users").get(
            Scope::UsersRead,
            list,
            Operation::new("List people who were deleted and can be recovered")
                .lists::<DeletedUserView>(),
        ),
        AdminEndpoint::at("/deleted-users/{id}")
            .get(
                Scope::UsersRead,
                show,
                Operation::new("Show a deleted person").shows::<DeletedUserView>(),
            )
            .delete(
                Scope::UsersWrite,
                forget,
                Operation::new("Forget a deleted person for good").ends(),
            ),
        AdminEndpoint::at("/deleted-users/{id}/recover").post(
            Scope::UsersWrite,
            recover,
            Operation::new("Recover a deleted person")
                .explained("Inactive, with the same identifier, and with nothing to sign in with.")
                .shows::<RecoveredView>()
                .refuses(&[409]),
        ),
    ]
}

/// What the list is narrowed by.
#[derive(Debug, Clone, Deserialize, IntoParams)]
pub(in super::super) struct Narrowed {
    /// Of this directory only
    pub(in super::super) directory_id: Option<String>,
    /// Of those only whose user name or display name begins with this
    pub(in super::super) search: Option<String>,
}

/// One of the list, and the cursor with which the list goes on after it.
pub(in super::super) struct Listed {
    /// The person who was deleted.
    pub(in super::super) deleted: DeletedPerson,
    /// What follows is asked for with this.
    pub(in super::super) cursor: String,
}

impl Narrowed {
    /// So many of those who were deleted at an instant or later, after a cursor: in the order of their identifiers, or,
    /// where some are looked for, of what begins so.
    ///
    /// # Errors
    /// 400 for a cursor that is none of such a list; when the database fails.
    pub(in super::super) fn page(
        &self,
        connection: &mut DatabaseConnection,
        since: Timestamp,
        cursor: Option<&str>,
        fetch: i64,
    ) -> Result<Vec<Listed>, Problem> {
        let directory = self.directory_id.as_deref().map(DirectoryId::new);
        let directory = directory.as_ref();
        let text = self.search.as_deref().map(str::trim).unwrap_or_default();
        if text.is_empty() {
            let found = deleted_people::list(connection, directory, since, cursor, fetch)?;
            let listed = found.into_iter().map(|deleted| Listed {
                cursor: deleted.resource.id.to_string(),
                deleted,
            });
            return Ok(listed.collect());
        }
        let after = cursor.map(place_of).transpose()?;
        let (after, limit) = (after.as_ref(), usize::try_from(fetch).unwrap_or(usize::MAX));
        let found = deleted_people::beginning(connection, directory, text, since, after, limit)?;
        let listed = found.into_iter().map(|(deleted, place)| Listed {
            deleted,
            cursor: cursor_of(&place),
        });
        Ok(listed.collect())
    }
}

async fn list(
    admin: Admin,
    state: web::Data<State>,
    filter: web::Query<Narrowed>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let wanted = filter.into_inner();
    let days = state.settings.limits.recovery_days;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let since = recovery::since(days, admin.now);
    let found = state
        .database
        .read(move |connection| wanted.page(connection, since, place.cursor(), place.fetch()))
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |one| one.cursor.clone(),
        |one| view::deleted_user(&one.deleted, days),
    )))
}

async fn show(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let days = state.settings.limits.recovery_days;
    let found = state
        .database
        .read_now(|connection| recovery::find_deleted(connection, &id, days, admin.now))?;
    Ok(HttpResponse::Ok().json(view::deleted_user(&found, days)))
}

/// Inactive, with the same id, and with nothing to sign in with.
async fn recover(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let days = state.settings.limits.recovery_days;
    let surroundings = state.surroundings();
    let recovered = admin
        .write(&state, move |connection, admin| {
            people::recover(connection, &surroundings, &id, days, &admin.cause())
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::recovered(&recovered)))
}

async fn forget(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    forget_by(admin, &state, ResourceId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forgets a deleted person for good.
pub(in super::super) async fn forget_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
) -> Result<(), Problem> {
    let days = state.settings.limits.recovery_days;
    admin
        .write(state, move |connection, admin| {
            recovery::forget_deleted(connection, &id, days, &admin.cause())
        })
        .await?;
    Ok(())
}
