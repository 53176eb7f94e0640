//! What operators ask: alive, ready, and how busy.

use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::store::migrate;

use super::problem::{Problem, ProblemKind};
use super::{Endpoint, State};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/healthz").get(alive))
        .service(Endpoint::at("/readyz").get(ready))
        .service(Endpoint::at("/metrics").get(metrics));
}

async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
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
    Ok(HttpResponse::Ok().json(json!({"status": "ready"})))
}

async fn metrics(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(ContentType::plaintext())
        .body(state.metrics.exposition())
}
