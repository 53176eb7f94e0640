//! Signing in, with the second factor where there is one, and signing out.

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::second_factor::Outstanding;
use crate::credentials::sessions;
use crate::secret::PlainSecret;

use super::super::account::second_factor::{
    begin_enrolment, confirm_enrolment, pass_with, picture,
};
use super::super::account::sessions::{SignIn, open_session};
use super::super::problem::Problem;
use super::super::{Endpoint, State};
use super::answer::{Failure, see_other};
use super::cookies::{clear_cookie, is_on_this_machine, set_cookie};
use super::frame::{self, bare};
use super::page::{Access, Page};
use super::parts::{field, form};
use super::posted::{Confirmed, Posted, check_origin, fields};
use super::visitor::{Visitor, is_within_console};
use super::words::sentence;

const FIRST_PAGE: &str = "/console/";

/// What those see who are not signed in yet.
pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("").get(enter))
        .service(Endpoint::at("/sign-in").get(show).post(sign_in));
}

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page::at("/sign-out").post(Access::HalfWay, sign_out),
        Page::at("/second-factor")
            .get(Access::HalfWay, show_code)
            .post(Access::HalfWay, pass),
        Page::at("/second-factor/enrolment")
            .on(Access::SignedIn, super::mine::show)
            .post(Access::HalfWay, enrol),
        Page::at("/second-factor/enrolment/confirm").post(Access::HalfWay, confirm),
    ]
}

#[derive(Default, Deserialize)]
struct Place {
    next: Option<String>,
    ended: Option<bool>,
    signed_out: Option<bool>,
    directory: Option<String>,
}

#[derive(Deserialize)]
struct Credentials {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    directory: Option<String>,
    user_name: String,
    password: String,
    next: Option<String>,
}

/// Where somebody goes on to once their sign-in is complete.
#[derive(Deserialize)]
struct Onward {
    next: Option<String>,
}

impl Onward {
    /// A place within the console: its first page, where they wanted nothing else.
    fn place(&self) -> &str {
        let next = self.next.as_deref();
        next.filter(|next| is_within_console(next))
            .unwrap_or(FIRST_PAGE)
    }
}

/// A code that completes a sign-in.
#[derive(Deserialize)]
struct Completing {
    code: String,
    next: Option<String>,
}

/// A form without fields of its own.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// A form with a code of an authenticator.
#[derive(Deserialize)]
pub(super) struct Code {
    pub(super) code: String,
}

async fn enter() -> HttpResponse {
    see_other(FIRST_PAGE)
}

async fn show(state: web::Data<State>, place: web::Query<Place>) -> HttpResponse {
    let place = place.into_inner();
    let told = if place.ended == Some(true) {
        Some("You are signed out: the session has ended, or your access has. Sign in again.")
    } else if place.signed_out == Some(true) {
        Some("You are signed out.")
    } else {
        None
    };
    let notice = told.map(|text| html! { p.done role="status" { (text) } });
    let known = place.directory.as_deref().map(|name| ("", Some(name)));
    sign_in_page(
        &state,
        HttpResponse::Ok(),
        notice.as_ref(),
        known,
        place.next.as_deref(),
    )
}

/// Nobody has a token before they are signed in; the origin of the form is checked, so that nobody is signed in as
/// somebody else by another site. The session is a new one, whatever the browser has shown.
async fn sign_in(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Bytes,
) -> Result<HttpResponse, Failure> {
    check_origin(&request)?;
    let shown: Credentials = fields(&body)?;
    let wanted = SignIn {
        directory: shown.directory.clone(),
        user_name: shown.user_name.clone(),
        password: shown.password,
    };
    let next = shown.next.as_deref().filter(|next| is_within_console(next));
    let opened = open_session(&request, &state, wanted, |_, _, session, _| {
        Ok(session.secret.clone())
    });
    match opened.await {
        Ok(session) => Ok(with_session(
            &state,
            &session,
            see_other(next.unwrap_or(FIRST_PAGE)),
        )),
        Err(problem) if problem.status_code().is_server_error() => Err(Failure::Problem(problem)),
        Err(problem) => {
            let alert = html! { p role="alert" { (sentence(&problem.to_string())) } };
            let known = (shown.user_name.as_str(), shown.directory.as_deref());
            let mut builder = HttpResponse::build(problem.status_code());
            let told = problem.error_response();
            for (name, value) in told.headers() {
                if name != actix_web::http::header::CONTENT_TYPE {
                    builder.insert_header((name.clone(), value.clone()));
                }
            }
            Ok(sign_in_page(
                &state,
                builder,
                Some(&alert),
                Some(known),
                next,
            ))
        }
    }
}

