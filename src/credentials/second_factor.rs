//! The second factor of a sign-in: codes of an authenticator app, and recovery codes for when it is lost.
//!
//! A person is enrolled once they have shown a code of their authenticator. From then on, and wherever their
//! policy requires it, a session counts only when it has passed the second factor: [`outstanding`] says what it
//! lacks, asked anew in each request. Passing it gives a new session in place of the old one.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::policies::authentication::{self, Policy};
use crate::sealed::Sealer;
use crate::secret::{SecretKind, random_bytes};
use crate::store::credentials as table;
use crate::store::id::ResourceId;
use crate::store::resources::Resource;
use crate::store::second_factors::{self as factors, SecondFactor};
use crate::store::{DatabaseConnection, StoreError};

use super::issue::active_person;
use super::totp::{self, SECRET_LENGTH, base32};
use super::{Credential, CredentialError, Issued, open_sessions, sessions};

/// What the secret of an authenticator is sealed for.
const PURPOSE: &str = "second_factor_secret";
/// Whom an authenticator app shows the code to be for.
const ISSUER: &str = "Portcullis";
/// How many recovery codes there are.
pub const RECOVERY_CODES: usize = 10;
/// Bytes of a recovery code: sixteen characters.
const RECOVERY_LENGTH: usize = 10;

/// What a session lacks before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outstanding {
    /// A code of the person's authenticator, or a recovery code.
    Code,
    /// The person has to enrol: their policy requires it.
    Enrolment,
}

impl Outstanding {
    /// The stable name in answers and the audit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Code => "code_required",
            Self::Enrolment => "enrolment_required",
        }
    }
}

/// What a credential lacks before it counts: sessions alone have a second factor.
///
/// # Errors
/// When the database fails.
pub fn outstanding(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    policy: Option<&Policy>,
) -> Result<Option<Outstanding>, StoreError> {
    match (&credential.owner_id, credential.second_factor_at) {
        (Some(person), None) if credential.kind == SecretKind::Session => {
            lacking(connection, person, policy.is_some_and(requires))
        }
        _ => Ok(None),
    }
}

/// What a new session of a person lacks.
///
/// # Errors
/// When the database fails.
pub fn asked_of(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Option<Outstanding>, StoreError> {
    let policy = authentication::effective(connection, person, now)?;
    lacking(connection, person, requires(&policy))
}

fn lacking(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    is_required: bool,
) -> Result<Option<Outstanding>, StoreError> {
    if factors::confirmed_at(connection, person)?.is_some() {
        return Ok(Some(Outstanding::Code));
    }
    Ok(is_required.then_some(Outstanding::Enrolment))
}

fn requires(policy: &Policy) -> bool {
    policy.settings.second_factor == authentication::SecondFactor::Required
}

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether their policy requires a second factor.
    pub is_required: bool,
    /// Since when they are enrolled.
    pub enrolled_at: Option<Timestamp>,
    /// How many recovery codes they have left.
    pub recovery_codes: i64,
}

