//! `POST /leaks`: whoever has found a secret of Portcullis has it revoked by presenting it. Nobody has to say who
//! they are, since the secret itself lets them do more harm than this. The answer tells them nothing that the
//! form of the secrets does not: not even whether anybody knows them.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::audit::Actor;
use crate::credentials::revocation::{revoke_leaked, still_usable};
use crate::secret::{PATTERN, PlainSecret};

use super::caller::source_ip;
use super::problem::Problem;
use super::throttle::Attempt;
use super::{Endpoint, State};

/// How many secrets one report holds at most.
const MAX_SECRETS: usize = 100;
/// How many reports one address makes within fifteen minutes.
pub(super) const REPORTS: u32 = 60;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/leaks").post(report))
        .service(Endpoint::at("/.well-known/secret-scanning-pattern").get(pattern));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    secrets: Vec<String>,
}

async fn report(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Report>,
) -> Result<HttpResponse, Problem> {
    let now = state.clock.now();
    let address = source_ip(&request, &state);
    state
        .reports
        .admit(&Attempt::new(None, "leaks", address), now)?;
    let texts = body.into_inner().secrets;
    if texts.is_empty() || texts.len() > MAX_SECRETS {
        return Err(Problem::invalid_value(format!(
            "secrets must hold 1 to {MAX_SECRETS} texts"
        )));
    }
    let secrets: Vec<PlainSecret> = texts
        .iter()
        .filter_map(|text| PlainSecret::recognise(text.trim()))
        .collect();
    let taken = secrets.len();
    // Nobody makes the database write by presenting what is worth nothing.
    let usable = state
        .database
        .read(move |connection| still_usable(connection, secrets, now))
        .await?;
    if !usable.is_empty() {
        let actor = Actor::anonymous(address);
        state
            .database
            .write(move |connection| revoke_leaked(connection, &usable, &actor, now))
            .await?;
    }
    Ok(HttpResponse::build(StatusCode::OK)
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(json!({"taken": taken})))
}

/// For secret scanners.
async fn pattern(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "pattern": PATTERN,
        "report_to": format!("{}/leaks", state.base_url),
    }))
}
