//! Deliveries on their way: claimed by one node at a time, sent, and tried again with growing pauses until
//! three days have passed. At least once: a node that dies between sending and writing it down leaves its claim
//! to run out, and another sends again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::sealed::Sealer;
use crate::secret::random_bytes;
use crate::store::deliveries::{self, Attempt, DeliveryRow, Group};
use crate::store::id::WebhookId;
use crate::store::notices;
use crate::store::webhooks;
use crate::store::{Database, DatabaseConnection, StoreError, sent_notices};

use super::mail::Mailer;
use super::message::{json_of, mail_of};
use super::outbox::{self, MailPlan};
use super::webhook_sender::{Message, WebhookSender};
use super::webhooks::{GONE, host, retire, signing_secrets};
use super::{Notice, NoticeError, NoticeKind, put};

/// How long a claim lasts: longer than sending can take.
const CLAIM_SECONDS: i64 = 90;
/// How many deliveries one webhook is sent in a row before others have their turn.
const IN_A_ROW: usize = 50;
/// And for how long at most.
const LONGEST_TURN: Duration = Duration::from_secs(15);
/// How many notices go in one mail at most.
const IN_ONE_MAIL: i64 = 1_000;
/// How many receivers are looked after at once.
const GROUPS: i64 = 200;
/// The pause after the first failure.
const FIRST_PAUSE_SECONDS: i64 = 5;
/// Each pause is so many times the one before.
const GROWTH: i64 = 3;
/// The longest pause.
const LONGEST_PAUSE_SECONDS: i64 = 12 * 3_600;
/// After so many attempts, about half an hour, admins are told that a receiver cannot be reached.
const TELL_AFTER: i32 = 7;

/// The ways out.
#[derive(Debug, Clone)]
pub struct Channels {
    /// To webhooks.
    pub webhooks: WebhookSender,
    /// By mail, where there is a mail server.
    pub mail: Option<Mailer>,
    /// How long mail waits for other notices of its kind.
    pub digest_seconds: i64,
    /// Opens the webhooks' secrets.
    pub sealer: Arc<Sealer>,
    /// The URL that clients use.
    pub base_url: Arc<str>,
}

impl Channels {
    /// As the settings say.
    #[must_use]
    pub fn new(settings: &Settings, sealer: Arc<Sealer>, base_url: &str) -> Self {
        let notifications = &settings.notifications;
        Self {
            webhooks: WebhookSender::new(notifications.allow_private_webhooks),
            mail: notifications.mail.as_ref().map(Mailer::new),
            digest_seconds: i64::from(settings.limits.mail_digest_seconds),
            sealer,
            base_url: base_url.into(),
        }
    }

    /// How mail is gathered, where there is any.
    #[must_use]
    pub fn mail_plan(&self) -> Option<MailPlan> {
        let mailer = self.mail.as_ref();
        mailer.map(|mailer| plan_of(mailer, self.digest_seconds))
    }
}

fn plan_of(mailer: &Mailer, digest_seconds: i64) -> MailPlan {
    MailPlan {
        to: mailer.configured_recipients(),
        digest_seconds,
    }
}

/// Distributes what is in the outbox and gives what there is to send now.
///
/// # Errors
/// When the database fails.
pub fn prepare(
    database: &Database,
    channels: &Channels,
    now: Timestamp,
) -> Result<Vec<Group>, NoticeError> {
    let plan = channels.mail_plan();
    // Asked first, so that an idle server never holds SQLite's one writer.
    while database.read_now(notices::is_any_to_distribute)? {
        let plan = plan.clone();
        let distributed = database
            .write_blocking(move |connection| outbox::distribute(connection, plan.as_ref(), now))?;
        if distributed == 0 {
            break;
        }
    }
    // Mail that waits for a mail server keeps nothing else waiting.
    let by_mail = channels.mail.is_some();
    let groups =
        database.read_now(|connection| deliveries::due(connection, by_mail, now, GROUPS))?;
    // A webhook is one receiver, whatever the kinds.
    let mut known: Vec<Group> = Vec::with_capacity(groups.len());
    for group in groups {
        let is_known = known.iter().any(|other| {
            group.channel == "webhook" && other.channel == "webhook" && other.target == group.target
        });
        if !is_known {
            known.push(group);
        }
    }
    Ok(known)
}

/// Sends what is due to one receiver, until nothing is or something does not arrive.
///
/// # Errors
/// When the database fails.
pub fn deliver(
    database: &Database,
    channels: &Channels,
    group: &Group,
    clock: &Clock,
) -> Result<(), NoticeError> {
    match (group.channel.as_str(), &channels.mail) {
        ("mail", Some(mailer)) => deliver_mail(database, channels, mailer, group, clock),
        ("mail", None) => Ok(()),
        _ => deliver_to_webhook(database, channels, &group.target, clock),
    }
}

