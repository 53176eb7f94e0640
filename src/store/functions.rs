//! SQL functions that SQLite lacks, so that both databases give the same answers.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::error::StoreError;

/// What tells that a query ran into its time limit: SQLite's complaint about `abs` of the smallest number.
const OVER_TIME: &str = "integer overflow";

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case by the Unicode rules; SQLite's own `lower` knows ASCII only.
    fn fold(text: Nullable<Text>) -> Nullable<Text>;

    /// 1 until the deadline (milliseconds since the epoch, by the system's clock), then the smallest number,
    /// of which `abs` fails: the only way in which a function may end a query. The row's version makes it
    /// be asked for every row.
    fn time_left(deadline: BigInt, version: BigInt) -> BigInt;
}

/// Adds the functions to a connection.
///
/// # Errors
/// When SQLite refuses.
pub fn register(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    fold_utils::register_impl(connection, |text: Option<String>| {
        text.map(|text| text.to_lowercase())
    })?;
    time_left_utils::register_nondeterministic_impl(connection, |deadline: i64, _version: i64| {
        if chrono::Utc::now().timestamp_millis() < deadline {
            1
        } else {
            i64::MIN
        }
    })?;
    Ok(())
}

/// Whether an error is that of a query which ran into its time limit.
pub fn is_over_time(error: &StoreError) -> bool {
    matches!(error, StoreError::Query(diesel::result::Error::DatabaseError(_, information)) if information.message().contains(OVER_TIME))
}
