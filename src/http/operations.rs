//! What operators ask: alive, ready, how busy, and what there is to call.

use actix_web::http::header::{
    CONTENT_SECURITY_POLICY, ContentType, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::{PartialSchema, ToSchema};

use crate::store::migrate;

use super::State;
use super::openapi::{self, ApiEndpoint, Document, Operation, response};
use super::problem::{Problem, ProblemKind};

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
            metrics,
            Operation::new("Show what was counted, for Prometheus").answer(
                200,
                response("In the exposition format", "text/plain", String::schema()),
            ),
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

async fn ready(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let current = state
        .database
        .read(migrate::is_current)
        .await
        .map_err(|error| {
            tracing::warn!(cause = %super::problem::Chain(&error), "not ready");
            Problem::new(ProblemKind::Unavailable, "the database cannot be reached")
        })?;
    if !current {
        return Err(Problem::new(
            ProblemKind::Unavailable,
            "the database has pending migrations",
        ));
    }
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

async fn metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .body(state.metrics.exposition())
}
