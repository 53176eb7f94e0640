//! Assertions: a service account says, signed with a key that is registered for it, that it wants an access
//! token (RFC 7521, RFC 7523). Each is good once, for an hour at most, and for this deployment alone.

use std::fmt;

use crate::clock::Timestamp;
use crate::store::id::{CredentialId, ServiceAccountId};
use crate::store::registered_keys::RegisteredKey;
use crate::store::{DatabaseConnection, StoreError, TransactionError};

use super::public_keys::{PublicKey, algorithm_of_name};
use super::registered_keys::working;
use super::tokens::{self, Claims, SKEW_SECONDS};
use super::{CredentialError, Refusal};

/// How far ahead an assertion may expire.
const MAX_LIFETIME_SECONDS: i64 = 3_600;
/// The longest identifier of an assertion.
const MAX_JTI: usize = 256;
/// How much longer than an assertion is good its use is remembered, for nodes whose clocks differ.
const REMEMBERED_SECONDS: i64 = 300;
/// The types that a header may name (RFC 7523 leaves it open; an access token is none of them).
const TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// An assertion whose signature and claims are good; whether it has been used, and whether account and key still
/// stand, shows when it is exchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Who says it.
    pub account: ServiceAccountId,
    /// The key that it is signed with.
    pub key: CredentialId,
    /// Its identifier, unique with its issuer.
    pub jti: String,
    /// Until when its use has to be remembered.
    pub forgotten_at: Timestamp,
}

/// Why an assertion is not accepted. The text tells its sender; nobody is told more whose signature fits no key.
#[derive(Debug, thiserror::Error)]
pub enum AssertionError {
    /// The assertion itself.
    #[error("{0}")]
    Refused(String),
    /// The database or a stored key failed.
    #[error(transparent)]
    Failed(CredentialError),
}

impl AssertionError {
    pub(super) fn refused(text: impl fmt::Display) -> Self {
        Self::Refused(text.to_string())
    }
}

impl From<StoreError> for AssertionError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<CredentialError> for AssertionError {
    fn from(error: CredentialError) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for AssertionError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => error.into(),
            refusal => Self::refused(refusal),
        }
    }
}

impl TransactionError for AssertionError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Failed(error) => error.store_error(),
            Self::Refused(_) => None,
        }
    }
}

/// Checks an assertion that is addressed to one of these audiences.
///
/// # Errors
/// The [`AssertionError`].
pub fn check(
    connection: &mut DatabaseConnection,
    text: &str,
    audiences: &[&str],
    now: Timestamp,
) -> Result<Assertion, AssertionError> {
    let (claims, account, key) = verified(connection, text, now)?;
    check_parties(&claims, &account, audiences)?;
    let expires_at = check_times(&claims, now)?;
    let jti = tokens::text(&claims, "jti")
        .filter(|jti| (1..=MAX_JTI).contains(&jti.len()) && !jti.chars().any(char::is_control))
        .ok_or_else(|| {
            AssertionError::refused(format_args!(
                "jti must be there, with 1 to {MAX_JTI} bytes: by it, an assertion is good only once"
            ))
        })?;
    Ok(Assertion {
        account,
        key: key.credential_id,
        jti: jti.to_owned(),
        forgotten_at: expires_at.plus_seconds(SKEW_SECONDS + REMEMBERED_SECONDS),
    })
}

/// The claims, where a key that is registered for their issuer has signed them. The key decides the algorithm.
fn verified(
    connection: &mut DatabaseConnection,
    text: &str,
    now: Timestamp,
) -> Result<(Claims, ServiceAccountId, RegisteredKey), AssertionError> {
    let nobody = || {
        AssertionError::refused(
            "no working key of a service account fits: iss is the account's id, and the signature that of a key \
             registered for it",
        )
    };
    let malformed = || AssertionError::refused("the assertion is no signed JWT");
    let header = tokens::header(text).ok_or_else(malformed)?;
    let is_known = |kind: &String| TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    if !header.typ.as_ref().is_none_or(is_known) {
        return Err(malformed());
    }
    let issuer = unverified_issuer(text).ok_or_else(malformed)?;
    let account = ServiceAccountId::new(issuer);
    for key in working(connection, &account, now)? {
        let algorithm = algorithm_of_name(&key.algorithm).ok_or(CredentialError::Signing)?;
        let is_named = header.kid.as_ref().is_none_or(|named| {
            [
                key.key_id.as_str(),
                &key.thumbprint,
                key.credential_id.as_str(),
            ]
            .contains(&named.as_str())
        });
        if !is_named || algorithm != header.alg {
            continue;
        }
        let jwk = serde_json::from_str(&key.public_jwk).map_err(|_| CredentialError::Signing)?;
        let decoding_key = PublicKey::from_jwk(&jwk)?.decoding_key()?;
        if let Some(claims) = tokens::verified(text, algorithm, &decoding_key) {
            return Ok((claims, account, key));
        }
    }
    Err(nobody())
}

/// Who the token says it is from, to find the keys that it is tried against; nothing else is taken from it yet.
fn unverified_issuer(text: &str) -> Option<String> {
    let claims: Claims = jsonwebtoken::dangerous::insecure_decode_claims(text).ok()?;
    tokens::text(&claims, "iss")
        .filter(|issuer| uuid::Uuid::try_parse(issuer).is_ok())
        .map(str::to_owned)
}

/// RFC 7523 section 3, points 1 to 3.
fn check_parties(
    claims: &Claims,
    account: &ServiceAccountId,
    audiences: &[&str],
) -> Result<(), AssertionError> {
    let named = |claim: &str| tokens::text(claims, claim) == Some(account.as_str());
    if !named("iss") || !named("sub") {
        return Err(AssertionError::refused(
            "iss and sub must both be the id of the service account",
        ));
    }
    if !tokens::is_for(claims, audiences) {
        return Err(AssertionError::refused(format_args!(
            "aud must be {}",
            audiences.join(" or ")
        )));
    }
    Ok(())
}

/// RFC 7523 section 3, points 4 to 6; gives the expiry.
fn check_times(claims: &Claims, now: Timestamp) -> Result<Timestamp, AssertionError> {
    let instant = |name: &str| {
        tokens::instant(claims, name).map_err(|()| {
            AssertionError::refused(format_args!("{name} must be a number of seconds"))
        })
    };
    let expires_at = instant("exp")?
        .ok_or_else(|| AssertionError::refused("exp must be there, an hour ahead at most"))?;
    if expires_at.plus_seconds(SKEW_SECONDS) <= now {
        return Err(AssertionError::refused("the assertion has expired"));
    }
    if expires_at > now.plus_seconds(MAX_LIFETIME_SECONDS + SKEW_SECONDS) {
        return Err(AssertionError::refused("exp must be an hour ahead at most"));
    }
    for name in ["nbf", "iat"] {
        if instant(name)?.is_some_and(|at| at > now.plus_seconds(SKEW_SECONDS)) {
            return Err(AssertionError::refused(format_args!(
                "{name} is more than a minute ahead"
            )));
        }
    }
    Ok(expires_at)
}
