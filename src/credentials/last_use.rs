//! When credentials were last used: collected in memory and written in batches, so that no request waits
//! for it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::credentials::Use;
use crate::store::id::CredentialId;

use super::Credential;

/// How old the last use of a token that is written down may become before the next is written at once.
const STALE_HOURS: i64 = 12;

/// Whether a use has to be written down before it is answered. Tokens that nobody uses for days are revoked, and
/// whoever does that looks into the database alone: what is noted in memory, on any node, must be younger.
#[must_use]
pub fn is_to_be_written(credential: &Credential, now: Timestamp) -> bool {
    let known = credential.last_used_at.unwrap_or(credential.created_at);
    credential.kind == SecretKind::UserToken && known.plus_seconds(STALE_HOURS * 3600) <= now
}

type Uses = HashMap<CredentialId, (Timestamp, Option<IpAddr>)>;

/// The uses that have not been written yet.
#[derive(Debug, Default)]
pub struct LastUse {
    uses: Mutex<Uses>,
}

impl LastUse {
    /// Notes a use.
    pub fn note(&self, id: &CredentialId, at: Timestamp, address: Option<IpAddr>) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        match uses.get_mut(id) {
            Some(known) => *known = (at, address),
            None => {
                uses.insert(id.clone(), (at, address));
            }
        }
    }

    /// Notes a use once more that could not be written, unless there was another since.
    pub fn note_again(&self, (id, at, address): Use) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.entry(id).or_insert((at, address));
    }

    /// Takes what has been noted.
    #[must_use]
    pub fn drain(&self) -> Vec<(CredentialId, Timestamp, Option<IpAddr>)> {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut drained: Vec<_> = uses
            .drain()
            .map(|(id, (at, address))| (id, at, address))
            .collect();
        // Several nodes write the same rows; in one order they do not wait for each other in circles.
        drained.sort_by(|left, right| left.0.cmp(&right.0));
        drained
    }
}
