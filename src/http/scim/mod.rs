//! The SCIM interface (RFC 7644).

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};

use crate::scim::{ErrorKind, ScimError};

/// Mounts the interface into the scope `/scim/v2`.
pub fn configure(config: &mut web::ServiceConfig) {
    config.default_service(web::to(|| async {
        let error = ScimError::new(ErrorKind::NotImplemented, "this is not offered");
        HttpResponse::build(StatusCode::NOT_IMPLEMENTED)
            .content_type("application/scim+json")
            .json(error.to_json())
    }));
}
