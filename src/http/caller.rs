//! Who calls: the credential of a request, verified anew each time.
//!
//! [`authenticate`] leaves the body of the refusal to the protocol: SCIM, problem+json and OAuth each have
//! their own; the challenge is the same everywhere.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{
    AUTHORIZATION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::last_use::is_to_be_written;
use crate::credentials::sessions::{needs_touch, touch};
use crate::credentials::verify::{hold, record_first_use};
use crate::credentials::{CredentialError, Refusal, Verified, access_tokens, tokens, verify};
use crate::policies::rate_limits::Exceeded;
use crate::secret::{PlainSecret, SecretKind};
use crate::store::credentials::record_use;
use crate::store::id::{CredentialId, ResourceId};
use crate::store::{DatabaseConnection, StoreError, TransactionError};

use super::State;
use super::problem::{Problem, ProblemKind};
use super::{edge, forwarded};

/// The realm of every challenge (RFC 6750 section 3).
const REALM: &str = "portcullis";

/// A request whose credential stands.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The credential and the person it authenticates.
    pub verified: Verified,
    /// Who acts, for the audit.
    pub actor: Actor,
    /// When the request arrived.
    pub requested_at: Timestamp,
}

/// Why a request does not authenticate.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationFailure {
    /// It carries no credential.
    #[error("the request needs a bearer credential")]
    Missing,
    /// What it carries is not good, whatever the cause.
    #[error("the credential is not valid")]
    Invalid,
    /// Its credential has expired.
    #[error("the credential has expired")]
    Expired,
    /// Its credential was revoked.
    #[error("the credential has been revoked")]
    Revoked,
    /// The policy of its owner allows no API tokens.
    #[error("API tokens are blocked by policy")]
    Blocked,
    /// It makes, or its address has made, too many requests.
    #[error("too many requests; try again in {} seconds", .0.retry_after_seconds)]
    TooMany(Exceeded),
    /// Its session has yet to pass the second factor.
    #[error(
        "the sign-in is not complete: show a code at /account/v1/session/second-factor, or enrol at \
         /account/v1/second-factor"
    )]
    SecondFactorRequired,
    /// The database failed.
    #[error(transparent)]
    Store(StoreError),
}

impl AuthenticationFailure {
    /// The `WWW-Authenticate` header of the 401 answer (RFC 6750 section 3): an expired or revoked credential
    /// is told so, an unknown one nothing.
    #[must_use]
    pub fn challenge(&self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Missing | Self::SecondFactorRequired | Self::TooMany(_) | Self::Store(_) => {
                "Bearer realm=\"portcullis\""
            }
            Self::Invalid => "Bearer realm=\"portcullis\", error=\"invalid_token\"",
            Self::Expired => {
                "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has expired\""
            }
            Self::Revoked => {
                "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"the credential has been revoked\""
            }
            Self::Blocked => {
                "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"API tokens are blocked by policy\""
            }
        })
    }
}

impl From<AuthenticationFailure> for Problem {
    fn from(failure: AuthenticationFailure) -> Self {
        let challenge = failure.challenge();
        match failure {
            AuthenticationFailure::Store(error) => error.into(),
            AuthenticationFailure::TooMany(exceeded) => {
                let problem = Self::new(ProblemKind::TooManyRequests, failure.to_string());
                rate_limit_headers("requests", &exceeded)
                    .into_iter()
                    .fold(problem, |problem, (name, value)| {
                        problem.with_header(name, value)
                    })
            }
            AuthenticationFailure::SecondFactorRequired => {
                Self::new(ProblemKind::SecondFactorRequired, failure.to_string())
            }
            failure => Self::new(ProblemKind::Unauthorized, failure.to_string())
                .with_header(WWW_AUTHENTICATE, challenge),
        }
    }
}

impl From<Refusal> for AuthenticationFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // Whoever found a key learns nothing from where it would work.
            Refusal::Unknown | Refusal::Network => Self::Invalid,
            Refusal::Expired => Self::Expired,
            Refusal::Revoked | Refusal::OwnerInactive => Self::Revoked,
            Refusal::Blocked => Self::Blocked,
            Refusal::Store(error) => Self::Store(error),
        }
    }
}

/// The value of `WWW-Authenticate` for a caller whose rights do not reach (RFC 6750 section 3.1).
#[must_use]
pub fn insufficient_scope(scope: &str) -> Option<HeaderValue> {
    let text = format!("Bearer realm=\"{REALM}\", error=\"insufficient_scope\", scope=\"{scope}\"");
    HeaderValue::from_str(&text).ok()
}

