//! What operators ask: alive, ready, how busy, and what there is to call.

use std::time::Duration;

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, ContentType, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;
use utoipa::{PartialSchema, ToSchema};

use crate::store::{StoreError, migrate};

use super::State;
use super::metrics;
use super::openapi::{self, ApiEndpoint, Document, Operation, response};
use super::problem::{Chain, Problem, ProblemKind};

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/healthz").get(
            alive,
            Operation::new("Show that the process is alive").shows::<Health>(),
        ),
        ApiEndpoint::at("/readyz").get(
            ready,
            Operation::new("Show whether requests can be served")
                .shows::<Health>()
                .refuses(&[503]),
        ),
        ApiEndpoint::at("/metrics").get(
            counted,
            Operation::new("Show what was counted, for Prometheus")
                .answer(
                    200,
                    response("In the exposition format", "text/plain", String::schema()),
                )
                .refuses(&[404]),
        ),
        ApiEndpoint::at("/openapi.json").get(
            document,
            Operation::new("Show this document").answer(
                200,
                response("OpenAPI 3.1", "application/json", Value::schema()),
            ),
        ),
        ApiEndpoint::at("/docs").get(
            page,
            Operation::new("Show this document as a page").answer(
                200,
                response("Without scripts", "text/html", String::schema()),
            ),
        ),
        ApiEndpoint::at("/docs/style.css").get(
            style,
            Operation::new("Show the style of that page")
                .answer(200, response("A style sheet", "text/css", String::schema())),
        ),
    ]
}

/// Nothing but our own style; no page may frame this one.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// How the process is.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `alive` or `ready`.
    status: &'static str,
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "alive" })
}

/// Marks the listener of those who watch the server.
struct Watched;

/// What those who watch the server ask, on an address of its own.
pub(super) fn configure_watched(config: &mut web::ServiceConfig) {
    config
        .app_data(Watched)
        .service(ApiEndpoint::at("/healthz").get(alive, Operation::new("")))
        .service(ApiEndpoint::at("/readyz").get(ready, Operation::new("")))
        .service(ApiEndpoint::at("/metrics").get(counted, Operation::new("")));
}

/// How long the database has to show that it can be asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// Reads and writes must be possible, the tables those of this release, and the server must not be about to stop.
async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let not_ready = |why: &str| Problem::new(ProblemKind::Unavailable, why);
    if state.is_draining() {
        return Err(not_ready("the server is stopping"));
    }
    let asked = timeout(PATIENCE, state.database.read(migrate::is_current)).await;
    let is_current = asked.unwrap_or(Err(StoreError::Busy)).map_err(|error| {
        tracing::warn!(cause = %Chain(&error), "not ready");
        not_ready("the database cannot be reached")
    })?;
    if !is_current {
        return Err(not_ready("the database has pending migrations"));
    }
    let now = state.clock.now();
    let written = timeout(PATIENCE, state.database.probe(now)).await;
    written.unwrap_or(Err(StoreError::Busy)).map_err(|error| {
        tracing::warn!(cause = %Chain(&error), "not ready");
        not_ready(if error.is_full() {
            "the disk of the database is full"
        } else {
            "the database takes no writes"
        })
    })?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

async fn document(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(document.json.clone())
}

async fn page(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::html())
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, NOSNIFF))
        .body(document.page.clone())
}

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((X_CONTENT_TYPE_OPTIONS, NOSNIFF))
        .body(openapi::STYLE)
}

async fn counted(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let is_elsewhere = state.settings.server.metrics_listen.is_some();
    if is_elsewhere && request.app_data::<Watched>().is_none() {
        return Err(Problem::new(
            ProblemKind::NotFound,
            "metrics are served on an address of their own",
        ));
    }
    Ok(HttpResponse::Ok()
        .content_type(metrics::MEDIA_TYPE)
        .body(state.metrics.exposition(&state).await))
}
