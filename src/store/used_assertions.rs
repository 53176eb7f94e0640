//! The assertions that have been used, until they would be refused for their age anyway.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::schema::used_assertions;

/// Notes the use of an assertion; false where it was used before, on whichever node.
///
/// # Errors
/// When the database fails.
pub fn use_once(
    connection: &mut DatabaseConnection,
    issuer: &str,
    jti: &str,
    expires_at: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        used_assertions::issuer.eq(issuer),
        used_assertions::jti.eq(jti),
        used_assertions::expires_at.eq(expires_at.as_millis()),
    );
    let added = on_either!(connection, connection => diesel::insert_into(used_assertions::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(connection))?;
    Ok(added > 0)
}

/// Forgets those that are too old to be used.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut DatabaseConnection, now: Timestamp) -> Result<usize, StoreError> {
    let old = used_assertions::table.filter(used_assertions::expires_at.lt(now.as_millis()));
    Ok(diesel::delete(old).execute(connection)?)
}
