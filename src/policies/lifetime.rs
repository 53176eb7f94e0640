//! How long a credential may live.

use crate::clock::Timestamp;

use super::PolicyError;

/// What a credential gets whose issuer names nothing: one year.
pub const DEFAULT_DAYS: i64 = 365;
/// The longest life.
pub const MAX_DAYS: i64 = 365;

/// When a credential that is issued now expires.
///
/// # Errors
/// [`PolicyError::Invalid`] for anything but 1 to 365 days.
pub fn expiry(now: Timestamp, days: Option<i64>) -> Result<Timestamp, PolicyError> {
    expiry_within(now, days, MAX_DAYS)
}

/// When a credential that is issued now expires, where it may live so many days at most.
///
/// # Errors
/// [`PolicyError::Invalid`] for anything but 1 to as many days as it may live.
pub fn expiry_within(
    now: Timestamp,
    days: Option<i64>,
    most: i64,
) -> Result<Timestamp, PolicyError> {
    let days = days.unwrap_or(DEFAULT_DAYS.min(most));
    if (1..=most).contains(&days) {
        return Ok(now.plus_days(days));
    }
    Err(PolicyError::Invalid(format!(
        "expires_in_days is {days}; it must be 1 to {most}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_day_to_a_year_and_a_year_by_default() {
        let now = Timestamp::from_millis(0);
        assert_eq!(expiry(now, None).unwrap(), now.plus_days(365));
        assert_eq!(expiry(now, Some(1)).unwrap(), now.plus_days(1));
        assert_eq!(expiry_within(now, None, 30).unwrap(), now.plus_days(30));
        assert!(expiry_within(now, Some(31), 30).is_err());
        for days in [i64::MIN, -1, 0, 366, i64::MAX] {
            assert!(expiry(now, Some(days)).is_err(), "{days}");
        }
    }
}
