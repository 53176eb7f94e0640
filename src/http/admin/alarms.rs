//! The alarm for too many leavers at once: its threshold, how each directory stands to it, and that an admin has seen
//! to it.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::lifecycle::alarm::{self, Standing, Threshold};
use crate::policies::{PolicyError, Scope};
use crate::store::id::DirectoryId;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::{Admin, AdminEndpoint};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::NotificationsRead, Scope::NotificationsWrite);
    vec![
        AdminEndpoint::at("/alarms/mass-deprovisioning")
            .get(
                read,
                show_threshold,
                Operation::new("Show what counts as too many leavers at once").shows::<Threshold>(),
            )
            .patch(
                write,
                set_threshold,
                Operation::new("Change what counts as too many leavers at once")
                    .shows::<Threshold>(),
            ),
        AdminEndpoint::at("/directories/{id}/alarm").get(
            read,
            show,
            Operation::new("Show how many have left a directory of late, and its last alarm")
                .shows::<Standing>(),
        ),
        AdminEndpoint::at("/directories/{id}/alarm/lift").post(
            write,
            lift,
            Operation::new("Lift the alarm about a directory")
                .explained(
                    "It says that somebody has seen to the alarm of `alarmed_at`; where that is lifted already, nothing \
                     changes. Leavers are counted anew from here on.",
                )
                .shows::<Standing>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ThresholdChange {
    /// More than this share of a directory's people, in per cent
    #[schema(minimum = 0, maximum = 100)]
    pub(in super::super) percent: Option<i64>,
    /// And at least so many
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub(in super::super) people: Option<i64>,
}

async fn show_threshold(_: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let threshold = state.database.read_now(alarm::threshold)?;
    Ok(HttpResponse::Ok().json(threshold))
}

async fn set_threshold(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<ThresholdChange>,
) -> Result<HttpResponse, Problem> {
    let threshold = set_threshold_by(admin, &state, body.into_inner()).await?;
    Ok(HttpResponse::Ok().json(threshold))
}

/// Changes the threshold of the deployment, and gives the new one.
pub(in super::super) async fn set_threshold_by(
    admin: Admin,
    state: &State,
    change: ThresholdChange,
) -> Result<Threshold, Problem> {
    admin
        .write(state, move |connection, admin| {
            let before = alarm::threshold(connection)?;
            let threshold = Threshold {
                percent: change.percent.unwrap_or(before.percent),
                people: change.people.unwrap_or(before.people),
            };
            alarm::set_threshold(connection, threshold, &admin.actor, admin.now)?;
            Ok::<_, PolicyError>(threshold)
        })
        .await
}

async fn show(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DirectoryId::new(id.into_inner());
    let standing = state
        .database
        .read_now(|connection| alarm::standing(connection, &id, admin.now))?;
    Ok(HttpResponse::Ok().json(standing))
}

/// Which alarm somebody has seen to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlarmSeen)]
pub(in super::super) struct Seen {
    /// When it was raised, as it was shown: one that was raised since stays.
    #[schema(value_type = Timestamp)]
    pub(in super::super) alarmed_at: String,
}

async fn lift(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<Seen>,
) -> Result<HttpResponse, Problem> {
    let id = DirectoryId::new(id.into_inner());
    let standing = lift_by(admin, &state, id, body.into_inner()).await?;
    Ok(HttpResponse::Ok().json(standing))
}

/// Lifts the alarm about a directory that was seen, and says how that stands now.
pub(in super::super) async fn lift_by(
    admin: Admin,
    state: &State,
    id: DirectoryId,
    seen: Seen,
) -> Result<Standing, Problem> {
    let alarmed_at = Timestamp::parse_rfc3339(&seen.alarmed_at).ok_or_else(|| {
        Problem::invalid_value("alarmed_at is no time such as 2026-01-31T12:00:00.000Z")
    })?;
    admin
        .write(state, move |connection, admin| {
            alarm::lift(connection, &id, alarmed_at, &admin.actor, admin.now)?;
            alarm::standing(connection, &id, admin.now)
        })
        .await
}
