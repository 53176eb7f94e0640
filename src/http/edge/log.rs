//! The line that is logged of each request: who, what, how it went. Never a secret, a query, a body, or anything of
//! a person beyond identifiers.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::ServiceResponse;
use actix_web::http::header::HeaderValue;

use crate::credentials::Verified;
use crate::http::metrics::{Route, known_method};
use crate::http::{State, forwarded};
use crate::secret::SecretKind;
use crate::store::id::DirectoryId;

/// Whose credential a request has shown.
#[derive(Debug, Clone)]
pub(in crate::http) struct Identity {
    kind: SecretKind,
    /// The public beginning of the secret, as lists of keys show it.
    prefix: String,
    directory: Option<DirectoryId>,
}

impl From<&Verified> for Identity {
    fn from(verified: &Verified) -> Self {
        let credential = &verified.credential;
        let owner = verified.owner.as_ref();
        Self {
            kind: credential.kind,
            prefix: credential.prefix.clone(),
            directory: credential
                .directory_id
                .clone()
                .or_else(|| owner.map(|owner| owner.directory_id.clone())),
        }
    }
}

/// Paths that are asked every few seconds by those who watch.
const WATCHED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Whether this path, or the route of it, is one of those.
pub(super) fn is_watched(path: &str) -> bool {
    WATCHED.contains(&path)
}

pub(super) fn note<B>(
    response: &ServiceResponse<B>,
    state: &State,
    id: &HeaderValue,
    elapsed: Duration,
) -> Arc<Route> {
    let request = response.request();
    let status = response.status().as_u16();
    let counted = state.metrics.routes.note(request, status, elapsed);
    let extensions = request.extensions();
    let identity = extensions.get::<Identity>();
    let client = forwarded::source_ip(request, &state.settings);
    let id = id.to_str().unwrap_or_default();
    let route = counted.pattern();
    let (credential, kind) = match identity {
        Some(identity) => (identity.prefix.as_str(), identity.kind.name()),
        None => ("", ""),
    };
    let directory = identity.and_then(|identity| identity.directory.as_ref());
    let micros = elapsed.as_micros();
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "portcullis::request",
                $level,
                method = known_method(request.method().as_str()),
                route,
                status,
                ms = format_args!("{}.{:03}", micros / 1_000, micros % 1_000),
                id,
                credential = (!credential.is_empty()).then_some(credential),
                kind = (!kind.is_empty()).then_some(kind),
                directory = directory.map(DirectoryId::as_str),
                client = client.map(tracing::field::display),
                "request"
            )
        };
    }
    if is_watched(route) {
        line!(tracing::Level::DEBUG);
    } else {
        line!(tracing::Level::INFO);
    }
    counted
}
