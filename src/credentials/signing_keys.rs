//! The keys that access tokens are signed with: made when first needed, rotated on schedule and on demand.
//!
//! A key is published before it signs, so that whoever verifies by itself knows it in time, and after it has
//! signed, until nothing that it signed is good any longer. Its private half is sealed under the master key
//! and forgotten once it signs no more. Any number of nodes may do this at once: each key has the next
//! generation, and only one can have it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::DatabaseConnection;
use crate::store::id::SigningKeyId;
use crate::store::signing_keys::{self as table, SigningKey};

use super::CredentialError;
use super::tokens::SKEW_SECONDS;

/// How long before it signs a key is published, when its turn comes on schedule.
const PUBLISHED_AHEAD_SECONDS: i64 = 86_400;
/// The same for one that was asked for. Longer than anybody may keep the published keys.
pub const ROTATION_LEAD_SECONDS: i64 = 3_600;
/// The longest that an access token can live, with a minute for clocks that differ.
const LAST_TOKEN_SECONDS: i64 = 3_660;
/// How long after it signed last a private key is kept, for nodes whose clocks are behind.
const KEPT_SECONDS: i64 = 3_600;

const ALGORITHM: Algorithm = Algorithm::ES256;
const PURPOSE: &str = "signing_keys.private_key";

/// Makes what is due: the first key, or the successor of one whose turn ends within a day.
///
/// # Errors
/// When no key can be made; when the database fails.
pub fn keep_current(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    rotation_days: i64,
    now: Timestamp,
) -> Result<(), CredentialError> {
    table::forget_private_keys(connection, now.plus_seconds(-KEPT_SECONDS))?;
    let known = table::list(connection)?;
    let newest = newest(&known, now);
    let turn_ends = newest.map(|key| key.activates_at.plus_days(rotation_days));
    let activates_at = match turn_ends {
        None => now,
        Some(end) if end <= now.plus_seconds(PUBLISHED_AHEAD_SECONDS) => {
            end.max(now.plus_seconds(ROTATION_LEAD_SECONDS))
        }
        Some(_) => return Ok(()),
    };
    let actor = Actor::system();
    // Where another node was faster, its key is the one.
    succeed(connection, sealer, &known, activates_at, &actor, now)?;
    Ok(())
}

/// Makes a successor, which is published now and signs in an hour. Where the present keys are compromised they
/// end now, with all that they signed, and the successor signs at once.
///
/// # Errors
/// [`CredentialError::Conflict`] where a successor is published already; when no key can be made; when the
/// database fails.
pub fn rotate(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    compromised: bool,
    actor: &Actor,
    now: Timestamp,
) -> Result<SigningKey, CredentialError> {
    let known = table::list(connection)?;
    let newest = newest(&known, now);
    if let Some(pending) = newest.filter(|key| key.activates_at > now && !compromised) {
        return Err(CredentialError::Conflict(format!(
            "a successor is published already and signs from {}",
            pending.activates_at.to_rfc3339()
        )));
    }
    let activates_at = match (newest, compromised) {
        (Some(_), false) => now.plus_seconds(ROTATION_LEAD_SECONDS),
        _ => now,
    };
    let made = succeed(connection, sealer, &known, activates_at, actor, now)?.ok_or_else(|| {
        CredentialError::Conflict("somebody else has just rotated the signing keys".to_owned())
    })?;
    if compromised {
        for key in known.iter().filter(|key| !has_ended(key, now)) {
            table::retire(connection, &key.id, now, now)?;
            let ended = event(Action::SigningKeyEnded, key).with("reason", "compromised");
            audit::record(connection, actor, now, ended)?;
        }
    }
    Ok(made)
}

/// Every key that there has been, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<SigningKey>, CredentialError> {
    Ok(table::list(connection)?)
}

