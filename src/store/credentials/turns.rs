//! In which order transactions of PostgreSQL come to a key. Whoever acts with one holds its row shared, and
//! PostgreSQL lets more of them in while somebody waits to end the key: under a load that never pauses they would wait
//! for ever, and all who wait for them. Advisory locks queue fairly, so both take one beside the row: who comes after
//! somebody that waits to end the key, waits behind them. SQLite writes one transaction at a time.

use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::CredentialId;
use crate::store::sql::Statement;

use super::ending::of_kinds;

/// The kinds that several act with at the same time.
const SHARED: [SecretKind; 4] = [
    SecretKind::ScimKey,
    SecretKind::AdminKey,
    SecretKind::ServiceAccountToken,
    SecretKind::ServiceAccountKey,
];

/// How many keys one statement takes for itself at most, since the server's table of locks is bounded: those that were
/// used last. For others one only waits as PostgreSQL has it.
const AT_MOST: i64 = 64;

/// A condition of PostgreSQL that waits for those who came before to end the key, is true then, and has those wait who
/// come afterwards. A subquery that names no column is evaluated before any row is looked at, and so before it is
/// locked.
pub(in crate::store) fn entering(key: &CredentialId) -> Statement {
    Statement::sql("(SELECT pg_advisory_xact_lock_shared(hashtextextended(")
        .text(key.as_str())
        .push(", 0))) IS NOT NULL")
}

/// Waits for those who act with a key, and has others wait until the transaction ends.
///
/// # Errors
/// When the database fails.
pub(super) fn take(
    connection: &mut DatabaseConnection,
    key: &CredentialId,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(_) = connection {
        Statement::fixed(
            "SELECT pg_advisory_xact_lock(hashtextextended(?, 0))",
            &[key.as_str()],
        )
        .execute(connection)?;
    }
    Ok(())
}

/// The same of the keys that a condition selects.
///
/// # Errors
/// When the database fails.
pub(super) fn take_where(
    connection: &mut DatabaseConnection,
    condition: &Statement,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(_) = connection {
        // In one order, so that two do not wait for each other in circles.
        Statement::sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(id, 0)) FROM (SELECT id FROM \
             (SELECT id FROM credentials WHERE revoked_at IS NULL AND ",
        )
        .append(of_kinds(&SHARED))
        .push(" AND ")
        .append(condition.clone())
        .push(" ORDER BY last_used_at DESC NULLS LAST LIMIT ")
        .integer(AT_MOST)
        .push(") AS latest ORDER BY id OFFSET 0) AS theirs")
        .cached()
        .execute(connection)?;
    }
    Ok(())
}
