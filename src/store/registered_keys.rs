//! The public keys that service accounts are registered with. Each is a row of `credentials` too, which says
//! how long it stands.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::secret::SecretKind;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::{CredentialId, ServiceAccountId};
use super::schema::{credentials, registered_keys};

/// A registered public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The credential that it is.
    pub credential_id: CredentialId,
    /// The `kid` that its holder gave it, or else its thumbprint.
    pub key_id: String,
    /// Its thumbprint (RFC 7638).
    pub thumbprint: String,
    /// The one algorithm that it verifies, as JWA names it.
    pub algorithm: String,
    /// The key as a JWK.
    pub public_jwk: String,
}

/// Columns in the order of the table.
type Columns = (String, String, String, String, String);

fn read((credential_id, key_id, thumbprint, algorithm, public_jwk): Columns) -> RegisteredKey {
    RegisteredKey {
        credential_id: CredentialId::new(credential_id),
        key_id,
        thumbprint,
        algorithm,
        public_jwk,
    }
}

/// Adds one.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &mut DatabaseConnection, key: &RegisteredKey) -> Result<(), StoreError> {
    diesel::insert_into(registered_keys::table)
        .values((
            registered_keys::credential_id.eq(key.credential_id.as_str()),
            registered_keys::key_id.eq(&key.key_id),
            registered_keys::thumbprint.eq(&key.thumbprint),
            registered_keys::algorithm.eq(&key.algorithm),
            registered_keys::public_jwk.eq(&key.public_jwk),
        ))
        .execute(connection)?;
    Ok(())
}

/// One key.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<Option<RegisteredKey>, StoreError> {
    Ok(registered_keys::table
        .find(id.as_str())
        .first::<Columns>(connection)
        .optional()?
        .map(read))
}

/// The keys of these credentials.
///
/// # Errors
/// When the database fails.
pub fn find_all(
    connection: &mut DatabaseConnection,
    ids: &[CredentialId],
) -> Result<Vec<RegisteredKey>, StoreError> {
    let ids: Vec<&str> = ids.iter().map(CredentialId::as_str).collect();
    let rows: Vec<Columns> = registered_keys::table
        .filter(registered_keys::credential_id.eq_any(ids))
        .load(connection)?;
    Ok(rows.into_iter().map(read).collect())
}

/// The keys of a service account that have neither been revoked nor expired.
///
/// # Errors
/// When the database fails.
pub fn working_of_account(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    now: Timestamp,
) -> Result<Vec<RegisteredKey>, StoreError> {
    let rows: Vec<Columns> = registered_keys::table
        .inner_join(credentials::table.on(credentials::id.eq(registered_keys::credential_id)))
        .filter(credentials::service_account_id.eq(account.as_str()))
        .filter(credentials::kind.eq(SecretKind::ServiceAccountKey.name()))
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::expires_at.gt(now.as_millis()))
        .order(registered_keys::credential_id)
        .select(registered_keys::all_columns)
        .load(connection)?;
    Ok(rows.into_iter().map(read).collect())
}
