//! What every request passes on its way in and out: bounds on its size and time, an identifier, headers that every
//! answer has, and the line that is logged of it. What a request is about is not known here.

mod body;
mod headers;
mod log;
mod refusal;
mod request_id;
mod trace;

use std::time::Instant;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::http::header::HeaderMap;
use actix_web::middleware::Next;
use actix_web::{HttpMessage, web};

use super::State;
use super::server::{Beat, Turn};
pub(super) use headers::OverHttp;
pub(super) use log::Identity;
use refusal::Refused;
use tracing::Instrument;

/// The outermost of what is around a request.
pub(super) async fn pass<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let started = Instant::now();
    let turn = request.conn_data::<Turn>().cloned();
    if let Some(turn) = &turn {
        turn.begin_request();
    }
    let state = request.app_data::<web::Data<State>>().cloned();
    let Some(state) = state else {
        return next
            .call(request)
            .await
            .map(ServiceResponse::map_into_left_body);
    };
    let id = request_id::of(request.headers());
    let span = trace::span(&request, &state.settings, &id);
    let mut expired = None;
    let refused = too_large(&request, &state).or_else(|| overloaded(&request));
    let mut response = if let Some(refused) = refused {
        refused.answer(request).map_into_right_body()
    } else {
        expired = body::bound(&mut request, &state.settings.limits);
        let answered = next.call(request).instrument(span.clone()).await?;
        answered.map_into_left_body()
    };
    if expired.is_some_and(|expired| expired.get()) {
        let seconds = state.settings.limits.request_body_seconds;
        let (request, _) = response.into_parts();
        let answer = Refused::Slow { seconds }.response(request.path());
        response = ServiceResponse::new(request, answer).map_into_right_body();
    }
    if let Some(turn) = turn {
        turn.end_request();
    }
    headers::complete(&mut response, &state, &id);
    if state.is_draining() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    let route = log::note(&response, &state, &id, started.elapsed());
    let method = response.request().method().as_str();
    trace::complete(&span, method, route.pattern(), response.status().as_u16());
    Ok(response)
}

/// Why a request is not looked at: it says more than it may before its body begins.
fn too_large(request: &ServiceRequest, state: &State) -> Option<Refused> {
    let limits = &state.settings.limits;
    let url = request.uri();
    let url_bytes = url.path().len() + url.query().map_or(0, |query| query.len() + 1);
    let exceeds =
        |bytes: usize, limit: u32| u32::try_from(bytes).map_or(true, |bytes| bytes > limit);
    if exceeds(url_bytes, limits.max_url_bytes) {
        let limit = limits.max_url_bytes;
        return Some(Refused::LongUrl { limit });
    }
    if exceeds(bytes_of(request.headers()), limits.max_header_bytes) {
        let limit = limits.max_header_bytes;
        return Some(Refused::LongHeaders { limit });
    }
    None
}

/// Whether a request is turned away, since the worker is behind with those before it. Those who watch have to know how
/// the server is.
fn overloaded(request: &ServiceRequest) -> Option<Refused> {
    let beat = request.app_data::<web::Data<Beat>>()?;
    (beat.begins_behind() && !log::is_watched(request.path())).then_some(Refused::Overloaded)
}

/// As they were sent: with colon, space and line end.
fn bytes_of(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// Notes for the log whose credential a request has shown.
pub(super) fn identify(request: &actix_web::HttpRequest, identity: Identity) {
    request.extensions_mut().insert(identity);
}