/// Where a person stands with their second factor.
///
/// # Errors
/// When the database fails.
pub fn standing(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Standing, StoreError> {
    let policy = authentication::effective(connection, person, now)?;
    Ok(Standing {
        is_required: requires(&policy),
        enrolled_at: factors::confirmed_at(connection, person)?,
        recovery_codes: factors::count_recovery_codes(connection, person)?,
    })
}

/// What an authenticator app has to be told, this once.
pub struct Enrolment {
    /// The secret in base 32, to be typed.
    pub secret: String,
    /// The same as a URI, to be scanned.
    pub uri: String,
}

/// Begins to enrol a person: makes the secret, which counts once a code of it has been shown.
///
/// # Errors
/// [`CredentialError::Conflict`] where they are enrolled or not active; when the database fails.
pub fn begin(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    person: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Enrolment, CredentialError> {
    let person = active_person(connection, person)?;
    let found = factors::find_for_update(connection, &person.id)?;
    if found.is_some_and(|found| found.confirmed_at.is_some()) {
        return Err(CredentialError::Conflict(
            "you are enrolled already; remove the second factor first".to_owned(),
        ));
    }
    let bytes: [u8; SECRET_LENGTH] = random_bytes()?;
    let stored = sealer.seal(PURPOSE, person.id.as_str(), &bytes)?;
    factors::begin(connection, &person.id, &stored, now)?;
    record(connection, Action::SecondFactorBegun, &person, actor, now)?;
    let secret = base32(&bytes);
    let name = person.user_name.as_deref().unwrap_or_default();
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    let uri = format!(
        "otpauth://totp/{ISSUER}:{name}?secret={secret}&issuer={ISSUER}&algorithm=SHA1&digits=6&period=30"
    );
    Ok(Enrolment { secret, uri })
}

/// A new session, and in the answer that makes them, recovery codes.
pub struct Confirmed {
    /// The session that goes on in place of the one that was used.
    pub session: Issued,
    /// The codes, shown this once.
    pub recovery_codes: Vec<String>,
}

/// Enrols a person who has shown a code of the authenticator; the session they did it in has passed.
///
/// # Errors
/// [`CredentialError::NotFound`] where enrolling has not begun, [`CredentialError::Conflict`] where it is done,
/// [`CredentialError::Forbidden`] where the code is not right; when the database fails.
pub fn confirm(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    session: &Credential,
    code: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Confirmed, CredentialError> {
    let person = owner(connection, session)?;
    let factor = factors::find_for_update(connection, &person.id)?
        .ok_or(CredentialError::NotFound("second factor to confirm"))?;
    if factor.confirmed_at.is_some() {
        return Err(CredentialError::Conflict(
            "you are enrolled already".to_owned(),
        ));
    }
    take_code(connection, sealer, &person, &factor, &normalised(code), now)?;
    factors::confirm(connection, &person.id, now)?;
    let recovery_codes = new_recovery_codes(connection, &person)?;
    record(
        connection,
        Action::SecondFactorEnrolled,
        &person,
        actor,
        now,
    )?;
    let session = sessions::renew(
        connection,
        session,
        &person,
        sessions::Stage::Complete,
        actor,
        now,
    )?;
    Ok(Confirmed {
        session,
        recovery_codes,
    })
}

/// Passes the second factor: gives a session that counts in place of the one that did not.
///
/// # Errors
/// [`CredentialError::Forbidden`] where the code is not right, was used before, or there is no second factor;
/// [`CredentialError::Conflict`] where the session has ended meanwhile; when the database fails.
pub fn pass(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    session: &Credential,
    code: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let person = owner(connection, session)?;
    let by = take(connection, sealer, &person, code, now)?;
    let event = about(Action::SecondFactorPassed, &person).with("by", by);
    audit::record(connection, actor, now, event)?;
    sessions::renew(
        connection,
        session,
        &person,
        sessions::Stage::Complete,
        actor,
        now,
    )
}

/// Removes the second factor of a person who shows a code once more.
///
/// # Errors
/// As [`pass`].
pub fn remove(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    person: &ResourceId,
    code: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let person = active_person(connection, person)?;
    take(connection, sealer, &person, code, now)?;
    factors::delete(connection, &person.id)?;
    record(connection, Action::SecondFactorRemoved, &person, actor, now)
}

/// Gives a person who shows a code new recovery codes in place of all earlier ones.
///
/// # Errors
/// As [`pass`].
pub fn renew_recovery_codes(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    person: &ResourceId,
    code: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<String>, CredentialError> {
    let person = active_person(connection, person)?;
    take(connection, sealer, &person, code, now)?;
    let codes = new_recovery_codes(connection, &person)?;
    record(
        connection,
        Action::RecoveryCodesRenewed,
        &person,
        actor,
        now,
    )?;
    Ok(codes)
}

/// What the reset of a person's second factor would end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetImpact {
    /// How many sessions of theirs, counted up to [`open_sessions::MANY`].
    pub sessions: i64,
    /// How many recovery codes that are left.
    pub recovery_codes: i64,
    /// Whether their policy asks them to enrol again.
    pub is_required: bool,
}

/// What [`reset`] would end.
///
/// # Errors
/// [`CredentialError::NotFound`] where they have no second factor; when the database fails.
pub fn impact_of_reset(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<ResetImpact, CredentialError> {
    if !factors::exists(connection, person)? {
        return Err(CredentialError::NotFound("second factor"));
    }
    let standing = standing(connection, person, now)?;
    Ok(ResetImpact {
        sessions: open_sessions::count_open(connection, person, now)?,
        recovery_codes: standing.recovery_codes,
        is_required: standing.is_required,
    })
}

/// Removes the second factor of somebody who has lost it, on an admin's word. Their sessions end: whoever has the
/// lost one may have opened them. They are told.
///
/// # Errors
/// [`CredentialError::NotFound`] where they have none; when the database fails.
pub fn reset(
    connection: &mut DatabaseConnection,
    person: &Resource,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    if !factors::delete(connection, &person.id)? {
        return Err(CredentialError::NotFound("second factor"));
    }
    // Also those that have fallen idle long ago, which nobody was told of before.
    let ended = table::revoke_kinds_of(
        connection,
        &person.id,
        &[SecretKind::Session],
        "second_factor_reset",
        now,
    )?;
    let event = about(Action::SecondFactorReset, person)
        .with("sessions_ended", ended.values().sum::<i64>());
    audit::record(connection, actor, now, event)?;
    let name = person.user_name.as_deref().unwrap_or("a person");
    let subject = format!(
        "The second factor of {name} was reset: they sign in without it until they enrol again"
    );
    let notice = Notice::new(NoticeKind::SecondFactorReset, subject)
        .within(Some(&person.directory_id))
        .of(Some(&person.id))
        .with("user_id", person.id.as_str())
        .with("user_name", person.user_name.clone())
        .with("display_name", person.display_name.clone())
        .with("by", actor.name.clone())
        .with(
            "what_to_do",
            vec!["If you did not ask for this, tell your admins, and change your password."],
        );
    notices::put(connection, now, notice)?;
    Ok(())
}

/// Records that a code was refused.
///
/// # Errors
/// When the database fails.
pub fn record_refusal(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let event = Event::new(Action::SecondFactorRefused)
        .to("User", person.as_str(), actor.name.as_deref())
        .refused();
    Ok(audit::record(connection, actor, now, event)?)
}

/// The person of a session, who is active and stays so until the transaction ends.
fn owner(
    connection: &mut DatabaseConnection,
    session: &Credential,
) -> Result<Resource, CredentialError> {
    let id = session.owner_id.as_ref();
    active_person(connection, id.ok_or(CredentialError::NotFound("user"))?)
}

/// Takes a code of the authenticator or a recovery code, and says which it was.
pub(super) fn take(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    person: &Resource,
    code: &str,
    now: Timestamp,
) -> Result<&'static str, CredentialError> {
    let factor = factors::find_for_update(connection, &person.id)?
        .filter(|factor| factor.confirmed_at.is_some())
        .ok_or_else(wrong)?;
    let code = normalised(code);
    // The two have different lengths.
    if code.len() > 6 {
        let hash = recovery_hash(&person.id, &code);
        return if factors::use_recovery_code(connection, &person.id, &hash, now)? {
            Ok("recovery_code")
        } else {
            Err(wrong())
        };
    }
    take_code(connection, sealer, person, &factor, &code, now)?;
    Ok("authenticator")
}

/// Takes a code of the authenticator, once: the step of it is compared and noted in one transaction.
fn take_code(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    person: &Resource,
    factor: &SecondFactor,
    code: &str,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let secret = sealer.open(PURPOSE, person.id.as_str(), &factor.secret)?;
    let step = totp::step_of(secret.expose(), code, factor.last_step, now).ok_or_else(wrong)?;
    if factors::use_step(connection, &person.id, step)? {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// The same answer whatever was wrong.
fn wrong() -> CredentialError {
    CredentialError::Forbidden("the code is not right, or has been used before".to_owned())
}

/// People write spaces and dashes.
fn normalised(code: &str) -> String {
    let kept = code.chars().filter(char::is_ascii_alphanumeric);
    kept.map(|character| character.to_ascii_uppercase())
        .take(100)
        .collect()
}

fn new_recovery_codes(
    connection: &mut DatabaseConnection,
    person: &Resource,
) -> Result<Vec<String>, CredentialError> {
    let mut codes = Vec::with_capacity(RECOVERY_CODES);
    let mut hashes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let bytes: [u8; RECOVERY_LENGTH] = random_bytes()?;
        let code = base32(&bytes);
        hashes.push(recovery_hash(&person.id, &code));
        let parts: Vec<String> = code
            .as_bytes()
            .chunks(4)
            .map(|part| String::from_utf8_lossy(part).into_owned())
            .collect();
        codes.push(parts.join("-"));
    }
    factors::set_recovery_codes(connection, &person.id, &hashes)?;
    Ok(codes)
}

/// Eighty random bits need no slow hash.
fn recovery_hash(person: &ResourceId, code: &str) -> String {
    use base64::Engine;
    let digest = Sha256::digest(format!("{person}:{code}"));
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

fn about(action: Action, person: &Resource) -> Event {
    Event::new(action)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label())
}

fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    person: &Resource,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    Ok(audit::record(
        connection,
        actor,
        now,
        about(action, person),
    )?)
}
