//! The sessions of a person that work: listed, counted, and one of them shown with whether it still does. They are
//! opened and ended in `sessions`.

use crate::clock::Timestamp;
use crate::policies::authentication::effective;
use crate::secret::SecretKind;
use crate::store::credentials::{self as table, Search, Standing};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::{DatabaseConnection, StoreError};

use super::{Credential, CredentialError, keys};

/// Sessions are counted so far: what is asked before a click has an end.
pub const MANY: i64 = 1_000;

/// How many sessions of a person have not ended by any node's clock, and end where all are ended; counted up to
/// [`MANY`].
///
/// # Errors
/// When the database fails.
pub fn count_open(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<i64, StoreError> {
    let search = search(person, now.by_a_slow_clock());
    let found = table::newest(connection, &search, None, MANY)?;
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))
}

/// Some of a person's sessions.
#[derive(Debug, Clone)]
pub struct OpenSessions {
    /// Those that work, newest first.
    pub sessions: Vec<Credential>,
    /// Before which id the next begin, where there are more.
    pub next: Option<String>,
}

/// The sessions of a person that have not ended, newest first, from before an id. `fetch` is one more than are shown.
///
/// # Errors
/// When the database fails.
pub fn list_open(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    before: Option<&str>,
    fetch: i64,
    now: Timestamp,
) -> Result<OpenSessions, StoreError> {
    list_open_from(connection, person, None, before, fetch, now)
}

/// The same of those alone that were last used from an address that begins so.
///
/// # Errors
/// When the database fails.
pub fn list_open_from(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    address: Option<&str>,
    before: Option<&str>,
    fetch: i64,
    now: Timestamp,
) -> Result<OpenSessions, StoreError> {
    let address = address.map(str::trim).filter(|address| !address.is_empty());
    let search = Search {
        last_used_from: address.map(str::to_owned),
        ..search(person, now)
    };
    let mut found = table::newest(connection, &search, before, fetch)?;
    let shown = usize::try_from(fetch.saturating_sub(1)).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let policy = effective(connection, person, now)?;
    found.retain(|session| {
        let used = session.last_used_at.unwrap_or(session.created_at);
        policy.session_end(session.created_at, used) > now
    });
    Ok(OpenSessions {
        sessions: found,
        next,
    })
}

pub(super) fn search(person: &ResourceId, now: Timestamp) -> Search {
    Search {
        kinds: vec![SecretKind::Session],
        owner: Some(person.clone()),
        standing: Some((Standing::Active, now)),
        ..Search::default()
    }
}

/// A session of a person, and since when it works no more; `None` where it works.
///
/// # Errors
/// [`CredentialError::NotFound`] where it is none of theirs; when the database fails.
pub fn find_of(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    id: &CredentialId,
    now: Timestamp,
) -> Result<(Credential, Option<Timestamp>), CredentialError> {
    let none = CredentialError::NotFound("session");
    let session = match keys::find(connection, SecretKind::Session, id) {
        Ok(session) if session.owner_id.as_ref() == Some(person) => session,
        Ok(_) | Err(CredentialError::NotFound(_)) => return Err(none),
        Err(error) => return Err(error),
    };
    let policy = effective(connection, person, now)?;
    let used = session.last_used_at.unwrap_or(session.created_at);
    let by_time = policy
        .session_end(session.created_at, used)
        .min(session.expires_at);
    let ended = session
        .revoked_at
        .or_else(|| (by_time <= now).then_some(by_time));
    Ok((session, ended))
}
