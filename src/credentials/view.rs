//! What is shown of a credential: everything but its secret.

use ipnet::IpNet;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::store::id::InstanceId;

use super::{Creator, Credential};

/// The key object of the admin and account interfaces.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    id: String,
    kind: &'static str,
    name: String,
    prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_account_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    instance_ids: Vec<InstanceId>,
    scopes: Vec<String>,
    status: &'static str,
    created_at: Timestamp,
    created_by: Option<CreatorView>,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    last_used_ip: Option<String>,
    revoked_at: Option<Timestamp>,
    revoked_reason: Option<String>,
    orphaned_at: Option<Timestamp>,
    orphaned_reason: Option<String>,
    predecessor_id: Option<String>,
    successor_id: Option<String>,
    retires_at: Option<Timestamp>,
    allowed_networks: Vec<IpNet>,
    requests_per_second: Option<u32>,
}

#[derive(Debug, Clone, Serialize)]
struct CreatorView {
    id: String,
    user_name: Option<String>,
    display_name: Option<String>,
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
        created_by: credential.created_by.as_ref().map(creator_view),
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

fn creator_view(creator: &Creator) -> CreatorView {
    CreatorView {
        id: creator.id.to_string(),
        user_name: creator.user_name.clone(),
        display_name: creator.display_name.clone(),
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
