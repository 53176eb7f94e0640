//! The password: set through a one-time link, or changed by whoever is signed in and shows the old one.
//!
//! [`with_password`] is how anybody shows again what their password is.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::passwords::{Changed, OwnChange};
use crate::credentials::sessions::{self, Candidate};
use crate::credentials::{CredentialError, Verified, passwords, verify};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::CredentialId;
use crate::store::passwords::{self as stored_passwords, StoredPassword};
use crate::store::{DatabaseConnection, StoreError, TransactionError as _, resources};

use super::super::State;
use super::super::caller::{AuthenticationFailure, source_ip};
use super::super::openapi::{ApiEndpoint, Caller, Operation};
use super::super::problem::{Problem, ProblemKind};
use super::super::throttle::Attempt;
use super::Person;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/password").post(
            set_password,
            Operation::new("Set one's password with a one-time link")
                .ends()
                .refuses(&[403, 404, 409, 503]),
        ),
        ApiEndpoint::at("/password/change").post(
            change,
            Operation::new("Change one's password")
                .of(Caller::Person)
                .explained(
                    "Shows the old one, and a code where there is a second factor. One's other sessions end, and \
                     another session goes on in place of this one, whose token is no more. A password that an \
                     identity provider sets is changed there.",
                )
                .shows::<ChangedView>()
                .refuses(&[409, 429, 503]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
struct Change {
    /// The password that one has.
    password: String,
    new_password: String,
    /// A code of the authenticator, or a recovery code, of whoever has a second factor.
    code: Option<String>,
}

/// The session that goes on in place of the one that was used, and what became of the others.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedPassword)]
struct ChangedView {
    id: CredentialId,
    /// Shown this once.
    token: String,
    expires_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(required)]
    idle_expires_at: Option<Timestamp>,
    /// How many other sessions have ended.
    ended: usize,
}

async fn change(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<Change>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let Change {
        password,
        new_password,
        code,
    } = body.into_inner();
    let changed = change_password(&state, &person, password, new_password, code).await?;
    let session = &changed.session.credential;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(ChangedView {
            id: session.id.clone(),
            token: changed.session.secret.expose().to_owned(),
            expires_at: session.expires_at,
            idle_expires_at: session.idle_expires_at,
            ended: changed.ended,
        }))
}

/// Changes the password of a person who shows the old one.
pub(in super::super) async fn change_password(
    state: &State,
    person: &Person,
    old: String,
    new: String,
    code: Option<String>,
) -> Result<Changed, Problem> {
    if old == new {
        return Err(Problem::invalid_value(
            "new_password is the password that there is",
        ));
    }
    let caller = &person.caller;
    let (session, actor, now) = (
        caller.verified.credential.clone(),
        caller.actor.clone(),
        caller.requested_at,
    );
    let sealer = state.sealer.clone();
    let hash_new = move || passwords::hash(&new);
    with_password(
        state,
        person,
        old,
        hash_new,
        move |connection, shown, new| {
            let change = OwnChange {
                session: session.clone(),
                shown: shown.clone(),
                code: code.clone(),
                new: new.clone(),
            };
            passwords::change_own(connection, &sealer, &change, &actor, now)
        },
    )
    .await
}

