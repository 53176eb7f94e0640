//! What anybody may read: the keys that access tokens are signed with, so that a product can verify one by
//! itself, and what the authorization server offers.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::credentials::{CredentialError, signing_keys};

use super::openapi::{ApiEndpoint, Operation};
use super::problem::Problem;
use super::{State, token};

/// How long the keys may be kept: shorter than a key is published before it signs.
const MAX_AGE: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/.well-known/jwks.json").get(
            key_set,
            Operation::new("Show the keys that access tokens are signed with (RFC 7517)")
                .shows::<KeySet>()
                .refuses(&[503]),
        ),
        ApiEndpoint::at("/.well-known/oauth-authorization-server").get(
            token::metadata,
            Operation::new("Show what the authorization server offers (RFC 8414)")
                .shows::<token::Metadata>(),
        ),
    ]
}

/// Public keys (RFC 7517 section 5).
#[derive(Serialize, ToSchema)]
struct KeySet {
    #[schema(value_type = Vec<Object>)]
    keys: Vec<Value>,
}

/// RFC 7517 section 5.
async fn key_set(state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let now = state.clock.now();
    let mut keys = state
        .database
        .read_now(|connection| signing_keys::key_set(connection, now))?;
    if keys.is_empty() {
        keep_signing_keys(&state).await?;
        keys = state
            .database
            .read_now(|connection| signing_keys::key_set(connection, now))?;
    }
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, MAX_AGE))
        .json(KeySet { keys }))
}

/// Makes the signing keys that are due.
pub(super) async fn keep_signing_keys(state: &State) -> Result<(), CredentialError> {
    let (sealer, now) = (state.sealer.clone(), state.clock.now());
    let days = i64::from(state.settings.limits.signing_key_days);
    state
        .database
        .write(move |connection| signing_keys::keep_current(connection, &sealer, days, now))
        .await
}
