//! The life of a key after it was issued: rotation with an overlap, adoption, revocation.

use ipnet::IpNet;

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::policies::lifetime;
use crate::policies::products::checked_name;
use crate::policies::rate_limits::{self, Rate};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::DatabaseConnection;
use crate::store::credentials::{self as table, Counts};
use crate::store::id::{CredentialId, ResourceId};

use super::issue::{
    NewCredential, check_binding, check_scopes, creator, refuse_wider_networks,
    refuse_without_role, token_expiry,
};
use super::service_accounts::active_account;
use super::verify::has_not_ended;
use super::{Credential, CredentialError, Issued, event};

/// How long a rotated key goes on working after the first use of its successor, where nothing is said.
pub const DEFAULT_OVERLAP_HOURS: i64 = 24;
/// The longest overlap: thirty days.
pub const MAX_OVERLAP_HOURS: i64 = 720;

/// One credential of a kind.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
) -> Result<Credential, CredentialError> {
    table::find(connection, id)?
        .filter(|credential| credential.kind == kind)
        .ok_or(CredentialError::NotFound("credential"))
}

fn find_for_update(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
) -> Result<Credential, CredentialError> {
    table::find_for_update(connection, id)?
        .filter(|credential| credential.kind == kind)
        .ok_or(CredentialError::NotFound("credential"))
}

/// Issues a successor with the same rights. The key itself works until the overlap ends, which is counted
/// from the successor's first use; an overlap of no hours ends it now.
///
/// The successor is its maker's: an orphan that is rotated is one no more.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Conflict`] for a key that is revoked, expired or rotated
/// already; [`CredentialError::Invalid`] for a bad overlap or lifetime; [`CredentialError::Forbidden`] where the
/// actor is an orphan; when the database fails.
pub fn rotate(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
    overlap_hours: Option<i64>,
    expires_in_days: Option<i64>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    if kind == SecretKind::ServiceAccountKey {
        return Err(CredentialError::Conflict(
            "a public key has no secret to replace: register another, and remove this one"
                .to_owned(),
        ));
    }
    let overlap_hours = overlap_hours.unwrap_or(DEFAULT_OVERLAP_HOURS);
    if !(0..=MAX_OVERLAP_HOURS).contains(&overlap_hours) {
        return Err(CredentialError::Invalid(format!(
            "overlap_hours is {overlap_hours}; it must be 0 to {MAX_OVERLAP_HOURS}"
        )));
    }
    let mut expires_at = lifetime::expiry(now, expires_in_days)?;
    let created_by = creator(connection, actor)?;
    if kind != SecretKind::UserToken {
        refuse_without_role(connection, actor)?;
    }
    // The account before what it has, as those do who disable it.
    if let Some(account) = find(connection, kind, id)?.service_account_id {
        active_account(connection, &account)?;
    }
    let predecessor = find_for_update(connection, kind, id)?;
    refuse_ended(&predecessor, now)?;
    if predecessor.successor_id.is_some() {
        return Err(CredentialError::Conflict(
            "the key has been rotated already: rotate its successor".to_owned(),
        ));
    }
    refuse_wider_networks(connection, &predecessor.allowed_networks, actor)?;
    if let (SecretKind::UserToken, Some(owner)) = (kind, &predecessor.owner_id) {
        expires_at = token_expiry(connection, owner, expires_in_days, now)?;
    }
    let secret = PlainSecret::generate(kind)?;
    let successor = Credential {
        directory_id: predecessor.directory_id.clone(),
        owner_id: predecessor.owner_id.clone(),
        product_id: predecessor.product_id.clone(),
        service_account_id: predecessor.service_account_id.clone(),
        instance_ids: predecessor.instance_ids.clone(),
        scopes: predecessor.scopes.clone(),
        allowed_networks: predecessor.allowed_networks.clone(),
        requests_per_second: predecessor.requests_per_second,
        predecessor_id: Some(predecessor.id.clone()),
        ..Credential::new(
            &secret,
            predecessor.name.clone(),
            created_by,
            now,
            expires_at,
        )
    };
    table::insert(connection, &successor, &secret.hash())?;
    let retires_at = (overlap_hours == 0).then_some(now);
    table::set_successor(connection, id, &successor.id, overlap_hours, retires_at)?;
    table::clear_orphan(connection, id)?;
    let event = event(Action::CredentialRotated, &predecessor)
        .with("successor_id", successor.id.as_str())
        .with("overlap_hours", overlap_hours);
    audit::record(connection, actor, now, event)?;
    Ok(Issued {
        credential: successor,
        secret,
    })
}

