//! Who looks at a page: the session that the browser's cookie carries, verified anew each time, and what is
//! checked of a form before it changes anything.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::{COOKIE, HeaderName, HeaderValue, ORIGIN, REFERER};
use actix_web::http::{Method, Uri};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::credentials::confirmation::{self, Asked};
use crate::policies::{Rights, Scope};
use crate::secret::{PlainSecret, SecretKind};

use super::super::State;
use super::super::account::Person;
use super::super::account::password::with_password;
use super::super::admin::{self, Admin};
use super::super::caller::{
    AuthenticationFailure, authenticate_secret, authenticate_secret_half_way,
    authenticate_unattended,
};
use super::super::problem::{Problem, ProblemKind};
use super::answer::Failure;
use super::page::{Access, Accesses};
use super::refused::{Refused, Sent};

/// The name of the cookie: with the prefix, browsers take it over TLS alone, from this host alone.
const COOKIE_NAME: &str = "__Host-portcullis_session";
/// The same on a machine of one's own, without TLS.
const LOCAL_COOKIE_NAME: &str = "portcullis_session";
/// The header of what a page asks for by itself, again and again.
const UNATTENDED: &str = "portcullis-unattended";
/// The same for htmx: the headers of what an element asks for.
pub(super) const UNATTENDED_HEADERS: &str = r#"{"Portcullis-Unattended":"true"}"#;
/// What a form's token is made for.
const FORM: &[u8] = b"portcullis console form";

/// Somebody who looks at a page.
pub(super) struct Visitor {
    /// The person, as the account interface knows them.
    pub(super) person: Person,
    /// What they may do.
    pub(super) rights: Rights,
    /// The path and query they asked for.
    pub(super) place: String,
    /// What each form of theirs has to carry.
    pub(super) form_token: String,
    /// Their form that was refused just now, where its page is shown again.
    pub(super) refused: Option<Rc<Refused>>,
}

impl Visitor {
    /// The visitor of a request, where they have what its path needs.
    async fn of(request: &HttpRequest) -> Result<Self, Failure> {
        let refused = request.extensions().get::<Rc<Refused>>().cloned();
        let access = match &refused {
            Some(refused) => Some(refused.access),
            None => request
                .app_data::<Accesses>()
                .and_then(|accesses| accesses.of(request.method())),
        };
        let (Some(access), Some(state)) = (access, request.app_data::<web::Data<State>>()) else {
            // What says nothing of that is nobody's.
            return Err(not_permitted());
        };
        let shown = session_cookie(request, state);
        let turned_away = |had_session| Failure::SignIn {
            next: place(request),
            had_session,
            is_script: is_script(request),
        };
        let secret = shown.ok_or_else(|| turned_away(false))?;
        let caller = match access {
            Access::HalfWay => authenticate_secret_half_way(secret.expose(), request, state).await,
            _ if request.headers().contains_key(UNATTENDED) => {
                authenticate_unattended(secret.expose(), request, state)
            }
            _ => authenticate_secret(secret.expose(), request, state).await,
        };
        let caller = caller.map_err(|failure| match failure {
            AuthenticationFailure::SecondFactorRequired => Failure::SecondFactor {
                next: place(request),
                is_script: is_script(request),
            },
            AuthenticationFailure::TooMany(_) | AuthenticationFailure::Store(_) => failure.into(),
            _ => turned_away(true),
        })?;
        let rights = state
            .database
            .read_now(|connection| admin::rights(connection, &caller.verified))?;
        if !access.admits(&rights) {
            return Err(not_permitted());
        }
        Ok(Self {
            person: Person::from(caller)?,
            rights,
            place: place(request),
            form_token: form_token(&secret),
            refused,
        })
    }

    /// Whether they have this scope.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.rights.include(scope)
    }

    /// When they asked.
    pub(super) fn now(&self) -> Timestamp {
        self.person.caller.requested_at
    }

    /// The same visitor as a caller of the admin interface who must have this scope, still when they change
    /// something.
    pub(super) fn admin(&self, scope: Scope) -> Admin {
        let caller = &self.person.caller;
        Admin {
            actor: caller.actor.clone(),
            rights: self.rights.clone(),
            now: self.now(),
            credential_id: caller.verified.credential.id.clone(),
            scopes: caller.verified.credential.scopes.clone(),
            scope,
        }
    }

    /// What they have to show before something dangerous.
    pub(super) fn asked(&self, state: &State) -> Result<Asked, Failure> {
        let verified = &self.person.caller.verified;
        // A sign-in that is half-way has just shown the password, and opens nothing but its other half.
        if verified.outstanding.is_some() {
            return Ok(Asked::Nothing);
        }
        let session = &verified.credential;
        let asked = state.database.read_now(|connection| {
            confirmation::asked(connection, session, &self.person.id, self.now())
        })?;
        Ok(asked)
    }
}

impl FromRequest for Visitor {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Self::of(&request).await })
    }
}

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