/// Does something for a person who has shown their password. Wrong ones are counted, by person wherever they come
/// from, and recorded. What was compared is given to what is done, since it may have changed since; so is what takes
/// long to prepare, which is prepared for the right password only.
pub(in super::super) async fn with_password<P, T>(
    state: &State,
    person: &Person,
    password: String,
    prepare: impl FnOnce() -> Result<P, CredentialError> + Send + 'static,
    body: impl Fn(&mut DatabaseConnection, &StoredPassword, &P) -> Result<T, CredentialError>
    + Send
    + 'static,
) -> Result<T, Problem>
where
    P: Send + 'static,
    T: Send + 'static,
{
    let (actor, now) = (person.caller.actor.clone(), person.caller.requested_at);
    let attempt = Attempt::of_confirmation(person.id.as_str(), actor.source_ip);
    state.throttle.admit(&attempt, now).inspect_err(|_| {
        let name = actor.name.as_deref().unwrap_or_default();
        state.observed.note_throttled(name, now, actor.source_ip);
    })?;
    // Whoever could not be served has shown nothing, and may try as often as before.
    let unserved = |problem: Problem| {
        state.throttle.take_back(&attempt);
        problem
    };
    let id = person.id.clone();
    let stored = state
        .database
        .read_now(|connection| stored_passwords::find(connection, &id))
        .map_err(|error| unserved(error.into()))?;
    let hash = stored.as_ref().map(|stored| stored.hash.clone());
    let prepared = state
        .hashing(move || passwords::is_password(&password, hash.as_deref()).then(prepare))
        .await
        .map_err(unserved)?;
    let outcome = match stored.zip(prepared) {
        None => Err(CredentialError::Forbidden(
            "the password is not right".to_owned(),
        )),
        Some((_, Err(error))) => Err(error),
        Some((stored, Ok(prepared))) => {
            state
                .database
                .write(move |connection| body(connection, &stored, &prepared))
                .await
        }
    };
    match outcome {
        Ok(done) => {
            state.throttle.forget(&attempt);
            Ok(done)
        }
        Err(CredentialError::Forbidden(detail)) => {
            state
                .database
                .write(move |connection| {
                    let candidate = Candidate {
                        person: resources::find_any(connection, &id)?,
                        password: None,
                    };
                    sessions::record_refusal(connection, &candidate, "", &actor, now)
                })
                .await?;
            Err(Problem::new(
                ProblemKind::Forbidden,
                format!("{detail}; nothing was changed"),
            ))
        }
        Err(error) if error.store_error().is_some() => Err(unserved(error.into())),
        Err(error) => {
            // The password was right, and something else was not.
            state.throttle.take_back(&attempt);
            Err(error.into())
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The secret of the link.
    link: String,
    password: String,
}

async fn set_password(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<NewPassword>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    set_password_by_link(&request, &state, &body.link, body.password).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets the password of the person a one-time link was made for. Gives the name of the directory that they sign in to,
/// where it is not the local one.
pub(in super::super) async fn set_password_by_link(
    request: &HttpRequest,
    state: &State,
    link: &str,
    password: String,
) -> Result<Option<String>, Problem> {
    let now = state.clock.now();
    let address = source_ip(request, state);
    // Hashing is slow: only for a link that works.
    let link = PlainSecret::recognise(link)
        .filter(|link| link.kind() == SecretKind::PasswordLink)
        .ok_or_else(no_link)?;
    let verified = state
        .database
        .read_now(|connection| verify(connection, &link, address, now))
        .map_err(|refusal| match AuthenticationFailure::from(refusal) {
            AuthenticationFailure::Store(error) => error.into(),
            _ => no_link(),
        })?;
    let directory = state
        .database
        .read_now(|connection| named_directory(connection, &verified))?;
    let hashed = state.hashing(move || passwords::hash(&password)).await??;
    // The person acts, though nobody is signed in.
    let actor = verified.actor(address);
    state
        .database
        .write(move |connection| passwords::set_by_link(connection, &link, &hashed, &actor, now))
        .await?;
    Ok(directory)
}

/// What the directory of a credential's owner is called, where it is not the local one.
fn named_directory(
    connection: &mut DatabaseConnection,
    verified: &Verified,
) -> Result<Option<String>, StoreError> {
    let Some(owner) = &verified.owner else {
        return Ok(None);
    };
    let found = directories::find(connection, &owner.directory_id)?;
    let named = found.filter(|directory| directory.kind != DirectoryKind::Local);
    Ok(named.map(|directory| directory.name))
}

fn no_link() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "the link is not known, has been used, or has expired; ask an admin for a new one",
    )
}
