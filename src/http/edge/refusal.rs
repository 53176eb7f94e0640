//! What is answered to requests that reach no handler, in the form of the interface that they were meant for.

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::http::problem::{Problem, ProblemKind, RETRY_SECONDS};
use crate::http::{console, scim};
use crate::scim::{ErrorKind, ScimError};

/// Why a request is refused before or instead of its handler.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refused {
    LongUrl { limit: u32 },
    LongHeaders { limit: u32 },
    Slow { seconds: u32 },
    Overloaded,
}

impl Refused {
    pub(super) fn answer(self, request: ServiceRequest) -> ServiceResponse {
        let response = self.response(request.path());
        request.into_response(response)
    }

    /// For a request to this path. The connection is closed, since what else comes over it is not worth waiting for,
    /// unless the request is as good as any: to open another costs more than to answer again.
    pub(super) fn response(self, path: &str) -> HttpResponse {
        let (problem, scim) = match self {
            Self::LongUrl { .. } => (ProblemKind::UriTooLong, ErrorKind::UriTooLong),
            Self::LongHeaders { .. } => (ProblemKind::HeadersTooLarge, ErrorKind::HeadersTooLarge),
            Self::Slow { .. } => (ProblemKind::RequestTimeout, ErrorKind::RequestTimeout),
            Self::Overloaded => (ProblemKind::Unavailable, ErrorKind::Unavailable),
        };
        let detail = match self {
            Self::LongUrl { limit } => {
                format!("path and query may have at most {limit} bytes; long searches are POSTed")
            }
            Self::LongHeaders { limit } => format!("headers may have at most {limit} bytes"),
            Self::Slow { seconds } => format!("the body did not arrive within {seconds} seconds"),
            Self::Overloaded => "more is asked than can be answered now".to_owned(),
        };
        let mut response = if path.starts_with("/scim/") {
            scim::error_answer(&ScimError::new(scim, detail))
        } else if path.starts_with("/oauth2/") {
            let status = Problem::new(problem, "").status_code();
            let error = match self {
                Self::Overloaded => "temporarily_unavailable",
                _ => "invalid_request",
            };
            HttpResponse::build(status).json(json!({"error": error, "error_description": detail}))
        } else if path == "/console" || path.starts_with("/console/") {
            console::refusal(&Problem::new(problem, detail))
        } else {
            Problem::new(problem, detail).error_response()
        };
        match self {
            Self::Overloaded => {
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, RETRY_SECONDS);
            }
            _ => response
                .head_mut()
                .set_connection_type(ConnectionType::Close),
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use serde_json::Value;

    use super::*;

    #[actix_web::test]
    async fn whoever_is_turned_away_is_told_when_to_come_again_in_their_own_protocol() {
        let detail = "more is asked than can be answered now";
        let scim = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": "503",
            "detail": detail,
        });
        let oauth = json!({"error": "temporarily_unavailable", "error_description": detail});
        let problem = json!({
            "type": "urn:portcullis:problem:unavailable",
            "title": "The service is not available now",
            "status": 503,
            "detail": detail,
        });
        for (path, expected) in [
            ("/scim/v2/Users", &scim),
            ("/oauth2/introspect", &oauth),
            ("/admin/v1/products", &problem),
        ] {
            let response = Refused::Overloaded.response(path);
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), "1", "{path}");
            assert!(response.head().keep_alive(), "{path}");
            let body = to_bytes(response.into_body()).await.unwrap();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(&body, expected, "{path}");
        }
    }

    #[actix_web::test]
    async fn people_are_told_on_a_page() {
        let response = Refused::Slow { seconds: 30 }.response("/console/sign-in");
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        let policy = response.headers().get("content-security-policy").unwrap();
        assert!(policy.to_str().unwrap().contains("style-src 'self'"));
        let body = to_bytes(response.into_body()).await.unwrap();
        let page = String::from_utf8(body.to_vec()).unwrap();
        assert!(page.contains("<p role=\"alert\">The body did not arrive within 30 seconds.</p>"));
        assert!(page.contains("href=\"/console/\""), "{page}");
    }
}