/// The public keys that are published now, as a JWK Set (RFC 7517 section 5).
///
/// # Errors
/// When the database fails.
pub fn key_set(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<serde_json::Value>, CredentialError> {
    table::published_at(connection, now)?
        .iter()
        .map(|key| serde_json::from_str(&key.public_jwk).map_err(|_| CredentialError::Signing))
        .collect()
}

/// Signs claims with the key whose turn it is.
///
/// # Errors
/// When there is no key, or it cannot be opened; when the database fails.
pub fn sign(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    token_type: &str,
    claims: &impl Serialize,
    now: Timestamp,
) -> Result<String, CredentialError> {
    let published = table::published_at(connection, now)?;
    let signs_from = |key: &SigningKey, latest: Timestamp| {
        key.activates_at <= latest && key.retires_at.is_none_or(|retires_at| retires_at > now)
    };
    let its_turn = published.iter().rev().find(|key| signs_from(key, now));
    // The first key is good for a node too whose clock is behind that of its maker.
    let latest = now.plus_seconds(SKEW_SECONDS);
    let key = its_turn.or_else(|| published.iter().find(|key| signs_from(key, latest)));
    let (key, private_key) = key
        .and_then(|key| Some((key, key.private_key.as_ref()?)))
        .ok_or(CredentialError::Signing)?;
    let private_key = sealer.open(PURPOSE, key.id.as_str(), private_key)?;
    let header = Header {
        typ: Some(token_type.to_owned()),
        kid: Some(key.id.to_string()),
        ..Header::new(ALGORITHM)
    };
    jsonwebtoken::encode(
        &header,
        claims,
        &EncodingKey::from_ec_der(private_key.expose()),
    )
    .map_err(|_| CredentialError::Signing)
}

/// The key that verifies what this `kid` signed, with its algorithm; `None` for one that nobody knows or that
/// has ended.
///
/// # Errors
/// When a stored key cannot be read; when the database fails.
pub fn verifying_key(
    connection: &mut DatabaseConnection,
    id: &SigningKeyId,
    now: Timestamp,
) -> Result<Option<(Algorithm, DecodingKey)>, CredentialError> {
    let Some(key) = table::find(connection, id)? else {
        return Ok(None);
    };
    if has_ended(&key, now) {
        return Ok(None);
    }
    let jwk: Jwk = serde_json::from_str(&key.public_jwk).map_err(|_| CredentialError::Signing)?;
    let decoding_key = DecodingKey::from_jwk(&jwk).map_err(|_| CredentialError::Signing)?;
    Ok(Some((ALGORITHM, decoding_key)))
}

/// Where a key is in its life.
#[must_use]
pub fn status(key: &SigningKey, now: Timestamp) -> &'static str {
    let reached = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
    if reached(key.ends_at) {
        "ended"
    } else if reached(key.retires_at) {
        "retired"
    } else if key.activates_at > now {
        "published"
    } else {
        "signing"
    }
}

fn has_ended(key: &SigningKey, now: Timestamp) -> bool {
    key.ends_at.is_some_and(|ends_at| ends_at <= now)
}

/// The key that signs, or will.
fn newest(known: &[SigningKey], now: Timestamp) -> Option<&SigningKey> {
    known.last().filter(|key| !has_ended(key, now))
}

/// Adds the generation after those that are known, and lets the last of them retire when it signs; `None` where
/// another node has added one since they were read.
fn succeed(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    known: &[SigningKey],
    activates_at: Timestamp,
    actor: &Actor,
    now: Timestamp,
) -> Result<Option<SigningKey>, CredentialError> {
    let generation = known.last().map_or(1, |key| key.generation + 1);
    let key = generate(sealer, generation, activates_at, now)?;
    if !table::insert(connection, &key)? {
        return Ok(None);
    }
    if let Some(predecessor) = newest(known, now) {
        let ends_at = activates_at.plus_seconds(LAST_TOKEN_SECONDS);
        table::retire(connection, &predecessor.id, activates_at, ends_at)?;
    }
    let created =
        event(Action::SigningKeyCreated, &key).with("activates_at", activates_at.to_rfc3339());
    audit::record(connection, actor, now, created)?;
    Ok(Some(key))
}

fn generate(
    sealer: &Sealer,
    generation: i64,
    activates_at: Timestamp,
    now: Timestamp,
) -> Result<SigningKey, CredentialError> {
    let id = SigningKeyId::generate();
    let private_key =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map_err(|_| CredentialError::Signing)?;
    let encoding_key = EncodingKey::from_ec_der(private_key.as_ref());
    let mut jwk =
        Jwk::from_encoding_key(&encoding_key, ALGORITHM).map_err(|_| CredentialError::Signing)?;
    jwk.common.key_id = Some(id.to_string());
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(SigningKey {
        private_key: Some(sealer.seal(PURPOSE, id.as_str(), private_key.as_ref())?),
        id,
        generation,
        algorithm: "ES256".to_owned(),
        public_jwk: serde_json::to_string(&jwk).map_err(|_| CredentialError::Signing)?,
        created_at: now,
        activates_at,
        retires_at: None,
        ends_at: None,
    })
}

fn event(action: Action, key: &SigningKey) -> Event {
    Event::new(action)
        .to("signing_key", key.id.as_str(), None)
        .with("algorithm", key.algorithm.as_str())
}
