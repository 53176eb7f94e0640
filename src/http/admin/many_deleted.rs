//! Many deleted people at once: all of them recovered or forgotten, or none.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lifecycle::recovery::Recovered;
use crate::policies::Scope;
use crate::provisioning::many_people::{forget_many, recover_many};
use crate::store::id::ResourceId;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::view::RecoveredView;
use super::{Admin, AdminEndpoint, view};

/// Before the calls of one: what these are called is no identifier.
pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/deleted-users/recover").post(
            Scope::UsersWrite,
            recover,
            Operation::new("Recover many deleted people")
                .explained(
                    "All of them or none, as each is recovered by itself: inactive, with the same identifier, and \
                     with nothing to sign in with.",
                )
                .shows::<RecoveredPeopleView>()
                .refuses(&[409, 422]),
        ),
        AdminEndpoint::at("/deleted-users/forget").post(
            Scope::UsersWrite,
            forget,
            Operation::new("Forget many deleted people for good")
                .explained("All of them or none.")
                .shows::<ForgottenView>()
                .refuses(&[422]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChosenDeletedUsers)]
struct Chosen {
    /// Whom, each deleted and to be recovered still.
    #[schema(min_items = 1, max_items = 100)]
    ids: Vec<ResourceId>,
}

/// Who was recovered, in the order of their identifiers.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveredUsers)]
struct RecoveredPeopleView {
    items: Vec<RecoveredView>,
}

/// How many were forgotten.
#[derive(Serialize, ToSchema)]
#[schema(as = ForgottenUsers)]
struct ForgottenView {
    forgotten: usize,
}

async fn recover(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Chosen>,
) -> Result<HttpResponse, Problem> {
    let recovered = recover_by(admin, &state, body.into_inner().ids).await?;
    Ok(HttpResponse::Ok().json(RecoveredPeopleView {
        items: recovered.iter().map(view::recovered).collect(),
    }))
}

async fn forget(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Chosen>,
) -> Result<HttpResponse, Problem> {
    let forgotten = forget_by(admin, &state, body.into_inner().ids).await?;
    Ok(HttpResponse::Ok().json(ForgottenView { forgotten }))
}

/// Recovers each of these deleted people, or none.
pub(in super::super) async fn recover_by(
    admin: Admin,
    state: &State,
    ids: Vec<ResourceId>,
) -> Result<Vec<Recovered>, Problem> {
    let days = state.settings.limits.recovery_days;
    let surroundings = state.surroundings();
    let recovered = admin
        .write(state, move |connection, admin| {
            recover_many(connection, &surroundings, &ids, days, &admin.cause())
        })
        .await?;
    Ok(recovered)
}

/// Forgets each of these deleted people for good, or none, and counts them.
pub(in super::super) async fn forget_by(
    admin: Admin,
    state: &State,
    ids: Vec<ResourceId>,
) -> Result<usize, Problem> {
    let days = state.settings.limits.recovery_days;
    let forgotten = admin
        .write(state, move |connection, admin| {
            forget_many(connection, &ids, days, &admin.cause())
        })
        .await?;
    Ok(forgotten)
}
