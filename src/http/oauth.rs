//! What products ask: token introspection (RFC 7662).

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::credentials::{Refusal, Verified, verify};
use crate::policies::rate_limits::Exceeded;
use crate::secret::{PlainSecret, SecretKind};
use crate::store::id::ProductId;
use crate::store::{DatabaseConnection, StoreError, products};

use super::caller::{
    AuthenticationFailure, authenticate, authenticate_secret, note_token_use, rate_limit_headers,
};
use super::problem::Chain;
use super::{Endpoint, State};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(Endpoint::at("/introspect").post(introspect));
}

/// RFC 7662 section 2.1; a hint changes nothing, since a token says itself what it is.
#[derive(Deserialize)]
struct Introspection {
    token: Option<String>,
    /// Ours: the address that the token was presented from. A token that is bound to networks is active
    /// only where this is given and within them.
    client_ip: Option<String>,
}

async fn introspect(
    request: HttpRequest,
    state: web::Data<State>,
    form: Result<web::Form<Introspection>, actix_web::Error>,
) -> HttpResponse {
    let product = match product(&request, &state).await {
        Ok(product) => product,
        Err(answer) => return answer,
    };
    let Ok(form) = form else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body must be a form (application/x-www-form-urlencoded)",
        );
    };
    let Some(token) = &form.token else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the parameter token is missing",
        );
    };
    let address = form.client_ip.as_deref().and_then(|text| text.parse().ok());
    let now = state.clock.now();
    let verified = match PlainSecret::recognise(token) {
        Some(secret) if secret.kind() == SecretKind::UserToken => {
            state.database.read_now(|connection| {
                let mut verified = verify(connection, &secret, address, now)?;
                keep_present_scopes(connection, &product, &mut verified.credential.scopes)?;
                Ok(verified)
            })
        }
        _ => Err(Refusal::Unknown),
    };
    let answer = match verified {
        Ok(verified) if is_for(&verified, &product) => {
            if let Err(error) = note_token_use(&state, &verified.credential, now, address).await {
                return unavailable(&error);
            }
            active(&verified, &product, &state.base_url)
        }
        // Neither why, nor that another product may use it.
        Ok(_) => json!({"active": false}),
        Err(Refusal::Store(error)) => return unavailable(&error),
        Err(refusal) => {
            state.metrics.count_refusal(refusal.name());
            json!({"active": false})
        }
    };
    respond(StatusCode::OK).json(answer)
}

/// What the product's tokens may carry no more, they carry no more.
fn keep_present_scopes(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    scopes: &mut Vec<String>,
) -> Result<(), StoreError> {
    if !scopes.is_empty() {
        let present = products::find(connection, product)?.map(|product| product.scopes);
        scopes.retain(|scope| {
            present
                .as_ref()
                .is_some_and(|present| present.contains(scope))
        });
    }
    Ok(())
}

/// A token that is limited to no product is for each.
fn is_for(token: &Verified, product: &ProductId) -> bool {
    let limit = token.credential.product_id.as_ref();
    limit.is_none_or(|limit| limit == product)
}

/// RFC 7662 section 2.2.
fn active(verified: &Verified, product: &ProductId, issuer: &str) -> Value {
    let token = &verified.credential;
    let owner = verified.owner.as_ref();
    let expires_at = verified.policy.as_ref().map_or(token.expires_at, |policy| {
        policy.token_end(token.created_at, token.expires_at)
    });
    json!({
        "active": true,
        "sub": token.owner_id,
        "username": owner.and_then(|owner| owner.user_name.as_deref()),
        "scope": token.scopes.join(" "),
        "client_id": product,
        "token_type": "Bearer",
        "exp": expires_at.as_millis() / 1_000,
        "iat": token.created_at.as_millis() / 1_000,
        "iss": issuer,
        "aud": product,
        "jti": token.id,
    })
}

/// The product that asks, by bearer credential or by HTTP Basic with its id and credential (RFC 6749 section
/// 2.3.1).
async fn product(request: &HttpRequest, state: &State) -> Result<ProductId, HttpResponse> {
    let basic = basic(request);
    let caller = match &basic {
        Some((_, secret)) => authenticate_secret(secret, request, state).await,
        None => authenticate(request, state).await,
    };
    let caller = match caller {
        Ok(caller) => caller,
        Err(AuthenticationFailure::Store(error)) => return Err(unavailable(&error)),
        Err(AuthenticationFailure::TooMany(exceeded)) => return Err(too_many(&exceeded)),
        Err(failure) => return Err(invalid_client(&failure)),
    };
    let credential = caller.verified.credential;
    match credential.product_id {
        Some(product)
            if credential.kind == SecretKind::ProductCredential
                && basic.is_none_or(|(client, _)| client == product.as_str()) =>
        {
            Ok(product)
        }
        _ => Err(invalid_client(&AuthenticationFailure::Invalid)),
    }
}

fn basic(request: &HttpRequest) -> Option<(String, String)> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    let plain = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    };
    Some((plain(client)?, plain(secret)?))
}

/// RFC 6749 section 5.2.
fn invalid_client(failure: &AuthenticationFailure) -> HttpResponse {
    let mut answer = error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        &failure.to_string(),
    );
    answer
        .headers_mut()
        .insert(WWW_AUTHENTICATE, failure.challenge());
    answer
}

pub(super) fn too_many(exceeded: &Exceeded) -> HttpResponse {
    let mut answer = error(
        StatusCode::TOO_MANY_REQUESTS,
        "temporarily_unavailable",
        "too many requests",
    );
    for (name, value) in rate_limit_headers("requests", exceeded) {
        answer.headers_mut().insert(name, value);
    }
    answer
}

pub(super) fn unavailable(cause: &StoreError) -> HttpResponse {
    tracing::warn!(cause = %Chain(cause), "a token could not be looked up");
    error(
        StatusCode::SERVICE_UNAVAILABLE,
        "temporarily_unavailable",
        "the token cannot be looked up now",
    )
}

pub(super) fn error(status: StatusCode, code: &str, description: &str) -> HttpResponse {
    respond(status).json(json!({"error": code, "error_description": description}))
}

pub(super) fn respond(status: StatusCode) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    builder
}
