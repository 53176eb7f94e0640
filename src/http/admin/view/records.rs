//! What is on record: audit events, receipts, SCIM requests.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::view::PersonReference;
use crate::store::audit_chain::{ChainedEvent, PlacedEvent};
use crate::store::audit_events::AuditEventRow;
use crate::store::receipts::ReceiptRow;
use crate::store::scim_requests::ScimRequestRow;

use super::stored;

/// An audit event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = AuditEvent)]
pub struct AuditEventView {
    id: String,
    at: Timestamp,
    #[schema(example = "user.deprovisioned")]
    action: String,
    /// `success` or `refused`.
    outcome: String,
    #[schema(required)]
    directory_id: Option<String>,
    actor: ActorView,
    #[schema(required)]
    target: Option<TargetView>,
    /// What else there is to say; its members depend on the action.
    detail: Value,
}

/// Who acted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Actor)]
pub struct ActorView {
    kind: String,
    #[schema(required)]
    credential_id: Option<String>,
    #[schema(required)]
    user_id: Option<String>,
    #[schema(required)]
    name: Option<String>,
    #[schema(required)]
    source_ip: Option<String>,
}

/// What was acted on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Target)]
pub struct TargetView {
    #[schema(required)]
    r#type: Option<String>,
    id: String,
    #[schema(required)]
    name: Option<String>,
}

/// An audit event.
#[must_use]
pub fn audit_event(event: &AuditEventRow) -> AuditEventView {
    AuditEventView {
        id: event.id.clone(),
        at: Timestamp::from_millis(event.at),
        action: event.action.clone(),
        outcome: event.outcome.clone(),
        directory_id: event.directory_id.clone(),
        actor: ActorView {
            kind: event.actor_kind.clone(),
            credential_id: event.actor_credential_id.clone(),
            user_id: event.actor_person_id.clone(),
            name: event.actor_name.clone(),
            source_ip: event.source_ip.clone(),
        },
        target: event.target_id.as_ref().map(|id| TargetView {
            r#type: event.target_type.clone(),
            id: id.clone(),
            name: event.target_name.clone(),
        }),
        detail: stored(&event.detail),
    }
}

/// An audit event with its place in the chain.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ChainedAuditEvent)]
pub struct ChainedEventView {
    #[serde(flatten)]
    event: AuditEventView,
    position: i64,
    hash: String,
}

/// An audit event with its place in the chain.
#[must_use]
pub fn chained_event(chained: &ChainedEvent) -> ChainedEventView {
    ChainedEventView {
        event: audit_event(&chained.event),
        position: chained.position,
        hash: chained.hash.clone(),
    }
}

/// An audit event with its place in the chain, where it has one yet.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PlacedAuditEvent)]
pub struct PlacedEventView {
    #[serde(flatten)]
    event: AuditEventView,
    /// Null until it is chained, about a second after it happened.
    #[schema(required)]
    position: Option<i64>,
    #[schema(required)]
    previous_hash: Option<String>,
    #[schema(required)]
    hash: Option<String>,
}

/// An audit event with its place in the chain, where it has one yet.
#[must_use]
pub fn placed_event(placed: &PlacedEvent) -> PlacedEventView {
    let place = placed.place.as_ref();
    PlacedEventView {
        event: audit_event(&placed.event),
        position: place.map(|place| place.position),
        previous_hash: place.map(|place| place.previous_hash.clone()),
        hash: place.map(|place| place.hash.clone()),
    }
}

/// The receipt of a deprovisioning.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptView {
    id: String,
    #[schema(required)]
    directory_id: Option<String>,
    user: PersonReference,
    reason: String,
    requested_at: Timestamp,
    effective_at: Timestamp,
    actor: ReceiptActorView,
    /// How many credentials were revoked, and sessions ended, by kind.
    #[schema(value_type = BTreeMap<String, i64>)]
    revoked: Value,
    /// How many were left behind, by kind.
    #[schema(value_type = BTreeMap<String, i64>)]
    orphaned: Value,
}

/// Who has deprovisioned.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptActor)]
pub struct ReceiptActorView {
    kind: String,
    #[schema(required)]
    credential_id: Option<String>,
    #[schema(required)]
    name: Option<String>,
}

/// The receipt of a deprovisioning.
#[must_use]
pub fn receipt(receipt: &ReceiptRow) -> ReceiptView {
    ReceiptView {
        id: receipt.id.clone(),
        directory_id: receipt.directory_id.clone(),
        user: PersonReference {
            id: receipt.person_id.clone(),
            user_name: receipt.user_name.clone(),
            display_name: receipt.display_name.clone(),
        },
        reason: receipt.reason.clone(),
        requested_at: Timestamp::from_millis(receipt.requested_at),
        effective_at: Timestamp::from_millis(receipt.effective_at),
        actor: ReceiptActorView {
            kind: receipt.actor_kind.clone(),
            credential_id: receipt.actor_credential_id.clone(),
            name: receipt.actor_name.clone(),
        },
        revoked: stored(&receipt.revoked),
        orphaned: stored(&receipt.orphaned),
    }
}

/// A logged SCIM request.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ScimRequest)]
pub struct ScimRequestView {
    id: String,
    at: Timestamp,
    credential_id: String,
    #[schema(example = "PATCH")]
    method: String,
    path: String,
    #[schema(example = 200)]
    status: i32,
    outcome: String,
    /// The attributes that were named in it.
    #[schema(value_type = Vec<String>)]
    changed: Value,
    /// What was forgiven.
    #[schema(value_type = Vec<String>)]
    leniencies: Value,
    duration_micros: i64,
}

/// A logged SCIM request.
#[must_use]
pub fn scim_request(request: &ScimRequestRow) -> ScimRequestView {
    ScimRequestView {
        id: request.id.clone(),
        at: Timestamp::from_millis(request.at),
        credential_id: request.credential_id.clone(),
        method: request.method.clone(),
        path: request.path.clone(),
        status: request.status,
        outcome: request.outcome.clone(),
        changed: stored(&request.changed),
        leniencies: stored(&request.leniencies),
        duration_micros: request.duration_micros,
    }
}

/// How often something was forgiven.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LeniencyCount)]
pub struct LeniencyCountView {
    #[schema(example = "boolean_as_string")]
    leniency: String,
    count: i64,
    last_at: Timestamp,
}

/// How often something was forgiven, and when last.
#[must_use]
pub fn leniency_count((leniency, count, last_at): &(String, i64, i64)) -> LeniencyCountView {
    LeniencyCountView {
        leniency: leniency.clone(),
        count: *count,
        last_at: Timestamp::from_millis(*last_at),
    }
}
