//! Sessions: opened with a password, ended by signing out, by time, or by leaving.

use std::net::IpAddr;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::policies::Role;
use crate::policies::authentication::{Policy, effective};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::credentials as table;
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::passwords::{self, SetBy, StoredPassword};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, roles};

use super::issue::active_person;
use super::second_factor::Outstanding;
use super::{Creator, Credential, CredentialError, Issued, open_sessions, second_factor};

/// How long a person may take to complete a sign-in with the second factor, or to enrol.
const UNFINISHED_MINUTES: i64 = 15;
/// Why a session ended whose person signed out of it.
const SIGNED_OUT: &str = "signed_out";
/// Why one ended that an admin has ended.
const ENDED_BY_ADMIN: &str = "ended_by_admin";
/// How many sessions are looked at together.
const AT_ONCE: i64 = 100;
/// How far the end of a session's idle time is off before it is written down again.
const TOUCH_MILLIS: i64 = 60_000;

/// A person who wants to sign in, and what their password is compared with outside of any transaction.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The person, where there is one.
    pub person: Option<Resource>,
    /// Their password, where they have one.
    pub password: Option<StoredPassword>,
}

/// Looks a person up for signing in: in the directory of this name, or in the local one.
///
/// # Errors
/// When the database fails.
pub fn candidate(
    connection: &mut DatabaseConnection,
    directory: Option<&str>,
    user_name: &str,
) -> Result<Candidate, CredentialError> {
    let directory = match directory {
        Some(name) => directories::find_by_name(connection, name)?,
        None => directories::list(connection)?
            .into_iter()
            .find(|directory| directory.kind == DirectoryKind::Local),
    };
    let person = match directory {
        None => None,
        Some(directory) => resources::find_by_user_name(connection, &directory.id, user_name)?,
    };
    let password = match &person {
        None => None,
        Some(person) => passwords::find(connection, &person.id)?,
    };
    Ok(Candidate { person, password })
}

/// Opens a session for a candidate whose password was right. What was seen then must still be so now.
///
/// # Errors
/// [`CredentialError::Forbidden`] where the person may not sign in: gone, not active, the password changed
/// meanwhile, or an admin's password that an identity provider set; when the database fails.
pub fn open(
    connection: &mut DatabaseConnection,
    candidate: &Candidate,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let refused = || CredentialError::Forbidden("the sign-in is refused".to_owned());
    let (Some(person), Some(password)) = (&candidate.person, &candidate.password) else {
        return Err(refused());
    };
    let person = match active_person(connection, &person.id) {
        Ok(person) => person,
        Err(CredentialError::Store(error)) => return Err(error.into()),
        Err(_) => return Err(refused()),
    };
    if passwords::find(connection, &person.id)?.as_ref() != Some(password) {
        return Err(refused());
    }
    let has_role = !roles::roles_of(connection, &person.id)?.is_empty();
    if has_role && password.set_by == SetBy::IdentityProvider {
        return Err(refused());
    }
    let asked = second_factor::asked_of(connection, &person.id, now)?;
    let issued = start(connection, &person, Stage::SignedIn(asked), actor, now)?;
    let mut event = Event::new(Action::SessionStarted)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label());
    if let Some(outstanding) = asked {
        event = event.with("second_factor", outstanding.name());
    }
    let actor = Actor {
        kind: SecretKind::Session.name().to_owned(),
        credential_id: Some(issued.credential.id.clone()),
        person_id: Some(person.id.clone()),
        name: person.label().map(str::to_owned),
        source_ip: actor.source_ip,
    };
    audit::record(connection, &actor, now, event)?;
    Ok(issued)
}

/// Puts a session in the place of one whose person has just shown more of who they are. Whoever knew the secret of
/// the old one knows nothing of the new.
///
/// # Errors
/// [`CredentialError::Conflict`] where the old one has ended meanwhile; when the database fails.
pub(super) fn renew(
    connection: &mut DatabaseConnection,
    old: &Credential,
    person: &Resource,
    stage: Stage,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    if !table::revoke(connection, &old.id, "renewed", now)? {
        return Err(CredentialError::Conflict(
            "the session has ended".to_owned(),
        ));
    }
    start(connection, person, stage, actor, now)
}

/// How far a person has come when a session is made.
#[derive(Clone, Copy)]
pub(super) enum Stage {
    /// They have shown their password; this is what else is asked of them.
    SignedIn(Option<Outstanding>),
    /// They have passed the second factor.
    Complete,
}

/// Makes a session. One that the person has yet to complete lives only as long as that takes.
fn start(
    connection: &mut DatabaseConnection,
    person: &Resource,
    stage: Stage,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let secret = PlainSecret::generate(SecretKind::Session)?;
    let created_by = Creator {
        id: person.id.clone(),
        user_name: person.user_name.clone(),
        display_name: person.display_name.clone(),
    };
    let policy = effective(connection, &person.id, now)?;
    let whole = now.plus_seconds(policy.settings.session_hours.saturating_mul(3600));
    let (second_factor_at, expires_at) = match stage {
        Stage::SignedIn(None) => (None, whole),
        Stage::SignedIn(Some(_)) => {
            let unfinished = now.plus_seconds(UNFINISHED_MINUTES * 60);
            (None, whole.min(unfinished))
        }
        Stage::Complete => (Some(now), whole),
    };
    let credential = Credential {
        owner_id: Some(person.id.clone()),
        idle_expires_at: Some(idle_end(&policy, now)),
        last_used_at: Some(now),
        last_used_ip: actor.source_ip.map(|address| address.to_string()),
        second_factor_at,
        ..Credential::new(
            &secret,
            "session".to_owned(),
            Some(created_by),
            now,
            expires_at,
        )
    };
    table::insert(connection, &credential, &secret.hash())?;
    Ok(Issued { credential, secret })
}