fn sign_in_page(
    state: &State,
    mut builder: HttpResponseBuilder,
    told: Option<&Markup>,
    known: Option<(&str, Option<&str>)>,
    next: Option<&str>,
) -> HttpResponse {
    let (user_name, directory) = known.unwrap_or_default();
    let needs_tls = !state.base_url.starts_with("https://") && !is_on_this_machine(state);
    let next = next.filter(|next| is_within_console(next));
    let content = html! {
        h1 { "Sign in" }
        @if let Some(told) = told { (told) }
        @if needs_tls {
            p role="alert" {
                "This server is reached without TLS, and browsers keep no session there. Put it behind "
                "https, and set " code { "--public-url" } "."
            }
        }
        form method="post" action="/console/sign-in" {
            @if let Some(next) = next { input type="hidden" name="next" value=(next); }
            (field("User name", &html! {
                input name="user_name" value=(user_name) autocomplete="username" autocapitalize="none"
                    spellcheck="false" required autofocus[user_name.is_empty()];
            }))
            (field("Password", &html! {
                input type="password" name="password" autocomplete="current-password" required
                    autofocus[!user_name.is_empty()];
            }))
            details open[directory.is_some()] {
                summary { "Your account is in another directory" }
                (field("Name of the directory", &html! {
                    input name="directory" value=(directory.unwrap_or_default()) autocomplete="off";
                }))
            }
            button.primary { "Sign in" }
        }
        p.muted { "No password yet, or lost it? An admin makes you a link to set one." }
    };
    builder
        .content_type("text/html; charset=utf-8")
        .body(bare("Sign in", &content).into_string())
}

