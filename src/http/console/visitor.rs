//! Who looks at a page: the session that the browser's cookie carries, verified anew each time. What is checked of a
//! form besides is `posted`'s.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::dev::Payload;
use actix_web::http::header::REFERER;
use actix_web::http::{Method, Uri};
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::credentials::confirmation::{self, Asked};
use crate::policies::{Rights, Scope};
use crate::secret::PlainSecret;

use super::super::State;
use super::super::account::Person;
use super::super::admin::{self, Admin, Needed};
use super::super::caller::{
    AuthenticationFailure, authenticate_secret, authenticate_secret_half_way,
    authenticate_unattended,
};
use super::super::problem::{Problem, ProblemKind};
use super::answer::Failure;
use super::cookies::session_cookie;
use super::page::{Access, Accesses};
use super::refused::Refused;

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
    pub(super) async fn of(request: &HttpRequest) -> Result<Self, Failure> {
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
            needed: Needed::to_change(scope),
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

/// Derived from the secret of the session: it says nothing about it, and is worth nothing in another.
fn form_token(session: &PlainSecret) -> String {
    Hmac::<Sha256>::new_from_slice(session.expose().as_bytes())
        .map(|mac| mac.chain_update(FORM).finalize().into_bytes())
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
        .unwrap_or_default()
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

pub(super) fn not_permitted() -> Failure {
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
    use crate::secret::SecretKind;

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
