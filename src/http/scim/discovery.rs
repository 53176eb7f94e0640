//! Discovery (RFC 7644 section 4): what is said there is made from the running settings.

use actix_web::HttpResponse;
use serde_json::Value;

use crate::scim::discovery::{self, Offer};
use crate::scim::{ErrorKind, ScimError};

use super::Exchange;
use super::answer::{Failure, builder};
use super::request::{self, Target};

/// Answers one of the discovery endpoints.
pub fn answer(exchange: &Exchange, target: &Target) -> Result<HttpResponse, Failure> {
    discovery::check_query(&request::query(&exchange.request)?)?;
    let context = &exchange.context;
    let (registry, base_url) = (&context.registry, &context.base_url);
    let document = match target {
        Target::Schemas(None) => discovery::schemas(registry, base_url),
        Target::Schemas(Some(urn)) => found(discovery::schema(registry, urn, base_url))?,
        Target::ResourceTypes(None) => discovery::resource_types(registry, base_url),
        Target::ResourceTypes(Some(name)) => {
            found(discovery::resource_type(registry, name, base_url))?
        }
        _ => discovery::service_provider_config(&Offer {
            base_url,
            documentation_uri: None,
            max_bulk_operations: context.limits.max_bulk_operations,
            max_bulk_payload: context.limits.max_bulk_payload,
            change_password: context.directory.password_allowed,
            default_page_size: context.limits.default_page_size,
            max_page_size: context.limits.max_page_size,
            cursor_timeout_seconds: context.limits.cursor_timeout_seconds,
        }),
    };
    Ok(builder(200).body(document.to_string()))
}

fn found(document: Option<Value>) -> Result<Value, ScimError> {
    document.ok_or_else(|| ScimError::new(ErrorKind::NotFound, "there is no such definition"))
}
