//! What is read of a request: its target, headers, query and body.

use std::sync::Arc;

use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName};
use actix_web::{HttpRequest, web};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::provisioning::Expected;
use crate::scim::schema::{Registry, ResourceType};
use crate::scim::{ErrorKind, ScimError};

use super::json::parse;

/// What a path names (RFC 7644 section 3.2).
#[derive(Debug, Clone)]
pub enum Target {
    /// The base itself: all resources.
    Root,
    /// `/ServiceProviderConfig`
    ServiceProviderConfig,
    /// `/Schemas`, or one of them.
    Schemas(Option<String>),
    /// `/ResourceTypes`, or one of them.
    ResourceTypes(Option<String>),
    /// `/Bulk`
    Bulk,
    /// `/Me`
    Me,
    /// `/.search`, of all types or one.
    Search(Option<Arc<ResourceType>>),
    /// The resources of a type.
    Collection(Arc<ResourceType>),
    /// One resource.
    Resource(Arc<ResourceType>, String),
}

impl Target {
    /// The target of a request.
    ///
    /// # Errors
    /// 404 where there is nothing.
    pub fn of(request: &HttpRequest, registry: &Registry) -> Result<Self, ScimError> {
        let tail = request
            .path()
            .strip_prefix("/scim/v2")
            .unwrap_or_default()
            .trim_start_matches('/');
        let nothing = || ScimError::new(ErrorKind::NotFound, "there is no such endpoint");
        let mut segments = Vec::new();
        for segment in tail.trim_end_matches('/').split('/') {
            let decoded = percent_decode_str(segment)
                .decode_utf8()
                .map_err(|_| nothing())?;
            // PostgreSQL has no text with NUL, so nothing is called that.
            if decoded.contains('\0') {
                return Err(nothing());
            }
            segments.push(decoded.into_owned());
        }
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let one = |name: &str| Some(name.to_owned());
        let kind = |name: &str| {
            registry
                .endpoint(&format!("/{name}"))
                .cloned()
                .ok_or_else(nothing)
        };
        Ok(match segments.as_slice() {
            [""] => Self::Root,
            ["ServiceProviderConfig"] => Self::ServiceProviderConfig,
            ["Schemas"] => Self::Schemas(None),
            ["Schemas", name] => Self::Schemas(one(name)),
            ["ResourceTypes"] => Self::ResourceTypes(None),
            ["ResourceTypes", name] => Self::ResourceTypes(one(name)),
            ["Bulk"] => Self::Bulk,
            ["Me"] => Self::Me,
            [".search"] => Self::Search(None),
            [name] => Self::Collection(kind(name)?),
            [name, ".search"] => Self::Search(Some(kind(name)?)),
            [name, id] => Self::Resource(kind(name)?, (*id).to_owned()),
            _ => return Err(nothing()),
        })
    }

    /// Whether a signed-in person may go there.
    pub fn is_open_to_people(&self) -> bool {
        matches!(
            self,
            Self::Me | Self::ServiceProviderConfig | Self::Schemas(_) | Self::ResourceTypes(_)
        )
    }
}

/// Both media types are understood (RFC 7644 section 3.1), with whatever parameters.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(super::answer::MEDIA_TYPE)
        || essence.eq_ignore_ascii_case("application/json")
}

/// Refuses clients that want another representation than there is.
///
/// # Errors
/// 406.
pub fn check_accept(request: &HttpRequest) -> Result<(), ScimError> {
    let Some(accept) = text(request.headers(), &ACCEPT) else {
        return Ok(());
    };
    let is_offered = accept.split(',').any(|range| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        is_json(essence) || matches!(essence, "*/*" | "application/*" | "")
    });
    if is_offered {
        return Ok(());
    }
    Err(ScimError::new(
        ErrorKind::NotAcceptable,
        "answers are application/scim+json",
    ))
}

/// The query's names and values.
///
/// # Errors
/// 400 `invalidValue` where it cannot be read.
pub fn query(request: &HttpRequest) -> Result<Vec<(String, String)>, ScimError> {
    parameters(request.query_string())
}

/// The names and values of this text of a query.
///
/// # Errors
/// 400 `invalidValue` where it cannot be read.
pub fn parameters(query: &str) -> Result<Vec<(String, String)>, ScimError> {
    web::Query::<Vec<(String, String)>>::from_query(query)
        .map(web::Query::into_inner)
        .map_err(|_| ScimError::invalid_value("the query of the URL cannot be read"))
}

/// The JSON of a body.
///
/// # Errors
/// 415 for another media type, 413 where it is too long, 400 `invalidSyntax` where it is no JSON.
pub async fn json(
    request: &HttpRequest,
    body: web::Payload,
    limit: usize,
) -> Result<Value, ScimError> {
    let media_type = text(request.headers(), &CONTENT_TYPE);
    if media_type.is_some_and(|media_type| !is_json(media_type)) {
        return Err(ScimError::new(
            ErrorKind::UnsupportedMediaType,
            "the body must be application/scim+json or application/json",
        ));
    }
    let too_long = || {
        ScimError::new(
            ErrorKind::PayloadTooLarge,
            format!("the body may have at most {limit} bytes"),
        )
    };
    let bytes = body
        .to_bytes_limited(limit)
        .await
        .map_err(|_| too_long())?
        .map_err(|_| ScimError::invalid_syntax("the body could not be read"))?;
    parse(&bytes).map_err(|error| {
        ScimError::invalid_syntax(format!("the body is not JSON that can be taken: {error}"))
    })
}

/// What a conditional header expects (RFC 7644 section 3.14).
pub fn expected(request: &HttpRequest, name: &HeaderName) -> Option<Expected> {
    text(request.headers(), name).map(Expected::parse)
}

/// Whether the client wants no body (RFC 7240 section 4.2).
pub fn prefers_minimal(request: &HttpRequest) -> bool {
    request
        .headers()
        .get_all("prefer")
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .any(|preference| {
            preference
                .trim()
                .replace('"', "")
                .eq_ignore_ascii_case("return=minimal")
        })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