/// The same answer, which gives the browser a session.
pub(super) fn with_session(
    state: &State,
    session: &PlainSecret,
    mut response: HttpResponse,
) -> HttpResponse {
    if let Some(cookie) = set_cookie(state, session) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

async fn sign_out(sent: Posted<Nothing>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let caller = sent.visitor.person.caller;
    state
        .database
        .write(move |connection| {
            let session = &caller.verified.credential;
            sessions::end(connection, session, &caller.actor, caller.requested_at)
        })
        .await?;
    let mut response = see_other("/console/sign-in?signed_out=true");
    if let Some(cookie) = clear_cookie(&state) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn show_code(visitor: Visitor, onward: web::Query<Onward>) -> Result<HttpResponse, Failure> {
    let next = onward.place();
    let content = match visitor.person.caller.verified.outstanding {
        None => return Ok(see_other(next)),
        Some(Outstanding::Code) => code_form(&visitor, next, None),
        Some(Outstanding::Enrolment) => html! {
            h1 { "A second factor is required" }
            p {
                "The policy of your organisation asks for a code of an authenticator app beside your "
                "password. Have such an app ready on your phone."
            }
            (form(&visitor, "/console/second-factor/enrolment", &html! {
                input type="hidden" name="next" value=(next);
                button.primary { "Set it up" }
            }))
            (cancel(&visitor))
        },
    };
    Ok(frame::answer(&bare("Second factor", &content)))
}

fn code_form(visitor: &Visitor, next: &str, error: Option<&str>) -> Markup {
    html! {
        h1 { "Enter your code" }
        @if let Some(error) = error { p role="alert" { (sentence(error)) } }
        (form(visitor, "/console/second-factor", &html! {
            input type="hidden" name="next" value=(next);
            (field("The code that your authenticator shows, or a recovery code", &html! {
                input name="code" autocomplete="one-time-code" spellcheck="false" required autofocus;
            }))
            button.primary { "Continue" }
        }))
        (cancel(visitor))
    }
}

fn cancel(visitor: &Visitor) -> Markup {
    form(
        visitor,
        "/console/sign-out",
        &html! { button.quiet { "Cancel, and sign out" } },
    )
}

async fn pass(sent: Posted<Completing>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let Posted { visitor, form } = sent;
    let onward = Onward { next: form.next };
    let next = onward.place();
    match pass_with(&state, &visitor.person, &form.code).await {
        Ok(issued) => Ok(with_session(&state, &issued.secret, see_other(next))),
        Err(problem) => again(&problem, |error| {
            bare("Second factor", &code_form(&visitor, next, Some(error)))
        }),
    }
}

/// The same form once more, with what was wrong; what is no fault of a code is an error page.
fn again(problem: &Problem, page: impl FnOnce(&str) -> Markup) -> Result<HttpResponse, Failure> {
    if problem.status_code() != StatusCode::FORBIDDEN {
        return Err(Failure::Problem(problem.clone()));
    }
    let page = page(&problem.to_string()).into_string();
    Ok(HttpResponse::Forbidden()
        .content_type("text/html; charset=utf-8")
        .body(page))
}

/// Shows what an authenticator app has to be told, in the answer that makes it and nowhere else.
async fn enrol(sent: Confirmed<Onward>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let visitor = sent.visitor;
    let enrolment = begin_enrolment(&state, &visitor.person).await?;
    let picture = data_address(&picture(&enrolment)?);
    let content = html! {
        h1 { "Set up your authenticator" }
        ol.steps {
            li { "Scan this code with your authenticator app." }
            li { "Enter the six digits that the app shows then." }
        }
        img.qr src=(picture) width="224" height="224"
            alt="QR code for your authenticator app; the same key is below as text";
        (field("The key, if you cannot scan", &html! {
            input id="secret" value=(enrolment.secret) readonly spellcheck="false" autocomplete="off";
        }))
        (confirm_form(&visitor, sent.form.place()))
    };
    Ok(frame::answer(&bare("Set up your authenticator", &content)))
}

fn confirm_form(visitor: &Visitor, next: &str) -> Markup {
    form(
        visitor,
        "/console/second-factor/enrolment/confirm",
        &html! {
            input type="hidden" name="next" value=(next);
            (field("The code that the app shows", &html! {
                input name="code" inputmode="numeric" autocomplete="one-time-code" required;
            }))
            button.primary { "Confirm" }
        },
    )
}

/// No policy of the page forbids an image within it.
fn data_address(svg: &str) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(svg);
    format!("data:image/svg+xml;base64,{text}")
}

async fn confirm(
    sent: Confirmed<Completing>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let Confirmed { visitor, form } = sent;
    let onward = Onward { next: form.next };
    let next = onward.place();
    match confirm_enrolment(&state, &visitor.person, &form.code).await {
        Ok(confirmed) => {
            let page = bare(
                "Recovery codes",
                &recovery_codes(&confirmed.recovery_codes, next),
            );
            Ok(with_session(
                &state,
                &confirmed.session.secret,
                frame::answer(&page),
            ))
        }
        Err(problem) => again(&problem, |error| {
            let content = html! {
                h1 { "The code was not right" }
                p role="alert" { (sentence(error)) }
                p { "Enter the code that the app shows now." }
                (confirm_form(&visitor, next))
            };
            bare("Set up your authenticator", &content)
        }),
    }
}

/// Recovery codes, this once. `next` is where one goes on to.
pub(super) fn recovery_codes(codes: &[String], next: &str) -> Markup {
    html! {
        h1 { "Keep these recovery codes" }
        p role="status" {
            strong { "Write them down now." }
            " Each works once in place of a code, should you lose your authenticator. Nobody can show them again."
        }
        ul.codes { @for code in codes { li { code { (code) } } } }
        p { a.button.primary href=(next) { "I have them" } }
    }
}
