//! The console's set-up page: a form that takes a one-time link and a new password. Without scripts.

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use serde::Deserialize;

use crate::credentials::passwords::MIN_LENGTH;
use crate::secret::{PlainSecret, SecretKind};

use super::account::set_password_by_link;
use super::{Endpoint, State};

const STYLE: &str = include_str!("console.css");
/// Nothing but our own style, and forms to ourselves; no page may frame this one.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/setup").get(show).post(submit))
        .service(Endpoint::at("/style.css").get(style));
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

async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .body(STYLE)
}

async fn show(place: web::Query<Place>) -> HttpResponse {
    match place.link.as_deref().and_then(recognised) {
        Some(link) => page(StatusCode::OK, &form(&link, None)),
        None => page(StatusCode::NOT_FOUND, NO_LINK),
    }
}

async fn submit(
    request: HttpRequest,
    state: web::Data<State>,
    submission: web::Form<Submission>,
) -> HttpResponse {
    let submission = submission.into_inner();
    let Some(link) = recognised(&submission.link) else {
        return page(StatusCode::NOT_FOUND, NO_LINK);
    };
    if submission.password != submission.repeated {
        let form = form(&link, Some("The two passwords are not the same."));
        return page(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    let set = set_password_by_link(&request, &state, link.expose(), submission.password).await;
    match set {
        Ok(()) => page(StatusCode::OK, DONE),
        Err(problem) if problem.status_code() == StatusCode::NOT_FOUND => {
            page(StatusCode::NOT_FOUND, NO_LINK)
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

const NO_LINK: &str = "<h1>This link does not work</h1>\n\
    <p>It has been used, has expired, or is not whole. Ask an admin for a new one.</p>";
const DONE: &str =
    "<h1>The password is set</h1>\n<p>You can sign in with it now. This link works no more.</p>";

/// The link's characters need no escaping: it has been recognised by its form.
fn form(link: &PlainSecret, error: Option<&str>) -> String {
    let error = error.map_or_else(String::new, |text| {
        format!("<p role=\"alert\">{}</p>\n", escaped(text))
    });
    format!(
        "<h1>Set your password</h1>\n{error}<form method=\"post\" action=\"/console/setup\">\n\
         <input type=\"hidden\" name=\"link\" value=\"{link}\">\n\
         <label>New password<input type=\"password\" name=\"password\" minlength=\"{MIN_LENGTH}\" \
         autocomplete=\"new-password\" required autofocus></label>\n\
         <label>The same again<input type=\"password\" name=\"repeated\" minlength=\"{MIN_LENGTH}\" \
         autocomplete=\"new-password\" required></label>\n\
         <p>At least {MIN_LENGTH} characters; a few words that only you would put together are good.</p>\n\
         <button>Set password</button>\n</form>",
        link = link.expose(),
    )
}

fn page(status: StatusCode, content: &str) -> HttpResponse {
    HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .insert_header((X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .body(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Portcullis</title>\n<link rel=\"stylesheet\" href=\"/console/style.css\">\n</head>\n\
             <body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
        ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_an_error_is_text() {
        let link = PlainSecret::generate(SecretKind::PasswordLink).unwrap();
        let form = form(&link, Some("<script>\"&"));
        assert!(form.contains("&lt;script&gt;&quot;&amp;"));
        assert!(form.contains(link.expose()));
    }
}
