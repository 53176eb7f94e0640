//! What the console answers where there is no page to show: a redirect, or an error that people can read.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use maud::html;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::problem::{Problem, ProblemKind};
use super::frame;
use super::refused::copy_headers;

/// Why there is no page.
#[derive(Debug)]
pub(super) enum Failure {
    /// Whoever asks is not signed in, or not any more.
    SignIn {
        /// Where they wanted to go.
        next: String,
        /// Whether they showed a session, which does not count any more.
        had_session: bool,
        /// Whether a script asked.
        is_script: bool,
    },
    /// The sign-in has to be completed first.
    SecondFactor {
        /// Where they wanted to go.
        next: String,
        /// Whether a script asked.
        is_script: bool,
    },
    /// Anything else.
    Problem(Problem),
}

impl<E> From<E> for Failure
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignIn { .. } => formatter.write_str("nobody is signed in"),
            Self::SecondFactor { .. } => formatter.write_str("the sign-in is not complete"),
            Self::Problem(problem) => problem.fmt(formatter),
        }
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::SecondFactor { .. } => StatusCode::SEE_OTHER,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::SignIn {
                next,
                had_session,
                is_script,
            } => {
                let ended = if *had_session { "&ended=true" } else { "" };
                let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
                elsewhere(&format!("/console/sign-in?next={next}{ended}"), *is_script)
            }
            Self::SecondFactor { next, is_script } => {
                let next = utf8_percent_encode(next, NON_ALPHANUMERIC);
                elsewhere(&format!("/console/second-factor?next={next}"), *is_script)
            }
            Self::Problem(problem) => shown(problem),
        }
    }
}

/// To another page, which is then asked for with GET.
pub(super) fn see_other(place: &str) -> HttpResponse {
    elsewhere(place, false)
}

/// A script would follow a redirect by itself and show a part of the wrong page.
fn elsewhere(place: &str, is_script: bool) -> HttpResponse {
    let Ok(value) = HeaderValue::from_str(place) else {
        return HttpResponse::InternalServerError().finish();
    };
    if is_script {
        HttpResponse::Ok()
            .insert_header(("hx-redirect", value))
            .finish()
    } else {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, value))
            .finish()
    }
}

/// The same headers as elsewhere, and the text for people.
pub(super) fn shown(problem: &Problem) -> HttpResponse {
    let told = problem.error_response();
    let page = frame::bare(
        problem.title(),
        &html! {
            h1 { (problem.title()) }
            p role="alert" { (super::words::sentence(&problem.to_string())) }
            p { a href="/console/" { "To the console" } }
        },
    );
    let mut response = HttpResponse::build(told.status())
        .content_type("text/html; charset=utf-8")
        .body(page.into_string());
    copy_headers(told.headers(), response.headers_mut());
    response
}

/// 404 below the console.
pub(super) async fn no_such_page(_: HttpRequest) -> Result<HttpResponse, Failure> {
    Err(Failure::Problem(Problem::new(
        ProblemKind::NotFound,
        "there is no such page",
    )))
}
