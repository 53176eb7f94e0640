//! Verification: one look-up, and for tokens and sessions one more for the policy of their owner. Nothing is
//! cached, so that what was revoked or blocked is refused in the very next request.

use std::net::IpAddr;

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::policies::authentication::{self, Policy};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::credentials::{self as table, Account, Found};
use crate::store::directories::Directory;
use crate::store::id::{CredentialId, ResourceId};
use crate::store::{DatabaseConnection, StoreError, resources};

use super::access_tokens::AccessToken;
use super::second_factor::{self, Outstanding};
use super::{Credential, CredentialError, Owner, event};

/// A credential that authenticates, and the person or service account it is the credential of.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The credential.
    pub credential: Credential,
    /// The person, for kinds that have one.
    pub owner: Option<Owner>,
    /// The service account, for kinds that have one.
    pub service_account: Option<Account>,
    /// The directory that the credential is bound to, for kinds that are.
    pub directory: Option<Directory>,
    /// The access token that was presented instead of the credential itself.
    pub access_token: Option<AccessToken>,
    /// The policy that holds for that person, for tokens and sessions.
    pub policy: Option<Policy>,
    /// What a session lacks before it counts. Whoever lets it in nevertheless has to say so.
    pub outstanding: Option<Outstanding>,
}

impl From<Found> for Verified {
    fn from(found: Found) -> Self {
        Self {
            credential: found.credential,
            owner: found.owner,
            service_account: found.service_account,
            directory: found.directory,
            access_token: None,
            policy: None,
            outstanding: None,
        }
    }
}

impl Verified {
    /// Who acts with it.
    #[must_use]
    pub fn actor(&self, source_ip: Option<IpAddr>) -> Actor {
        let person = self.owner.as_ref();
        let person_name =
            person.and_then(|person| person.display_name.clone().or(person.user_name.clone()));
        let account_name = self
            .service_account
            .as_ref()
            .map(|account| account.name.clone());
        Actor {
            kind: self.credential.kind.name().to_owned(),
            credential_id: Some(self.credential.id.clone()),
            person_id: person.map(|person| person.id.clone()),
            name: person_name
                .or(account_name)
                .or_else(|| Some(self.credential.name.clone())),
            source_ip,
        }
    }

    /// Whether this is the first use of a key that replaces another, which starts the overlap's end.
    #[must_use]
    pub fn is_first_use(&self) -> bool {
        self.credential.predecessor_id.is_some() && self.credential.last_used_at.is_none()
    }
}

/// Why a presented secret does not authenticate.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows it.
    #[error("the credential is not known")]
    Unknown,
    /// Its time is over.
    #[error("the credential has expired")]
    Expired,
    /// It was revoked, or replaced.
    #[error("the credential has been revoked")]
    Revoked,
    /// The person or service account it belongs to is gone or not active.
    #[error("the credential's owner is not active")]
    OwnerInactive,
    /// The policy of the person it belongs to allows no such credential.
    #[error("API tokens are blocked by policy")]
    Blocked,
    /// It may not be used from there.
    #[error("the credential may not be used from this address")]
    Network,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// The name in metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::OwnerInactive => "owner_inactive",
            Self::Blocked => "blocked",
            Self::Network => "network",
            Self::Store(_) => "error",
        }
    }
}

/// Says whether a secret authenticates now, from this address.
///
/// # Errors
/// The [`Refusal`].
pub fn verify(
    connection: &mut DatabaseConnection,
    secret: &PlainSecret,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let found = table::find_with_owner(connection, &secret.hash())?.ok_or(Refusal::Unknown)?;
    let verified = is_good(connection, found, now)?;
    if !is_allowed_from(&verified.credential, source_ip) {
        return Err(Refusal::Network);
    }
    Ok(verified)
}

/// Says within a transaction whether a credential that was verified before it is still good, and keeps it from
/// being revoked until the transaction ends. Its owner is held before it, as those do who end what somebody has.
///
/// # Errors
/// The [`Refusal`].
pub fn hold(
    connection: &mut DatabaseConnection,
    credential: &CredentialId,
    owner: Option<&ResourceId>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    if let Some(owner) = owner {
        resources::lock_shared(connection, owner)?;
    }
    let found = table::hold_with_owner(connection, credential)?.ok_or(Refusal::Unknown)?;
    is_good(connection, found, now)
}

