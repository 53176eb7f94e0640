//! Webhooks: made, changed, given a new secret, and tried.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::{Clock, Timestamp};
use crate::sealed::{SealError, Sealed, Sealer};
use crate::store::deliveries::{self, DeliveryRow};
use crate::store::id::{DeliveryId, WebhookId};
use crate::store::notices;
use crate::store::webhooks::{self, Webhook};
use crate::store::{Database, DatabaseConnection, StoreError};

use super::delivery::{Channels, send_to_webhook};
use super::outbox::delivery;
use super::signature::SigningSecret;
use super::{Notice, NoticeError, NoticeKind, put};

/// What the sealed secrets are sealed for.
const PURPOSE: &str = "webhooks.secret";
/// How long the old secret goes on signing beside a new one when nothing is said.
pub const DEFAULT_OVERLAP_HOURS: i64 = 24;
/// The longest such time.
const LONGEST_OVERLAP_HOURS: i64 = 24 * 7;
/// How many webhooks there may be.
const MOST: usize = 50;
/// How long the node that tries a webhook has for it.
const CLAIM_SECONDS: i64 = 90;
/// The status of a receiver that wants nothing any more.
pub(super) const GONE: i32 = 410;

/// A webhook and, in the answer that makes it, what it is signed with.
#[derive(Debug, Clone)]
pub struct WithSecret {
    /// The webhook.
    pub webhook: Webhook,
    /// Its secret, shown this once.
    pub secret: SigningSecret,
}

/// What is changed of a webhook; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// A new URL, already checked.
    pub url: Option<String>,
    /// The kinds of notices that it is sent.
    pub kinds: Option<Vec<String>>,
    /// Whether it is sent anything.
    pub active: Option<bool>,
}

/// Makes a webhook for a URL that was checked.
///
/// # Errors
/// [`NoticeError::Invalid`] for a kind that there is not; [`NoticeError::Conflict`] where there are too many;
/// when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    url: &str,
    kinds: &[String],
    actor: &Actor,
    now: Timestamp,
) -> Result<WithSecret, NoticeError> {
    if webhooks::list(connection)?.len() >= MOST {
        return Err(NoticeError::Conflict(format!(
            "there are {MOST} webhooks already, which is the most there may be"
        )));
    }
    let id = WebhookId::generate();
    let (secret, stored) = new_secret(sealer, &id)?;
    let webhook = Webhook {
        id,
        url: url.to_owned(),
        kinds: checked_kinds(kinds)?,
        active: true,
        secret: stored,
        previous_secret: None,
        created_at: now,
        modified_at: now,
    };
    webhooks::insert(connection, &webhook)?;
    audit::record(
        connection,
        actor,
        now,
        event(Action::WebhookCreated, &webhook),
    )?;
    Ok(WithSecret { webhook, secret })
}

/// One webhook.
///
/// # Errors
/// [`NoticeError::NotFound`]; when the database fails.
pub fn find(connection: &mut DatabaseConnection, id: &WebhookId) -> Result<Webhook, NoticeError> {
    webhooks::find(connection, id)?.ok_or(NoticeError::NotFound("webhook"))
}

/// Changes a webhook. One that is switched off is sent nothing, also not what was on its way.
///
/// # Errors
/// As [`create`]; [`NoticeError::NotFound`].
pub fn update(
    connection: &mut DatabaseConnection,
    id: &WebhookId,
    change: &Change,
    actor: &Actor,
    now: Timestamp,
) -> Result<Webhook, NoticeError> {
    let mut webhook = find(connection, id)?;
    if let Some(url) = &change.url {
        webhook.url.clone_from(url);
    }
    if let Some(kinds) = &change.kinds {
        webhook.kinds = checked_kinds(kinds)?;
    }
    webhook.active = change.active.unwrap_or(webhook.active);
    webhook.modified_at = now;
    webhooks::update(connection, &webhook)?;
    if !webhook.active {
        let why = "the webhook was switched off";
        deliveries::fail_pending_of(connection, webhook.id.as_str(), why)?;
    }
    audit::record(
        connection,
        actor,
        now,
        event(Action::WebhookUpdated, &webhook),
    )?;
    Ok(webhook)
}

/// Switches a webhook off whose receiver has answered that it is gone, as the specification asks, and tells so.
///
/// # Errors
/// When the database fails.
pub(super) fn retire(
    connection: &mut DatabaseConnection,
    id: &WebhookId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(mut webhook) = webhooks::find(connection, id)?.filter(|webhook| webhook.active) else {
        return Ok(());
    };
    webhook.active = false;
    webhook.modified_at = now;
    webhooks::update(connection, &webhook)?;
    let why = "the receiver has answered that it is gone";
    deliveries::fail_pending_of(connection, id.as_str(), why)?;
    let event = event(Action::WebhookUpdated, &webhook).with("reason", why);
    audit::record(connection, &Actor::system(), now, event)?;
    let host = host(&webhook).unwrap_or_default();
    let subject = format!("The webhook at {host} was switched off: {why} (410)");
    let notice = Notice::new(NoticeKind::DeliveriesFailing, subject)
        .with("channel", "webhook")
        .with("target", id.as_str())
        .with("last_status", GONE)
        .with("given_up", true)
        .with(
            "what_to_do",
            vec!["Delete the webhook, or give it the receiver's new URL and set active to true."],
        );
    put(connection, now, notice)
}

