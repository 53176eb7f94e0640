//! One's own: signing in and out, one's sessions, API tokens and second factor, and the password through a one-time
//! link.
//!
//! [`Person`] is the caller; what they change goes through [`Person::write`].

pub(super) mod password;
pub(super) mod second_factor;
pub(super) mod sessions;
pub(super) mod tokens;

use actix_web::HttpRequest;

use crate::credentials::verify::hold;
use crate::secret::SecretKind;
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, TransactionError};

use super::State;
use super::caller::{
    AuthenticationFailure, Caller, Undone, authenticate, authenticate_half_way, stand_within,
};
use super::openapi::ApiEndpoint;
use super::problem::{Problem, ProblemKind};

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    let modules = [
        sessions::endpoints,
        tokens::endpoints,
        password::endpoints,
        second_factor::endpoints,
    ];
    modules
        .into_iter()
        .flat_map(|endpoints| endpoints())
        .collect()
}

/// A signed-in person.
#[derive(Clone)]
pub(super) struct Person {
    /// Who they are.
    pub(super) id: ResourceId,
    /// What they show of it.
    pub(super) caller: Caller,
}

impl Person {
    async fn of(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate(request, state).await?)
    }

    /// One whose session may have to pass the second factor yet.
    async fn half_way(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate_half_way(request, state).await?)
    }

    /// The person of a caller, who must have a session.
    pub(super) fn from(caller: Caller) -> Result<Self, Problem> {
        match (&caller.verified.credential.kind, &caller.verified.owner) {
            (SecretKind::Session, Some(owner)) => Ok(Self {
                id: owner.id.clone(),
                caller,
            }),
            _ => Err(Problem::new(
                ProblemKind::Forbidden,
                "this is for signed-in people: use the token of a session",
            )),
        }
    }

    /// Runs a transaction for the person: the one way in which this interface changes anything of theirs. Within it
    /// their session is held, so that one that has ended meanwhile changes nothing.
    pub(super) async fn write<T, E>(
        &self,
        state: &State,
        body: impl Fn(&mut DatabaseConnection, &Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Undone<AuthenticationFailure, E>>
    where
        T: Send + 'static,
        E: TransactionError,
    {
        let (person, clock) = (self.clone(), state.clock.clone());
        state
            .database
            .write(move |connection| {
                let session = &person.caller.verified.credential.id;
                let (owner, now) = (Some(&person.id), clock.now());
                if person.caller.verified.outstanding.is_some() {
                    // What the sign-in lacks is shown by this very change.
                    hold(connection, session, owner, now)
                        .map_err(|refusal| Undone::Caller(refusal.into()))?;
                } else {
                    stand_within(connection, session, owner, now).map_err(Undone::Caller)?;
                }
                body(connection, &person).map_err(Undone::Body)
            })
            .await
    }
}
