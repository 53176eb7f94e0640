//! What somebody has left behind, keys and service accounts, to be named to those who have to look after it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;
use crate::secret::SecretKind;

use super::DatabaseConnection;
use super::credentials::{self, Credential};
use super::error::StoreError;
use super::id::{CredentialId, ResourceId, ServiceAccountId};
use super::service_accounts::{self, ServiceAccount};
use super::sql::Statement;

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    id: String,
}

/// The credentials that were flagged at an instant because this person left: those that they made, and those of
/// the service accounts that they answered for. So many at most.
///
/// # Errors
/// When the database fails.
pub fn left_by(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    at: Timestamp,
    limit: i64,
) -> Result<Vec<Credential>, StoreError> {
    let found: Vec<Found> = Statement::sql("SELECT id FROM credentials WHERE orphaned_at = ")
        .integer(at.as_millis())
        .push(" AND (creator_id = ")
        .text(person.as_str())
        .push(" OR service_account_id IN (SELECT id FROM service_accounts WHERE owner_id = ")
        .text(person.as_str())
        .push(")) ORDER BY id LIMIT ")
        .integer(limit)
        .cached()
        .load(connection)?;
    let mut left = Vec::with_capacity(found.len());
    for row in found {
        left.extend(credentials::find(connection, &CredentialId::new(row.id))?);
    }
    Ok(left)
}

/// The service accounts that were flagged at an instant because this person, who answers for them, left. So many at
/// most.
///
/// # Errors
/// When the database fails.
pub fn accounts_left_by(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    at: Timestamp,
    limit: i64,
) -> Result<Vec<ServiceAccount>, StoreError> {
    let found: Vec<Found> = Statement::sql("SELECT id FROM service_accounts WHERE orphaned_at = ")
        .integer(at.as_millis())
        .push(" AND owner_id = ")
        .text(person.as_str())
        .push(" ORDER BY id LIMIT ")
        .integer(limit)
        .cached()
        .load(connection)?;
    let mut left = Vec::with_capacity(found.len());
    for row in found {
        left.extend(service_accounts::find(
            connection,
            &ServiceAccountId::new(row.id),
        )?);
    }
    Ok(left)
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many orphaned keys of some kinds work at an instant. The index of those that were ever flagged is walked, and no other key.
///
/// # Errors
/// When the database fails.
pub fn count(
    connection: &mut DatabaseConnection,
    kinds: &[SecretKind],
    now: Timestamp,
) -> Result<i64, StoreError> {
    let names = kinds
        .iter()
        .map(|kind| Statement::sql("").text(kind.name()))
        .collect();
    let found: Vec<Number> = Statement::sql(
        "SELECT COUNT(*) AS number FROM credentials WHERE orphaned_at IS NOT NULL AND revoked_at IS NULL \
         AND successor_id IS NULL AND expires_at > ",
    )
    .integer(now.as_millis())
    .push(" AND kind IN ")
    .append(Statement::join(names, ", "))
    .cached()
    .load(connection)?;
    Ok(found.first().map_or(0, |found| found.number))
}

/// How many service accounts nobody answers for: as many as the list of them holds.
///
/// # Errors
/// When the database fails.
pub fn count_accounts(connection: &mut DatabaseConnection) -> Result<i64, StoreError> {
    let found: Vec<Number> = Statement::sql(
        "SELECT COUNT(*) AS number FROM service_accounts WHERE orphaned_at IS NOT NULL",
    )
    .cached()
    .load(connection)?;
    Ok(found.first().map_or(0, |found| found.number))
}
