//! What is seen at the door and told from there: keys that go on being presented though they are dead, and
//! sign-ins that are refused because too many have failed. Noted in memory and written in batches, so that no
//! request waits for it; what is kept is bounded, whoever tries.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::secret::{HashedSecret, SecretKind};
use crate::store::credentials::{self, Credential};
use crate::store::{DatabaseConnection, StoreError, directories, sent_notices};

use super::expiry::{called, shown};
use super::{Notice, NoticeKind, put};

/// How many of each are kept until they are written.
const CAPACITY: usize = 500;
/// How many refused sign-ins one notice lists.
const LISTED: usize = 50;
/// What is kept of a name that somebody tried.
const LONGEST_NAME: usize = 100;
/// Why keys were revoked whose going on being used is no surprise.
const DIRECTORY_REMOVED: &str = "directory_removed";

/// A dead key that was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DeadUse {
    at: Timestamp,
    address: Option<IpAddr>,
    times: u64,
}

/// What has been seen and not been told yet.
#[derive(Debug, Default)]
pub struct Observed {
    dead: Mutex<HashMap<HashedSecret, DeadUse>>,
    throttled: Mutex<HashMap<(String, Option<IpAddr>), Timestamp>>,
}

impl Observed {
    /// A key was presented that has expired or was revoked.
    pub fn note_dead_key(&self, secret: HashedSecret, at: Timestamp, address: Option<IpAddr>) {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        if dead.len() >= CAPACITY && !dead.contains_key(&secret) {
            return;
        }
        let known = dead.entry(secret).or_insert(DeadUse {
            at,
            address,
            times: 0,
        });
        *known = DeadUse {
            at,
            address,
            times: known.times + 1,
        };
    }

    /// A sign-in was refused because too many had failed.
    pub fn note_throttled(&self, user_name: &str, at: Timestamp, address: Option<IpAddr>) {
        let mut throttled = self
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let name: String = user_name.chars().take(LONGEST_NAME).collect();
        let key = (name, address);
        if throttled.len() < CAPACITY || throttled.contains_key(&key) {
            throttled.insert(key, at);
        }
    }

    /// Takes what there is to write now; nothing where nothing was seen.
    #[must_use]
    pub fn take(&self) -> Option<Sightings> {
        let mut dead = self.dead.lock().unwrap_or_else(PoisonError::into_inner);
        let dead: Vec<_> = dead.drain().collect();
        let throttled = self
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut throttled: Vec<_> = throttled
            .iter()
            .map(|((name, address), at)| (name.clone(), *address, *at))
            .collect();
        throttled.sort();
        (!dead.is_empty() || !throttled.is_empty()).then_some(Sightings { dead, throttled })
    }

    /// The refused sign-ins of these have been told.
    pub fn forget(&self, told: &Sightings) {
        let mut throttled = self
            .throttled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (name, address, _) in &told.throttled {
            throttled.remove(&(name.clone(), *address));
        }
    }
}

/// What was seen since it was last written.
#[derive(Debug, Clone)]
pub struct Sightings {
    dead: Vec<(HashedSecret, DeadUse)>,
    throttled: Vec<(String, Option<IpAddr>, Timestamp)>,
}

/// Tells what was seen: of each dead key at most once a day, of refused sign-ins at most once an hour, all in
/// one. Says whether the refused sign-ins have been told; where not, they wait for the hour to pass.
///
/// # Errors
/// When the database fails.
pub fn tell(
    connection: &mut DatabaseConnection,
    sightings: &Sightings,
    now: Timestamp,
) -> Result<bool, StoreError> {
    for (secret, seen) in &sightings.dead {
        if let Some(found) = credentials::find_with_owner(connection, secret)? {
            tell_of_dead_key(connection, &found.credential, seen, now)?;
        }
    }
    tell_of_throttling(connection, &sightings.throttled, now)
}

