//! Errors of every interface but SCIM and OAuth: RFC 9457 `application/problem+json` with a stable `type`.

use std::fmt;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError, UrlencodedError};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, ResponseError, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::chain::ChainError;
use crate::credentials::CredentialError;
use crate::legible::escaped;
use crate::lifecycle::LifecycleError;
use crate::notices::NoticeError;
use crate::policies::PolicyError;
use crate::provisioning::ProvisioningError;
use crate::store::StoreError;

use super::caller::AuthenticationFailure;

/// The media type of RFC 9457 section 3.
pub(super) const MEDIA_TYPE: &str = "application/problem+json";
/// Seconds after which a request that the database could not take is worth repeating.
pub(super) const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// RFC 9110 section 15.5.2: a 401 has a challenge.
const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"portcullis\"");

/// What went wrong; each has a `type` that does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// 400: the request is malformed.
    InvalidRequest,
    /// 401: no credential, or one that does not authenticate.
    Unauthorized,
    /// 401: the sign-in failed.
    SignInFailed,
    /// 403: authenticated, but without the right that this needs.
    InsufficientScope,
    /// 403: the session has yet to pass the second factor.
    SecondFactorRequired,
    /// 403: refused whatever the rights.
    Forbidden,
    /// 404: no such path or thing.
    NotFound,
    /// 405: the path does not offer the method.
    MethodNotAllowed,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 409: the present state does not allow it.
    Conflict,
    /// 413: the body is too long.
    PayloadTooLarge,
    /// 414: path and query are too long.
    UriTooLong,
    /// 415: the body is of a media type that is not understood.
    UnsupportedMediaType,
    /// 422: a value is missing or not acceptable.
    InvalidValue,
    /// 429: too many requests.
    TooManyRequests,
    /// 431: the headers are too long.
    HeadersTooLarge,
    /// 500: our fault; the cause is logged and never told.
    Internal,
    /// 503: the database cannot be reached or is busy.
    Unavailable,
}

impl ProblemKind {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::SignInFailed => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope | Self::SecondFactorRequired | Self::Forbidden => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidValue => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn slug(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::Unauthorized => "unauthorized",
            Self::SignInFailed => "sign-in-failed",
            Self::InsufficientScope => "insufficient-scope",
            Self::SecondFactorRequired => "second-factor-required",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::Conflict => "conflict",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UriTooLong => "uri-too-long",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::InvalidValue => "invalid-value",
            Self::TooManyRequests => "too-many-requests",
            Self::HeadersTooLarge => "headers-too-large",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is malformed",
            Self::Unauthorized => "Authentication is needed",
            Self::SignInFailed => "The sign-in failed",
            Self::InsufficientScope => "The credential lacks the right for this",
            Self::SecondFactorRequired => "The sign-in is not complete",
            Self::Forbidden => "This is not permitted",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "The path does not offer this method",
            Self::RequestTimeout => "The request took too long to arrive",
            Self::Conflict => "The present state does not allow this",
            Self::PayloadTooLarge => "The body is too long",
            Self::UriTooLong => "The path and query are too long",
            Self::UnsupportedMediaType => "The media type is not understood",
            Self::InvalidValue => "A value is not acceptable",
            Self::TooManyRequests => "Too many requests",
            Self::HeadersTooLarge => "The headers are too long",
            Self::Internal => "Something went wrong here",
            Self::Unavailable => "The service is not available now",
        }
    }
}

/// Why a request is refused (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// What kind of problem it is; it does not change.
    #[schema(example = "urn:portcullis:problem:not-found")]
    r#type: String,
    title: &'static str,
    status: u16,
    /// One sentence for people.
    detail: String,
}

/// An error to be answered as `application/problem+json`.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this kind; the detail is one sentence for people.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            headers: Vec::new(),
        }
    }

    /// 404 for a thing of this name and id.
    #[must_use]
    pub fn not_found(what: &str, id: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no {what} {id:?}"))
    }

    /// 422 for a value that is not acceptable.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::InvalidValue, detail)
    }

    /// A body that is not JSON, or not the JSON that is asked for.
    #[must_use]
    pub fn not_taken(cause: &serde_json::Error) -> Self {
        if cause.is_data() {
            Self::invalid_value(format!("the body is not acceptable: {cause}"))
        } else {
            Self::new(
                ProblemKind::InvalidRequest,
                format!("the body is not JSON: {cause}"),
            )
        }
    }

    /// 403 for a session that has yet to pass the second factor.
    #[must_use]
    pub fn second_factor_required() -> Self {
        AuthenticationFailure::SecondFactorRequired.into()
    }

    /// 401 for a sign-in, whatever was wrong with it.
    #[must_use]
    pub fn sign_in_failed() -> Self {
        Self::new(
            ProblemKind::SignInFailed,
            "user name or password is wrong, or the person may not sign in",
        )
        .with_header(WWW_AUTHENTICATE, CHALLENGE)
    }

    /// 500: the cause is logged and never told.
    #[must_use]
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "a request failed");
        Self::new(
            ProblemKind::Internal,
            "the request could not be completed; the log of the server says why",
        )
    }

    /// What kind of thing went wrong, in a few words.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.kind.title()
    }

    /// The same with a header in its answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.kind.status()).json(ProblemBody {
            r#type: format!("urn:portcullis:problem:{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.clone(),
        });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            error if error.is_unavailable() => {
                tracing::warn!(cause = %Chain(&error), "the database is not available");
                Self::new(
                    ProblemKind::Unavailable,
                    "the database cannot take the request now",
                )
                .with_header(RETRY_AFTER, RETRY_SECONDS)
            }
            StoreError::TimeLimit => Self::new(
                ProblemKind::Unavailable,
                "the query took longer than it may; narrow it",
            ),
            error => Self::internal(&error),
        }
    }
}

