//! Deliveries: what was sent of notices by mail and by webhook, what of it arrived, and sending it again.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::notices::NoticeKind;
use crate::policies::Scope;
use crate::store::deliveries::{
    self, DELIVERED, DeliveryRow, FAILED, PENDING, Selection, WITHHELD,
};
use crate::store::id::{DeliveryId, WebhookId};
use crate::store::webhooks::{self, Webhook};
use crate::store::{StoreError, notices};

use super::super::State;
use super::super::admin::deliveries::redeliver_by;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{
    badge, empty, field, filters, form, heading, none_like_that, pager, results, select, table,
};
use super::posted::Posted;
use super::rows::{ROWS, first_rows};
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::webhooks::address;
use super::words::{ago, counted};

const WRITE: Scope = Scope::NotificationsWrite;
/// Where all of them are.
pub(super) const LIST: &str = "/console/deliveries";

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page::at("/deliveries").get(Access::With(Scope::NotificationsRead), list),
        Page::at("/deliveries/{id}/redeliver").post(Access::With(WRITE), redeliver),
    ]
}

/// The states, as forms name them.
pub(super) const STATES: [(&str, &str); 5] = [
    ("", "Any state"),
    (PENDING, "Pending"),
    (DELIVERED, "Delivered"),
    (FAILED, "Failed"),
    (WITHHELD, "Withheld"),
];
const CHANNELS: [(&str, &str); 3] = [
    ("", "By mail or webhook"),
    ("mail", "Mail"),
    ("webhook", "Webhook"),
];

/// The one of these that is chosen; none, where that is nothing.
fn chosen(options: &[(&'static str, &str)], text: &str) -> Option<&'static str> {
    let known = options.iter().find(|(value, _)| *value == text);
    known
        .map(|(value, _)| *value)
        .filter(|value| !value.is_empty())
}

/// The state that is chosen.
pub(super) fn state_of(text: &str) -> Option<&'static str> {
    chosen(&STATES, text)
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    channel: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    kind: String,
    cursor: Option<String>,
}

/// What a delivery is of, and where it goes.
pub(super) struct Named {
    subjects: HashMap<String, String>,
    webhooks: Vec<Webhook>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let kind = NoticeKind::from_name(&filter.kind).map(NoticeKind::name);
    let selection = Selection {
        channel: chosen(&CHANNELS, &filter.channel).map(str::to_owned),
        state: state_of(&filter.state).map(str::to_owned),
        kind: kind.map(str::to_owned),
    };
    let is_narrow = selection != Selection::default();
    let cursor = filter.cursor;
    let (found, named, next) = state
        .database
        .read(move |connection| {
            let cursor = cursor.as_deref();
            let found = deliveries::search(connection, &selection, cursor, ROWS + 1)?;
            let (found, next) = first_rows(found, |last| last.id.clone());
            let ids: Vec<String> = found.iter().map(|one| one.notice_id.clone()).collect();
            let subjects = notices::find_all(connection, &ids)?.into_iter();
            let named = Named {
                subjects: subjects.map(|notice| (notice.id, notice.subject)).collect(),
                webhooks: webhooks::list(connection)?,
            };
            Ok::<_, StoreError>((found, named, next))
        })
        .await?;
    let mut kinds = vec![("", "Every kind")];
    kinds.extend(
        NoticeKind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.title())),
    );
    let content = html! {
        (heading("Deliveries of notices", Some(("/console/notices", "Notices")), &html! {
            a.button href="/console/webhooks" { "Webhooks" }
        }))
        p.muted {
            @if state.channels.mail.is_some() { "Notices are sent by mail and by webhook." }
            @else { "No mail is set up on this server: notices are sent by webhook alone." }
            " What does not arrive is tried again for three days; mail is withheld from whoever has left or lost their \
             role while it waited."
        }
        (filters(LIST, &html! {
            (field("Way", &select("channel", &filter.channel, &CHANNELS)))
            (field("State", &select("state", &filter.state, &STATES)))
            (field("Kind", &select("kind", kind.unwrap_or_default(), &kinds)))
        }))
        (results(&html! {
            @if found.is_empty() && is_narrow { (none_like_that(LIST)) }
            @else if found.is_empty() { (empty("Nothing was sent yet.", &html! {})) }
            @else { (table_of(&visitor, &found, Some(&named))) }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Notices, "Deliveries", &content))
}

/// Deliveries, the newest first; to whom and of what is said where it is known.
pub(super) fn table_of(visitor: &Visitor, found: &[DeliveryRow], named: Option<&Named>) -> Markup {
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|delivery| {
            let mut row = vec![
                ago(Timestamp::from_millis(delivery.created_at), now),
                html! {
                    @if let Some(subject) = named.and_then(|named| named.subjects.get(&delivery.notice_id)) {
                        (subject) " "
                    }
                    code { (delivery.kind) }
                },
            ];
            row.extend(named.map(|named| receiver(delivery, named)));
            row.extend([
                standing(delivery, now),
                html! { span.whole { (counted(delivery.attempts.into(), "attempt", "attempts")) } },
                html! {
                    @if let Some(status) = delivery.last_status { "status " (status) " " }
                    @if let Some(error) = &delivery.last_error { small.muted { (error) } }
                },
                html! {
                    @if visitor.may(WRITE) && delivery.state != PENDING {
                        (form(visitor, &format!("{LIST}/{}/redeliver", delivery.id), &html! {
                            button.quiet { "Send again" }
                        }))
                    }
                },
            ]);
            row
        })
        .collect();
    let mut columns = vec![
        "When",
        "What",
        "State",
        "Tried",
        "What came back",
        "Actions",
    ];
    if named.is_some() {
        columns.insert(2, "To");
    }
    table("The newest first", &columns, &rows)
}

fn standing(delivery: &DeliveryRow, now: Timestamp) -> Markup {
    let tone = match delivery.state.as_str() {
        DELIVERED => "ok",
        PENDING => "warn",
        WITHHELD => "off",
        _ => "bad",
    };
    html! {
        (badge(tone, &delivery.state))
        @if delivery.state == PENDING {
            small.muted { "tried again " (ago(Timestamp::from_millis(delivery.next_attempt_at), now)) }
        }
    }
}

fn receiver(delivery: &DeliveryRow, named: &Named) -> Markup {
    let webhooks = named.webhooks.iter();
    let webhook = webhooks
        .filter(|_| delivery.channel == "webhook")
        .find(|webhook| webhook.id.as_str() == delivery.target);
    html! {
        @match webhook {
            Some(webhook) => { a href=(address(&webhook.id)) { (webhook.url) } },
            None => { (delivery.target) },
        }
    }
}

/// It goes back to the page of the webhook, or to the list of all.
async fn redeliver(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DeliveryId::new(id.into_inner());
    let again = redeliver_by(sent.visitor.admin(WRITE), &state, id).await?;
    let place = if again.channel == "webhook" {
        address(&WebhookId::new(again.target))
    } else {
        LIST.to_owned()
    };
    Ok(see_other(&format!("{place}?done=delivery-again")))
}