/// Everything that is due, one receiver after the other.
///
/// # Errors
/// When the database fails.
pub fn deliver_all(
    database: &Database,
    channels: &Channels,
    clock: &Clock,
) -> Result<(), NoticeError> {
    for group in prepare(database, channels, clock.now())? {
        deliver(database, channels, &group, clock)?;
    }
    Ok(())
}

fn deliver_to_webhook(
    database: &Database,
    channels: &Channels,
    target: &str,
    clock: &Clock,
) -> Result<(), NoticeError> {
    let begun = Instant::now();
    for _ in 0..IN_A_ROW {
        if begun.elapsed() > LONGEST_TURN {
            break;
        }
        let (now, webhook) = (clock.now(), target.to_owned());
        let until = now.plus_seconds(CLAIM_SECONDS);
        let claimed = database.write_blocking(move |connection| {
            deliveries::claim_of_webhook(connection, &webhook, now, until, 1)
        })?;
        let Some(delivery) = claimed.into_iter().next() else {
            break;
        };
        if send_to_webhook(database, channels, &delivery, clock)?.is_some() {
            break;
        }
    }
    Ok(())
}

/// Sends a claimed delivery and writes down how it ended; gives why it did not arrive.
///
/// # Errors
/// When the database fails.
pub(super) fn send_to_webhook(
    database: &Database,
    channels: &Channels,
    delivery: &DeliveryRow,
    clock: &Clock,
) -> Result<Option<Attempt>, NoticeError> {
    let now = clock.now();
    let id = WebhookId::new(delivery.target.clone());
    let found = database.read_now(|connection| {
        let webhook = webhooks::find(connection, &id)?;
        let notice = notices::find(connection, &delivery.notice_id)?;
        Ok::<_, StoreError>(webhook.zip(notice))
    })?;
    let outcome = match found {
        Some((webhook, notice)) => {
            let message = Message {
                id: notice.id.clone(),
                body: json_of(&notice),
            };
            match signing_secrets(&channels.sealer, &webhook, now) {
                Ok(secrets) => channels
                    .webhooks
                    .send(&webhook.url, &message, &secrets, now),
                Err(error) => {
                    tracing::error!(%error, webhook = id.as_str(), "a webhook's secret cannot be opened");
                    Err(Attempt {
                        error: "its secret cannot be opened with this master key".to_owned(),
                        status: None,
                    })
                }
            }
        }
        None => Err(Attempt {
            error: "the webhook or the notice is gone".to_owned(),
            status: None,
        }),
    };
    let failed = finish(
        database,
        std::slice::from_ref(delivery),
        outcome,
        clock.now(),
    )?;
    let is_gone = failed
        .as_ref()
        .is_some_and(|attempt| attempt.status == Some(GONE));
    if is_gone && delivery.kind != NoticeKind::WebhookTest.name() {
        let now = clock.now();
        database.write_blocking(move |connection| retire(connection, &id, now))?;
    }
    Ok(failed)
}

fn deliver_mail(
    database: &Database,
    channels: &Channels,
    mailer: &Mailer,
    group: &Group,
    clock: &Clock,
) -> Result<(), NoticeError> {
    let (now, wanted) = (clock.now(), group.clone());
    let until = now.plus_seconds(CLAIM_SECONDS);
    let claimed = database.write_blocking(move |connection| {
        let (address, kind) = (&wanted.target, &wanted.kind);
        deliveries::claim_of_mail(connection, address, kind, now, until, IN_ONE_MAIL)
    })?;
    let ids: Vec<String> = claimed.iter().map(|row| row.notice_id.clone()).collect();
    let plan = plan_of(mailer, channels.digest_seconds);
    // While it waited, an admin may have left or lost their role.
    let told = database.read_now(|connection| {
        let found = notices::find_all(connection, &ids)?;
        outbox::to_be_sent(connection, &plan, found, &group.target)
    })?;
    let (sent, kept): (Vec<_>, Vec<_>) = claimed
        .into_iter()
        .partition(|row| told.iter().any(|notice| notice.id == row.notice_id));
    if !kept.is_empty() {
        let now = clock.now();
        database.write_blocking(move |connection| {
            deliveries::withheld(connection, &kept, outbox::NOT_TOLD, now)
        })?;
    }
    let Some(first) = sent.first() else {
        return Ok(());
    };
    let mail = mail_of(&told, &channels.base_url);
    let outcome = mailer.send(&group.target, &first.id, mail);
    finish(database, &sent, outcome, clock.now())?;
    Ok(())
}

/// Writes down how sending ended; gives why it did not arrive.
fn finish(
    database: &Database,
    claimed: &[DeliveryRow],
    outcome: Result<i32, Attempt>,
    now: Timestamp,
) -> Result<Option<Attempt>, NoticeError> {
    let rows = claimed.to_vec();
    match outcome {
        Ok(status) => {
            database.write_blocking(move |connection| {
                deliveries::delivered(connection, &rows, Some(status), now)
            })?;
            Ok(None)
        }
        Err(attempt) => {
            let [first, second] = random_bytes()?;
            let chance = u16::from_le_bytes([first, second]);
            let failed = attempt.clone();
            database.write_blocking(move |connection| {
                for row in &rows {
                    let again_at = again_at(row, chance, now);
                    deliveries::not_delivered(connection, row, &failed, again_at)?;
                    tell_of_failure(connection, row, &failed, again_at.is_none(), now)?;
                }
                Ok::<_, StoreError>(())
            })?;
            Ok(Some(attempt))
        }
    }
}

