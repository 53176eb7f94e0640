//! Webhooks, the log of what was sent to them, and sending it again.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Deserialize;

use crate::notices::NoticeError;
use crate::notices::webhooks::{self, Change};
use crate::policies::Scope;
use crate::store::deliveries::{self, DELIVERED, FAILED, PENDING};
use crate::store::id::{DeliveryId, WebhookId};
use crate::store::{StoreError, webhooks as table};

use super::super::State;
use super::super::problem::Problem;
use super::page::PageQuery;
use super::{Admin, AdminEndpoint, created, optional_body, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::NotificationsRead, Scope::NotificationsWrite);
    vec![
        AdminEndpoint::at("/webhooks")
            .get(read, list)
            .post(write, create),
        AdminEndpoint::at("/webhooks/{id}")
            .get(read, show)
            .patch(write, update)
            .delete(write, delete),
        AdminEndpoint::at("/webhooks/{id}/rotate-secret").post(write, rotate_secret),
        AdminEndpoint::at("/webhooks/{id}/test").post(write, test),
        AdminEndpoint::at("/webhooks/{id}/deliveries").get(read, list_deliveries),
        AdminEndpoint::at("/deliveries/{id}/redeliver").post(write, redeliver),
    ]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    #[serde(default)]
    kinds: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    url: Option<String>,
    kinds: Option<Vec<String>>,
    active: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    overlap_hours: Option<i64>,
}

#[derive(Deserialize)]
struct Log {
    state: Option<String>,
}

async fn list(_: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let found = state.database.read(table::list).await?;
    Ok(page::whole(found.iter().map(view::webhook).collect()))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewWebhook>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let url = state.channels.webhooks.checked_url(&body.url)?;
    let sealer = Arc::clone(&state.sealer);
    let made = admin
        .write(&state, move |connection, admin| {
            webhooks::create(
                connection,
                &sealer,
                &url,
                &body.kinds,
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(created(
        "webhooks",
        made.webhook.id.as_str(),
        view::webhook_with_secret(&made),
    ))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = WebhookId::new(id.into_inner());
    let found = state
        .database
        .read_now(|connection| webhooks::find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::webhook(&found)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<WebhookChange>,
) -> Result<HttpResponse, Problem> {
    let id = WebhookId::new(id.into_inner());
    let body = body.into_inner();
    let url = body
        .url
        .map(|url| state.channels.webhooks.checked_url(&url))
        .transpose()?;
    let change = Change {
        url,
        kinds: body.kinds,
        active: body.active,
    };
    let changed = admin
        .write(&state, move |connection, admin| {
            webhooks::update(connection, &id, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::webhook(&changed)))
}

async fn delete(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = WebhookId::new(id.into_inner());
    admin
        .write(&state, move |connection, admin| {
            webhooks::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn rotate_secret(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<HttpResponse, Problem> {
    let Rotation { overlap_hours } = optional_body(body)?;
    let id = WebhookId::new(id.into_inner());
    let sealer = Arc::clone(&state.sealer);
    let made = admin
        .write(&state, move |connection, admin| {
            webhooks::rotate_secret(
                connection,
                &sealer,
                &id,
                overlap_hours,
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(created(
        "webhooks",
        made.webhook.id.as_str(),
        view::webhook_with_secret(&made),
    ))
}

async fn test(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = WebhookId::new(id.into_inner());
    let server = state.get_ref().clone();
    let tried = tokio::task::spawn_blocking(move || {
        let channels = &server.channels;
        webhooks::test(&server.database, channels, &id, &admin.actor, &server.clock)
    })
    .await
    .map_err(|_| Problem::from(StoreError::Busy))??;
    Ok(HttpResponse::Ok().json(view::delivery(&tried)))
}

async fn list_deliveries(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<Log>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = WebhookId::new(id.into_inner());
    let wanted = query.into_inner().state;
    if let Some(name) = &wanted
        && ![PENDING, DELIVERED, FAILED].contains(&name.as_str())
    {
        return Err(NoticeError::Invalid(format!(
            "state is {name:?}; it must be {PENDING}, {DELIVERED} or {FAILED}"
        ))
        .into());
    }
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            let webhook = webhooks::find(connection, &id)?;
            let (target, state) = (webhook.id.as_str(), wanted.as_deref());
            let (cursor, limit) = (place.cursor(), place.fetch());
            Ok::<_, NoticeError>(deliveries::list(connection, target, state, cursor, limit)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(found, |delivery| delivery.id.clone(), view::delivery)))
}

async fn redeliver(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DeliveryId::new(id.into_inner());
    let again = admin
        .write(&state, move |connection, admin| {
            webhooks::redeliver(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Accepted().json(view::delivery(&again)))
}