/// What a client is told that comes too early: when to come again, and the rate
/// (`draft-ietf-httpapi-ratelimit-headers`).
#[must_use]
pub fn rate_limit_headers(policy: &str, exceeded: &Exceeded) -> Vec<(HeaderName, HeaderValue)> {
    let Exceeded {
        quota,
        window_seconds,
        retry_after_seconds,
    } = exceeded;
    let headers = [
        (RETRY_AFTER, retry_after_seconds.to_string()),
        (
            HeaderName::from_static("ratelimit-policy"),
            format!("\"{policy}\";q={quota};w={window_seconds}"),
        ),
        (
            HeaderName::from_static("ratelimit"),
            format!("\"{policy}\";r=0;t={retry_after_seconds}"),
        ),
    ];
    headers
        .into_iter()
        .filter_map(|(name, text)| Some((name, HeaderValue::from_str(&text).ok()?)))
        .collect()
}

/// The address that the request came from, where it is known.
#[must_use]
pub fn source_ip(request: &HttpRequest, state: &State) -> Option<IpAddr> {
    forwarded::source_ip(request, &state.settings)
}

/// The caller of a request, by its bearer credential.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub async fn authenticate(
    request: &HttpRequest,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let text = bearer(request).ok_or(AuthenticationFailure::Missing)?;
    authenticate_secret(text, request, state).await
}

/// The caller whose secret this is, however the request carried it.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub async fn authenticate_secret(
    text: &str,
    request: &HttpRequest,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let source_ip = source_ip(request, state);
    let caller = authenticate_with(text, SignIn::Complete, source_ip, state).await?;
    edge::identify(request, (&caller.verified).into());
    Ok(caller)
}

/// The caller whose secret this is, of a request that nobody has asked for: a page that is open asks by itself. This
/// is no use of it, so that a session that nobody uses falls idle beside such a page.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub fn authenticate_unattended(
    text: &str,
    request: &HttpRequest,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let source_ip = source_ip(request, state);
    let caller = admitted(text, SignIn::Complete, source_ip, state)?;
    edge::identify(request, (&caller.verified).into());
    Ok(caller)
}

/// The caller whose secret this is, where it does not speak for the address that the request came from.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub async fn authenticate_from(
    text: &str,
    source_ip: Option<IpAddr>,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    authenticate_with(text, SignIn::Complete, source_ip, state).await
}

/// The caller of a request, whose session may have to pass the second factor yet.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub async fn authenticate_half_way(
    request: &HttpRequest,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let text = bearer(request).ok_or(AuthenticationFailure::Missing)?;
    authenticate_secret_half_way(text, request, state).await
}

/// The same, however the request carried the secret of the session.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub async fn authenticate_secret_half_way(
    text: &str,
    request: &HttpRequest,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let source_ip = source_ip(request, state);
    let caller = authenticate_with(text, SignIn::HalfWay, source_ip, state).await?;
    edge::identify(request, (&caller.verified).into());
    Ok(caller)
}

/// How far a sign-in has to have come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignIn {
    HalfWay,
    Complete,
}

async fn authenticate_with(
    text: &str,
    needed: SignIn,
    source_ip: Option<IpAddr>,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let caller = admitted(text, needed, source_ip, state)?;
    write_use(&caller, state).await?;
    Ok(caller)
}

/// The caller whose secret this is, of whose use nothing is noted.
fn admitted(
    text: &str,
    needed: SignIn,
    source_ip: Option<IpAddr>,
    state: &State,
) -> Result<Caller, AuthenticationFailure> {
    let requested_at = state.clock.now();
    let outcome = verified(text, source_ip, requested_at, state).inspect_err(|refusal| {
        state.metrics.count_refusal(refusal.name());
        note_dead_key(text, refusal, state, requested_at, source_ip);
    });
    let verified = match outcome {
        Err(Refusal::Unknown) => {
            let admitted = state.rate_limits.admit_unknown(source_ip);
            return Err(admitted.map_or_else(AuthenticationFailure::TooMany, |()| {
                AuthenticationFailure::Invalid
            }));
        }
        outcome => outcome?,
    };
    state
        .rate_limits
        .admit(&verified.credential)
        .map_err(AuthenticationFailure::TooMany)?;
    if needed == SignIn::Complete {
        is_complete(&verified)?;
    }
    Ok(Caller {
        actor: verified.actor(source_ip),
        verified,
        requested_at,
    })
}

/// Why a transaction of a caller was undone.
pub enum Undone<C, E> {
    /// They may not do it, any more.
    Caller(C),
    /// What they asked for cannot be.
    Body(E),
}

impl<C, E: From<StoreError>> From<StoreError> for Undone<C, E> {
    fn from(error: StoreError) -> Self {
        Self::Body(error.into())
    }
}

impl<C: Send + 'static, E: TransactionError> TransactionError for Undone<C, E> {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Caller(_) => None,
            Self::Body(error) => error.store_error(),
        }
    }
}

impl<C, E> From<Undone<C, E>> for Problem
where
    Self: From<C> + From<E>,
{
    fn from(undone: Undone<C, E>) -> Self {
        match undone {
            Undone::Caller(cause) => cause.into(),
            Undone::Body(error) => error.into(),
        }
    }
}

