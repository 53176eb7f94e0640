//! Credentials that nobody looks after: orphans whose time is over, and tokens that nobody uses.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::{CredentialId, PolicyId};
use crate::store::policies::{PolicyRow, holds_for_owner};
use crate::store::sql::Statement;

use super::turns;

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Revokes the orphans that were left up to an instant under a policy; under the default one, also those of
/// which it is not known, or which were left under one that is gone. Gives those that it changed: one that is
/// adopted meanwhile is none.
///
/// # Errors
/// When the database fails.
pub fn revoke_orphans(
    connection: &mut DatabaseConnection,
    policy: &PolicyId,
    is_default: bool,
    left_before: Timestamp,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<CredentialId>, StoreError> {
    let under = if is_default {
        Statement::sql(
            "(orphan_policy_id IS NULL OR orphan_policy_id NOT IN \
             (SELECT id FROM authentication_policies WHERE NOT is_default))",
        )
    } else {
        Statement::sql("orphan_policy_id = ").text(policy.as_str())
    };
    let due = Statement::sql("revoked_at IS NULL AND orphaned_at IS NOT NULL AND orphaned_at <= ")
        .integer(left_before.as_millis())
        .push(" AND expires_at > ")
        .integer(now.as_millis())
        .push(" AND ")
        .append(under);
    turns::take_where(connection, &due)?;
    let rows: Vec<IdRow> = Statement::sql("UPDATE credentials SET revoked_at = ")
        .integer(now.as_millis())
        .push(", revoked_reason = ")
        .text(reason)
        .push(" WHERE ")
        .append(due)
        .push(" RETURNING id")
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| CredentialId::new(row.id))
        .collect())
}

/// A token that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Idle {
    /// The token.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// What its owner calls it.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// The part of its secret that may be shown.
    #[diesel(sql_type = Text)]
    pub prefix: String,
    /// Whose.
    #[diesel(sql_type = Text)]
    pub owner_id: String,
    /// Its last use, or its making where it was never used, in milliseconds since the epoch.
    #[diesel(sql_type = BigInt)]
    pub unused_since: i64,
}

/// When a token was last used, or made.
const UNUSED_SINCE: &str = "COALESCE(credentials.last_used_at, credentials.created_at)";
const SHOWN: &str =
    "id, name, prefix, owner_id, COALESCE(last_used_at, created_at) AS unused_since";

/// The tokens that work and have not been used since an instant.
fn unused(unused_since: Timestamp, now: Timestamp) -> Statement {
    Statement::sql("kind = ")
        .text(SecretKind::UserToken.name())
        .push(" AND revoked_at IS NULL AND expires_at > ")
        .integer(now.as_millis())
        .push(format!(" AND {UNUSED_SINCE} <= "))
        .integer(unused_since.as_millis())
}

/// Notes of some tokens that it is told now that they are unused, and gives those of which it was not noted
/// since their last use. Of several nodes, each gets others.
///
/// # Errors
/// When the database fails.
pub fn claim_idle(
    connection: &mut DatabaseConnection,
    policy: &PolicyRow,
    unused_since: Timestamp,
    limit: i64,
    now: Timestamp,
) -> Result<Vec<Idle>, StoreError> {
    let claimed: Vec<IdRow> = Statement::sql(format!(
        "INSERT INTO inactivity_notices (credential_id, unused_since, told_at) SELECT id, {UNUSED_SINCE}, ",
    ))
    .push("CAST(")
    .integer(now.as_millis())
    .push(" AS BIGINT) FROM credentials WHERE ")
    .append(unused(unused_since, now))
    .push(format!(
        " AND (SELECT i.unused_since FROM inactivity_notices i WHERE i.credential_id = credentials.id) \
         IS DISTINCT FROM {UNUSED_SINCE} AND "
    ))
    .append(holds_for_owner(policy))
    .push(" ORDER BY id LIMIT ")
    .integer(limit)
    .push(
        " ON CONFLICT (credential_id) DO UPDATE SET unused_since = excluded.unused_since, \
         told_at = excluded.told_at WHERE inactivity_notices.unused_since <> excluded.unused_since \
         RETURNING credential_id AS id",
    )
    .load(connection)?;
    let mut idle = Vec::new();
    for row in claimed {
        let found: Vec<Idle> =
            Statement::sql(format!("SELECT {SHOWN} FROM credentials WHERE id = "))
                .text(row.id)
                .cached()
                .load(connection)?;
        idle.extend(found);
    }
    Ok(idle)
}

/// Revokes some tokens that have not been used since an instant, where it was told of that up to another, and
/// gives them. `since` is these two; `because` the reason and the time.
///
/// # Errors
/// When the database fails.
pub fn revoke_idle(
    connection: &mut DatabaseConnection,
    policy: &PolicyRow,
    since: (Timestamp, Timestamp),
    limit: i64,
    because: (&str, Timestamp),
) -> Result<Vec<Idle>, StoreError> {
    let ((unused_since, told_before), (reason, now)) = (since, because);
    let some = Statement::sql("SELECT id FROM credentials WHERE ")
        .append(unused(unused_since, now))
        .push(format!(
            " AND (SELECT i.told_at FROM inactivity_notices i WHERE i.credential_id = credentials.id \
             AND i.unused_since = {UNUSED_SINCE}) <= "
        ))
        .integer(told_before.as_millis())
        .push(" AND ")
        .append(holds_for_owner(policy))
        .push(" ORDER BY id LIMIT ")
        .integer(limit);
    // The use is looked at again in the row that is changed, which may have been used since it was found.
    let statement = Statement::sql("UPDATE credentials SET revoked_at = ")
        .integer(now.as_millis())
        .push(", revoked_reason = ")
        .text(reason)
        .push(format!(" WHERE revoked_at IS NULL AND {UNUSED_SINCE} <= "))
        .integer(unused_since.as_millis())
        .push(" AND id IN (")
        .append(some)
        .push(format!(") RETURNING {SHOWN}"));
    statement.load(connection)
}
