//! What is answered over http beside https: browsers are sent on, and programs are not. A secret that was sent in
//! the clear has been read by whoever was on the way; a redirect would hide that, and have it sent so each time.

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, LOCATION, TRANSFER_ENCODING};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::http::State;
use crate::http::problem::{Problem, ProblemKind};

/// Answers every path.
pub(super) fn configure(config: &mut web::ServiceConfig, state: &State) {
    config
        .app_data(web::Data::new(state.clone()))
        .default_service(web::to(answer));
}

async fn answer(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    let has_secret = headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE);
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
    if has_secret {
        let client = request.peer_addr().map(|address| address.ip().to_string());
        tracing::warn!(
            client,
            "a credential was sent over http, in the clear: rotate it, and correct the URL of that client"
        );
    }
    if !reads || has_secret || has_body {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            format!(
                "nothing is taken over http: use {}, and rotate a secret that was sent here",
                state.base_url
            ),
        ));
    }
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", actix_web::http::uri::PathAndQuery::as_str);
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, format!("{}{path}", state.base_url)))
        .finish())
}
