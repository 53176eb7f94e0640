//! The headers that every answer has, whatever it is about. What an answer has set itself stays.

use actix_web::dev::ServiceResponse;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};

use crate::http::State;

use super::request_id;

/// Most of what is answered names people or holds credentials, so that nothing is kept by caches unless its
/// handler says so. Nothing is shown in frames of other sites, and nothing that is opened here runs.
const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// Two years, as browsers' lists ask for. Other hosts of the domain are not ours to speak for.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Marks the listener that takes http beside https, over which nothing is to be said of https (RFC 6797 section 7.2).
pub(in crate::http) struct OverHttp;

pub(super) fn complete<B>(response: &mut ServiceResponse<B>, state: &State, id: &HeaderValue) {
    let is_over_http = response.request().app_data::<OverHttp>().is_some();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        if !headers.contains_key(&name) {
            headers.insert(name, value);
        }
    }
    if !is_over_http && state.base_url.starts_with("https://") {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.insert(request_id::HEADER, id.clone());
}
