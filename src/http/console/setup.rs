//! The set-up page: a form that takes a one-time link and a new password.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::passwords::MIN_LENGTH;
use crate::secret::{PlainSecret, SecretKind};

use super::super::account::password::set_password_by_link;
use super::super::{Endpoint, State};
use super::frame::bare;
use super::parts::field;
use super::words::sentence;

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

async fn show(place: web::Query<Place>) -> HttpResponse {
    match place.link.as_deref().and_then(recognised) {
        Some(link) => page(StatusCode::OK, &form(&link, None)),
        None => page(StatusCode::NOT_FOUND, &no_link()),
    }
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
        Ok(()) => page(StatusCode::OK, &done()),
        Err(problem) if problem.status_code() == StatusCode::NOT_FOUND => {
            page(StatusCode::NOT_FOUND, &no_link())
        }
        Err(problem) => {
            let form = form(&link, Some(&problem.to_string()));
            page(problem.status_code(), &form)
        }
    }
}

fn recognised(text: &str) -> Option<PlainSecret> {
    PlainSecret::recognise(text).filter(|secret| secret.kind() == SecretKind::PasswordLink)
}

fn no_link() -> Markup {
    html! {
        h1 { "This link does not work" }
        p { "It has been used, has expired, or is not whole. Ask an admin for a new one." }
    }
}

fn done() -> Markup {
    html! {
        h1 { "The password is set" }
        p { "This link works no more." }
        p { a.button.primary href="/console/sign-in" { "Sign in" } }
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
        form method="post" action="/console/setup" {
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

/// The address of this page has the link in it, and tells it to nobody.
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