/// When a delivery that did not arrive is tried again: after a pause that grows, for the last time when its
/// time is over, and then not any more.
fn again_at(delivery: &DeliveryRow, chance: u16, now: Timestamp) -> Option<Timestamp> {
    let give_up_at = Timestamp::from_millis(delivery.give_up_at);
    (now < give_up_at).then(|| {
        let pause = pause_millis(delivery.attempts, chance);
        now.plus_millis(pause).min(give_up_at)
    })
}

/// Between four and six fifths of the pause, so that what failed together does not come back together.
fn pause_millis(attempts: i32, chance: u16) -> i64 {
    let mut seconds = FIRST_PAUSE_SECONDS;
    for _ in 1..attempts {
        seconds = seconds.saturating_mul(GROWTH).min(LONGEST_PAUSE_SECONDS);
    }
    let spread = i64::from(chance) * 400 / i64::from(u16::MAX);
    seconds * (800 + spread)
}

/// Once a day for each receiver, and never about notices of this very kind.
fn tell_of_failure(
    connection: &mut DatabaseConnection,
    delivery: &DeliveryRow,
    attempt: &Attempt,
    is_last: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let kind = NoticeKind::DeliveriesFailing;
    let is_of_own_kind =
        [kind.name(), NoticeKind::WebhookTest.name()].contains(&delivery.kind.as_str());
    if is_of_own_kind || !(is_last || delivery.attempts == TELL_AFTER) {
        return Ok(());
    }
    let yesterday = Some(now.plus_days(-1));
    let target = &delivery.target;
    if !sent_notices::claim(connection, target, kind.name(), "", yesterday, now)? {
        return Ok(());
    }
    let to = match webhooks::find(connection, &WebhookId::new(target.clone()))? {
        Some(webhook) => format!("the webhook at {}", host(&webhook).unwrap_or_default()),
        None => target.clone(),
    };
    let subject = format!("Notices to {to} do not arrive: {}", attempt.error);
    let steps = json!([
        "Find out why the receiver does not take them; the log of deliveries has the last error.",
        "They are tried again with growing pauses for three days. What has failed after that can be sent again by hand.",
    ]);
    let notice = Notice::new(kind, subject)
        .with("channel", delivery.channel.as_str())
        .with("target", target.as_str())
        .with("attempts", delivery.attempts)
        .with("last_error", attempt.error.as_str())
        .with("last_status", attempt.status)
        .with("given_up", is_last)
        .with("what_to_do", steps);
    put(connection, now, notice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attempts: i32, give_up_at: i64) -> DeliveryRow {
        DeliveryRow {
            id: String::new(),
            notice_id: String::new(),
            channel: String::new(),
            target: String::new(),
            kind: String::new(),
            state: String::new(),
            attempts,
            created_at: 0,
            next_attempt_at: 0,
            give_up_at,
            claimed_until: None,
            delivered_at: None,
            last_error: None,
            last_status: None,
        }
    }

    #[test]
    fn pauses_grow_up_to_half_a_day_and_are_never_quite_the_same() {
        let middle = u16::MAX / 2 + 1;
        let seconds: Vec<i64> = (1..=12).map(|n| pause_millis(n, middle) / 1_000).collect();
        assert_eq!(
            seconds,
            [
                5, 15, 45, 135, 405, 1_215, 3_645, 10_935, 32_805, 43_200, 43_200, 43_200
            ]
        );
        assert_eq!(pause_millis(1, 0), 4_000);
        assert_eq!(pause_millis(1, u16::MAX), 6_000);
        assert_eq!(pause_millis(1_000, 0), 34_560_000);
    }

    #[test]
    fn the_last_attempt_is_when_the_time_is_over_and_none_comes_after() {
        let give_up_at = 3 * 86_400_000;
        let now = Timestamp::from_millis;
        let row = row(12, give_up_at);
        let again = again_at(&row, 0, now(give_up_at - 1_000)).unwrap();
        assert_eq!(again, now(give_up_at));
        assert_eq!(again_at(&row, 0, now(give_up_at)), None);
        // From the first failure to the end there are not many more than a dozen attempts.
        let (mut at, mut attempts) = (now(0), 0);
        while let Some(next) = again_at(
            &DeliveryRow {
                attempts: attempts + 1,
                ..row.clone()
            },
            0,
            at,
        ) {
            (at, attempts) = (next, attempts + 1);
        }
        assert!((12..24).contains(&attempts), "{attempts}");
    }
}