/// Rotates an API token of a person, as [`rotate`] does, where what it is for is still theirs to have.
///
/// # Errors
/// [`CredentialError::NotFound`] where that person has no such token, or its product is gone or not for them;
/// otherwise as [`rotate`].
pub fn rotate_token(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    id: &CredentialId,
    overlap_hours: Option<i64>,
    expires_in_days: Option<i64>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Issued, CredentialError> {
    let token = find(connection, SecretKind::UserToken, id)?;
    if token.owner_id.as_ref() != Some(person) {
        return Err(CredentialError::NotFound("credential"));
    }
    let same = NewCredential {
        owner_id: token.owner_id,
        product_id: token.product_id,
        instance_ids: token.instance_ids,
        scopes: token.scopes,
        ..NewCredential::new(SecretKind::UserToken, &token.name)
    };
    check_binding(connection, &same)?;
    check_scopes(connection, &same)?;
    let kind = SecretKind::UserToken;
    rotate(
        connection,
        kind,
        id,
        overlap_hours,
        expires_in_days,
        actor,
        now,
    )
}

/// What is to be changed of a key; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// What it is called.
    pub name: Option<String>,
    /// Where it may be used from; anywhere where there are none.
    pub allowed_networks: Option<Vec<IpNet>>,
    /// How many requests a second it may make.
    pub requests_per_second: Option<Rate>,
}

/// Changes a key's name and limits.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Conflict`] for a key that has ended;
/// [`CredentialError::Invalid`] for a bad name or rate; [`CredentialError::Forbidden`] where the actor is an
/// orphan; when the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
    change: &KeyChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Credential, CredentialError> {
    creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    let mut key = find_for_update(connection, kind, id)?;
    refuse_ended(&key, now)?;
    if let Some(name) = &change.name {
        key.name = checked_name(name)?;
    }
    if let Some(networks) = &change.allowed_networks {
        refuse_wider_networks(connection, networks, actor)?;
        key.allowed_networks.clone_from(networks);
    }
    if let Some(rate) = change.requests_per_second {
        key.requests_per_second = rate_limits::checked(rate.own())?;
    }
    table::update(connection, &key)?;
    let event = event(Action::CredentialUpdated, &key)
        .with("allowed_networks", serde_json::json!(key.allowed_networks))
        .with("requests_per_second", key.requests_per_second);
    audit::record(connection, actor, now, event)?;
    Ok(key)
}

/// Makes the actor the creator of an orphaned key, which is an orphan no more.
///
/// # Errors
/// [`CredentialError::NotFound`]; [`CredentialError::Conflict`] for a key that is no orphan or has ended;
/// [`CredentialError::Forbidden`] where the actor is an orphan; when the database fails.
pub fn adopt(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Credential, CredentialError> {
    let adopter = creator(connection, actor)?;
    refuse_without_role(connection, actor)?;
    let credential = find_for_update(connection, kind, id)?;
    refuse_ended(&credential, now)?;
    if credential.orphaned_at.is_none() {
        return Err(CredentialError::Conflict(
            "the key is not orphaned".to_owned(),
        ));
    }
    table::clear_orphan(connection, id)?;
    // Whoever left it has it no more, also where nobody has it now: their leaving again flags nothing.
    table::set_creator(connection, id, adopter.as_ref())?;
    let mut event = event(Action::CredentialAdopted, &credential);
    if let Some(creator) = &credential.created_by {
        event = event
            .with("left_by", creator.id.as_str())
            .with("left_by_user_name", creator.user_name.clone());
    }
    audit::record(connection, actor, now, event)?;
    find(connection, kind, id)
}

/// Revokes a credential; doing it again changes nothing.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn revoke(
    connection: &mut DatabaseConnection,
    kind: SecretKind,
    id: &CredentialId,
    reason: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let credential = find(connection, kind, id)?;
    if table::revoke(connection, id, reason, now)? {
        let event = event(Action::CredentialRevoked, &credential).with("reason", reason);
        audit::record(connection, actor, now, event)?;
    }
    Ok(())
}

/// Revokes one API token of a person; doing it again changes nothing.
///
/// # Errors
/// [`CredentialError::NotFound`] where that person has no such token; when the database fails.
pub fn revoke_token(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    id: &CredentialId,
    reason: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let token = find(connection, SecretKind::UserToken, id)?;
    if token.owner_id.as_ref() != Some(person) {
        return Err(CredentialError::NotFound("credential"));
    }
    revoke(connection, SecretKind::UserToken, id, reason, actor, now)
}

/// Revokes all API tokens of a person and counts them; one audit event.
///
/// # Errors
/// When the database fails.
pub fn revoke_tokens_of(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Counts, CredentialError> {
    let counts = table::revoke_kinds_of(
        connection,
        person,
        &[SecretKind::UserToken],
        "revoked_by_admin",
        now,
    )?;
    let event = crate::audit::Event::new(Action::CredentialsRevoked)
        .to("User", person.as_str(), None)
        .with("revoked", serde_json::json!(counts));
    audit::record(connection, actor, now, event)?;
    Ok(counts)
}

fn refuse_ended(credential: &Credential, now: Timestamp) -> Result<(), CredentialError> {
    has_not_ended(credential, now).map_err(|refusal| CredentialError::Conflict(refusal.to_string()))
}
