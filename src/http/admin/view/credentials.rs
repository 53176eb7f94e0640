//! Credentials, and what has them: service accounts and the server itself.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::registered_keys::Registered;
use crate::credentials::view::{CredentialView, PersonReference, view};
use crate::credentials::{Credential, Issued, signing_keys};
use crate::store::id::{ResourceId, ServiceAccountId, SigningKeyId};
use crate::store::service_accounts::ServiceAccount;
use crate::store::signing_keys::SigningKey;

/// A credential and, in the answer that creates it, its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = IssuedCredential)]
pub struct IssuedView {
    #[serde(flatten)]
    credential: CredentialView,
    /// Shown this once.
    secret: String,
}

/// A credential and the public key that it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RegisteredKey)]
pub struct RegisteredKeyView {
    #[serde(flatten)]
    credential: CredentialView,
    /// The `kid` that its holder gave it, or else its thumbprint.
    key_id: String,
    /// The one algorithm that it verifies, as JWA names it.
    #[schema(example = "ES256")]
    algorithm: String,
    /// Its thumbprint (RFC 7638).
    thumbprint: String,
    /// The key as a JWK (RFC 7517).
    #[schema(value_type = Object)]
    jwk: Value,
}

/// What was just issued.
#[must_use]
pub fn issued(issued: &Issued, now: Timestamp) -> IssuedView {
    IssuedView {
        credential: view(&issued.credential, now),
        secret: issued.secret.expose().to_owned(),
    }
}

/// A one-time link: the secret, and the page that takes it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PasswordLink)]
pub struct PasswordLinkView {
    #[schema(required)]
    user_id: Option<ResourceId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// What `POST /account/v1/password` takes as `link`.
    secret: String,
    /// The page on which it is used.
    url: String,
}

/// A one-time link.
#[must_use]
pub fn password_link(issued: &Issued, base_url: &str, now: Timestamp) -> PasswordLinkView {
    let credential = &issued.credential;
    let secret = issued.secret.expose();
    PasswordLinkView {
        user_id: credential.owner_id.clone(),
        created_at: now,
        expires_at: credential.expires_at,
        secret: secret.to_owned(),
        url: setup_url(base_url, secret),
    }
}

/// The page on which a one-time link is used.
#[must_use]
pub fn setup_url(base_url: &str, secret: &str) -> String {
    format!("{base_url}/console/setup?link={secret}")
}

/// A credential without its secret.
#[must_use]
pub fn credential(credential: &Credential, now: Timestamp) -> CredentialView {
    view(credential, now)
}

/// A public key of a service account.
#[must_use]
pub fn registered_key(registered: &Registered, now: Timestamp) -> RegisteredKeyView {
    let key = &registered.key;
    RegisteredKeyView {
        credential: credential(&registered.credential, now),
        key_id: key.key_id.clone(),
        algorithm: key.algorithm.clone(),
        thumbprint: key.thumbprint.clone(),
        jwk: super::stored(&key.public_jwk),
    }
}

/// A key that access tokens are signed with: what is known of its public half.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub struct SigningKeyView {
    id: SigningKeyId,
    #[schema(example = "ES256")]
    algorithm: String,
    /// `published` before it signs, `signing`, `retired` when another signs, `ended`.
    status: &'static str,
    created_at: Timestamp,
    activates_at: Timestamp,
    #[schema(required)]
    retires_at: Option<Timestamp>,
    #[schema(required)]
    ends_at: Option<Timestamp>,
}

/// A key that access tokens are signed with.
#[must_use]
pub fn signing_key(key: &SigningKey, now: Timestamp) -> SigningKeyView {
    SigningKeyView {
        id: key.id.clone(),
        algorithm: key.algorithm.clone(),
        status: signing_keys::status(key, now),
        created_at: key.created_at,
        activates_at: key.activates_at,
        retires_at: key.retires_at,
        ends_at: key.ends_at,
    }
}

/// The account of a program.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ServiceAccount)]
pub struct ServiceAccountView {
    id: ServiceAccountId,
    name: String,
    /// What it is for.
    purpose: String,
    /// What it is called where people have a mail address.
    address: String,
    /// Who answers for it.
    #[schema(required)]
    owner: Option<PersonReference>,
    active: bool,
    created_at: Timestamp,
    modified_at: Timestamp,
    #[schema(required)]
    disabled_at: Option<Timestamp>,
    /// Since when nobody answers for it.
    #[schema(required)]
    orphaned_at: Option<Timestamp>,
    #[schema(required)]
    orphaned_reason: Option<String>,
}

/// A service account.
#[must_use]
pub fn service_account(account: &ServiceAccount) -> ServiceAccountView {
    ServiceAccountView {
        id: account.id.clone(),
        name: account.name.clone(),
        purpose: account.purpose.clone(),
        address: account.address.clone(),
        owner: account.owner.as_ref().map(PersonReference::from),
        active: account.active,
        created_at: account.created_at,
        modified_at: account.modified_at,
        disabled_at: account.disabled_at,
        orphaned_at: account.orphaned_at,
        orphaned_reason: account.orphaned_reason.clone(),
    }
}
