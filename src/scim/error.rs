//! The errors of the SCIM protocol (RFC 7644 section 3.12): status, `scimType` and a `detail` for people.

use serde_json::{Value, json};

/// The schema URN of an error response (RFC 7644 section 3.12).
pub const ERROR_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// What went wrong, as the protocol distinguishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 400 `invalidFilter`: the filter is malformed or not supported for the attribute.
    InvalidFilter,
    /// 400 `tooMany`: the query would cost or return more than the server is willing to.
    TooMany,
    /// 409 `uniqueness`: another resource holds a value that must be unique.
    Uniqueness,
    /// 400 `mutability`: the change is not compatible with the attribute's mutability.
    Mutability,
    /// 400 `invalidSyntax`: the body is malformed or does not conform to the request schema.
    InvalidSyntax,
    /// 400 `invalidPath`: the path of a PATCH operation is malformed or names no attribute.
    InvalidPath,
    /// 400 `noTarget`: the path of a PATCH operation selects nothing that could be operated on.
    NoTarget,
    /// 400 `invalidValue`: a value is missing, of the wrong type or not acceptable.
    InvalidValue,
    /// 400 `invalidVers`: the protocol version is not supported.
    InvalidVersion,
    /// 403 `sensitive`: the request carries personal or secret data where it must not.
    Sensitive,
    /// 400 `invalidCursor` (RFC 9865).
    InvalidCursor,
    /// 400 `expiredCursor` (RFC 9865).
    ExpiredCursor,
    /// 400 `invalidCount` (RFC 9865).
    InvalidCount,
    /// 401: no credential, or one that does not authenticate.
    Unauthorized,
    /// 403: authenticated but not permitted.
    Forbidden,
    /// 404: no such resource or endpoint.
    NotFound,
    /// 405: the endpoint does not offer the method.
    MethodNotAllowed,
    /// 406: none of the media types that the client accepts is offered.
    NotAcceptable,
    /// 409 without a `scimType`.
    Conflict,
    /// 412: `If-Match` did not hold.
    PreconditionFailed,
    /// 413: the body, or the number of operations in it, exceeds the stated limit.
    PayloadTooLarge,
    /// 414: the request target exceeds the limit.
    UriTooLong,
    /// 415: the body is of a media type that is not understood.
    UnsupportedMediaType,
    /// 408: the body did not arrive in time.
    RequestTimeout,
    /// 429: the credential exceeded its rate limit.
    TooManyRequests,
    /// 431: the headers exceed the limit.
    HeadersTooLarge,
    /// 500: our fault; the cause is logged and never told.
    Internal,
    /// 501: the operation is not offered.
    NotImplemented,
    /// 503: the database cannot be reached or is busy.
    Unavailable,
}

impl ErrorKind {
    /// The HTTP status code.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InvalidFilter
            | Self::TooMany
            | Self::Mutability
            | Self::InvalidSyntax
            | Self::InvalidPath
            | Self::NoTarget
            | Self::InvalidValue
            | Self::InvalidVersion
            | Self::InvalidCursor
            | Self::ExpiredCursor
            | Self::InvalidCount => 400,
            Self::Unauthorized => 401,
            Self::Forbidden | Self::Sensitive => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::Conflict | Self::Uniqueness => 409,
            Self::PreconditionFailed => 412,
            Self::PayloadTooLarge => 413,
            Self::UriTooLong => 414,
            Self::UnsupportedMediaType => 415,
            Self::RequestTimeout => 408,
            Self::TooManyRequests => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal => 500,
            Self::NotImplemented => 501,
            Self::Unavailable => 503,
        }
    }

    /// The `scimType` keyword, where RFC 7644 table 9 or RFC 9865 section 2.1 has one.
    #[must_use]
    pub fn scim_type(self) -> Option<&'static str> {
        match self {
            Self::InvalidFilter => Some("invalidFilter"),
            Self::TooMany => Some("tooMany"),
            Self::Uniqueness => Some("uniqueness"),
            Self::Mutability => Some("mutability"),
            Self::InvalidSyntax => Some("invalidSyntax"),
            Self::InvalidPath => Some("invalidPath"),
            Self::NoTarget => Some("noTarget"),
            Self::InvalidValue => Some("invalidValue"),
            Self::InvalidVersion => Some("invalidVers"),
            Self::Sensitive => Some("sensitive"),
            Self::InvalidCursor => Some("invalidCursor"),
            Self::ExpiredCursor => Some("expiredCursor"),
            Self::InvalidCount => Some("invalidCount"),
            _ => None,
        }
    }
}

/// An error to be answered in the protocol's own form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ScimError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// One sentence for people that names the attribute and says what would be accepted.
    pub detail: String,
}

impl ScimError {
    /// An error of this kind with this detail.
    pub fn new(kind: ErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// 400 `invalidValue`.
    pub fn invalid_value(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidValue, detail)
    }

    /// 400 `invalidSyntax`.
    pub fn invalid_syntax(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSyntax, detail)
    }

    /// 400 `invalidPath`.
    pub fn invalid_path(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidPath, detail)
    }

    /// 400 `invalidFilter`.
    pub fn invalid_filter(detail: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidFilter, detail)
    }

    /// The body of the error response (RFC 7644 section 3.12); `status` is a string there.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = json!({
            "schemas": [ERROR_SCHEMA],
            "status": self.kind.status().to_string(),
            "detail": self.detail,
        });
        if let (Some(scim_type), Some(object)) = (self.kind.scim_type(), body.as_object_mut()) {
            object.insert("scimType".to_owned(), Value::from(scim_type));
        }
        body
    }
}
