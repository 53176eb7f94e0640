//! From notices to deliveries: one for each receiver, made once. A notice that was committed and not yet
//! distributed is found by whichever node looks next, also after a crash.

use serde_json::Value;

use crate::clock::Timestamp;
use crate::store::deliveries::{self, DeliveryRow, PENDING};
use crate::store::id::{DeliveryId, ResourceId};
use crate::store::notices::{self, NoticeRow};
use crate::store::recipients::{self, Recipient};
use crate::store::webhooks::{self, Webhook};
use crate::store::{DatabaseConnection, StoreError};

use super::mail::is_address;
use super::{Audience, NoticeKind};

/// How many notices are distributed in one transaction.
const BATCH: i64 = 100;
/// How long a delivery is tried.
pub(super) const GIVE_UP_DAYS: i64 = 3;
/// The roles whose holders are told what is for admins.
pub const TOLD: [&str; 2] = ["owner", "admin"];
/// After a mail, so many times the wait for others of its kind passes before the next of that kind.
const QUIET: i64 = 10;

/// How mail is gathered, where there is any.
#[derive(Debug, Clone)]
pub struct MailPlan {
    /// Who is told what is for admins, beside the people who are.
    pub to: Vec<String>,
    /// How long mail waits for other notices of its kind.
    pub digest_seconds: i64,
}

/// Makes the deliveries of notices that have none yet, up to a number, and says of how many.
///
/// # Errors
/// When the database fails.
pub fn distribute(
    connection: &mut DatabaseConnection,
    mail: Option<&MailPlan>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let found = notices::to_distribute(connection, BATCH)?;
    if found.is_empty() {
        return Ok(0);
    }
    let mut receivers = Receivers {
        webhooks: webhooks::list(connection)?,
        mail,
        admins: None,
    };
    for notice in &found {
        receivers.tell(connection, notice, now)?;
        notices::set_distributed(connection, &notice.id, now.as_millis())?;
    }
    Ok(found.len())
}

/// Why mail is not sent to whoever was to be told and is not any more.
pub(super) const NOT_TOLD: &str = "whoever has this address is not told of this any more: they have left, lost their \
                                   role, or have another address now";

/// Those of some notices that are to be sent now that they have waited: all but those for admins that whoever has this
/// address is not told of any more. What is about somebody's own account reaches the address that they had then, so that
/// nobody silences it by changing the address; and a kind that a newer node knows is for that node to judge.
pub(super) fn to_be_sent(
    connection: &mut DatabaseConnection,
    plan: &MailPlan,
    notices: Vec<NoticeRow>,
    address: &str,
) -> Result<Vec<NoticeRow>, StoreError> {
    let is_for_admins = |notice: &NoticeRow| {
        let kind = NoticeKind::from_name(&notice.kind);
        kind.is_some_and(|kind| kind.audience() != Audience::Person)
    };
    let (for_admins, mut sent): (Vec<_>, Vec<_>) = notices.into_iter().partition(is_for_admins);
    sent.extend(still_told(connection, plan, for_admins, address)?);
    Ok(sent)
}

/// Those of some notices that are still for whoever has this address, as people and roles are now.
pub(super) fn still_told(
    connection: &mut DatabaseConnection,
    plan: &MailPlan,
    notices: Vec<NoticeRow>,
    address: &str,
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut receivers = Receivers {
        webhooks: Vec::new(),
        mail: Some(plan),
        admins: None,
    };
    let mut told = Vec::with_capacity(notices.len());
    for notice in notices {
        let kind = NoticeKind::from_name(&notice.kind);
        let audience = kind.map_or(Audience::Admins, NoticeKind::audience);
        let addresses = receivers.addresses(connection, plan, &notice, audience)?;
        if addresses
            .iter()
            .any(|known| known.eq_ignore_ascii_case(address))
        {
            told.push(notice);
        }
    }
    Ok(told)
}

struct Receivers<'a> {
    webhooks: Vec<Webhook>,
    mail: Option<&'a MailPlan>,
    /// Looked up at the first notice that is for them.
    admins: Option<Vec<String>>,
}

