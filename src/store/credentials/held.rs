//! The credentials of those for whom a policy holds, and what may be told of them before it changes.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::{DirectoryId, ProductId};
use crate::store::policies::{PolicyRow, holds_for_owner};
use crate::store::schema::credentials;
use crate::store::sql::Statement;

use super::Counts;
use super::ending::{of_kinds, works_by_any_clock};
use super::holders::Holder;
use super::impact::{Whose, count_where};

/// Moves the expiry of the tokens that were made before an instant to an earlier one, where it is later, and
/// counts them.
///
/// # Errors
/// When the database fails.
pub fn shorten_tokens_held(
    connection: &mut DatabaseConnection,
    policy: &PolicyRow,
    made_before: Timestamp,
    end: Timestamp,
) -> Result<usize, StoreError> {
    Statement::sql("UPDATE credentials SET expires_at = ")
        .integer(end.as_millis())
        .push(" WHERE revoked_at IS NULL AND expires_at > ")
        .integer(end.as_millis())
        .push(" AND created_at < ")
        .integer(made_before.as_millis())
        .push(" AND kind = ")
        .text(SecretKind::UserToken.name())
        .push(" AND ")
        .append(holds_for_owner(policy))
        .execute(connection)
}

/// Revokes the tokens that a condition selects, and counts them.
fn revoke_tokens_where(
    connection: &mut DatabaseConnection,
    condition: Statement,
    reason: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    Statement::sql("UPDATE credentials SET revoked_at = ")
        .integer(now.as_millis())
        .push(", revoked_reason = ")
        .text(reason)
        .push(" WHERE revoked_at IS NULL AND kind = ")
        .text(SecretKind::UserToken.name())
        .push(" AND ")
        .append(condition)
        .execute(connection)
}

/// Revokes all tokens that work, by any node's clock, of those for whom a policy holds.
///
/// # Errors
/// When the database fails.
pub fn revoke_tokens_held(
    connection: &mut DatabaseConnection,
    policy: &PolicyRow,
    reason: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let held = works_by_any_clock(now)
        .push(" AND ")
        .append(holds_for_owner(policy));
    revoke_tokens_where(connection, held, reason, now)
}

/// How many tokens that work, by any node's clock, those have for whom a policy holds.
///
/// # Errors
/// When the database fails.
pub fn count_tokens_held(
    connection: &mut DatabaseConnection,
    policy: &PolicyRow,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let held = of_kinds(&[SecretKind::UserToken])
        .push(" AND ")
        .append(works_by_any_clock(now))
        .push(" AND ")
        .append(holds_for_owner(policy));
    count_where(connection, held)
}

/// Revokes all tokens that work, by any node's clock, and are limited to a product.
///
/// # Errors
/// When the database fails.
pub fn revoke_tokens_of_product(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    reason: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let limited = works_by_any_clock(now)
        .push(" AND ")
        .append(Holder::Product(product).holds());
    revoke_tokens_where(connection, limited, reason, now)
}

/// Revokes all tokens of the people of a directory.
///
/// # Errors
/// When the database fails.
pub fn revoke_tokens_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    reason: &str,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let theirs = Whose::PeopleOf(directory).names("owner_id");
    revoke_tokens_where(connection, theirs, reason, now)
}

/// What a dry run has to know of a token or session.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Usage {
    /// Its identifier.
    pub id: String,
    /// `user_token` or `session`.
    pub kind: String,
    /// Whose.
    pub owner_id: Option<String>,
    /// When it was made.
    pub created_at: i64,
    /// When it expires.
    pub expires_at: i64,
    /// When it was last used.
    pub last_used_at: Option<i64>,
}

/// A page of the tokens and sessions that have not ended, after an id.
///
/// # Errors
/// When the database fails.
pub fn usages(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    after: &str,
    limit: i64,
) -> Result<Vec<Usage>, StoreError> {
    let kinds = [SecretKind::UserToken.name(), SecretKind::Session.name()];
    Ok(credentials::table
        .filter(credentials::kind.eq_any(kinds))
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::expires_at.gt(now.as_millis()))
        .filter(
            credentials::idle_expires_at
                .is_null()
                .or(credentials::idle_expires_at.gt(now.as_millis())),
        )
        .filter(credentials::id.gt(after))
        .order(credentials::id)
        .limit(limit)
        .select((
            credentials::id,
            credentials::kind,
            credentials::owner_id,
            credentials::created_at,
            credentials::expires_at,
            credentials::last_used_at,
        ))
        .load(connection)?)
}

/// What a dry run has to know of an orphaned key.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Orphan {
    /// What it is for.
    pub kind: String,
    /// When it was left.
    pub orphaned_at: Option<i64>,
    /// The policy that held for its maker then.
    pub policy_id: Option<String>,
}

/// All orphaned keys that have not ended.
///
/// # Errors
/// When the database fails.
pub fn orphans(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<Orphan>, StoreError> {
    Ok(credentials::table
        .filter(credentials::orphaned_at.is_not_null())
        .filter(credentials::revoked_at.is_null())
        .filter(credentials::expires_at.gt(now.as_millis()))
        .select((
            credentials::kind,
            credentials::orphaned_at,
            credentials::orphan_policy_id,
        ))
        .load(connection)?)
}
