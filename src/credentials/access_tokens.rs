//! Access tokens: short-lived JWTs (RFC 9068) that a service account gets for an assertion.
//!
//! A token names the credential that it was issued from, and Portcullis accepts it only while that stands:
//! whatever ends the key ends its tokens at the next request. A product that verifies tokens by itself, without
//! asking, learns of an end only when the token expires.

use std::net::IpAddr;

use serde::Serialize;
use uuid::Uuid;

use crate::audit::{self, Action};
use crate::clock::Timestamp;
use crate::sealed::Sealer;
use crate::store::credentials::{self as table, Account, Found};
use crate::store::id::{CredentialId, ProductId, SigningKeyId};
use crate::store::{DatabaseConnection, used_assertions};

use super::assertions::{Assertion, AssertionError};
use super::service_accounts::active_account;
use super::verify::{has_not_ended, is_allowed_from, stands};
use super::{Credential, CredentialError, Refusal, Verified, event, signing_keys, tokens};

/// The `typ` of an access token (RFC 9068 section 2.1).
const TOKEN_TYPE: &str = "at+jwt";

/// What holds for every token of this deployment.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The issuer: the URL that clients use.
    pub issuer: String,
    /// How long a token works.
    pub lifetime_seconds: i64,
    /// How long a signing key's turn is.
    pub signing_key_days: i64,
}

/// What a client asks for beside a token.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Scopes, separated by spaces; all that the key has where nothing is said.
    pub scope: Option<String>,
    /// Whom the token is for (RFC 8707); where nothing is said, whom the key is for.
    pub resource: Option<String>,
}

/// A token, and what it is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The token.
    pub token: String,
    /// How long it works.
    pub expires_in: i64,
    /// Its scopes, separated by spaces.
    pub scope: String,
}

/// Why no token is given.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The assertion is not good, or its account or key stands no more.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
    /// The key has not that scope.
    #[error("{0:?} is not a scope of the key that the assertion is signed with")]
    Scope(String),
    /// The key is not for that resource.
    #[error("the key that the assertion is signed with is not for {0:?}")]
    Resource(String),
}

impl From<crate::store::StoreError> for ExchangeError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Assertion(error.into())
    }
}

impl From<CredentialError> for ExchangeError {
    fn from(error: CredentialError) -> Self {
        Self::Assertion(error.into())
    }
}

