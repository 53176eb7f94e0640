//! Notices, their deliveries, and the webhooks that they are sent to.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::notices::webhooks::WithSecret;
use crate::store::deliveries::{DeliveryRow, PENDING};
use crate::store::id::WebhookId;
use crate::store::notices::NoticeRow;
use crate::store::webhooks::Webhook;

use super::stored;

/// A notice to admins.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Notice)]
pub struct NoticeView {
    id: String,
    at: Timestamp,
    #[schema(example = "credential_expiring")]
    kind: String,
    #[schema(required)]
    directory_id: Option<String>,
    #[schema(required)]
    user_id: Option<String>,
    /// What it is about.
    subject: String,
    /// What else there is to say; its members depend on the kind.
    detail: Value,
    #[schema(required)]
    read_at: Option<Timestamp>,
    #[schema(required)]
    delivered_at: Option<Timestamp>,
}

/// A notice with its deliveries.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = NoticeWithDeliveries)]
pub struct NoticeWithDeliveriesView {
    #[serde(flatten)]
    notice: NoticeView,
    deliveries: Vec<DeliveryView>,
}

/// A notice to admins.
#[must_use]
pub fn notice(notice: &NoticeRow) -> NoticeView {
    NoticeView {
        id: notice.id.clone(),
        at: Timestamp::from_millis(notice.at),
        kind: notice.kind.clone(),
        directory_id: notice.directory_id.clone(),
        user_id: notice.person_id.clone(),
        subject: notice.subject.clone(),
        detail: stored(&notice.detail),
        read_at: notice.read_at.map(Timestamp::from_millis),
        delivered_at: notice.delivered_at.map(Timestamp::from_millis),
    }
}

/// A notice with its deliveries.
#[must_use]
pub fn notice_with_deliveries(
    shown: &NoticeRow,
    deliveries: &[DeliveryRow],
) -> NoticeWithDeliveriesView {
    NoticeWithDeliveriesView {
        notice: notice(shown),
        deliveries: deliveries.iter().map(delivery).collect(),
    }
}

/// A notice on its way to one receiver.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryView {
    id: String,
    notice_id: String,
    kind: String,
    /// `mail` or `webhook`.
    channel: String,
    /// The mail address, or the identifier of the webhook.
    target: String,
    /// `pending`, `delivered`, `failed`, or `withheld`: not sent, as whoever has the address is not to be told of it any
    /// more.
    state: String,
    attempts: i32,
    created_at: Timestamp,
    #[schema(required)]
    next_attempt_at: Option<Timestamp>,
    #[schema(required)]
    delivered_at: Option<Timestamp>,
    #[schema(required)]
    last_error: Option<String>,
    /// The HTTP status of the last answer.
    #[schema(required)]
    last_status: Option<i32>,
}

/// A notice on its way to one receiver.
#[must_use]
pub fn delivery(delivery: &DeliveryRow) -> DeliveryView {
    let is_pending = delivery.state == PENDING;
    DeliveryView {
        id: delivery.id.clone(),
        notice_id: delivery.notice_id.clone(),
        kind: delivery.kind.clone(),
        channel: delivery.channel.clone(),
        target: delivery.target.clone(),
        state: delivery.state.clone(),
        attempts: delivery.attempts,
        created_at: Timestamp::from_millis(delivery.created_at),
        next_attempt_at: is_pending.then(|| Timestamp::from_millis(delivery.next_attempt_at)),
        delivered_at: delivery.delivered_at.map(Timestamp::from_millis),
        last_error: delivery.last_error.clone(),
        last_status: delivery.last_status,
    }
}

/// A webhook without its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    id: WebhookId,
    url: String,
    /// The kinds of notices that it is sent; all where there are none.
    kinds: Vec<String>,
    active: bool,
    /// Until when what is sent is signed with the previous secret too.
    #[schema(required)]
    previous_secret_until: Option<Timestamp>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A webhook and, in the answer that makes it, its secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
pub struct WebhookWithSecretView {
    #[serde(flatten)]
    webhook: WebhookView,
    /// Shown this once.
    secret: String,
}

/// A webhook without its secret.
#[must_use]
pub fn webhook(webhook: &Webhook) -> WebhookView {
    WebhookView {
        id: webhook.id.clone(),
        url: webhook.url.clone(),
        kinds: webhook.kinds.clone(),
        active: webhook.active,
        previous_secret_until: webhook.previous_secret.as_ref().map(|(_, until)| *until),
        created_at: webhook.created_at,
        modified_at: webhook.modified_at,
    }
}

/// A webhook and its secret.
#[must_use]
pub fn webhook_with_secret(made: &WithSecret) -> WebhookWithSecretView {
    WebhookWithSecretView {
        webhook: webhook(&made.webhook),
        secret: made.secret.expose(),
    }
}
