//! Showing again who one is: a session that was opened a while ago does not suffice for what is dangerous.
//! Whoever finds an unlocked machine has the session, but not the password.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::DatabaseConnection;
use crate::store::credentials as table;
use crate::store::id::ResourceId;
use crate::store::passwords::{self, StoredPassword};
use crate::store::{StoreError, second_factors, session_confirmations};

use super::issue::active_person;
use super::verify::has_not_ended;
use super::{Credential, CredentialError, second_factor};

/// For how long it holds that somebody has shown who they are.
pub const HOLDS_MINUTES: i64 = 5;

/// What the person of a session has to show before something dangerous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Nothing: they have just done so.
    Nothing,
    /// Their password.
    Password,
    /// Their password, and a code of their second factor.
    PasswordAndCode,
}

/// What is asked of the person of this session now.
///
/// # Errors
/// When the database fails.
pub fn asked(
    connection: &mut DatabaseConnection,
    session: &Credential,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Asked, StoreError> {
    let confirmed = session_confirmations::find(connection, &session.id)?;
    // A session that has just begun began with the password.
    let last = confirmed.map_or(session.created_at, |at| at.max(session.created_at));
    if now < last.plus_seconds(HOLDS_MINUTES * 60) {
        return Ok(Asked::Nothing);
    }
    Ok(match second_factors::confirmed_at(connection, person)? {
        Some(_) => Asked::PasswordAndCode,
        None => Asked::Password,
    })
}

/// Writes down that the person of a session has shown who they are. The password was compared outside of any
/// transaction; what was seen then must still be so now.
///
/// # Errors
/// [`CredentialError::Forbidden`] where the password has changed meanwhile, or the code is not right;
/// [`CredentialError::Conflict`] where the session has ended; when the database fails.
pub fn confirm(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    session: &Credential,
    password: &StoredPassword,
    code: Option<&str>,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let ended = || CredentialError::Conflict("the session has ended".to_owned());
    let owner = session.owner_id.as_ref().ok_or_else(ended)?;
    let person = active_person(connection, owner)?;
    let stands = table::find_for_update(connection, &session.id)?
        .is_some_and(|session| has_not_ended(&session, now).is_ok());
    if !stands {
        return Err(ended());
    }
    if passwords::find(connection, &person.id)?.as_ref() != Some(password) {
        return Err(CredentialError::Forbidden(
            "the password is not right".to_owned(),
        ));
    }
    if second_factors::confirmed_at(connection, &person.id)?.is_some() {
        let code = code.unwrap_or_default();
        second_factor::take(connection, sealer, &person, code, now)?;
    }
    session_confirmations::set(connection, &session.id, now)?;
    let event = Event::new(Action::SessionConfirmed)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label());
    Ok(audit::record(connection, actor, now, event)?)
}

/// Forgets what holds no more.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut DatabaseConnection, now: Timestamp) -> Result<(), StoreError> {
    session_confirmations::prune(connection, now.plus_seconds(-HOLDS_MINUTES * 60))
}
