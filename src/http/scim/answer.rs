//! Answers: resources with their entity tags, and errors in the protocol's form (RFC 7644 sections 3.1,
//! 3.12, 3.14).

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, ETAG, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::http::caller::{AuthenticationFailure, insufficient_scope, rate_limit_headers};
use crate::http::problem::{Chain, RETRY_SECONDS};
use crate::provisioning::{Context, ProvisioningError, entity_tag};
use crate::scim::schema::ResourceType;
use crate::scim::{ErrorKind, ScimError};
use crate::store::resources::Resource;
use crate::store::{StoreError, TransactionError};

/// The media type of every body (RFC 7644 section 3.1).
pub const MEDIA_TYPE: &str = "application/scim+json";

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub enum Failure {
    /// The request is to blame.
    Refused(ScimError),
    /// The path offers these methods only.
    Method(&'static str),
    /// The credential is good for something else.
    Scope,
    /// The credential has ended while the body was on its way.
    Ended(AuthenticationFailure),
    /// We are to blame; the cause is logged and never told.
    Internal(ProvisioningError),
}

impl Failure {
    /// The `scimType` of the answer.
    pub fn scim_type(&self) -> Option<&'static str> {
        match self {
            Self::Refused(error) => error.kind.scim_type(),
            Self::Method(_) | Self::Scope | Self::Ended(_) | Self::Internal(_) => None,
        }
    }
}

impl From<ScimError> for Failure {
    fn from(error: ScimError) -> Self {
        Self::Refused(error)
    }
}

impl From<ProvisioningError> for Failure {
    fn from(error: ProvisioningError) -> Self {
        match error.into_refusal() {
            Ok(error) => Self::Refused(error),
            Err(error) => Self::Internal(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ProvisioningError::from(error).into()
    }
}

/// The answer to a failure.
pub fn error_response(failure: Failure) -> HttpResponse {
    match failure {
        Failure::Refused(error) => scim_error(&error),
        Failure::Method(methods) => {
            let error = ScimError::new(
                ErrorKind::MethodNotAllowed,
                format!("this path offers {methods}"),
            );
            let mut response = scim_error(&error);
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static(methods));
            response
        }
        Failure::Scope => out_of_scope(),
        Failure::Ended(failure) => unauthorized(failure),
        Failure::Internal(error) => internal(&error),
    }
}

/// 403 with the scope that is missing (RFC 6750 section 3.1).
fn out_of_scope() -> HttpResponse {
    let mut response = scim_error(&ScimError::new(
        ErrorKind::Forbidden,
        "this credential gives no access to SCIM: use a SCIM API key",
    ));
    if let Some(challenge) = insufficient_scope("scim") {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

fn internal(error: &ProvisioningError) -> HttpResponse {
    if error.store_error().is_some_and(StoreError::is_unavailable) {
        tracing::warn!(cause = %Chain(error), "the database is not available");
        return unavailable();
    }
    tracing::error!(cause = %Chain(error), "a SCIM request failed");
    scim_error(&ScimError::new(
        ErrorKind::Internal,
        "the request could not be completed; the log of the server says why",
    ))
}

fn unavailable() -> HttpResponse {
    let mut response = scim_error(&ScimError::new(
        ErrorKind::Unavailable,
        "the database cannot take the request now",
    ));
    response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
    response
}

/// An error in the protocol's form.
pub fn scim_error(error: &ScimError) -> HttpResponse {
    builder(error.kind.status()).body(error.to_json().to_string())
}

/// 401 with the challenge that says as much as may be said.
pub fn unauthorized(failure: AuthenticationFailure) -> HttpResponse {
    let challenge = failure.challenge();
    match failure {
        AuthenticationFailure::Store(error) => return error_response(error.into()),
        AuthenticationFailure::TooMany(exceeded) => {
            let error = ScimError::new(ErrorKind::TooManyRequests, failure.to_string());
            let mut response = scim_error(&error);
            for (name, value) in rate_limit_headers("requests", &exceeded) {
                response.headers_mut().insert(name, value);
            }
            return response;
        }
        _ => {}
    }
    if matches!(failure, AuthenticationFailure::SecondFactorRequired) {
        return scim_error(&ScimError::new(ErrorKind::Forbidden, failure.to_string()));
    }
    let error = ScimError::new(ErrorKind::Unauthorized, failure.to_string());
    let mut response = scim_error(&error);
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// An answer of this status in the protocol's media type.
pub fn builder(status: u16) -> HttpResponseBuilder {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut builder = HttpResponse::build(status);
    builder.content_type(MEDIA_TYPE);
    builder
}

/// An answer about a resource: with its entity tag, and its address where it is new or was written.
pub fn about(
    status: u16,
    context: &Context,
    resource_type: &ResourceType,
    resource: &Resource,
) -> HttpResponseBuilder {
    let mut builder = builder(status);
    builder.insert_header((ETAG, entity_tag(resource)));
    builder.insert_header((
        LOCATION,
        context.location(resource_type, resource.id.as_str()),
    ));
    builder
}
