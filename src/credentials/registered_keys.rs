//! The public keys that service accounts are registered with: a program that holds the private half proves
//! itself by signing (RFC 7523), and no secret of it is ever here.
//!
//! Each is a credential like any other: it expires, it is revoked with its account, and flagged with its owner.

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::credentials as credentials_table;
use crate::store::id::ServiceAccountId;
use crate::store::registered_keys::{self as table, RegisteredKey};

use super::issue::admit;
use super::public_keys::PublicKey;
use super::{Credential, CredentialError, NewCredential, event};

/// The most working keys of one account: enough to rotate, few enough to try each.
const MAX_KEYS: usize = 10;
/// How much of a thumbprint names the key where a prefix would name a secret.
const SHOWN_LENGTH: usize = 12;

/// The scope of a key that speaks SCIM to the directory that it is bound to.
pub const SCIM_SCOPE: &str = "scim";

/// A credential and the public key that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The credential.
    pub credential: Credential,
    /// The key.
    pub key: RegisteredKey,
}

/// Registers a public key of a service account.
///
/// # Errors
/// As [`super::issue()`]; [`CredentialError::Conflict`] for a key that is or was registered, and where the account
/// has as many as it may.
pub fn register(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
    key: &PublicKey,
    actor: &Actor,
    now: Timestamp,
) -> Result<Registered, CredentialError> {
    let new = NewCredential {
        kind: SecretKind::ServiceAccountKey,
        ..with_scim_scope(new)?
    };
    let account = new
        .service_account_id
        .clone()
        .ok_or(CredentialError::NotFound("service account"))?;
    let prefix: String = key.thumbprint.chars().take(SHOWN_LENGTH).collect();
    let credential = admit(connection, &new, prefix, actor, now)?;
    if table::working_of_account(connection, &account, now)?.len() >= MAX_KEYS {
        return Err(CredentialError::Conflict(format!(
            "the service account has {MAX_KEYS} working keys, which is the most it may have: revoke one first"
        )));
    }
    credentials_table::insert(connection, &credential, &key.hash()?).map_err(|error| {
        match error.unique_violation() {
            Some(_) => CredentialError::Conflict(
                "this key is or was registered, and what has ended stays ended: make a new pair of keys"
                    .to_owned(),
            ),
            None => error.into(),
        }
    })?;
    let key = RegisteredKey {
        credential_id: credential.id.clone(),
        key_id: key.key_id.clone(),
        thumbprint: key.thumbprint.clone(),
        algorithm: key.algorithm_name().to_owned(),
        public_jwk: serde_json::to_string(&key.jwk).map_err(|_| CredentialError::Signing)?,
    };
    table::insert(connection, &key)?;
    let event = event(Action::CredentialCreated, &credential)
        .with("expires_at", credential.expires_at.to_rfc3339())
        .with("scopes", credential.scopes.clone())
        .with("service_account_id", account.as_str())
        .with("algorithm", key.algorithm.as_str())
        .with("thumbprint", key.thumbprint.as_str());
    audit::record(connection, actor, now, event)?;
    Ok(Registered { credential, key })
}

/// The keys beside their credentials.
///
/// # Errors
/// When the database fails.
pub fn with_keys(
    connection: &mut DatabaseConnection,
    credentials: Vec<Credential>,
) -> Result<Vec<Registered>, CredentialError> {
    let ids: Vec<_> = credentials.iter().map(|one| one.id.clone()).collect();
    let keys = table::find_all(connection, &ids)?;
    let of = |credential: Credential| {
        let key = keys.iter().find(|key| key.credential_id == credential.id);
        let key = key.cloned()?;
        Some(Registered { credential, key })
    };
    Ok(credentials.into_iter().filter_map(of).collect())
}

/// The working keys of an account with their algorithms, to try a signature against.
///
/// # Errors
/// When a stored key cannot be read; when the database fails.
pub(super) fn working(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    now: Timestamp,
) -> Result<Vec<RegisteredKey>, CredentialError> {
    Ok(table::working_of_account(connection, account, now)?)
}

/// A key that is bound to a directory speaks SCIM to it and does nothing else; one that is bound to neither a
/// directory nor a product has scopes of the admin interface.
fn with_scim_scope(new: &NewCredential) -> Result<NewCredential, CredentialError> {
    let mut new = new.clone();
    if new.directory_id.is_some() {
        if new.product_id.is_some() || new.scopes.iter().any(|scope| scope != SCIM_SCOPE) {
            return Err(CredentialError::Invalid(format!(
                "a key with a directory_id has the scope {SCIM_SCOPE:?} alone: register another key for the rest"
            )));
        }
        new.scopes = vec![SCIM_SCOPE.to_owned()];
    } else if new.scopes.is_empty() && new.product_id.is_none() {
        return Err(CredentialError::Invalid(
            "scopes is empty: name scopes of the admin interface, or a directory_id or product_id that the key \
             is for"
                .to_owned(),
        ));
    }
    Ok(new)
}
