//! What did not arrive is sent again by hand, by webhook or by mail.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::deliveries::{self, DeliveryRow};
use crate::store::id::{DeliveryId, WebhookId};
use crate::store::{DatabaseConnection, notices};

use super::NoticeError;
use super::outbox::{self, GIVE_UP_DAYS, MailPlan};
use super::webhooks::{event, find, found};

/// Sends a delivery again, from the start, whatever became of it. `mail` says how mail is sent, where it is set up.
///
/// # Errors
/// [`NoticeError::NotFound`]; [`NoticeError::Conflict`] where it is on its way, its webhook is switched off, no mail is
/// set up, or who has the address is not to be told of it any more; when the database fails.
pub fn redeliver(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
    mail: Option<&MailPlan>,
    actor: &Actor,
    now: Timestamp,
) -> Result<DeliveryRow, NoticeError> {
    let row = found(connection, id)?;
    let again = if row.channel == "webhook" {
        let webhook = find(connection, &WebhookId::new(row.target.clone()))?;
        if !webhook.active {
            return Err(NoticeError::Conflict(
                "the webhook is switched off; set active to true first".to_owned(),
            ));
        }
        event(Action::WebhookRedelivered, &webhook).with("delivery_id", id.as_str())
    } else {
        let Some(plan) = mail else {
            return Err(NoticeError::Conflict(
                "no mail is set up: set --smtp-url and --mail-from first".to_owned(),
            ));
        };
        // Whoever had the address may have left since, or lost their role.
        let notice = notices::find(connection, &row.notice_id)?;
        let notice = notice.into_iter().collect();
        if outbox::still_told(connection, plan, notice, &row.target)?.is_empty() {
            return Err(NoticeError::Conflict(outbox::NOT_TOLD.to_owned()));
        }
        // To whom is in the delivery; an address is not written down for good.
        Event::new(Action::MailRedelivered)
            .to("delivery", id.as_str(), None)
            .with("kind", row.kind.as_str())
            .with("notice_id", row.notice_id.as_str())
    };
    if !deliveries::begin_again(connection, id, now, now.plus_days(GIVE_UP_DAYS))? {
        return Err(NoticeError::Conflict(
            "the delivery is on its way".to_owned(),
        ));
    }
    audit::record(connection, actor, now, again)?;
    found(connection, id)
}