impl crate::store::TransactionError for ExchangeError {
    fn store_error(&self) -> Option<&crate::store::StoreError> {
        match self {
            Self::Assertion(error) => error.store_error(),
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    scope: &'a str,
    /// Ours: what the token was issued from.
    credential_id: &'a str,
}

/// Gives an access token for an assertion. Account and key are held, so that neither ends between this and the
/// commit, and the assertion is used up.
///
/// # Errors
/// The [`ExchangeError`].
pub fn exchange(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    terms: &Terms,
    assertion: &Assertion,
    wanted: &Wanted,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Granted, ExchangeError> {
    let inactive = || AssertionError::refused(Refusal::OwnerInactive);
    let account = active_account(connection, &assertion.account).map_err(|error| match error {
        CredentialError::Store(error) => error.into(),
        _ => inactive(),
    })?;
    let key = table::find_for_update(connection, &assertion.key)?
        .filter(|key| key.service_account_id.as_ref() == Some(&account.id))
        .ok_or_else(inactive)?;
    has_not_ended(&key, now).map_err(AssertionError::from)?;
    if !is_allowed_from(&key, source_ip) {
        return Err(AssertionError::refused(Refusal::Network).into());
    }
    let client = account.id.as_str();
    if !used_assertions::use_once(connection, client, &assertion.jti, assertion.forgotten_at)? {
        return Err(AssertionError::refused(
            "the assertion has been used before: make one with another jti",
        )
        .into());
    }
    let scope = granted_scopes(&key, wanted.scope.as_deref())?.join(" ");
    let audience = granted_audience(&key, wanted.resource.as_deref(), &terms.issuer)?;
    signing_keys::keep_current(connection, sealer, terms.signing_key_days, now)?;
    let jti = Uuid::now_v7().to_string();
    let issued_at = now.as_millis().div_euclid(1_000);
    let claims = Claims {
        iss: &terms.issuer,
        sub: client,
        aud: audience,
        client_id: client,
        iat: issued_at,
        exp: issued_at.saturating_add(terms.lifetime_seconds),
        jti: &jti,
        scope: &scope,
        credential_id: key.id.as_str(),
    };
    let token = signing_keys::sign(connection, sealer, TOKEN_TYPE, &claims, now)?;
    let acting = Verified::from(Found {
        credential: key.clone(),
        owner: None,
        service_account: Some(Account::from(&account)),
        directory: None,
    });
    let issued = event(Action::AccessTokenIssued, &key)
        .with("jti", jti.as_str())
        .with("audience", audience)
        .with("scope", scope.as_str());
    audit::record(connection, &acting.actor(source_ip), now, issued)?;
    Ok(Granted {
        token,
        expires_in: terms.lifetime_seconds,
        scope,
    })
}

/// What was asked for, where the key has all of it (RFC 6749 section 3.3).
fn granted_scopes(key: &Credential, asked: Option<&str>) -> Result<Vec<String>, ExchangeError> {
    let mut granted: Vec<String> = Vec::new();
    for scope in asked.unwrap_or_default().split_ascii_whitespace() {
        if !key.scopes.iter().any(|known| known == scope) {
            return Err(ExchangeError::Scope(scope.to_owned()));
        }
        if !granted.iter().any(|known| known == scope) {
            granted.push(scope.to_owned());
        }
    }
    if granted.is_empty() {
        return Ok(key.scopes.clone());
    }
    Ok(granted)
}

/// A key is for one product, or for Portcullis itself; a client may say so too, but can choose no other.
fn granted_audience<'a>(
    key: &'a Credential,
    asked: Option<&str>,
    issuer: &'a str,
) -> Result<&'a str, ExchangeError> {
    let is_ours = |asked: &str| {
        asked
            .strip_prefix(issuer)
            .is_some_and(|path| matches!(path.trim_end_matches('/'), "" | "/scim/v2" | "/admin/v1"))
    };
    let product = key.product_id.as_ref().map(ProductId::as_str);
    let is_meant = asked.is_none_or(|asked| match product {
        Some(product) => asked == product,
        None => is_ours(asked),
    });
    let audience = product.unwrap_or(issuer);
    if is_meant {
        return Ok(audience);
    }
    Err(ExchangeError::Resource(
        asked.unwrap_or_default().to_owned(),
    ))
}

/// What a token says of itself, where it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Its identifier.
    pub jti: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// Says whether an access token authenticates now, from this address and for this audience. Its scopes are those
/// that its key still has.
///
/// # Errors
/// The [`Refusal`]: of the token, or of what it was issued from.
pub fn verify(
    connection: &mut DatabaseConnection,
    text: &str,
    issuer: &str,
    audience: &str,
    source_ip: Option<IpAddr>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let claims = verified_claims(connection, text, now)?;
    if tokens::text(&claims, "iss") != Some(issuer) || !tokens::is_for(&claims, &[audience]) {
        return Err(Refusal::Unknown);
    }
    let token = checked_times(&claims, now)?;
    let id = tokens::text(&claims, "credential_id").ok_or(Refusal::Unknown)?;
    let found = table::find_by_id_with_owner(connection, &CredentialId::new(id))?
        .ok_or(Refusal::Unknown)?;
    stands(&found, now)?;
    if !is_allowed_from(&found.credential, source_ip) {
        return Err(Refusal::Network);
    }
    let granted = tokens::text(&claims, "scope").unwrap_or_default();
    let mut verified = Verified::from(found);
    verified
        .credential
        .scopes
        .retain(|scope| granted.split(' ').any(|granted| granted == scope));
    verified.access_token = Some(token);
    Ok(verified)
}

/// The claims, where one of our keys that has not ended signed them as an access token.
fn verified_claims(
    connection: &mut DatabaseConnection,
    text: &str,
    now: Timestamp,
) -> Result<tokens::Claims, Refusal> {
    let header = tokens::header(text).ok_or(Refusal::Unknown)?;
    let is_access_token = header.typ.as_ref().is_some_and(|kind| {
        let kind = kind.to_ascii_lowercase();
        kind.strip_prefix("application/").unwrap_or(&kind) == TOKEN_TYPE
    });
    let id = header
        .kid
        .filter(|_| is_access_token)
        .ok_or(Refusal::Unknown)?;
    let key = signing_keys::verifying_key(connection, &SigningKeyId::new(id), now);
    let key = key.map_err(|error| match error {
        CredentialError::Store(error) => Refusal::Store(error),
        _ => Refusal::Unknown,
    })?;
    let (algorithm, key) = key.ok_or(Refusal::Unknown)?;
    tokens::verified(text, algorithm, &key).ok_or(Refusal::Unknown)
}

fn checked_times(claims: &tokens::Claims, now: Timestamp) -> Result<AccessToken, Refusal> {
    let instant = |name: &str| tokens::instant(claims, name).map_err(|()| Refusal::Unknown);
    let expires_at = instant("exp")?.ok_or(Refusal::Unknown)?;
    let issued_at = instant("iat")?.ok_or(Refusal::Unknown)?;
    let latest = now.plus_seconds(tokens::SKEW_SECONDS);
    if issued_at > latest || instant("nbf")?.is_some_and(|at| at > latest) {
        return Err(Refusal::Unknown);
    }
    if expires_at <= now {
        return Err(Refusal::Expired);
    }
    Ok(AccessToken {
        jti: tokens::text(claims, "jti").unwrap_or_default().to_owned(),
        issued_at,
        expires_at,
    })
}
