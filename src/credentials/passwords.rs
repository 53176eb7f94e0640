//! Passwords: hashed with Argon2id outside of any transaction, set through a one-time link.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::policies::Role;
use crate::sealed::Sealer;
use crate::secret::{PlainSecret, SecretKind};
use crate::store::credentials as table;
use crate::store::id::ResourceId;
use crate::store::passwords::{self, SetBy, StoredPassword};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, roles, second_factors};

use super::issue::{active_person, creator, refuse_wider_networks, refuse_without_role};
use super::sessions::Stage;
use super::verify::{has_not_ended, stands};
use super::{Credential, CredentialError, Issued, second_factor, sessions};

/// How long a link to set a password may be used.
pub const LINK_HOURS: i64 = 24;
/// The shortest password, in characters (NIST SP 800-63B asks for 8; it may be all that stands here).
pub const MIN_LENGTH: usize = 12;
/// The longest password, in bytes.
pub const MAX_LENGTH: usize = 1024;

/// A password that has been checked and hashed; made outside of a transaction, since it takes long.
#[derive(Clone)]
pub struct HashedPassword(String);

impl HashedPassword {
    /// The Argon2id hash as a PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// 19 MiB, two passes, one lane: OWASP's first recommendation.
fn hasher() -> Result<Argon2<'static>, CredentialError> {
    let parameters = Params::new(19 * 1024, 2, 1, None).map_err(|_| CredentialError::Hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters))
}

/// Checks and hashes a password. Slow by design.
///
/// # Errors
/// [`CredentialError::Invalid`] for one that is too short or too long.
pub fn hash(password: &str) -> Result<HashedPassword, CredentialError> {
    if password.chars().count() < MIN_LENGTH || password.len() > MAX_LENGTH {
        return Err(CredentialError::Invalid(format!(
            "password must have at least {MIN_LENGTH} characters and at most {MAX_LENGTH} bytes"
        )));
    }
    hash_any(password)
}

/// Hashes a password whose form somebody else is answerable for: an identity provider. Slow by design.
///
/// # Errors
/// [`CredentialError::Invalid`] for one that is empty or too long.
pub fn hash_any(password: &str) -> Result<HashedPassword, CredentialError> {
    if password.is_empty() || password.len() > MAX_LENGTH {
        return Err(CredentialError::Invalid(format!(
            "password must have 1 to {MAX_LENGTH} bytes"
        )));
    }
    let hash = hasher()?
        .hash_password(password.as_bytes())
        .map_err(|_| CredentialError::Hashing)?;
    Ok(HashedPassword(hash.to_string()))
}

/// Why somebody cannot change their password here.
pub const NOT_OURS: &str = "your identity provider sets your password: change it there";
/// Why what a password has opened ends with it.
const CHANGED: &str = "password_changed";

/// A hash of no password, for people who are not there.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$cG9ydGN1bGxpc3NhbHQ$4mJmMEuCcJcVIqQ8pYxyhOjGJd3p1TnbW+e5EnNkqQU";

/// Whether a password is the one that was hashed. Slow by design, and as slow where there is no hash, so
/// that nobody learns from the time whether a person exists.
#[must_use]
pub fn is_password(password: &str, hash: Option<&str>) -> bool {
    if password.len() > MAX_LENGTH {
        return false;
    }
    let (Ok(hasher), Ok(parsed)) = (hasher(), PasswordHash::new(hash.unwrap_or(NOBODY))) else {
        return false;
    };
    hasher.verify_password(password.as_bytes(), &parsed).is_ok() && hash.is_some()
}

