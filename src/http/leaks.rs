//! `POST /leaks`: whoever has found a secret of Portcullis has it revoked by presenting it. Nobody has to say who
//! they are, since the secret itself lets them do more harm than this. The answer tells them nothing that the
//! form of the secrets does not: not even whether anybody knows them.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::Actor;
use crate::credentials::revocation::{revoke_leaked, still_usable};
use crate::secret::{PATTERN, PlainSecret};

use super::State;
use super::caller::source_ip;
use super::openapi::{ApiEndpoint, Operation};
use super::problem::Problem;
use super::throttle::Attempt;

/// How many secrets one report holds at most.
const MAX_SECRETS: usize = 100;
/// How many reports one address makes within fifteen minutes.
pub(super) const REPORTS: u32 = 60;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/leaks").post(
            report,
            Operation::new("Have secrets revoked that were found somewhere")
                .explained("Presenting a secret is enough. The answer does not say whether anybody knows it.")
                .shows::<Taken>()
                .refuses(&[429, 503]),
        ),
        ApiEndpoint::at("/.well-known/secret-scanning-pattern").get(
            pattern,
            Operation::new("Show what secrets look like, for secret scanners").shows::<Pattern>(),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LeakReport)]
struct Report {
    #[schema(min_items = 1, max_items = 100)]
    secrets: Vec<String>,
}

/// How many texts have the form of a secret.
#[derive(Serialize, ToSchema)]
#[schema(as = TakenReport)]
struct Taken {
    taken: usize,
}

/// What secrets look like.
#[derive(Serialize, ToSchema)]
#[schema(as = SecretScanningPattern)]
struct Pattern {
    /// A regular expression.
    pattern: &'static str,
    /// Where they are reported to.
    report_to: String,
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
        .json(Taken { taken }))
}

/// For secret scanners.
async fn pattern(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().json(Pattern {
        pattern: PATTERN,
        report_to: format!("{}/leaks", state.base_url),
    })
}