fn is_good(
    connection: &mut DatabaseConnection,
    found: Found,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    stands(&found, now)?;
    let policy = governing(connection, &found.credential, now)?;
    if let Some(policy) = &policy {
        allows(policy, &found.credential, now)?;
    }
    let outstanding = second_factor::outstanding(connection, &found.credential, policy.as_ref())?;
    Ok(Verified {
        policy,
        outstanding,
        ..found.into()
    })
}

/// The policy that a credential is under: keys are under none, and cost no look-up.
fn governing(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    now: Timestamp,
) -> Result<Option<Policy>, StoreError> {
    match (credential.kind, &credential.owner_id) {
        (SecretKind::UserToken | SecretKind::Session, Some(owner)) => {
            authentication::effective(connection, owner, now).map(Some)
        }
        _ => Ok(None),
    }
}

/// Whether a policy lets a credential work that stands by itself.
///
/// # Errors
/// The [`Refusal`].
pub fn allows(policy: &Policy, credential: &Credential, now: Timestamp) -> Result<(), Refusal> {
    let made = credential.created_at;
    let end = match credential.kind {
        SecretKind::UserToken if policy.blocks_tokens() => return Err(Refusal::Blocked),
        SecretKind::UserToken => policy.token_end(made, credential.expires_at),
        SecretKind::Session => policy.session_end(made, credential.last_used_at.unwrap_or(made)),
        _ => return Ok(()),
    };
    if end <= now {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// Whether a credential works at an instant, wherever it is used from.
///
/// # Errors
/// The [`Refusal`].
pub fn stands(found: &Found, now: Timestamp) -> Result<(), Refusal> {
    has_not_ended(&found.credential, now)?;
    // Leaving revokes everything in its own transaction; this holds even where a row has slipped through.
    let credential = &found.credential;
    let owner_is_active = found.owner.as_ref().is_some_and(|owner| owner.active);
    if credential.owner_id.is_some() && !owner_is_active {
        return Err(Refusal::OwnerInactive);
    }
    let account = found.service_account.as_ref();
    if credential.service_account_id.is_some() && !account.is_some_and(|account| account.active) {
        return Err(Refusal::OwnerInactive);
    }
    Ok(())
}

/// Whether neither revocation nor time has ended a credential.
///
/// # Errors
/// The [`Refusal`].
pub(super) fn has_not_ended(credential: &Credential, now: Timestamp) -> Result<(), Refusal> {
    let reached = |at: Option<crate::clock::Timestamp>| at.is_some_and(|at| at <= now);
    if credential.revoked_at.is_some() || reached(credential.retires_at) {
        return Err(Refusal::Revoked);
    }
    if reached(Some(credential.expires_at)) || reached(credential.idle_expires_at) {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// An address that is not known is within no network.
pub(super) fn is_allowed_from(credential: &Credential, source_ip: Option<IpAddr>) -> bool {
    credential.allowed_networks.is_empty()
        || source_ip.is_some_and(|address| {
            credential
                .allowed_networks
                .iter()
                .any(|network| network.contains(&address))
        })
}

/// Starts the end of the overlap: the predecessor goes on for the hours agreed, never beyond its own expiry.
///
/// # Errors
/// When the database fails.
pub fn record_first_use(
    connection: &mut DatabaseConnection,
    successor: &Credential,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    let Some(predecessor_id) = &successor.predecessor_id else {
        return Ok(());
    };
    // The older first, as whoever ends several takes them.
    let predecessor = table::find_for_update(connection, predecessor_id)?;
    table::record_use(connection, &(successor.id.clone(), now, actor.source_ip))?;
    let Some(predecessor) = predecessor else {
        return Ok(());
    };
    if predecessor.retires_at.is_some() {
        return Ok(());
    }
    let overlap = predecessor.overlap_hours.unwrap_or(0);
    let at = now
        .plus_seconds(overlap.saturating_mul(3600))
        .min(predecessor.expires_at);
    table::retire_at(connection, predecessor_id, at)?;
    let event = event(Action::CredentialRetiring, &predecessor)
        .with("retires_at", at.to_rfc3339())
        .with("successor_id", successor.id.as_str());
    audit::record(connection, actor, now, event)?;
    Ok(())
}