/// What the query of an address says.
pub(super) fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Failure> {
    serde_html_form::from_str(request.query_string())
        .map_err(|_| Failure::Problem(not_understood()))
}

/// 400 for an address whose query says what its page cannot take.
fn not_understood() -> Problem {
    Problem::new(
        ProblemKind::InvalidRequest,
        "what follows the question mark in the address is not understood: open the page anew, and choose again",
    )
}

/// How a query that cannot be read is told of.
pub(super) fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|_, _| not_understood().into())
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

/// Derived from the secret of the session: it says nothing about it, and is worth nothing in another.
fn form_token(session: &PlainSecret) -> String {
    Hmac::<Sha256>::new_from_slice(session.expose().as_bytes())
        .map(|mac| mac.chain_update(FORM).finalize().into_bytes())
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
        .unwrap_or_default()
}

/// The session that the browser shows.
pub(super) fn session_cookie(request: &HttpRequest, state: &State) -> Option<PlainSecret> {
    let (name, _) = cookie_form(state);
    secret_cookie(request, name).filter(|secret| secret.kind() == SecretKind::Session)
}

/// The secret that the browser shows in the cookie of this name.
pub(super) fn secret_cookie(request: &HttpRequest, name: &str) -> Option<PlainSecret> {
    let headers = request.headers().get_all(COOKIE);
    headers
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .find_map(|(_, text)| PlainSecret::recognise(text))
}

/// The header that gives the browser a session: until it is closed, or the session ends.
pub(super) fn set_cookie(state: &State, session: &PlainSecret) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    HeaderValue::from_str(&format!("{name}={}{attributes}", session.expose())).ok()
}

/// The header that takes it away.
pub(super) fn clear_cookie(state: &State) -> Option<HeaderValue> {
    let (name, attributes) = cookie_form(state);
    HeaderValue::from_str(&format!("{name}={attributes}; Max-Age=0")).ok()
}

fn cookie_form(state: &State) -> (&'static str, &'static str) {
    if is_on_this_machine(state) {
        (LOCAL_COOKIE_NAME, "; Path=/; HttpOnly; SameSite=Strict")
    } else {
        (COOKIE_NAME, "; Path=/; Secure; HttpOnly; SameSite=Strict")
    }
}

/// Whether browsers of this machine alone reach the server, without TLS.
pub(super) fn is_on_this_machine(state: &State) -> bool {
    state.settings.listen.ip().is_loopback() && is_local(&state.base_url)
}

/// Whether a URL is of this machine, without TLS.
fn is_local(base_url: &str) -> bool {
    let Ok(url) = url::Url::parse(base_url) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && is_loopback
}

/// Which page somebody is on. Whoever sends a form is on the page that has it: at the same address, or where their
/// browser says that they come from.
pub(super) fn place(request: &HttpRequest) -> String {
    let accesses = request.app_data::<Accesses>();
    let is_shown = accesses.is_some_and(|accesses| accesses.of(&Method::GET).is_some());
    if request.method() == Method::POST && !is_shown {
        let come_from = request.headers().get(REFERER);
        return come_from
            .and_then(|url| url.to_str().ok()?.parse::<Uri>().ok())
            .and_then(|url| Some(url.path_and_query()?.as_str().to_owned()))
            .filter(|place| is_within_console(place))
            .unwrap_or_else(|| "/console/".to_owned());
    }
    request
        .uri()
        .path_and_query()
        .map_or("/console/", |place| place.as_str())
        .to_owned()
}

pub(super) fn is_script(request: &HttpRequest) -> bool {
    request.headers().contains_key("hx-request")
}

fn not_permitted() -> Failure {
    Failure::Problem(Problem::new(
        ProblemKind::Forbidden,
        "your role does not reach this page",
    ))
}

/// Whether whoever has signed in may be sent there: within the console, and nowhere else.
pub(super) fn is_within_console(place: &str) -> bool {
    place.starts_with("/console/") && !place.contains(['\\', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for (url, is) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("http://[::1]:8080", true),
            ("https://localhost:8080", false),
            ("http://scim.example.org", false),
            ("http://localhost.example.org", false),
        ] {
            assert_eq!(is_local(url), is, "{url}");
        }
    }

    #[test]
    fn nobody_is_sent_out_of_the_console() {
        assert!(is_within_console("/console/keys?kind=scim-keys"));
        for place in [
            "//evil.example",
            "https://evil.example",
            "/console",
            "/console/\\evil",
        ] {
            assert!(!is_within_console(place), "{place}");
        }
    }

    #[test]
    fn a_token_is_of_one_session() {
        let one = PlainSecret::generate(SecretKind::Session).unwrap();
        let other = PlainSecret::generate(SecretKind::Session).unwrap();
        assert_eq!(form_token(&one), form_token(&one));
        assert_ne!(form_token(&one), form_token(&other));
        assert_eq!(form_token(&one).len(), 43);
    }
}
