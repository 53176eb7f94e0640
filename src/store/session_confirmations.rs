//! When the person of a session last showed again who they are, beside the session's own row.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::CredentialId;
use super::schema::session_confirmations;

/// When that was; `None` where it has not been since the sign-in.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    session: &CredentialId,
) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = session_confirmations::table
        .find(session.as_str())
        .select(session_confirmations::confirmed_at)
        .first(connection)
        .optional()?;
    Ok(at.map(Timestamp::from_millis))
}

/// Writes down that it is now.
///
/// # Errors
/// When the database fails.
pub fn set(
    connection: &mut DatabaseConnection,
    session: &CredentialId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let confirmed_at = session_confirmations::confirmed_at.eq(now.as_millis());
    on_either!(connection, connection => diesel::insert_into(session_confirmations::table)
        .values((session_confirmations::session_id.eq(session.as_str()), confirmed_at))
        .on_conflict(session_confirmations::session_id)
        .do_update()
        .set(confirmed_at)
        .execute(connection)?);
    Ok(())
}

/// Forgets those from before an instant.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut DatabaseConnection, before: Timestamp) -> Result<(), StoreError> {
    let old = session_confirmations::confirmed_at.lt(before.as_millis());
    diesel::delete(session_confirmations::table.filter(old)).execute(connection)?;
    Ok(())
}
