//! Many orphans at once: named by their identifiers, held, and the same done with each of them or with none. What is
//! done with one is in `keys`; who asks, and how they are answered, is no matter here.

use std::collections::BTreeSet;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::CredentialId;
use crate::store::{DatabaseConnection, StoreError, service_accounts};

use super::{Credential, CredentialError, keys};

/// At most so many are named at once.
pub const MOST: usize = 100;

/// The kinds that can be left behind, each with the scopes of those who see and of those who change it.
const KINDS: [(SecretKind, Scope, Scope); 5] = [
    (
        SecretKind::ScimKey,
        Scope::ScimKeysRead,
        Scope::ScimKeysWrite,
    ),
    (
        SecretKind::AdminKey,
        Scope::ApiKeysRead,
        Scope::ApiKeysWrite,
    ),
    (
        SecretKind::ServiceAccountToken,
        Scope::ServiceAccountsRead,
        Scope::ServiceAccountsWrite,
    ),
    (
        SecretKind::ServiceAccountKey,
        Scope::ServiceAccountsRead,
        Scope::ServiceAccountsWrite,
    ),
    (
        SecretKind::ProductCredential,
        Scope::ProductsRead,
        Scope::ProductsWrite,
    ),
];

/// The orphans that somebody with these rights may see.
#[must_use]
pub fn seen_by(rights: &Rights) -> Selection {
    Selection {
        kinds: KINDS
            .into_iter()
            .filter(|(_, read, _)| rights.include(*read))
            .map(|(kind, ..)| kind)
            .collect(),
        orphaned: true,
        ..Selection::default()
    }
}

/// Does the same with each of the named orphans, in the order in which they were made, or with none: the first that
/// cannot be taken is named.
///
/// # Errors
/// As [`chosen`]; what is done with one of them.
pub fn with_each<T>(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
    act: impl Fn(&mut DatabaseConnection, &Credential) -> Result<T, CredentialError>,
) -> Result<Vec<T>, CredentialError> {
    let held = held(connection, ids, rights)?;
    held.iter()
        .map(|key| act(connection, key).map_err(|error| about(key, error)))
        .collect()
}

/// Ends each of the named orphans, or none, and counts those that had not ended so before.
///
/// # Errors
/// As [`chosen`].
pub fn revoke(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
    actor: &Actor,
    now: Timestamp,
) -> Result<usize, CredentialError> {
    let revoked = with_each(connection, ids, rights, |connection, key| {
        keys::revoke(
            connection,
            key.kind,
            &key.id,
            "revoked_by_admin",
            actor,
            now,
        )?;
        Ok(key.revoked_at.is_none())
    })?;
    Ok(revoked.into_iter().filter(|is_new| *is_new).count())
}

/// The named orphans, each of which somebody with these rights may change, in the order in which they were made.
///
/// # Errors
/// [`CredentialError::Invalid`] where none is named, too many are, or one that there is not;
/// [`CredentialError::Forbidden`] for a kind that is not theirs to change; [`CredentialError::Conflict`] for what is
/// no orphan; when the database fails.
pub fn chosen(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
) -> Result<Vec<Credential>, CredentialError> {
    checked(connection, ids, rights, table::find)
}

/// The same, held until the transaction ends: the service accounts before what they have, as those do who disable
/// them, and what is named always in the same order.
fn held(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
) -> Result<Vec<Credential>, CredentialError> {
    let found = chosen(connection, ids, rights)?;
    let accounts: BTreeSet<_> = found
        .iter()
        .filter_map(|key| key.service_account_id.as_ref())
        .collect();
    for account in accounts {
        service_accounts::lock_shared(connection, account)?;
    }
    checked(connection, ids, rights, table::find_for_update)
}

fn checked(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
    rights: &Rights,
    find: fn(&mut DatabaseConnection, &CredentialId) -> Result<Option<Credential>, StoreError>,
) -> Result<Vec<Credential>, CredentialError> {
    let ids: BTreeSet<_> = ids.iter().collect();
    if ids.is_empty() {
        return Err(CredentialError::Invalid(
            "choose at least one key".to_owned(),
        ));
    }
    if ids.len() > MOST {
        return Err(CredentialError::Invalid(format!(
            "{} keys are named; at most {MOST} are taken at once",
            ids.len()
        )));
    }
    let mut keys = Vec::with_capacity(ids.len());
    for id in ids {
        let key = find(connection, id)?;
        let key = key.ok_or_else(|| CredentialError::Invalid(format!("there is no key {id}")))?;
        let scope = KINDS.into_iter().find(|(kind, ..)| *kind == key.kind);
        let Some((_, _, write)) = scope else {
            return Err(CredentialError::Invalid(format!("there is no key {id}")));
        };
        if !rights.include(write) {
            return Err(CredentialError::Forbidden(format!(
                "{id}: this needs {}",
                write.name()
            )));
        }
        if key.orphaned_at.is_none() {
            let text = "the key is not orphaned".to_owned();
            return Err(about(&key, CredentialError::Conflict(text)));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// Says which of many keys it is about.
fn about(key: &Credential, error: CredentialError) -> CredentialError {
    let named = |text| format!("{} ({}): {text}", key.name, key.id);
    match error {
        CredentialError::Conflict(text) => CredentialError::Conflict(named(text)),
        CredentialError::Forbidden(text) => CredentialError::Forbidden(named(text)),
        other => other,
    }
}
