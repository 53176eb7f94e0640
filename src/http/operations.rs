//! What operators ask: alive, ready, and how busy.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::{PartialSchema, ToSchema};

use crate::store::migrate;

use super::State;
use super::openapi::{ApiEndpoint, Document, Operation, response};
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
            openapi,
            Operation::new("Show this document").answer(
                200,
                response("OpenAPI 3.1", "application/json", Value::schema()),
            ),
        ),
    ]
}

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

async fn openapi(document: web::Data<Document>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::json())
        .body(document.json.clone())
}

async fn metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .body(state.metrics.exposition())
}
