//! Who is told how many days before a credential expires: that is for the policy of whoever it authenticates, or
//! else of whoever made it.

use crate::clock::Timestamp;
use crate::notices::expiry::{self, Days};
use crate::policies::authentication;
use crate::store::{DatabaseConnection, StoreError};

/// Looks at credentials that have come near to their end or to it, up to a number, and tells of those whose day
/// it is. Says how many were looked at: none, once all have been.
///
/// # Errors
/// When the database fails.
pub fn tell(connection: &mut DatabaseConnection, now: Timestamp) -> Result<usize, StoreError> {
    let policies = authentication::list(connection, now)?;
    let mut any: Vec<i64> = policies
        .iter()
        .flat_map(|policy| policy.settings.expiry_notice_days.clone())
        .collect();
    any.sort_unstable_by(|left, right| right.cmp(left));
    any.dedup();
    let default = policies.iter().find(|policy| policy.is_default);
    let of_nobody = default.map_or_else(Vec::new, |policy| {
        policy.settings.expiry_notice_days.clone()
    });
    let days = Days {
        any: &any,
        of: &|connection, credential| {
            let maker = credential.created_by.as_ref().map(|maker| &maker.id);
            match credential.owner_id.as_ref().or(maker) {
                None => Ok(of_nobody.clone()),
                Some(person) => {
                    let policy = authentication::effective(connection, person, now)?;
                    Ok(policy.settings.expiry_notice_days)
                }
            }
        },
    };
    expiry::tell(connection, &days, now)
}
