//! People who were deleted: listed, recovered, forgotten.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::lifecycle::recovery;
use crate::policies::Scope;
use crate::provisioning::people;
use crate::store::deleted_people::{self, Selection};
use crate::store::id::{DirectoryId, ResourceId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
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

#[derive(Deserialize, IntoParams)]
struct Filter {
    /// Of this directory only
    directory_id: Option<String>,
    /// Of those only whose user name or display name begins with this
    search: Option<String>,
}

async fn list(
    admin: Admin,
    state: web::Data<State>,
    filter: web::Query<Filter>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let Filter {
        directory_id,
        search,
    } = filter.into_inner();
    let text = search.as_deref().map(str::trim).unwrap_or_default();
    let selection = Selection {
        directory: directory_id.map(DirectoryId::new),
        text: Some(text.to_owned()).filter(|text| !text.is_empty()),
    };
    let days = state.settings.limits.recovery_days;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            deleted_people::list(
                connection,
                &selection,
                recovery::since(days, admin.now),
                place.cursor(),
                place.fetch(),
            )
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |deleted| deleted.resource.id.to_string(),
        |deleted| view::deleted_user(deleted, days),
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
