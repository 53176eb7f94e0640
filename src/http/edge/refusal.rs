//! What is answered to requests that reach no handler, in the form of the interface that they were meant for.

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::http::problem::{Problem, ProblemKind};
use crate::http::scim;
use crate::scim::{ErrorKind, ScimError};

/// Why a request is refused before or instead of its handler.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refused {
    LongUrl { limit: u32 },
    LongHeaders { limit: u32 },
    Slow { seconds: u32 },
}

impl Refused {
    pub(super) fn answer(self, request: ServiceRequest) -> ServiceResponse {
        let response = self.response(request.path());
        request.into_response(response)
    }

    /// For a request to this path. The connection is closed: what else comes over it is not worth waiting for.
    pub(super) fn response(self, path: &str) -> HttpResponse {
        let (problem, scim) = match self {
            Self::LongUrl { .. } => (ProblemKind::UriTooLong, ErrorKind::UriTooLong),
            Self::LongHeaders { .. } => (ProblemKind::HeadersTooLarge, ErrorKind::HeadersTooLarge),
            Self::Slow { .. } => (ProblemKind::RequestTimeout, ErrorKind::RequestTimeout),
        };
        let detail = match self {
            Self::LongUrl { limit } => {
                format!("path and query may have at most {limit} bytes; long searches are POSTed")
            }
            Self::LongHeaders { limit } => format!("headers may have at most {limit} bytes"),
            Self::Slow { seconds } => format!("the body did not arrive within {seconds} seconds"),
        };
        let mut response = if path.starts_with("/scim/") {
            scim::error_answer(&ScimError::new(scim, detail))
        } else if path.starts_with("/oauth2/") {
            let status = Problem::new(problem, "").status_code();
            HttpResponse::build(status)
                .json(json!({"error": "invalid_request", "error_description": detail}))
        } else {
            Problem::new(problem, detail).error_response()
        };
        let head = response.head_mut();
        head.set_connection_type(ConnectionType::Close);
        response
    }
}