impl From<CredentialError> for Problem {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Invalid(detail) => Self::new(ProblemKind::InvalidValue, detail),
            CredentialError::NotFound(what) => {
                Self::new(ProblemKind::NotFound, format!("there is no such {what}"))
            }
            CredentialError::Conflict(detail) => Self::new(ProblemKind::Conflict, detail),
            CredentialError::Forbidden(detail) => Self::new(ProblemKind::Forbidden, detail),
            CredentialError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        CredentialError::from(error).into()
    }
}

impl From<ChainError> for Problem {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<NoticeError> for Problem {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Invalid(detail) => Self::new(ProblemKind::InvalidValue, detail),
            NoticeError::NotFound(what) => {
                Self::new(ProblemKind::NotFound, format!("there is no such {what}"))
            }
            NoticeError::Conflict(detail) => Self::new(ProblemKind::Conflict, detail),
            NoticeError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<LifecycleError> for Problem {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::Conflict { .. } => Self::new(ProblemKind::Conflict, error.to_string()),
            LifecycleError::Policy(error) => error.into(),
            LifecycleError::Store(error) => error.into(),
        }
    }
}

impl From<ProvisioningError> for Problem {
    fn from(error: ProvisioningError) -> Self {
        match error {
            ProvisioningError::Refused(refused) => {
                let kind = match refused.kind.status() {
                    404 => ProblemKind::NotFound,
                    409 => ProblemKind::Conflict,
                    _ => ProblemKind::InvalidValue,
                };
                Self::new(kind, refused.detail)
            }
            ProvisioningError::Lifecycle(error) => error.into(),
            ProvisioningError::Credential(error) => error.into(),
            ProvisioningError::Store(error) => error.into(),
        }
    }
}

/// An error with its causes, for the log. A database tells in it what it was sent.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", escaped(&self.0.to_string()))?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {}", escaped(&error.to_string()))?;
            cause = error.source();
        }
        Ok(())
    }
}

/// 404 for a path that is not served.
pub(super) async fn no_such_path() -> Result<&'static str, Problem> {
    Err(Problem::new(
        ProblemKind::NotFound,
        "nothing is served at this path",
    ))
}

/// Refuses U+0000 in a URL before it reaches a look-up: nothing that is stored holds it, and PostgreSQL takes
/// no text with it.
pub(super) async fn refuse_nul<B: MessageBody>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let url = request.uri();
    let query = url.query().unwrap_or_default();
    if url.path().contains("%00") || query.contains("%00") {
        let problem = Problem::new(
            ProblemKind::InvalidRequest,
            "a path or query must not hold U+0000",
        );
        return Ok(request.error_response(problem).map_into_right_body());
    }
    Ok(next.call(request).await?.map_into_left_body())
}

pub(super) fn json_config(limit: usize) -> web::JsonConfig {
    web::JsonConfig::default()
        .limit(limit)
        .error_handler(|error, _| {
            let problem = match &error {
                JsonPayloadError::OverflowKnownLength { limit, .. }
                | JsonPayloadError::Overflow { limit } => too_long(*limit),
                JsonPayloadError::ContentType => Problem::new(
                    ProblemKind::UnsupportedMediaType,
                    "the body must be application/json",
                ),
                JsonPayloadError::Deserialize(cause) => Problem::not_taken(cause),
                _ => Problem::new(ProblemKind::InvalidRequest, "the body could not be read"),
            };
            problem.into()
        })
}

pub(super) fn form_config(limit: usize) -> web::FormConfig {
    web::FormConfig::default()
        .limit(limit)
        .error_handler(|error, _| {
            let problem = match &error {
                UrlencodedError::Overflow { limit, .. } => too_long(*limit),
                UrlencodedError::ContentType => Problem::new(
                    ProblemKind::UnsupportedMediaType,
                    "the body must be application/x-www-form-urlencoded",
                ),
                _ => Problem::new(ProblemKind::InvalidRequest, "the form could not be read"),
            };
            problem.into()
        })
}

pub(super) fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        let detail = match &error {
            QueryPayloadError::Deserialize(cause) => {
                format!("the query is not acceptable: {cause}")
            }
            _ => "the query could not be read".to_owned(),
        };
        Problem::new(ProblemKind::InvalidRequest, detail).into()
    })
}

pub(super) fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|_: PathError, _| {
        Problem::new(ProblemKind::NotFound, "nothing is served at this path").into()
    })
}

fn too_long(limit: usize) -> Problem {
    Problem::new(
        ProblemKind::PayloadTooLarge,
        format!("the body may have at most {limit} bytes"),
    )
}
