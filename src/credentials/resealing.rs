//! Rotation of the master key: what is sealed under the one before it is sealed again, in batches, while servers
//! run. Any number of them may do so at once.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::sealed_values::{self, COLUMNS};
use crate::store::{DatabaseConnection, settings};

use super::CredentialError;

/// The setting of the database that tells which master key holds.
pub const MASTER_KEY_CHECK: &str = "master_key_check";
/// How many values of a column one transaction seals again.
const BATCH: i64 = 100;

/// Makes the current master key the one that holds; false where it does already.
///
/// # Errors
/// When the database fails.
pub fn rotate(
    connection: &mut DatabaseConnection,
    fingerprint: &str,
    actor: &Actor,
    now: Timestamp,
) -> Result<bool, CredentialError> {
    if settings::find(connection, MASTER_KEY_CHECK)?.as_deref() == Some(fingerprint) {
        return Ok(false);
    }
    settings::set(connection, MASTER_KEY_CHECK, fingerprint)?;
    let event = Event::new(Action::MasterKeyRotated).to("master_key", fingerprint, None);
    audit::record(connection, actor, now, event)?;
    Ok(true)
}

/// What a server that has two master keys does every few seconds: it seals under the one that holds, and seals a
/// batch again of what is not yet.
///
/// # Errors
/// As [`reseal`].
pub fn follow(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
) -> Result<usize, CredentialError> {
    if let Some(fingerprint) = settings::find(connection, MASTER_KEY_CHECK)? {
        sealer.follow(&fingerprint);
    }
    reseal(connection, sealer)
}

/// Seals a batch again under the master key that holds, and counts it; none where all is.
///
/// # Errors
/// When something was sealed under a key that this process does not have, or has been changed; when the database
/// fails.
pub fn reseal(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
) -> Result<usize, CredentialError> {
    let mut count = 0;
    for column in COLUMNS {
        let others =
            sealed_values::sealed_otherwise(connection, column, &sealer.beginning(), BATCH)?;
        for (id, before) in others {
            let opened = sealer.open(column.purpose, &id, &before)?;
            let after = sealer.seal(column.purpose, &id, opened.expose())?;
            if sealed_values::replace(connection, column, &id, &before, &after)? {
                count += 1;
            }
        }
    }
    Ok(count)
}