impl Receivers<'_> {
    fn tell(
        &mut self,
        connection: &mut DatabaseConnection,
        notice: &NoticeRow,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let kind = NoticeKind::from_name(&notice.kind);
        // That somebody cannot be told is told to everybody else.
        let failing = match kind {
            Some(NoticeKind::DeliveriesFailing) => failing_target(notice),
            _ => None,
        };
        let is_failing = |target: &str| failing.as_deref() == Some(target);
        for webhook in &self.webhooks {
            let id = webhook.id.as_str();
            if webhook.active && wants(webhook, &notice.kind) && !is_failing(id) {
                deliveries::insert(connection, &delivery(notice, "webhook", id, now, now))?;
            }
        }
        let Some(plan) = self.mail else {
            return Ok(());
        };
        // A kind that this release does not know comes from a newer node, and is for admins.
        let audience = kind.map_or(Audience::Admins, NoticeKind::audience);
        let wait = match kind {
            Some(kind) if kind.is_urgent() => 0,
            _ => plan.digest_seconds,
        };
        for address in self.addresses(connection, plan, notice, audience)? {
            if is_failing(&address) {
                continue;
            }
            let last = deliveries::last_mail(connection, &address, &notice.kind)?;
            let quiet = plan.digest_seconds.saturating_mul(QUIET);
            let earliest = last.map(|at| Timestamp::from_millis(at).plus_seconds(quiet));
            let at = now.plus_seconds(wait).max(earliest.unwrap_or(now));
            deliveries::insert(connection, &delivery(notice, "mail", &address, now, at))?;
        }
        Ok(())
    }

    fn addresses(
        &mut self,
        connection: &mut DatabaseConnection,
        plan: &MailPlan,
        notice: &NoticeRow,
        audience: Audience,
    ) -> Result<Vec<String>, StoreError> {
        let mut addresses = Vec::new();
        if matches!(audience, Audience::Admins | Audience::PersonAndAdmins) {
            addresses.extend(self.admins(connection, plan)?);
        }
        if matches!(audience, Audience::Person | Audience::PersonAndAdmins)
            && let Some(person) = notice.person_id.clone().map(ResourceId::new)
            && let Some(person) = recipients::person(connection, &person)?
            && let Some(address) = address_of(&person)
        {
            addresses.push(address);
        }
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }

    fn admins(
        &mut self,
        connection: &mut DatabaseConnection,
        plan: &MailPlan,
    ) -> Result<Vec<String>, StoreError> {
        if let Some(known) = &self.admins {
            return Ok(known.clone());
        }
        let people = recipients::with_either_role(connection, TOLD)?;
        let mut addresses = plan.to.clone();
        addresses.extend(people.iter().filter_map(address_of));
        self.admins = Some(addresses.clone());
        Ok(addresses)
    }
}

pub(super) fn delivery(
    notice: &NoticeRow,
    channel: &str,
    target: &str,
    now: Timestamp,
    at: Timestamp,
) -> DeliveryRow {
    DeliveryRow {
        id: DeliveryId::generate().to_string(),
        notice_id: notice.id.clone(),
        channel: channel.to_owned(),
        target: target.to_owned(),
        kind: notice.kind.clone(),
        state: PENDING.to_owned(),
        attempts: 0,
        created_at: now.as_millis(),
        next_attempt_at: at.as_millis(),
        give_up_at: now.plus_days(GIVE_UP_DAYS).as_millis(),
        claimed_until: None,
        delivered_at: None,
        last_error: None,
        last_status: None,
    }
}

fn wants(webhook: &Webhook, kind: &str) -> bool {
    webhook.kinds.is_empty() || webhook.kinds.iter().any(|wanted| wanted == kind)
}

fn failing_target(notice: &NoticeRow) -> Option<String> {
    let detail: Value = serde_json::from_str(&notice.detail).ok()?;
    detail.get("target")?.as_str().map(str::to_owned)
}

/// The primary address of a person, or else their first; none that mail cannot be sent to.
fn address_of(person: &Recipient) -> Option<String> {
    let document: Value = serde_json::from_str(&person.document).ok()?;
    let emails = document.get("emails")?.as_array()?;
    let value = |email: &Value| Some(email.get("value")?.as_str()?.to_owned());
    let usable = |email: &&Value| value(email).is_some_and(|text| is_address(&text));
    let primary = emails
        .iter()
        .find(|email| email.get("primary") == Some(&Value::Bool(true)) && usable(email));
    value(primary.or_else(|| emails.iter().find(usable))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_goes_to_the_primary_address_or_else_the_first_that_is_one() {
        for (emails, expected) in [
            (
                r#"[{"value":"a@example.org"},{"value":"b@example.org","primary":true}]"#,
                Some("b@example.org"),
            ),
            (
                r#"[{"value":"not an address","primary":true},{"value":"a@example.org"}]"#,
                Some("a@example.org"),
            ),
            (r#"[{"value":"a@example.org\r\nBcc: b@example.org"}]"#, None),
            ("[{}]", None),
            ("null", None),
        ] {
            let person = Recipient {
                id: "1".to_owned(),
                directory_id: "d".to_owned(),
                document: format!(r#"{{"emails":{emails}}}"#),
            };
            assert_eq!(address_of(&person).as_deref(), expected, "{emails}");
        }
    }
}
