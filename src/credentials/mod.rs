//! Credentials: issued, verified, rotated, revoked, adopted. Everything that can authenticate is here.
//!
//! Functions that change something run inside the caller's transaction and record their audit event in it.
//! Secrets exist as [`crate::secret::PlainSecret`] while they are made or presented and are stored hashed.
//! That somebody leaves is `lifecycle`'s; nothing here reacts to it.

pub mod access;
pub mod access_tokens;
pub mod assertions;
pub mod bulk;
pub mod confirmation;
pub mod expiry;
pub mod issue;
pub mod keys;
pub mod last_use;
pub mod open_sessions;
pub mod orphans;
pub mod passwords;
pub mod products;
pub mod public_keys;
pub mod registered_keys;
pub mod resealing;
pub mod restoration;
pub mod revocation;
pub mod second_factor;
pub mod service_accounts;
pub mod sessions;
pub mod signing_keys;
pub mod sweeps;
pub mod tokens;
mod totp;
pub mod verify;
pub mod view;

#[cfg(test)]
mod tests;

pub use crate::store::credentials::{Account, Creator, Credential, Found, Owner};
pub use issue::{Issued, NewCredential, is_answered_for, issue, refuse_nobodys};
pub use last_use::LastUse;
pub use verify::{Refusal, Verified, verify};

use crate::audit::{Action, Event};
use crate::policies::PolicyError;
use crate::sealed::SealError;
use crate::secret::RandomError;
use crate::store::{StoreError, TransactionError};

/// Why a credential was not issued or changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// A value that is not acceptable; the text names it and says what would be.
    #[error("{0}")]
    Invalid(String),
    /// The thing does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The change contradicts the present state.
    #[error("{0}")]
    Conflict(String),
    /// The actor's rights do not reach that far.
    #[error("{0}")]
    Forbidden(String),
    /// The password could not be hashed.
    #[error("the password could not be hashed")]
    Hashing,
    /// A key that access tokens are signed with could not be made or used.
    #[error("the signing key cannot be used")]
    Signing,
    /// What is encrypted at rest could not be read back.
    #[error(transparent)]
    Sealed(#[from] SealError),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PolicyError> for CredentialError {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Invalid(text) => Self::Invalid(text),
            PolicyError::NotFound(what) => Self::NotFound(what),
            PolicyError::Conflict(text) => Self::Conflict(text),
            PolicyError::Forbidden(text) => Self::Forbidden(text),
            PolicyError::Store(error) => Self::Store(error),
        }
    }
}

impl TransactionError for CredentialError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// What happened to a credential, for the audit.
fn event(action: Action, credential: &Credential) -> Event {
    let event = Event::new(action)
        .to(
            credential.kind.name(),
            credential.id.as_str(),
            Some(&credential.name),
        )
        .with("prefix", credential.prefix.as_str());
    match &credential.directory_id {
        None => event,
        Some(directory) => event.within(directory),
    }
}
