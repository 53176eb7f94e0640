//! Deliveries of notices to all receivers, by mail and by webhook: listed, shown, sent again.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::notices::redelivery::redeliver as send_again;
use crate::notices::{NoticeError, NoticeKind};
use crate::policies::Scope;
use crate::store::deliveries::{self, DeliveryRow, STATES, Selection};
use crate::store::id::DeliveryId;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::page::PageQuery;
use super::view::DeliveryView;
use super::{Admin, AdminEndpoint, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::NotificationsRead, Scope::NotificationsWrite);
    vec![
        AdminEndpoint::at("/deliveries").get(
            read,
            list,
            Operation::new("List what was sent to all receivers, newest first")
                .explained("By mail and by webhook.")
                .lists::<DeliveryView>()
                .refuses(&[422]),
        ),
        AdminEndpoint::at("/deliveries/{id}").get(
            read,
            show,
            Operation::new("Show a delivery").shows::<DeliveryView>(),
        ),
        AdminEndpoint::at("/deliveries/{id}/redeliver").post(
            write,
            redeliver,
            Operation::new("Deliver again")
                .answers_with::<DeliveryView>(202, "It will be delivered again")
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Wanted {
    /// `mail` or `webhook`
    channel: Option<String>,
    /// `pending`, `delivered`, `failed` or `withheld`
    state: Option<String>,
    /// Of notices of this kind only
    kind: Option<String>,
}

/// Refuses what is no state of a delivery.
pub(super) fn check_state(state: Option<&str>) -> Result<(), NoticeError> {
    match state {
        Some(name) if !STATES.contains(&name) => Err(NoticeError::Invalid(format!(
            "state is {name:?}; it must be one of {}",
            STATES.join(", ")
        ))),
        _ => Ok(()),
    }
}

impl Wanted {
    fn selection(self) -> Result<Selection, NoticeError> {
        check_state(self.state.as_deref())?;
        match self.channel.as_deref() {
            None | Some("mail" | "webhook") => {}
            Some(name) => {
                return Err(NoticeError::Invalid(format!(
                    "channel is {name:?}; it must be mail or webhook"
                )));
            }
        }
        match self.kind.as_deref() {
            Some(name) if NoticeKind::from_name(name).is_none() => Err(NoticeError::Invalid(
                format!("kind is {name:?}, which is no kind of notice"),
            )),
            _ => Ok(Selection {
                channel: self.channel,
                state: self.state,
                kind: self.kind,
            }),
        }
    }
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Wanted>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let selection = query.into_inner().selection()?;
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            deliveries::search(connection, &selection, place.cursor(), place.fetch())
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(found, |delivery| delivery.id.clone(), view::delivery)))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DeliveryId::new(id.into_inner());
    let found = state
        .database
        .read_now(|connection| deliveries::find(connection, &id))?
        .ok_or(NoticeError::NotFound("delivery"))?;
    Ok(HttpResponse::Ok().json(view::delivery(&found)))
}

async fn redeliver(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DeliveryId::new(id.into_inner());
    let again = redeliver_by(admin, &state, id).await?;
    Ok(HttpResponse::Accepted().json(view::delivery(&again)))
}

/// Sends a delivery again.
pub(in super::super) async fn redeliver_by(
    admin: Admin,
    state: &State,
    id: DeliveryId,
) -> Result<DeliveryRow, Problem> {
    let mail = state.channels.mail_plan();
    let again = admin
        .write(state, move |connection, admin| {
            send_again(connection, &id, mail.as_ref(), &admin.actor, admin.now)
        })
        .await?;
    Ok(again)
}
