//! Notices in the product itself: listed, shown with the way of each to its receivers, marked as read.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::notices::{NoticeError, NoticeKind};
use crate::policies::Scope;
use crate::store::notices::{self, Selection};
use crate::store::{StoreError, deliveries};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::page::PageQuery;
use super::view::{NoticeView, NoticeWithDeliveriesView};
use super::{Admin, AdminEndpoint, OptionalJson, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let scope = Scope::Notices;
    vec![
        AdminEndpoint::at("/notices").get(
            scope,
            list,
            Operation::new("List notices, newest first")
                .lists::<NoticeView>()
                .refuses(&[422]),
        ),
        AdminEndpoint::at("/notices/read").post(
            scope,
            mark_all_read,
            Operation::new("Mark all notices, or those of a kind, as read").shows::<Marked>(),
        ),
        AdminEndpoint::at("/notices/{id}").get(
            scope,
            show,
            Operation::new("Show a notice and its deliveries").shows::<NoticeWithDeliveriesView>(),
        ),
        AdminEndpoint::at("/notices/{id}/read").post(
            scope,
            mark_read,
            Operation::new("Mark a notice as read").ends(),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Wanted {
    /// Of this kind only
    kind: Option<String>,
    /// Only those that nobody has read
    #[serde(default)]
    unread: bool,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MarkAll {
    /// Of this kind only.
    kind: Option<String>,
}

/// How many notices were marked as read.
#[derive(Serialize, ToSchema)]
#[schema(as = MarkedNotices)]
struct Marked {
    marked: usize,
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Wanted>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    check_kind(query.kind.as_deref())?;
    let selection = Selection {
        kind: query.kind,
        unread: query.unread,
    };
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            notices::list(connection, &selection, place.cursor(), place.fetch())
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(found, |notice| notice.id.clone(), view::notice)))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let found = state.database.read_now(|connection| {
        let deliveries = deliveries::of_notice(connection, &id)?;
        let notice = notices::find(connection, &id)?;
        Ok::<_, StoreError>(notice.map(|notice| (notice, deliveries)))
    })?;
    let (notice, deliveries) = found.ok_or_else(|| Problem::not_found("notice", &id))?;
    Ok(HttpResponse::Ok().json(view::notice_with_deliveries(&notice, &deliveries)))
}

async fn mark_read(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let wanted = id.clone();
    let marked = admin
        .write(&state, move |connection, admin| {
            notices::mark_read(connection, &wanted, admin.now.as_millis())
        })
        .await?;
    if marked {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found("notice", &id))
    }
}

async fn mark_all_read(
    admin: Admin,
    state: web::Data<State>,
    OptionalJson(MarkAll { kind }): OptionalJson<MarkAll>,
) -> Result<HttpResponse, Problem> {
    check_kind(kind.as_deref())?;
    let marked = admin
        .write(&state, move |connection, admin| {
            notices::mark_all_read(connection, kind.as_deref(), admin.now.as_millis())
        })
        .await?;
    Ok(HttpResponse::Ok().json(Marked { marked }))
}

fn check_kind(kind: Option<&str>) -> Result<(), NoticeError> {
    match kind {
        Some(name) if NoticeKind::from_name(name).is_none() => Err(NoticeError::Invalid(format!(
            "kind is {name:?}, which is no kind of notice"
        ))),
        _ => Ok(()),
    }
}
