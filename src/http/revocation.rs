//! Token revocation (RFC 7009): whoever may use a token may end it.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::ResponseBuilder;

use crate::credentials::revocation::{Outcome, Revoker, revoke_presented};
use crate::credentials::{CredentialError, tokens};
use crate::secret::{PlainSecret, SecretKind};

use super::State;
use super::caller::{AuthenticationFailure, Caller};
use super::oauth::{Client, client_caller, error, failed, invalid_client, respond};
use super::openapi::{ApiEndpoint, Caller as ClientKind, Form, Operation};

pub(super) fn endpoint() -> ApiEndpoint {
    let ended = ResponseBuilder::new().description("It is ended, or was no token of anybody's");
    ApiEndpoint::at("/revoke").post(
        revoke,
        Operation::new("End a token (RFC 7009)")
            .explained(
                "A product ends tokens for it, a person their own, and any credential itself.",
            )
            .of(ClientKind::Holder)
            .refused_as(Form::OAuth)
            .answer(200, ended.build())
            .refuses(&[500]),
    )
}

/// RFC 7009 section 2.1; a hint changes nothing, since a token says itself what it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = RevocationRequest)]
struct Revocation {
    #[schema(required, nullable = false)]
    token: Option<String>,
}

async fn revoke(
    request: HttpRequest,
    state: web::Data<State>,
    form: Result<web::Form<Revocation>, actix_web::Error>,
) -> HttpResponse {
    let (caller, named) = match client_caller(&request, &state).await {
        Ok(caller) => caller,
        Err(answer) => return answer,
    };
    let Some((revoker, caller)) = revoker(caller, named.as_deref()) else {
        return invalid_client(&AuthenticationFailure::Invalid);
    };
    let Some(token) = form.ok().and_then(|form| form.into_inner().token) else {
        return error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "the body must be a form (application/x-www-form-urlencoded) with the parameter token",
        );
    };
    if tokens::is_token(&token) {
        return error(
            StatusCode::BAD_REQUEST,
            "unsupported_token_type",
            "an access token ends by itself within minutes, and at once with the key that it was issued from: \
             revoke that",
        );
    }
    // RFC 7009 section 2.2: what is no token is as good as revoked.
    let Some(secret) = PlainSecret::recognise(&token) else {
        return respond(StatusCode::OK).finish();
    };
    let (actor, now) = (caller.actor, caller.requested_at);
    let outcome = state
        .database
        .write(move |connection| revoke_presented(connection, &secret, &revoker, &actor, now))
        .await;
    match outcome {
        Ok(Outcome::Ended | Outcome::NothingToEnd) => respond(StatusCode::OK).finish(),
        Ok(Outcome::NotTheirs) => error(
            StatusCode::BAD_REQUEST,
            "unauthorized_client",
            "the token is not this client's to revoke",
        ),
        Err(CredentialError::Store(error)) => failed(&error),
        Err(failure) => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            &failure.to_string(),
        ),
    }
}

/// What the caller may revoke by: as a product, as a signed-in person, or as the token itself.
fn revoker(caller: Caller, named: Option<&str>) -> Option<(Revoker, Caller)> {
    let id = caller.verified.credential.id.clone();
    let revoker = match (caller.verified.credential.kind, &caller.verified.owner) {
        (SecretKind::ProductCredential, _) => {
            let client = Client::of(caller.clone())?;
            if named.is_some_and(|named| named != client.product.as_str()) {
                return None;
            }
            Revoker::Product(client.product, id)
        }
        // A client id belongs to a product.
        _ if named.is_some() => return None,
        (SecretKind::Session, Some(owner)) => Revoker::Person(owner.id.clone(), id),
        _ => Revoker::Itself(id),
    };
    Some((revoker, caller))
}
