//! The removal of old events, which leaves an anchor where the chain goes on.

use crate::audit::{Action, Actor, Event, record};
use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::audit_chain::{self, AnchorRow};
use crate::store::{DatabaseConnection, StoreError};

use super::{ChainError, ChainKey, end};

/// How many events one transaction removes.
const BATCH: i64 = 5_000;

/// Whether there is something to remove: what is older than a day more than it is kept, so that a deployment
/// has one removal on record a day and not one for each event.
///
/// # Errors
/// When the database fails.
pub fn is_due(
    connection: &mut DatabaseConnection,
    days: u32,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let before = now.plus_days(-i64::from(days) - 1).as_millis();
    let oldest = audit_chain::oldest(connection, 1)?;
    Ok(oldest.first().is_some_and(|first| first.at < before))
}

/// Removes events that are older than so many days, some thousands of them, and says how many: none when all
/// are gone. What has not been chained yet stays, and so does everything from the first position whose event
/// is missing: it is evidence.
///
/// # Errors
/// When the key cannot be used or the database fails.
pub fn remove_old(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    days: u32,
    now: Timestamp,
) -> Result<usize, ChainError> {
    audit_chain::lock(connection)?;
    let before = now.plus_days(-i64::from(days));
    let Some(key) = ChainKey::find(connection, sealer)? else {
        return Ok(0);
    };
    let first = match audit_chain::newest_anchor(connection)? {
        Some(anchor) => anchor.position + 1,
        None => 1,
    };
    let oldest = audit_chain::oldest(connection, BATCH)?;
    let removed = oldest
        .iter()
        .zip(first..)
        .take_while(|(dated, expected)| {
            dated.position == *expected && dated.at < before.as_millis()
        })
        .count();
    let Some(last) = removed.checked_sub(1).and_then(|index| oldest.get(index)) else {
        return Ok(0);
    };
    let mut anchor = AnchorRow {
        position: last.position,
        hash: last.hash.clone(),
        removed_before: before.as_millis(),
        made_at: now.as_millis(),
        seal: String::new(),
    };
    anchor.seal = key.seal_of(&anchor);
    audit_chain::remove_through(connection, &anchor)?;
    let (head, _) = end(connection, &key)?;
    let event = Event::new(Action::AuditEventsRemoved)
        .with("removed", removed)
        .with("before", before.to_rfc3339())
        .with("through_position", anchor.position)
        .with("remaining", head - anchor.position);
    record(connection, &Actor::system(), now, event)?;
    Ok(removed)
}
