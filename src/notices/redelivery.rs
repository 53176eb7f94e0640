//! What did not arrive is sent again by hand, by webhook or by mail.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::DatabaseConnection;
use crate::store::deliveries::{self, DeliveryRow};
use crate::store::id::{DeliveryId, WebhookId};

use super::NoticeError;
use super::outbox::GIVE_UP_DAYS;
use super::webhooks::{event, find, found};

/// Sends a delivery again, from the start, whatever became of it. `has_mail` says whether mail is set up.
///
/// # Errors
/// [`NoticeError::NotFound`]; [`NoticeError::Conflict`] where it is on its way, its webhook is switched off or
/// no mail is set up; when the database fails.
pub fn redeliver(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
    has_mail: bool,
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
        if !has_mail {
            return Err(NoticeError::Conflict(
                "no mail is set up: set --smtp-url and --mail-from first".to_owned(),
            ));
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
