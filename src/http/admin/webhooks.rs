//! Webhooks, the log of what was sent to them, and sending it again.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::audit::Actor;
use crate::notices::NoticeError;
use crate::notices::webhooks::{self, Change};
use crate::policies::Scope;
use crate::store::deliveries::{self, DeliveryRow};
use crate::store::id::WebhookId;
use crate::store::{StoreError, webhooks as table};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::deliveries::check_state;
use super::page::PageQuery;
use super::view::{DeliveryView, WebhookView, WebhookWithSecretView};
use super::{Admin, AdminEndpoint, OptionalJson, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::NotificationsRead, Scope::NotificationsWrite);
    vec![
        AdminEndpoint::at("/webhooks")
            .get(
                read,
                list,
                Operation::new("List webhooks").lists::<WebhookView>(),
            )
            .post(
                write,
                create,
                Operation::new("Make a webhook")
                    .creates::<WebhookWithSecretView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/webhooks/{id}")
            .get(
                read,
                show,
                Operation::new("Show a webhook").shows::<WebhookView>(),
            )
            .patch(
                write,
                update,
                Operation::new("Change a webhook").shows::<WebhookView>(),
            )
            .delete(write, delete, Operation::new("Delete a webhook").ends()),
        AdminEndpoint::at("/webhooks/{id}/rotate-secret").post(
            write,
            rotate_secret,
            Operation::new("Make a new secret of a webhook")
                .explained(
                    "Until the overlap ends, what is sent is signed with the previous one too.",
                )
                .creates::<WebhookWithSecretView>(),
        ),
        AdminEndpoint::at("/webhooks/{id}/test").post(
            write,
            test,
            Operation::new("Send a webhook a test, and show what came of it")
                .shows::<DeliveryView>(),
        ),
        AdminEndpoint::at("/webhooks/{id}/deliveries").get(
            read,
            list_deliveries,
            Operation::new("List what was sent to a webhook, newest first")
                .lists::<DeliveryView>()
                .refuses(&[422]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
    /// The kinds of notices that it is sent; all where there are none.
    #[serde(default)]
    kinds: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookChange {
    url: Option<String>,
    kinds: Option<Vec<String>>,
    active: Option<bool>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookSecretRotation)]
struct Rotation {
    overlap_hours: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
struct Log {
    /// `pending`, `delivered` or `failed`
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
    OptionalJson(Rotation { overlap_hours }): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
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
    let tried = try_now(&state, id, admin.actor).await?;
    Ok(HttpResponse::Ok().json(view::delivery(&tried)))
}

/// Sends a test, and waits for what comes of it.
pub(in super::super) async fn try_now(
    state: &State,
    id: WebhookId,
    actor: Actor,
) -> Result<DeliveryRow, Problem> {
    let server = state.clone();
    let tried = tokio::task::spawn_blocking(move || {
        let channels = &server.channels;
        webhooks::test(&server.database, channels, &id, &actor, &server.clock)
    })
    .await
    .map_err(|_| Problem::from(StoreError::Busy))??;
    Ok(tried)
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
    check_state(wanted.as_deref())?;
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