/// Says within a transaction whether a caller's credential still stands, and keeps it so until the transaction
/// ends: what was revoked before changes nothing more, and whoever revokes it meanwhile waits.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub fn stand_within(
    connection: &mut DatabaseConnection,
    credential: &CredentialId,
    owner: Option<&ResourceId>,
    now: Timestamp,
) -> Result<Verified, AuthenticationFailure> {
    let verified = hold(connection, credential, owner, now)?;
    is_complete(&verified)?;
    Ok(verified)
}

/// The credential of a request that was authenticated before and goes on: whether it still stands. This is no
/// use of it: a session that nobody uses ends while its stream runs.
///
/// # Errors
/// The [`AuthenticationFailure`].
pub fn verify_again(
    request: &HttpRequest,
    state: &State,
) -> Result<Verified, AuthenticationFailure> {
    let text = bearer(request).ok_or(AuthenticationFailure::Missing)?;
    verify_secret_again(text, request, state)
}

/// The same of a secret that was not shown as a bearer's.
pub(super) fn verify_secret_again(
    text: &str,
    request: &HttpRequest,
    state: &State,
) -> Result<Verified, AuthenticationFailure> {
    let verified = verified(text, source_ip(request, state), state.clock.now(), state)?;
    is_complete(&verified)?;
    Ok(verified)
}

/// A session that lacks the second factor counts nowhere but where that is shown.
fn is_complete(verified: &Verified) -> Result<(), AuthenticationFailure> {
    match verified.outstanding {
        None => Ok(()),
        Some(_) => Err(AuthenticationFailure::SecondFactorRequired),
    }
}

fn verified(
    text: &str,
    source_ip: Option<IpAddr>,
    now: Timestamp,
    state: &State,
) -> Result<Verified, Refusal> {
    match PlainSecret::recognise(text) {
        None if tokens::is_token(text) => state.database.read_now(|connection| {
            let issuer = &state.base_url;
            access_tokens::verify(connection, text, issuer, issuer, source_ip, now)
        }),
        // A link to set a password opens nothing else.
        Some(secret) if secret.kind() != SecretKind::PasswordLink => state
            .database
            .read_now(|connection| verify(connection, &secret, source_ip, now)),
        _ => Err(Refusal::Unknown),
    }
}

/// An identity provider that goes on with a dead key is told of, since nobody leaves through it any more.
fn note_dead_key(
    text: &str,
    refusal: &Refusal,
    state: &State,
    now: Timestamp,
    source_ip: Option<IpAddr>,
) {
    if matches!(refusal, Refusal::Expired | Refusal::Revoked)
        && let Some(secret) = PlainSecret::recognise(text)
        && secret.kind() == SecretKind::ScimKey
    {
        state.observed.note_dead_key(secret.hash(), now, source_ip);
    }
}

/// Most uses are noted in memory. What others depend on is written at once: the first use of a rotated
/// key's successor, and that a session is not idle.
async fn write_use(caller: &Caller, state: &State) -> Result<(), AuthenticationFailure> {
    let credential = &caller.verified.credential;
    let now = caller.requested_at;
    if caller.verified.is_first_use() || is_to_be_written(credential, now) {
        return note_token_use(state, &caller.verified, now, caller.actor.source_ip)
            .await
            .map_err(AuthenticationFailure::Store);
    }
    let written = if let Some(policy) = &caller.verified.policy
        && needs_touch(credential, policy, now)
    {
        let (id, policy) = (credential.id.clone(), policy.clone());
        let address = caller.actor.source_ip;
        state
            .database
            .write(move |connection| touch(connection, &id, &policy, address, now))
            .await
    } else {
        Ok(())
    };
    state
        .last_use
        .note(&credential.id, now, caller.actor.source_ip);
    written.map_err(|error| match error {
        CredentialError::Store(error) => AuthenticationFailure::Store(error),
        _ => AuthenticationFailure::Store(StoreError::Commit),
    })
}

/// Notes the use of a credential: in memory, or at once in the database where what is known there is old, or
/// where it is the first use of a successor, which starts the end of the overlap.
///
/// # Errors
/// When the database fails.
pub async fn note_token_use(
    state: &State,
    verified: &Verified,
    now: Timestamp,
    address: Option<IpAddr>,
) -> Result<(), StoreError> {
    let token = &verified.credential;
    if verified.is_first_use() {
        let (token, actor) = (token.clone(), verified.actor(address));
        let written = state
            .database
            .write(move |connection| record_first_use(connection, &token, &actor, now))
            .await;
        return written.map_err(|error| match error {
            CredentialError::Store(error) => error,
            _ => StoreError::Commit,
        });
    }
    if !is_to_be_written(token, now) {
        state.last_use.note(&token.id, now, address);
        return Ok(());
    }
    let id = token.id.clone();
    state
        .database
        .write(move |connection| record_use(connection, &(id.clone(), now, address)))
        .await
}

/// The scheme's name has no case (RFC 9110 section 11.1).
#[must_use]
pub fn bearer(request: &HttpRequest) -> Option<&str> {
    let value = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| text.trim_matches(' '))
}
