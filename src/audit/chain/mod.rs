//! The chain that shows whether audit events were changed: each position holds the hash of the one before.
//!
//! Events are chained a moment after they are committed, by one node at a time ([`append`]), so that no
//! transaction waits for another's place in the chain. Every hash is an HMAC under a key that the database
//! holds sealed only: whoever can write to the database alone cannot make the chain anew. [`verify`] goes
//! through it, [`remove_old`] takes the old away and leaves an anchor.

mod retention;
mod verify;

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::sealed::{SealError, Sealed, Sealer};
use crate::store::audit_chain::{self, AnchorRow, ChainRow};
use crate::store::audit_events::AuditEventRow;
use crate::store::{DatabaseConnection, StoreError, TransactionError, settings};

pub use retention::{is_due, remove_old};
pub use verify::{Finding, FindingKind, Place, Report, verify};

/// The setting of the database that holds the sealed key.
pub const KEY_SETTING: &str = "audit_chain_key";
const KEY_LENGTH: usize = 32;
/// The block of SHA-256.
const BLOCK: usize = 64;
/// How many events one transaction chains.
pub const BATCH: usize = 500;

/// Why the chain could not be read or continued.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// The key could not be sealed or opened.
    #[error("the key of the audit chain cannot be used")]
    Key(#[from] SealError),
    /// The key that was opened is none.
    #[error("the key of the audit chain has another length")]
    KeyLength,
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers")]
    Random(#[from] getrandom::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError for ChainError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// The key that the hashes are made with. It never prints itself.
struct ChainKey([u8; KEY_LENGTH]);

impl ChainKey {
    /// The deployment's key, where the chain has begun.
    fn find(
        connection: &mut DatabaseConnection,
        sealer: &Sealer,
    ) -> Result<Option<Self>, ChainError> {
        let Some(stored) = settings::find(connection, KEY_SETTING)? else {
            return Ok(None);
        };
        let opened = sealer.open(KEY_SETTING, KEY_SETTING, &Sealed::from_stored(stored))?;
        let key = opened
            .expose()
            .try_into()
            .map_err(|_| ChainError::KeyLength)?;
        Ok(Some(Self(key)))
    }

    /// The deployment's key; it is made with the first event that is chained.
    fn find_or_create(
        connection: &mut DatabaseConnection,
        sealer: &Sealer,
    ) -> Result<Self, ChainError> {
        if let Some(key) = Self::find(connection, sealer)? {
            return Ok(key);
        }
        let mut key = [0; KEY_LENGTH];
        getrandom::fill(&mut key)?;
        let stored = sealer.seal(KEY_SETTING, KEY_SETTING, &key)?;
        settings::set_once(connection, KEY_SETTING, stored.as_str())?;
        Ok(Self(key))
    }

    /// HMAC-SHA-256 of what it is for and of the parts, each with its length before it, in hexadecimal.
    fn mac(&self, purpose: &str, parts: &[&str]) -> String {
        // RFC 2104 section 2: a key shorter than a block is filled up with zeros.
        let mut block = [0; BLOCK];
        block[..KEY_LENGTH].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in [purpose].iter().chain(parts) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        let mut text = String::with_capacity(2 * KEY_LENGTH);
        for byte in mac.finalize().into_bytes() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// What the first position has in place of the hash before it.
    fn beginning(&self) -> String {
        self.mac("beginning", &[])
    }

    /// The hash of an event: of its columns as a JSON array, in the order of the table.
    fn digest(&self, event: &AuditEventRow) -> String {
        let columns = serde_json::json!([
            event.id,
            event.at,
            event.action,
            event.directory_id,
            event.actor_kind,
            event.actor_credential_id,
            event.actor_person_id,
            event.actor_name,
            event.target_type,
            event.target_id,
            event.target_name,
            event.outcome,
            event.source_ip,
            event.detail,
        ]);
        self.mac("event", &[&columns.to_string()])
    }

    fn hash(&self, previous_hash: &str, event_id: &str, digest: &str) -> String {
        self.mac("position", &[previous_hash, event_id, digest])
    }

    fn seal_of(&self, anchor: &AnchorRow) -> String {
        let numbers = [anchor.position, anchor.removed_before, anchor.made_at]
            .map(|number| number.to_string());
        let [position, before, made_at] = &numbers;
        self.mac("anchor", &[position, &anchor.hash, before, made_at])
    }
}

/// Chains events that wait, up to [`BATCH`] of them, oldest first, and says how many. One node at a time does
/// so; an event that is committed later than younger ones is chained after them.
///
/// # Errors
/// When the key cannot be used or the database fails.
pub fn append(connection: &mut DatabaseConnection, sealer: &Sealer) -> Result<usize, ChainError> {
    audit_chain::lock(connection)?;
    let events = audit_chain::pending(connection, i64::try_from(BATCH).unwrap_or(i64::MAX))?;
    if events.is_empty() {
        return Ok(0);
    }
    let key = ChainKey::find_or_create(connection, sealer)?;
    let (mut position, mut previous_hash) = end(connection, &key)?;
    let mut rows = Vec::with_capacity(events.len());
    for event in &events {
        let digest = key.digest(event);
        let hash = key.hash(&previous_hash, &event.id, &digest);
        position += 1;
        rows.push(ChainRow {
            position,
            event_id: event.id.clone(),
            previous_hash: std::mem::replace(&mut previous_hash, hash.clone()),
            digest,
            hash,
        });
    }
    audit_chain::append(connection, &rows)?;
    Ok(rows.len())
}

/// The last position and its hash.
fn end(connection: &mut DatabaseConnection, key: &ChainKey) -> Result<(i64, String), StoreError> {
    if let Some(last) = audit_chain::last(connection)? {
        return Ok((last.position, last.hash));
    }
    Ok(match audit_chain::newest_anchor(connection)? {
        Some(anchor) => (anchor.position, anchor.hash),
        None => (0, key.beginning()),
    })
}
