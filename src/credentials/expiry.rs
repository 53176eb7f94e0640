//! Who is told how many days before a credential expires.

use crate::clock::Timestamp;
use crate::notices::expiry::{self, DEFAULT_DAYS, Days};
use crate::store::{DatabaseConnection, StoreError};

/// Looks at credentials that have come near to their end or to it, up to a number, and tells of those whose day
/// it is. Says how many were looked at: none, once all have been.
///
/// # Errors
/// When the database fails.
pub fn tell(connection: &mut DatabaseConnection, now: Timestamp) -> Result<usize, StoreError> {
    let days = Days {
        any: &DEFAULT_DAYS,
        of: &|_, _| Ok(DEFAULT_DAYS.to_vec()),
    };
    expiry::tell(connection, &days, now)
}
