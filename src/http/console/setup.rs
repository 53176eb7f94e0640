//! The set-up page: a form that takes a one-time link and a new password. The address of the link has a secret in it
//! until it is opened: then the browser keeps that in a cookie of this page alone, for a while, and goes on without.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFERRER_POLICY, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::passwords::MIN_LENGTH;
use crate::secret::{PlainSecret, SecretKind};

use super::super::account::password::set_password_by_link;
use super::super::{Endpoint, State};
use super::answer::see_other;
use super::cookies::secret_cookie;
use super::frame::bare;
use super::parts::field;
use super::words::sentence;

/// Where this page is, and the cookie goes.
pub(super) const PLACE: &str = "/console/setup";
/// For how long the browser keeps a link that was opened, in seconds: while somebody thinks of a password. Whoever
/// takes longer opens the link once more.
const KEPT_SECONDS: u32 = 15 * 60;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(Endpoint::at("/setup").get(show).post(submit));
}

#[derive(Deserialize)]
struct Place {
    link: Option<String>,
}

#[derive(Deserialize)]
struct Submission {
    link: String,
    password: String,
    repeated: String,
}

/// A link that is in the address is out of it with the next step, so that neither the bar, nor the history, nor
/// whoever looks over a shoulder keeps it.
async fn show(
    request: HttpRequest,
    state: web::Data<State>,
    place: web::Query<Place>,
) -> HttpResponse {
    let shown = match &place.link {
        Some(text) => recognised(text),
        None => secret_cookie(&request, cookie_form(&state).0).filter(is_link),
    };
    let Some(link) = shown else {
        return page(StatusCode::NOT_FOUND, &no_link());
    };
    match kept(&state, &link).filter(|_| place.link.is_some()) {
        Some(cookie) => with_cookie(see_other(PLACE), Some(cookie)),
        None => page(StatusCode::OK, &form(&link, None)),
    }
}

/// Its name and attributes. `Lax`, since a link is opened from a mail or a chat: browsers withhold a `Strict` cookie
/// from where such a click is sent on to. The form carries the link itself, so that no other site gains by it.
fn cookie_form(state: &State) -> (&'static str, &'static str) {
    if state.base_url.starts_with("https://") {
        (
            "__Secure-portcullis_setup",
            "; Path=/console/setup; Secure; HttpOnly; SameSite=Lax",
        )
    } else {
        (
            "portcullis_setup",
            "; Path=/console/setup; HttpOnly; SameSite=Lax",
        )
    }
}

/// The header that gives the browser a link to keep.
fn kept(state: &State, link: &PlainSecret) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    let text = format!(
        "{name}={}{attributes}; Max-Age={KEPT_SECONDS}",
        link.expose()
    );
    HeaderValue::from_str(&text).ok()
}

/// The header that takes it away.
fn forgotten(state: &State) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    HeaderValue::from_str(&format!("{name}={attributes}; Max-Age=0")).ok()
}

fn with_cookie(mut response: HttpResponse, cookie: Option<HeaderValue>) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    response
}

/// The link is what entitles to this, so that no other site could send the form.
async fn submit(
    request: HttpRequest,
    state: web::Data<State>,
    submission: web::Form<Submission>,
) -> HttpResponse {
    let submission = submission.into_inner();
    let Some(link) = recognised(&submission.link) else {
        return page(StatusCode::NOT_FOUND, &no_link());
    };
    if submission.password != submission.repeated {
        let form = form(&link, Some("the two passwords are not the same"));
        return page(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let set = set_password_by_link(&request, &state, link.expose(), submission.password).await;
    match set {
        Ok(directory) => {
            let answer = page(StatusCode::OK, &done(directory.as_deref()));
            with_cookie(answer, forgotten(&state))
        }
        Err(problem) if problem.status_code() == StatusCode::NOT_FOUND => {
            let answer = page(StatusCode::NOT_FOUND, &no_link());
            with_cookie(answer, forgotten(&state))
        }
        Err(problem) => {
            let form = form(&link, Some(&problem.to_string()));
            page(problem.status_code(), &form)
        }
    }
}

fn recognised(text: &str) -> Option<PlainSecret> {
    PlainSecret::recognise(text).filter(is_link)
}

fn is_link(secret: &PlainSecret) -> bool {
    secret.kind() == SecretKind::PasswordLink
}

fn no_link() -> Markup {
    html! {
        h1 { "This link does not work" }
        p { "It has been used, has expired, or is not whole. Ask an admin for a new one." }
        p { "If you opened it more than a quarter of an hour ago, open it once more. Your browser has to accept cookies." }
    }
}

/// The directory is none of what has to be remembered to sign in.
fn done(directory: Option<&str>) -> Markup {
    let sign_in = directory.map_or_else(
        || "/console/sign-in".to_owned(),
        |name| {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("directory", name);
            format!("/console/sign-in?{}", query.finish())
        },
    );
    html! {
        h1 { "The password is set" }
        p { "This link works no more." }
        p { a.button.primary href=(sign_in) { "Sign in" } }
    }
}

fn form(link: &PlainSecret, error: Option<&str>) -> Markup {
    let password = |name: &str, has_focus: bool| {
        html! {
            input type="password" name=(name) minlength=(MIN_LENGTH) autocomplete="new-password"
                required autofocus[has_focus];
        }
    };
    html! {
        h1 { "Set your password" }
        @if let Some(error) = error { p role="alert" { (sentence(error)) } }
        form method="post" action=(PLACE) {
            input type="hidden" name="link" value=(link.expose());
            (field("New password", &password("password", true)))
            (field("The same again", &password("repeated", false)))
            p.muted {
                "At least " (MIN_LENGTH) " characters; a few words that only you would put together are good."
            }
            button.primary { "Set password" }
        }
    }
}

/// Whatever comes next is not told whence it was opened.
fn page(status: StatusCode, content: &Markup) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .body(bare("Set your password", content).into_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_error_is_text() {
        let link = PlainSecret::generate(SecretKind::PasswordLink).unwrap();
        let form = form(&link, Some("<script>\"&")).into_string();
        assert!(form.contains("&lt;script&gt;&quot;&amp;"));
        assert!(form.contains(link.expose()));
    }
}
