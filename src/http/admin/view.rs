//! What is shown of the things that the admin interface knows; the command line's `--json` is the same.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::credentials::registered_keys::Registered;
use crate::credentials::view::{CredentialView, view};
use crate::credentials::{Credential, Issued, signing_keys};
use crate::lifecycle::recovery::Recovered;
use crate::notices::webhooks::WithSecret;
use crate::policies::Role;
use crate::store::audit_chain::ChainedEvent;
use crate::store::audit_events::AuditEventRow;
use crate::store::deleted_people::DeletedPerson;
use crate::store::deliveries::{DeliveryRow, PENDING};
use crate::store::directories::Directory;
use crate::store::notices::NoticeRow;
use crate::store::product_instances::Instance;
use crate::store::products::Product;
use crate::store::receipts::ReceiptRow;
use crate::store::resources::Resource;
use crate::store::roles::{Assignment, Mapping};
use crate::store::scim_requests::ScimRequestRow;
use crate::store::service_accounts::ServiceAccount;
use crate::store::signing_keys::SigningKey;
use crate::store::webhooks::Webhook;

/// A credential and, in the answer that creates it, its secret.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedView {
    #[serde(flatten)]
    credential: CredentialView,
    secret: String,
}

/// A credential and the public key that it is.
#[derive(Debug, Clone, Serialize)]
pub struct RegisteredKeyView {
    #[serde(flatten)]
    credential: CredentialView,
    key_id: String,
    algorithm: String,
    thumbprint: String,
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
#[must_use]
pub fn password_link(issued: &Issued, base_url: &str, now: Timestamp) -> Value {
    let credential = &issued.credential;
    let secret = issued.secret.expose();
    json!({
        "user_id": credential.owner_id,
        "created_at": now,
        "expires_at": credential.expires_at,
        "secret": secret,
        "url": setup_url(base_url, secret),
    })
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

/// A directory.
#[must_use]
pub fn directory(directory: &Directory) -> Value {
    json!({
        "id": directory.id,
        "name": directory.name,
        "kind": directory.kind.name(),
        "dialect": directory.dialect.name(),
        "password_allowed": directory.password_allowed,
        "created_at": directory.created_at,
        "modified_at": directory.modified_at,
    })
}

/// A person.
#[must_use]
pub fn user(user: &Resource) -> Value {
    json!({
        "id": user.id,
        "directory_id": user.directory_id,
        "user_name": user.user_name,
        "external_id": user.external_id,
        "display_name": user.display_name,
        "active": user.active,
        "created_at": user.created_at,
        "modified_at": user.modified_at,
    })
}

/// A person with the roles that they have now, by whatever way.
#[must_use]
pub fn user_with_roles(person: &Resource, roles: &[Role]) -> Value {
    let mut shown = user(person);
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    if let Some(object) = shown.as_object_mut() {
        object.insert("roles".to_owned(), json!(names));
    }
    shown
}

/// A role granted to a person.
#[must_use]
pub fn assignment(assignment: &Assignment) -> Value {
    json!({
        "user_id": assignment.person_id,
        "role": assignment.role,
        "granted_at": Timestamp::from_millis(assignment.granted_at),
        "granted_by": assignment.granted_by,
    })
}

/// A role granted to the members of a group.
#[must_use]
pub fn mapping(mapping: &Mapping) -> Value {
    json!({
        "id": mapping.id,
        "directory_id": mapping.directory_id,
        "group_id": mapping.group_id,
        "role": mapping.role,
        "created_at": mapping.created_at,
        "created_by": mapping.created_by,
    })
}

/// A product.
#[must_use]
pub fn product(product: &Product) -> Value {
    json!({
        "id": product.id,
        "name": product.name,
        "scopes": product.scopes,
        "access_groups": product.access_groups,
        "created_at": product.created_at,
        "modified_at": product.modified_at,
    })
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
        jwk: serde_json::from_str(&key.public_jwk).unwrap_or_default(),
    }
}

/// A key that access tokens are signed with: its public half.
#[must_use]
pub fn signing_key(key: &SigningKey, now: Timestamp) -> Value {
    json!({
        "id": key.id,
        "algorithm": key.algorithm,
        "status": signing_keys::status(key, now),
        "created_at": key.created_at,
        "activates_at": key.activates_at,
        "retires_at": key.retires_at,
        "ends_at": key.ends_at,
    })
}

/// An instance of a product.
#[must_use]
pub fn instance(instance: &Instance) -> Value {
    json!({
        "id": instance.id,
        "product_id": instance.product_id,
        "name": instance.name,
        "url": instance.url,
        "created_at": instance.created_at,
        "modified_at": instance.modified_at,
    })
}

/// A service account.
#[must_use]
pub fn service_account(account: &ServiceAccount) -> Value {
    let owner = account.owner.as_ref().map(|owner| {
        json!({
            "id": owner.id,
            "user_name": owner.user_name,
            "display_name": owner.display_name,
        })
    });
    json!({
        "id": account.id,
        "name": account.name,
        "purpose": account.purpose,
        "address": account.address,
        "owner": owner,
        "active": account.active,
        "created_at": account.created_at,
        "modified_at": account.modified_at,
        "disabled_at": account.disabled_at,
        "orphaned_at": account.orphaned_at,
        "orphaned_reason": account.orphaned_reason,
    })
}

/// An audit event.
#[must_use]
pub fn audit_event(event: &AuditEventRow) -> Value {
    let target = event
        .target_id
        .as_ref()
        .map(|id| json!({"type": event.target_type, "id": id, "name": event.target_name}));
    json!({
        "id": event.id,
        "at": Timestamp::from_millis(event.at),
        "action": event.action,
        "outcome": event.outcome,
        "directory_id": event.directory_id,
        "actor": {
            "kind": event.actor_kind,
            "credential_id": event.actor_credential_id,
            "user_id": event.actor_person_id,
            "name": event.actor_name,
            "source_ip": event.source_ip,
        },
        "target": target,
        "detail": stored(&event.detail),
    })
}

/// A deleted person, who can be recovered for so many days.
#[must_use]
pub fn deleted_user(deleted: &DeletedPerson, days: u32) -> Value {
    let person = &deleted.resource;
    json!({
        "id": person.id,
        "directory_id": person.directory_id,
        "user_name": person.user_name,
        "display_name": person.display_name,
        "external_id": person.external_id,
        "was_active": person.active,
        "created_at": person.created_at,
        "deleted_at": deleted.deleted_at,
        "recoverable_until": deleted.deleted_at.plus_days(i64::from(days)),
        "deleted_by": {
            "kind": deleted.actor_kind,
            "credential_id": deleted.actor_credential_id,
            "name": deleted.actor_name,
        },
    })
}

/// A person who was recovered.
#[must_use]
pub fn recovered(recovered: &Recovered) -> Value {
    json!({
        "user": user(&recovered.resource),
        "groups": recovered.groups,
        "groups_left_out": recovered.left_out,
    })
}

/// An audit event with its place in the chain.
#[must_use]
pub fn chained_event(chained: &ChainedEvent) -> Value {
    let mut shown = audit_event(&chained.event);
    if let Some(members) = shown.as_object_mut() {
        members.insert("position".to_owned(), chained.position.into());
        members.insert("hash".to_owned(), chained.hash.as_str().into());
    }
    shown
}

/// The receipt of a deprovisioning.
#[must_use]
pub fn receipt(receipt: &ReceiptRow) -> Value {
    json!({
        "id": receipt.id,
        "directory_id": receipt.directory_id,
        "user": {
            "id": receipt.person_id,
            "user_name": receipt.user_name,
            "display_name": receipt.display_name,
        },
        "reason": receipt.reason,
        "requested_at": Timestamp::from_millis(receipt.requested_at),
        "effective_at": Timestamp::from_millis(receipt.effective_at),
        "actor": {
            "kind": receipt.actor_kind,
            "credential_id": receipt.actor_credential_id,
            "name": receipt.actor_name,
        },
        "revoked": stored(&receipt.revoked),
        "orphaned": stored(&receipt.orphaned),
    })
}

/// A notice to admins.
#[must_use]
pub fn notice(notice: &NoticeRow) -> Value {
    json!({
        "id": notice.id,
        "at": Timestamp::from_millis(notice.at),
        "kind": notice.kind,
        "directory_id": notice.directory_id,
        "user_id": notice.person_id,
        "subject": notice.subject,
        "detail": stored(&notice.detail),
        "read_at": notice.read_at.map(Timestamp::from_millis),
        "delivered_at": notice.delivered_at.map(Timestamp::from_millis),
    })
}

/// A notice with its deliveries.
#[must_use]
pub fn notice_with_deliveries(shown: &NoticeRow, deliveries: &[DeliveryRow]) -> Value {
    let mut shown = notice(shown);
    let deliveries: Vec<Value> = deliveries.iter().map(delivery).collect();
    if let Some(object) = shown.as_object_mut() {
        object.insert("deliveries".to_owned(), json!(deliveries));
    }
    shown
}

/// A notice on its way to one receiver.
#[must_use]
pub fn delivery(delivery: &DeliveryRow) -> Value {
    let is_pending = delivery.state == PENDING;
    let next = is_pending.then(|| Timestamp::from_millis(delivery.next_attempt_at));
    json!({
        "id": delivery.id,
        "notice_id": delivery.notice_id,
        "kind": delivery.kind,
        "channel": delivery.channel,
        "target": delivery.target,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "created_at": Timestamp::from_millis(delivery.created_at),
        "next_attempt_at": next,
        "delivered_at": delivery.delivered_at.map(Timestamp::from_millis),
        "last_error": delivery.last_error,
        "last_status": delivery.last_status,
    })
}

/// A webhook without its secret.
#[must_use]
pub fn webhook(webhook: &Webhook) -> Value {
    json!({
        "id": webhook.id,
        "url": webhook.url,
        "kinds": webhook.kinds,
        "active": webhook.active,
        "previous_secret_until": webhook.previous_secret.as_ref().map(|(_, until)| until),
        "created_at": webhook.created_at,
        "modified_at": webhook.modified_at,
    })
}

/// A webhook and, in the answer that makes it, its secret.
#[must_use]
pub fn webhook_with_secret(made: &WithSecret) -> Value {
    let mut shown = webhook(&made.webhook);
    if let Some(object) = shown.as_object_mut() {
        object.insert("secret".to_owned(), json!(made.secret.expose()));
    }
    shown
}

/// A logged SCIM request.
#[must_use]
pub fn scim_request(request: &ScimRequestRow) -> Value {
    json!({
        "id": request.id,
        "at": Timestamp::from_millis(request.at),
        "credential_id": request.credential_id,
        "method": request.method,
        "path": request.path,
        "status": request.status,
        "outcome": request.outcome,
        "changed": stored(&request.changed),
        "leniencies": stored(&request.leniencies),
        "duration_micros": request.duration_micros,
    })
}

/// JSON that was stored as text.
fn stored(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