/// Makes a one-time link for a person to set a password with; an earlier one stops working.
///
/// Whoever makes a link may open it as well and so know the password. It is good only for the `roles` that its
/// maker may grant, whatever roles the person comes to have.
///
/// # Errors
/// [`CredentialError::NotFound`], [`CredentialError::Conflict`] where the person is not active; when the
/// database fails.
pub fn create_link(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    roles: &[Role],
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let person = held_person(connection, person)?;
    let created_by = creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    // Who signs in by the link does so from anywhere.
    refuse_wider_networks(connection, &[], actor)?;
    table::revoke_kinds_of(
        connection,
        &person.id,
        &[SecretKind::PasswordLink],
        "replaced",
        now,
    )?;
    let secret = PlainSecret::generate(SecretKind::PasswordLink)?;
    let expires_at = now.plus_seconds(LINK_HOURS * 3600);
    let credential = Credential {
        owner_id: Some(person.id.clone()),
        scopes: roles.iter().map(|role| role.name().to_owned()).collect(),
        ..Credential::new(
            &secret,
            "one-time link".to_owned(),
            created_by,
            now,
            expires_at,
        )
    };
    table::insert(connection, &credential, &secret.hash())?;
    let event = Event::new(Action::PasswordLinkCreated)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label());
    audit::record(connection, actor, now, event)?;
    Ok(Issued { credential, secret })
}

/// A person who is active; until the transaction ends, nobody signs in as them and no other link is made.
fn held_person(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Resource, CredentialError> {
    let found = resources::find_any(connection, id)?.ok_or(CredentialError::NotFound("user"))?;
    resources::lock_all(connection, &found.directory_id, std::slice::from_ref(id))?;
    active_person(connection, id)
}

/// Sets the password of the person a link was made for. The link is used up, and sessions that were opened
/// with an earlier password end.
///
/// # Errors
/// [`CredentialError::NotFound`] for a link that is not known, used up or expired;
/// [`CredentialError::Conflict`] where the person is not active; when the database fails.
pub fn set_by_link(
    connection: &mut DatabaseConnection,
    link: &PlainSecret,
    password: &HashedPassword,
    actor: &Actor,
    now: Timestamp,
) -> Result<ResourceId, CredentialError> {
    const NO_LINK: CredentialError = CredentialError::NotFound("link");
    let found = table::find_with_owner(connection, &link.hash())?.ok_or(NO_LINK)?;
    if found.credential.kind != SecretKind::PasswordLink || stands(&found, now).is_err() {
        return Err(NO_LINK);
    }
    let credential = found.credential;
    let person = match &credential.owner_id {
        Some(id) => held_person(connection, id)?,
        None => return Err(NO_LINK),
    };
    // Of two who use the link at once, one finds it used up.
    if !table::revoke(connection, &credential.id, "used", now)? {
        return Err(NO_LINK);
    }
    let password = StoredPassword {
        hash: password.as_str().to_owned(),
        set_by: SetBy::Person,
        roles: credential.scopes,
    };
    passwords::set(connection, &person.id, &password, now)?;
    table::revoke_kinds_of(
        connection,
        &person.id,
        &[SecretKind::Session],
        "password_changed",
        now,
    )?;
    let event = Event::new(Action::PasswordSet)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label())
        .with("set_by", "person");
    audit::record(connection, actor, now, event)?;
    Ok(person.id)
}

/// What a person shows to change their password, and what it is to be. The old one was compared outside of any
/// transaction; what was seen then must still be so now.
#[derive(Clone)]
pub struct OwnChange {
    /// The session that they show.
    pub session: Credential,
    /// The password that they have shown.
    pub shown: StoredPassword,
    /// A code of their second factor, where they have one.
    pub code: Option<String>,
    /// The new password.
    pub new: HashedPassword,
}

/// What a person has after they have changed their password.
pub struct Changed {
    /// The session that goes on in place of the one that they have shown.
    pub session: Issued,
    /// How many other sessions have ended.
    pub ended: usize,
}

