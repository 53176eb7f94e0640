//! Forms that are sent: what is checked of one before it changes anything, and what of a dangerous one besides.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::Uri;
use actix_web::http::header::{HeaderName, HeaderValue, ORIGIN};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::credentials::confirmation::{self, Asked};

use super::super::State;
use super::super::account::password::with_password;
use super::super::problem::{Problem, ProblemKind};
use super::answer::Failure;
use super::refused::{Refused, Sent};
use super::visitor::{Visitor, not_permitted};

/// A form that came from a page of ours, sent by somebody who has what its path needs.
pub(super) struct Posted<T> {
    /// Who sent it.
    pub(super) visitor: Visitor,
    /// What they filled in.
    pub(super) form: T,
}

#[derive(Deserialize)]
struct Token {
    form_token: Option<String>,
}

/// The form is read before its sender is looked at, so that nobody keeps their rights by holding it back.
async fn posted<T: DeserializeOwned>(
    request: &HttpRequest,
    body: impl Future<Output = Result<web::Bytes, actix_web::Error>>,
) -> Result<(Posted<T>, web::Bytes), Failure> {
    // The page that was the answer to the same form is asked for again.
    let refused = request.extensions().get::<Rc<Refused>>().cloned();
    if let Some(refused) = refused {
        let visitor = Visitor::of(request).await?;
        let body = refused.body.clone();
        let form = fields(&body)?;
        return Ok((Posted { visitor, form }, body));
    }
    let body = body.await.map_err(|_| {
        Problem::new(
            ProblemKind::PayloadTooLarge,
            "the form could not be read, or is too long",
        )
    })?;
    let visitor = Visitor::of(request).await?;
    check_origin(request)?;
    let sent: Token = fields(&body)?;
    let is_right = sent.form_token.is_some_and(|sent| {
        // Of what is as long as a token, nothing is learnt from how long the comparison takes.
        aws_lc_rs::constant_time::verify_slices_are_equal(
            sent.as_bytes(),
            visitor.form_token.as_bytes(),
        )
        .is_ok()
    });
    if !is_right {
        return Err(Failure::Problem(Problem::new(
            ProblemKind::Forbidden,
            "the form is from another session: open the page again, and send it once more",
        )));
    }
    request.extensions_mut().insert(Sent(body.clone()));
    let form = fields(&body)?;
    Ok((Posted { visitor, form }, body))
}

impl<T: DeserializeOwned + 'static> FromRequest for Posted<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move { Ok(posted(&request, body).await?.0) })
    }
}

/// A [`Posted`] form whose sender has shown within the last minutes who they are, with this form or before.
pub(super) struct Confirmed<T> {
    /// Who sent it.
    pub(super) visitor: Visitor,
    /// What they filled in.
    pub(super) form: T,
}

/// What [`super::parts::confirmation`] asks for.
#[derive(Deserialize)]
struct Shown {
    own_password: Option<String>,
    own_code: Option<String>,
}

impl<T: DeserializeOwned + 'static> FromRequest for Confirmed<T> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = web::Bytes::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let (Posted { visitor, form }, body) = posted(&request, body).await?;
            let state = request
                .app_data::<web::Data<State>>()
                .ok_or_else(not_permitted)?;
            if visitor.asked(state)? != Asked::Nothing {
                let shown: Shown = fields(&body)?;
                confirm(&visitor, state, shown).await?;
            }
            Ok(Self { visitor, form })
        })
    }
}

/// Looks at what was shown of whom they are.
async fn confirm(visitor: &Visitor, state: &State, shown: Shown) -> Result<(), Failure> {
    let person = &visitor.person;
    let (actor, now) = (person.caller.actor.clone(), visitor.now());
    let Some(password) = shown.own_password.filter(|text| !text.is_empty()) else {
        return Err(Failure::Problem(Problem::new(
            ProblemKind::Forbidden,
            "your sign-in was a while ago: give your password",
        )));
    };
    let session = person.caller.verified.credential.clone();
    let (sealer, code) = (state.sealer.clone(), shown.own_code);
    with_password(
        state,
        person,
        password,
        || Ok(()),
        move |connection, stored, ()| {
            let code = code.as_deref();
            confirmation::confirm(connection, &sealer, &session, stored, code, &actor, now)
        },
    )
    .await?;
    Ok(())
}

/// The fields of a form. One that is not acceptable is named, in words that are not the parser's.
pub(super) fn fields<T: DeserializeOwned>(body: &web::Bytes) -> Result<T, Failure> {
    // Nothing that is stored holds it, and PostgreSQL takes no text with it.
    if body.contains(&0) || body.windows(3).any(|three| three == b"%00") {
        return Err(Failure::Problem(Problem::new(
            ProblemKind::InvalidRequest,
            "a form must not hold U+0000",
        )));
    }
    let read = serde_html_form::Deserializer::from_bytes(body);
    serde_path_to_error::deserialize(read).map_err(|error| {
        let field = error.path().to_string();
        let detail = if field == "." {
            "a field of the form is missing: open its page again".to_owned()
        } else {
            format!("{field} is not acceptable: its value is of another kind")
        };
        Failure::Problem(Problem::invalid_value(detail))
    })
}

/// A browser says where a form comes from; it must be from here. What is no browser says nothing, and has no
/// cookies that another site could use.
pub(super) fn check_origin(request: &HttpRequest) -> Result<(), Failure> {
    let headers = request.headers();
    let is_ours = match headers.get(ORIGIN) {
        Some(origin) => is_own_origin(request, origin),
        None => headers
            .get(HeaderName::from_static("sec-fetch-site"))
            .is_none_or(|site| site == "same-origin"),
    };
    if is_ours {
        return Ok(());
    }
    Err(Failure::Problem(Problem::new(
        ProblemKind::Forbidden,
        "the form does not come from this console",
    )))
}

fn is_own_origin(request: &HttpRequest, origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let base = request
        .app_data::<web::Data<State>>()
        .map(|state| state.base_url.parse::<Uri>());
    let same = |scheme: Option<&str>, host: &str| {
        let scheme = scheme.unwrap_or_default();
        origin.eq_ignore_ascii_case(&format!("{scheme}://{host}"))
    };
    if let Some(Ok(base)) = &base
        && let Some(authority) = base.authority()
        && same(base.scheme_str(), authority.as_str())
    {
        return true;
    }
    let is_plain = request
        .app_data::<web::Data<State>>()
        .is_some_and(|state| state.base_url.starts_with("http://"));
    // The name that the browser has for this server, where it is not the one that others use.
    let host = request.headers().get(actix_web::http::header::HOST);
    host.and_then(|host| host.to_str().ok())
        .is_some_and(|host| same(Some("https"), host) || (is_plain && same(Some("http"), host)))
}