fn tell_of_dead_key(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    seen: &DeadUse,
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_expected = credential.kind != SecretKind::ScimKey
        || credential.revoked_reason.as_deref() == Some(DIRECTORY_REMOVED);
    if is_expected {
        return Ok(());
    }
    let kind = NoticeKind::DeadKeyInUse;
    let id = credential.id.as_str();
    let yesterday = Some(now.plus_days(-1));
    if !sent_notices::claim(connection, id, kind.name(), "", yesterday, now)? {
        return Ok(());
    }
    let directory = match &credential.directory_id {
        Some(id) => directories::find(connection, id)?,
        None => None,
    };
    let whose = directory
        .as_ref()
        .map_or("an identity provider", |found| found.name.as_str());
    let state = if credential.revoked_at.is_some() {
        "was revoked"
    } else if credential.retires_at.is_some_and(|at| at <= now) {
        "was replaced"
    } else {
        "has expired"
    };
    let (called, name) = (called(credential.kind), &credential.name);
    let subject = format!(
        "{whose} keeps calling with the {called} \"{name}\", which {state}: whoever leaves there keeps their access here"
    );
    let notice = Notice::new(kind, subject)
        .within(credential.directory_id.as_ref())
        .with("credential", shown(credential))
        .with(
            "directory",
            directory.map(|found| json!({"id": found.id, "name": found.name})),
        )
        .with("state", state)
        .with("revoked_at", json!(credential.revoked_at))
        .with("revoked_reason", credential.revoked_reason.clone())
        .with("last_refused_at", json!(seen.at))
        .with("last_refused_ip", json!(seen.address))
        .with("refused_since_last_look", seen.times)
        .with("what_to_do", dead_key_steps(credential));
    put(connection, now, notice)
}

fn dead_key_steps(credential: &Credential) -> Vec<String> {
    let directory = credential
        .directory_id
        .as_ref()
        .map_or("ID", |id| id.as_str());
    vec![
        format!(
            "If this is your identity provider: make a new key (POST /admin/v1/directories/{directory}/scim-keys, or \
             portcullis scim-key create --directory {directory}) and put it into its provisioning settings."
        ),
        "Then let it synchronise everybody once: what it tried to say in the meantime was refused, also that people have left."
            .to_owned(),
        "If it is not: the key may have leaked. It opens nothing any more; the address tells where it is.".to_owned(),
    ]
}

fn tell_of_throttling(
    connection: &mut DatabaseConnection,
    throttled: &[(String, Option<IpAddr>, Timestamp)],
    now: Timestamp,
) -> Result<bool, StoreError> {
    let kind = NoticeKind::SignInThrottled;
    let an_hour_ago = Some(now.plus_seconds(-3_600));
    if throttled.is_empty()
        || !sent_notices::claim(connection, "sign_in", kind.name(), "", an_hour_ago, now)?
    {
        return Ok(false);
    }
    let shown = |(name, address, at): &(String, Option<IpAddr>, Timestamp)| json!({"user_name": name, "source_ip": address, "at": at});
    let attempts: Vec<Value> = throttled.iter().take(LISTED).map(shown).collect();
    let subject = match throttled {
        [(name, Some(address), _)] => {
            format!("Sign-ins as \"{name}\" from {address} are refused: too many have failed")
        }
        _ => format!(
            "Sign-ins with {} user names or addresses are refused: too many have failed",
            throttled.len()
        ),
    };
    let steps = json!([
        "If somebody has forgotten their password, give them a new link to set one.",
        "If nobody has: somebody guesses. Look at the addresses, and let a firewall keep them out.",
    ]);
    let notice = Notice::new(kind, subject)
        .with("count", throttled.len())
        .with("attempts", attempts)
        .with("what_to_do", steps);
    put(connection, now, notice)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::PlainSecret;

    #[test]
    fn what_is_kept_is_bounded_whoever_tries() {
        let observed = Observed::default();
        let now = Timestamp::from_millis(0);
        for number in 0..2 * CAPACITY {
            let secret = PlainSecret::generate(SecretKind::ScimKey).unwrap();
            observed.note_dead_key(secret.hash(), now, None);
            observed.note_throttled(&format!("{number}{}", "x".repeat(1_000)), now, None);
        }
        let taken = observed.take().unwrap();
        assert_eq!(taken.dead.len(), CAPACITY);
        assert_eq!(taken.throttled.len(), CAPACITY);
        assert!(
            taken
                .throttled
                .iter()
                .all(|(name, ..)| name.len() == LONGEST_NAME)
        );
        // Refused sign-ins stay until they have been told.
        assert_eq!(observed.take().unwrap().throttled.len(), CAPACITY);
        observed.forget(&taken);
        assert!(observed.take().is_none());
    }
}