/// Changes the password of a person who is signed in, and tells them. Their other sessions end, and links with which
/// a password could be set; what roles the password opens stays as it was. The session that they show gets another
/// secret: whoever knew the old one is out with the old password.
///
/// # Errors
/// [`CredentialError::Forbidden`] where the password has changed meanwhile, or the code is not right;
/// [`CredentialError::Conflict`] where an identity provider sets it, or the session has ended; when the database
/// fails.
pub fn change_own(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    change: &OwnChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Changed, CredentialError> {
    let ended = || CredentialError::Conflict("the session has ended".to_owned());
    let session = &change.session;
    let person = held_person(connection, session.owner_id.as_ref().ok_or_else(ended)?)?;
    let is_open = table::find_for_update(connection, &session.id)?
        .is_some_and(|session| has_not_ended(&session, now).is_ok());
    if !is_open {
        return Err(ended());
    }
    if passwords::find(connection, &person.id)?.as_ref() != Some(&change.shown) {
        return Err(CredentialError::Forbidden(
            "the password is not right".to_owned(),
        ));
    }
    if change.shown.set_by != SetBy::Person {
        return Err(CredentialError::Conflict(NOT_OURS.to_owned()));
    }
    let stage = if second_factors::confirmed_at(connection, &person.id)?.is_some() {
        let code = change.code.as_deref().unwrap_or_default();
        second_factor::take(connection, sealer, &person, code, now)?;
        Stage::Complete
    } else {
        Stage::SignedIn(second_factor::asked_of(connection, &person.id, now)?)
    };
    let password = StoredPassword {
        hash: change.new.as_str().to_owned(),
        ..change.shown.clone()
    };
    passwords::set(connection, &person.id, &password, now)?;
    let links = [SecretKind::PasswordLink];
    table::revoke_kinds_of(connection, &person.id, &links, CHANGED, now)?;
    let kept = Some(&session.id);
    let ended = sessions::end_all(connection, &person.id, kept, CHANGED, actor, now)?;
    let session = sessions::renew(connection, session, &person, stage, actor, now)?;
    let event = Event::new(Action::PasswordSet)
        .within(&person.directory_id)
        .to("User", person.id.as_str(), person.label())
        .with("set_by", "person")
        .with("session_id", session.credential.id.as_str())
        .with("sessions_ended", ended);
    audit::record(connection, actor, now, event)?;
    let name = person.user_name.as_deref().unwrap_or("a person");
    let notice = Notice::new(
        NoticeKind::PasswordChanged,
        format!("The password of {name} was changed, and their other sessions have ended"),
    )
    .within(Some(&person.directory_id))
    .of(Some(&person.id))
    .with("user_id", person.id.as_str())
    .with("user_name", person.user_name.clone())
    .with("display_name", person.display_name.clone())
    .with("from", actor.source_ip.map(|address| address.to_string()))
    .with(
        "what_to_do",
        vec!["If it was not you, tell your admins: they can end all of your sessions and make you a link for another."],
    );
    notices::put(connection, now, notice)?;
    Ok(Changed { session, ended })
}

/// Sets a password that an identity provider sent. A password that the person set by a link stays theirs
/// where they have a role: the identity provider cannot climb through it.
///
/// # Errors
/// When the database fails.
pub fn set_by_identity_provider(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    password: &HashedPassword,
    now: Timestamp,
) -> Result<bool, CredentialError> {
    let by_person =
        passwords::find(connection, person)?.is_some_and(|stored| stored.set_by == SetBy::Person);
    if by_person && !roles::roles_of(connection, person)?.is_empty() {
        return Ok(false);
    }
    let password = StoredPassword {
        hash: password.as_str().to_owned(),
        set_by: SetBy::IdentityProvider,
        roles: Vec::new(),
    };
    passwords::set(connection, person, &password, now)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_by_its_hash_and_nobody_has_one() {
        let hashed = hash("correct horse battery").unwrap();
        assert!(
            hashed
                .as_str()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        assert!(is_password("correct horse battery", Some(hashed.as_str())));
        assert!(!is_password(
            "correct horse batterie",
            Some(hashed.as_str())
        ));
        assert!(!is_password("correct horse battery", None));
    }

    #[test]
    fn signing_in_as_nobody_costs_the_work_of_signing_in_as_somebody() {
        let somebody = hash("correct horse battery").unwrap();
        let somebody = PasswordHash::new(somebody.as_str()).unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.version, somebody.version);
        assert_eq!(nobody.params, somebody.params);
        let length = |hash: &PasswordHash| hash.hash.as_ref().map(|hash| hash.as_bytes().len());
        assert_eq!(length(&nobody), length(&somebody));
        assert!(length(&nobody).is_some());
    }

    #[test]
    fn a_password_is_neither_short_nor_endless() {
        for password in ["", "elevenchars", &"x".repeat(MAX_LENGTH + 1)] {
            assert!(hash(password).is_err());
        }
    }
}
