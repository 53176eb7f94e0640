//! What is shown of a credential: everything but its secret.

use ipnet::IpNet;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::id::InstanceId;

use super::{Creator, Credential};

/// The key object of the admin and account interfaces.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Credential)]
pub struct CredentialView {
    id: String,
    #[schema(value_type = SecretKind)]
    kind: &'static str,
    name: String,
    /// The beginning of the secret, by which it is recognised.
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    directory_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    service_account_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instance_ids: Vec<InstanceId>,
    scopes: Vec<String>,
    /// `active`, `expired`, `revoked`, or `rotated`: there is a successor, and the overlap may still run.
    status: &'static str,
    created_at: Timestamp,
    #[schema(required)]
    created_by: Option<PersonReference>,
    expires_at: Timestamp,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    #[schema(required)]
    last_used_ip: Option<String>,
    #[schema(required)]
    revoked_at: Option<Timestamp>,
    #[schema(required)]
    revoked_reason: Option<String>,
    #[schema(required)]
    orphaned_at: Option<Timestamp>,
    #[schema(required)]
    orphaned_reason: Option<String>,
    #[schema(required)]
    predecessor_id: Option<String>,
    #[schema(required)]
    successor_id: Option<String>,
    /// When a rotated one ends.
    #[schema(required)]
    retires_at: Option<Timestamp>,
    /// From where it may be used; from everywhere where there are none.
    #[schema(value_type = Vec<String>)]
    allowed_networks: Vec<IpNet>,
    #[schema(required)]
    requests_per_second: Option<u32>,
}

/// Somebody, as they were called when they were written down.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PersonReference {
    /// Their identifier.
    pub id: String,
    /// Their `userName`.
    #[schema(required)]
    pub user_name: Option<String>,
    /// Their `displayName`.
    #[schema(required)]
    pub display_name: Option<String>,
}

impl From<&Creator> for PersonReference {
    fn from(creator: &Creator) -> Self {
        Self {
            id: creator.id.to_string(),
            user_name: creator.user_name.clone(),
            display_name: creator.display_name.clone(),
        }
    }
}

/// What is shown at an instant.
#[must_use]
pub fn view(credential: &Credential, now: Timestamp) -> CredentialView {
    CredentialView {
        id: credential.id.to_string(),
        kind: credential.kind.name(),
        name: credential.name.clone(),
        prefix: credential.prefix.clone(),
        directory_id: credential.directory_id.as_ref().map(ToString::to_string),
        user_id: credential.owner_id.as_ref().map(ToString::to_string),
        product_id: credential.product_id.as_ref().map(ToString::to_string),
        service_account_id: (credential.service_account_id.as_ref()).map(ToString::to_string),
        instance_ids: credential.instance_ids.clone(),
        scopes: credential.scopes.clone(),
        status: status(credential, now),
        created_at: credential.created_at,
        created_by: credential.created_by.as_ref().map(PersonReference::from),
        expires_at: credential.expires_at,
        last_used_at: credential.last_used_at,
        last_used_ip: credential.last_used_ip.clone(),
        revoked_at: credential.revoked_at,
        revoked_reason: credential.revoked_reason.clone(),
        orphaned_at: credential.orphaned_at,
        orphaned_reason: credential.orphaned_reason.clone(),
        predecessor_id: credential.predecessor_id.as_ref().map(ToString::to_string),
        successor_id: credential.successor_id.as_ref().map(ToString::to_string),
        retires_at: credential.retires_at,
        allowed_networks: credential.allowed_networks.clone(),
        requests_per_second: credential.requests_per_second,
    }
}

/// `active`, `expired`, `revoked`, or `rotated`: there is a successor, and the overlap may still run.
#[must_use]
pub fn status(credential: &Credential, now: Timestamp) -> &'static str {
    let expired =
        credential.expires_at <= now || credential.idle_expires_at.is_some_and(|at| at <= now);
    if credential.revoked_at.is_some() {
        "revoked"
    } else if credential.successor_id.is_some() {
        "rotated"
    } else if expired {
        "expired"
    } else {
        "active"
    }
}
