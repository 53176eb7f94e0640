//! What is answered over http beside https: browsers are sent on, and programs are not. A secret that was sent in
//! the clear has been read by whoever was on the way; a redirect would hide that, and have it sent so each time.

use actix_web::http::Method;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, ContentType, LOCATION, TRANSFER_ENCODING,
};
use actix_web::{HttpRequest, HttpResponse, web};
use maud::{DOCTYPE, Markup, html};
use url::form_urlencoded;

use crate::credentials::tokens;
use crate::http::State;
use crate::http::edge::OverHttp;
use crate::http::metrics::RouteSlot;
use crate::http::problem::{Problem, ProblemKind};
use crate::secret::PlainSecret;

/// The parameter of a link to set a password, or to sign in with, which works once for whoever has it.
const LINK: &str = "link";

/// Answers every path.
pub(super) fn configure(config: &mut web::ServiceConfig, state: &State) {
    config
        .app_data(OverHttp)
        .app_data(RouteSlot::default())
        .app_data(web::Data::new(state.clone()))
        .default_service(web::to(answer));
}

async fn answer(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers();
    let has_credential = headers.contains_key(AUTHORIZATION) || headers.contains_key(COOKIE);
    let has_link = has_secret(request.query_string());
    let has_body = headers.contains_key(TRANSFER_ENCODING)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
    if has_credential || has_link {
        let client = request.peer_addr().map(|address| address.ip().to_string());
        tracing::warn!(
            client,
            "a credential was sent over http, in the clear: rotate it, and correct the URL of that client"
        );
    }
    if !reads || has_credential || has_body {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            format!(
                "nothing is taken over http: use {}, and rotate a secret that was sent here",
                state.base_url
            ),
        ));
    }
    if has_link {
        return Ok(HttpResponse::Forbidden()
            .insert_header(ContentType::html())
            .body(page(&state.base_url).into_string()));
    }
    // Without the query: what it held is not for us to say again.
    let there = format!("{}{}", state.base_url, request.uri().path());
    Ok(HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, there))
        .finish())
}

/// Whether a query holds what opens something.
fn has_secret(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(name, value)| {
        name.eq_ignore_ascii_case(LINK)
            || tokens::is_token(&value)
            || PlainSecret::recognise(&value).is_some()
    })
}

/// For the person who has followed a link that begins with the wrong four letters.
fn page(base_url: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "This link was sent unencrypted" } }
            body {
                h1 { "This link was sent unencrypted" }
                p {
                    "It begins with http, so that others on the way could read what it opens. It is not followed. \
                     Ask whoever gave it to you for a new one, and to have this one revoked."
                }
                p { "Everything here is at " a href=(base_url) { (base_url) } "." }
            }
        }
    }
}