/// The roles that a signed-in person may use, of those they have: none where an identity provider set the
/// password, and only those that the maker of the link could grant with which the person set it. Whoever knew
/// the password before a role was given is not let in by it.
///
/// # Errors
/// When the database fails.
pub fn usable_roles(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<Role>, CredentialError> {
    let Some(password) = passwords::find(connection, person)? else {
        return Ok(Vec::new());
    };
    if password.set_by != SetBy::Person {
        return Ok(Vec::new());
    }
    let mut roles = crate::policies::roles::roles_of(connection, person)?;
    roles.retain(|role| password.roles.iter().any(|name| name == role.name()));
    Ok(roles)
}

/// Records that a sign-in was refused, without saying why to anybody else.
///
/// # Errors
/// When the database fails.
pub fn record_refusal(
    connection: &mut DatabaseConnection,
    candidate: &Candidate,
    user_name: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let event = Event::new(Action::SignInRefused).refused();
    let event = if let Some(person) = &candidate.person {
        event
            .within(&person.directory_id)
            .to("User", person.id.as_str(), person.label())
    } else {
        let name: String = user_name.chars().take(200).collect();
        event.with("user_name", name)
    };
    Ok(audit::record(connection, actor, now, event)?)
}

fn idle_end(policy: &Policy, now: Timestamp) -> Timestamp {
    now.plus_seconds(policy.settings.idle_minutes.saturating_mul(60))
}

/// Whether using a session now moves the end of its idle time far enough to be written down: ahead, or back
/// where its policy allows less than before.
#[must_use]
pub fn needs_touch(session: &Credential, policy: &Policy, now: Timestamp) -> bool {
    let moved = idle_end(policy, now).as_millis();
    session
        .idle_expires_at
        .is_some_and(|at| (moved - at.as_millis()).abs() >= TOUCH_MILLIS)
}

/// Moves the end of a session's idle time, and writes down that it was used: what a policy allows is counted
/// from there.
///
/// # Errors
/// When the database fails.
pub fn touch(
    connection: &mut DatabaseConnection,
    session: &CredentialId,
    policy: &Policy,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<(), CredentialError> {
    table::record_use(connection, &(session.clone(), now, source_ip))?;
    Ok(table::set_idle_expiry(
        connection,
        session,
        idle_end(policy, now),
    )?)
}

/// Ends a session of a person, from another session of theirs.
///
/// # Errors
/// [`CredentialError::NotFound`] where it is none of theirs; when the database fails.
pub fn end_own(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    id: &CredentialId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let session = super::keys::find(connection, SecretKind::Session, id)?;
    if session.owner_id.as_ref() != Some(person) {
        return Err(CredentialError::NotFound("session"));
    }
    end(connection, &session, actor, now)
}

/// Ends every session of a person but the one that they show, and counts them.
///
/// # Errors
/// When the database fails.
pub fn end_others(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    shown: &CredentialId,
    actor: &Actor,
    now: Timestamp,
) -> Result<usize, CredentialError> {
    end_all(connection, person, Some(shown), SIGNED_OUT, actor, now)
}

/// Ends a session of a person, whom it signs out.
///
/// # Errors
/// [`CredentialError::NotFound`] where it is none of theirs; when the database fails.
pub fn end_by_admin(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    id: &CredentialId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let session = super::keys::find(connection, SecretKind::Session, id)?;
    if session.owner_id.as_ref() != Some(person) {
        return Err(CredentialError::NotFound("session"));
    }
    end_for(connection, &session, ENDED_BY_ADMIN, actor, now)
}

/// Ends every session of a person, whom it signs out everywhere, and counts them.
///
/// # Errors
/// When the database fails.
pub fn end_all_by_admin(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<usize, CredentialError> {
    end_all(connection, person, None, ENDED_BY_ADMIN, actor, now)
}

/// Ends every session of a person, but one where it is to stay, and counts them.
pub(super) fn end_all(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    kept: Option<&CredentialId>,
    reason: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<usize, CredentialError> {
    let search = open_sessions::search(person, now.by_a_slow_clock());
    let (mut ended, mut before) = (0, None::<String>);
    loop {
        let found = table::newest(connection, &search, before.as_deref(), AT_ONCE)?;
        let Some(last) = found.last() else {
            return Ok(ended);
        };
        before = Some(last.id.to_string());
        for session in found.iter().filter(|session| Some(&session.id) != kept) {
            end_for(connection, session, reason, actor, now)?;
            ended += 1;
        }
    }
}

/// Ends a session: signing out.
///
/// # Errors
/// When the database fails.
pub fn end(
    connection: &mut DatabaseConnection,
    session: &Credential,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    end_for(connection, session, SIGNED_OUT, actor, now)
}

fn end_for(
    connection: &mut DatabaseConnection,
    session: &Credential,
    reason: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    if table::revoke(connection, &session.id, reason, now)? {
        let event = Event::new(Action::SessionEnded);
        let event = match &session.owner_id {
            Some(owner) => match resources::find_any(connection, owner)? {
                Some(person) => {
                    let event = event.within(&person.directory_id);
                    event.to("User", owner.as_str(), person.label())
                }
                None => event.to("User", owner.as_str(), None),
            },
            None => event,
        };
        let event = if reason == SIGNED_OUT {
            event
        } else {
            event.with("reason", reason)
        };
        audit::record(connection, actor, now, event)?;
    }
    Ok(())
}
