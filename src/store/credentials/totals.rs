//! Totals of keys, for an overview. Keys are few; people's tokens and sessions, of which there may be millions, are
//! not among them.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;

use super::super::DatabaseConnection;
use super::super::error::StoreError;
use super::super::sql::Statement;

/// The kinds that are counted, as the index of kinds has them.
pub(in crate::store) const KEYS: &str = "kind IN ('scim_key', 'api_key', 'product_credential', 'service_account_token', \
     'service_account_key')";

#[derive(QueryableByName)]
struct Standing {
    #[diesel(sql_type = Text)]
    standing: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many keys are `active`, `orphaned`, `rotated`, `expired` and `revoked` at an instant. Each is counted once.
///
/// # Errors
/// When the database fails.
pub fn standings(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, StoreError> {
    let found: Vec<Standing> = Statement::sql(
        "SELECT standing, COUNT(*) AS number FROM (SELECT CASE WHEN revoked_at IS NOT NULL THEN 'revoked' \
         WHEN successor_id IS NOT NULL THEN 'rotated' WHEN expires_at <= ",
    )
    .integer(now.as_millis())
    .push(" THEN 'expired' WHEN orphaned_at IS NOT NULL THEN 'orphaned' ELSE 'active' END AS standing FROM credentials WHERE ")
    .push(KEYS)
    .push(") AS standings GROUP BY standing ORDER BY standing")
    .load(connection)?;
    Ok(found
        .into_iter()
        .map(|found| (found.standing, found.number))
        .collect())
}

#[derive(QueryableByName)]
struct Week {
    #[diesel(sql_type = BigInt)]
    week: i64,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many keys that work expire in each of the coming weeks, by the number of the week from now on.
///
/// # Errors
/// When the database fails.
pub fn expiring_by_week(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    weeks: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    const WEEK_DAYS: i64 = 7;
    let length = now.plus_days(WEEK_DAYS).as_millis() - now.as_millis();
    let found: Vec<Week> =
        Statement::sql("SELECT week, COUNT(*) AS number FROM (SELECT (expires_at - ")
            .integer(now.as_millis())
            .push(") / ")
            .integer(length)
            .push(" AS week FROM credentials WHERE ")
            .push(KEYS)
            .push(" AND revoked_at IS NULL AND successor_id IS NULL AND expires_at > ")
            .integer(now.as_millis())
            .push(" AND expires_at < ")
            .integer(now.plus_days(weeks.saturating_mul(WEEK_DAYS)).as_millis())
            .push(") AS weeks GROUP BY week ORDER BY week")
            .load(connection)?;
    Ok(found
        .into_iter()
        .map(|found| (found.week, found.number))
        .collect())
}
