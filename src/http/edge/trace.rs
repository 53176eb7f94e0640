//! The span of a request, which those of its transactions are within. It continues the trace that a trusted proxy
//! has begun or passed on (W3C Trace Context); anybody else could have everything of theirs traced, or hide among
//! the traces of others. Without a collector there are no spans.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing::field::Empty;

use crate::config::Settings;
use crate::http::forwarded;
use crate::http::metrics::known_method;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Neither path nor query: both may name people.
pub(super) fn span(request: &ServiceRequest, settings: &Settings, id: &HeaderValue) -> Span {
    let span = tracing::trace_span!(
        target: "portcullis::trace",
        "request",
        otel.kind = "server",
        http.request.method = request.method().as_str(),
        http.route = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
        http.request.header.x_request_id = id.to_str().unwrap_or_default(),
    );
    if !span.is_disabled() && forwarded::is_from_proxy(request.peer_addr(), settings) {
        let headers = Headers(request.headers());
        let parent = TraceContextPropagator::new().extract(&headers);
        if let Err(error) = span.set_parent(parent) {
            tracing::debug!(%error, "a trace is not continued");
        }
    }
    span
}

/// Says of a span how its request went.
pub(super) fn complete(span: &Span, method: &str, route: &str, status: u16) {
    if span.is_disabled() {
        return;
    }
    let method = known_method(method);
    let context = span.context();
    context.span().update_name(format!("{method} {route}"));
    span.record("http.route", route);
    span.record("http.response.status_code", status);
    if status >= 500 {
        span.record("otel.status_code", "ERROR");
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let name = HeaderName::from_bytes(key.as_bytes()).ok()?;
        self.0.get(name)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}