/// Deletes a webhook and the log of what was sent there.
///
/// # Errors
/// [`NoticeError::NotFound`]; when the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    id: &WebhookId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), NoticeError> {
    let webhook = find(connection, id)?;
    deliveries::delete_of(connection, id.as_str())?;
    webhooks::delete(connection, id)?;
    audit::record(
        connection,
        actor,
        now,
        event(Action::WebhookDeleted, &webhook),
    )?;
    Ok(())
}

/// Gives a webhook a new secret. Until the overlap ends, messages carry the signatures of both.
///
/// # Errors
/// [`NoticeError::NotFound`]; [`NoticeError::Invalid`] for an overlap that is too long; when the database
/// fails.
pub fn rotate_secret(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    id: &WebhookId,
    overlap_hours: Option<i64>,
    actor: &Actor,
    now: Timestamp,
) -> Result<WithSecret, NoticeError> {
    let hours = overlap_hours.unwrap_or(DEFAULT_OVERLAP_HOURS);
    if !(0..=LONGEST_OVERLAP_HOURS).contains(&hours) {
        return Err(NoticeError::Invalid(format!(
            "overlap_hours is {hours}; it must be 0 to {LONGEST_OVERLAP_HOURS}"
        )));
    }
    let mut webhook = find(connection, id)?;
    let (secret, stored) = new_secret(sealer, id)?;
    let until = now.plus_seconds(hours * 3_600);
    let previous = std::mem::replace(&mut webhook.secret, stored);
    webhook.previous_secret = (hours > 0).then_some((previous, until));
    webhook.modified_at = now;
    webhooks::update(connection, &webhook)?;
    let event = event(Action::WebhookSecretRotated, &webhook)
        .with("previous_secret_until", until.to_rfc3339());
    audit::record(connection, actor, now, event)?;
    Ok(WithSecret { webhook, secret })
}

/// Sends a message of no other meaning to a webhook, now and once, and gives how it went.
///
/// # Errors
/// [`NoticeError::NotFound`]; when the database fails.
pub fn test(
    database: &Database,
    channels: &Channels,
    id: &WebhookId,
    actor: &Actor,
    clock: &Clock,
) -> Result<DeliveryRow, NoticeError> {
    let now = clock.now();
    let (wanted, actor) = (id.clone(), actor.clone());
    let made = database.write_blocking(move |connection| {
        let webhook = find(connection, &wanted)?;
        let mut notice = Notice::new(NoticeKind::WebhookTest, "A test of this webhook").row(now);
        notice.distributed_at = Some(now.as_millis());
        notice.read_at = Some(now.as_millis());
        notices::insert(connection, &notice)?;
        let row = DeliveryRow {
            attempts: 1,
            // Tried now, by us, and not again.
            give_up_at: now.as_millis(),
            claimed_until: Some(now.plus_seconds(CLAIM_SECONDS).as_millis()),
            ..delivery(&notice, "webhook", webhook.id.as_str(), now, now)
        };
        deliveries::insert(connection, &row)?;
        audit::record(
            connection,
            &actor,
            now,
            event(Action::WebhookTested, &webhook),
        )?;
        Ok::<_, NoticeError>(row)
    })?;
    send_to_webhook(database, channels, &made, clock)?;
    let id = DeliveryId::new(made.id);
    database.read_now(|connection| found(connection, &id))
}

/// One delivery.
pub(super) fn found(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
) -> Result<DeliveryRow, NoticeError> {
    deliveries::find(connection, id)?.ok_or(NoticeError::NotFound("delivery"))
}

/// The secrets that a webhook's messages are signed with now, the newest first.
///
/// # Errors
/// When one cannot be opened.
pub(super) fn signing_secrets(
    sealer: &Sealer,
    webhook: &Webhook,
    now: Timestamp,
) -> Result<Vec<SigningSecret>, SealError> {
    let previous = webhook
        .previous_secret
        .as_ref()
        .filter(|(_, until)| now < *until)
        .map(|(sealed, _)| sealed);
    std::iter::once(&webhook.secret)
        .chain(previous)
        .map(|sealed| {
            let opened = sealer.open(PURPOSE, webhook.id.as_str(), sealed)?;
            SigningSecret::from_bytes(opened.expose()).ok_or(SealError::Malformed)
        })
        .collect()
}

fn new_secret(sealer: &Sealer, id: &WebhookId) -> Result<(SigningSecret, Sealed), NoticeError> {
    let secret = SigningSecret::generate()?;
    let stored = sealer.seal(PURPOSE, id.as_str(), secret.as_bytes())?;
    Ok((secret, stored))
}

fn checked_kinds(kinds: &[String]) -> Result<Vec<String>, NoticeError> {
    let unknown = kinds
        .iter()
        .find(|kind| NoticeKind::from_name(kind).is_none());
    if let Some(kind) = unknown {
        let known: Vec<&str> = NoticeKind::ALL.iter().map(|kind| kind.name()).collect();
        return Err(NoticeError::Invalid(format!(
            "kinds has {kind:?}, which is none of {}",
            known.join(", ")
        )));
    }
    let mut kinds = kinds.to_vec();
    kinds.sort();
    kinds.dedup();
    Ok(kinds)
}

/// What is recorded of a webhook.
pub(super) fn event(action: Action, webhook: &Webhook) -> Event {
    Event::new(action)
        .to("webhook", webhook.id.as_str(), host(webhook).as_deref())
        .with("kinds", webhook.kinds.clone())
        .with("active", webhook.active)
}

/// What is told of a webhook's address: its path may be as good as a password.
pub(super) fn host(webhook: &Webhook) -> Option<String> {
    let url = url::Url::parse(&webhook.url).ok()?;
    url.host_str().map(str::to_owned)
}
