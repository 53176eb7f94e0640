//! What is stored, in numbers, for whoever watches the server. Keys are few; people's tokens and sessions, of which
//! there may be millions, are not counted.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::error::StoreError;
use super::sql::Statement;

/// How many weeks ahead it is looked for what expires.
pub const WEEKS: i64 = 13;
/// How long a week is.
pub const WEEK_DAYS: i64 = 7;

/// The kinds that are counted, as the index of kinds has them.
const KEYS: &str = "kind IN ('scim_key', 'api_key', 'product_credential', 'service_account_token', \
     'service_account_key')";

/// How many keys of a kind are in a state.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Keys {
    /// The kind's name.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// `active`, `orphaned`, `rotated`, `expired` or `revoked`.
    #[diesel(sql_type = Text)]
    pub state: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// How many keys of a kind that work expire in a week.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Expiring {
    /// The kind's name.
    #[diesel(sql_type = Text)]
    pub kind: String,
    /// Which week, counted from 0 at the instant of counting.
    #[diesel(sql_type = BigInt)]
    pub week: i64,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// How many keys were revoked for a reason.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Revoked {
    /// The reason as it is stored.
    #[diesel(sql_type = Text)]
    pub reason: String,
    /// How many.
    #[diesel(sql_type = BigInt)]
    pub number: i64,
}

/// What is on its way.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Outbox {
    /// How many notices have not arrived at a receiver.
    #[diesel(sql_type = BigInt)]
    pub pending: i64,
    /// When the oldest of them was made, in milliseconds since the epoch.
    #[diesel(sql_type = Nullable<BigInt>)]
    pub oldest_at: Option<i64>,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// Keys by kind and state.
    pub keys: Vec<Keys>,
    /// Keys that expire in the next [`WEEKS`].
    pub expiring: Vec<Expiring>,
    /// Revoked keys by reason.
    pub revoked: Vec<Revoked>,
    /// Notices on their way.
    pub outbox: Outbox,
}

/// Counts.
///
/// # Errors
/// When the database fails.
pub fn count(connection: &mut DatabaseConnection, now: Timestamp) -> Result<Figures, StoreError> {
    let keys = Statement::sql(
        "SELECT kind, state, COUNT(*) AS number FROM (SELECT kind, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' \
         WHEN successor_id IS NOT NULL THEN 'rotated' WHEN expires_at <= ",
    )
    .integer(now.as_millis())
    .push(" THEN 'expired' WHEN orphaned_at IS NOT NULL THEN 'orphaned' ELSE 'active' END AS state FROM credentials WHERE ")
    .push(KEYS)
    .push(") AS states GROUP BY kind, state ORDER BY kind, state")
    .cached()
    .load(connection)?;
    let revoked = Statement::sql(
        "SELECT COALESCE(revoked_reason, 'none') AS reason, COUNT(*) AS number FROM credentials \
         WHERE revoked_at IS NOT NULL AND ",
    )
    .push(KEYS)
    .push(" GROUP BY COALESCE(revoked_reason, 'none') ORDER BY reason")
    .cached()
    .load(connection)?;
    let outbox: Vec<Outbox> = Statement::sql(
        "SELECT COUNT(*) AS pending, MIN(created_at) AS oldest_at FROM deliveries WHERE state = 'pending'",
    )
    .cached()
    .load(connection)?;
    let nothing = Outbox {
        pending: 0,
        oldest_at: None,
    };
    Ok(Figures {
        keys,
        expiring: expiring(connection, now)?,
        revoked,
        outbox: outbox.into_iter().next().unwrap_or(nothing),
    })
}

fn expiring(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<Expiring>, StoreError> {
    let length = now.plus_days(WEEK_DAYS).as_millis() - now.as_millis();
    Statement::sql("SELECT kind, week, COUNT(*) AS number FROM (SELECT kind, (expires_at - ")
        .integer(now.as_millis())
        .push(") / ")
        .integer(length)
        .push(" AS week FROM credentials WHERE ")
        .push(KEYS)
        .push(" AND revoked_at IS NULL AND successor_id IS NULL AND expires_at > ")
        .integer(now.as_millis())
        .push(" AND expires_at < ")
        .integer(now.plus_days(WEEKS * WEEK_DAYS).as_millis())
        .push(") AS weeks GROUP BY kind, week ORDER BY kind, week")
        .cached()
        .load(connection)
}
