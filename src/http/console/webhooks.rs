//! Webhooks: where notices are sent, and what of them arrived.

use std::sync::Arc;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::notices::webhooks::{self as rules, Change, DEFAULT_OVERLAP_HOURS, WithSecret};
use crate::notices::{NoticeError, NoticeKind};
use crate::policies::Scope;
use crate::store::deliveries;
use crate::store::id::WebhookId;
use crate::store::webhooks::{self as table, Webhook};

use super::super::State;
use super::super::admin::webhooks::try_now;
use super::answer::{Failure, see_other};
use super::deliveries::{LIST as DELIVERIES, STATES, state_of, table_of};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{
    Question, Typed, badge, confirm, confirmation, empty, facts, field, field_with_hint, filters,
    form, heading, none_left, pager, results, select, shown_once, table as rows_of,
};
use super::posted::{Confirmed, Posted};
use super::rows::{ROWS, first_rows};
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::words::time;

const READ: Scope = Scope::NotificationsRead;
const WRITE: Scope = Scope::NotificationsWrite;
const LIST: (&str, &str) = ("/console/webhooks", "Webhooks");

pub(super) fn pages() -> Vec<Page> {
    let (read, write) = (Access::With(READ), Access::With(WRITE));
    vec![
        Page::at("/webhooks").get(read, list),
        // Before the page of one webhook: `new` is no identifier.
        Page::at("/webhooks/new")
            .get(write, show_new)
            .post(write, create),
        Page::at("/webhooks/{id}").get(read, show),
        Page::at("/webhooks/{id}/change")
            .get(write, show_change)
            .post(write, change),
        Page::at("/webhooks/{id}/rotate-secret")
            .get(write, ask_rotate)
            .post(write, rotate),
        Page::at("/webhooks/{id}/test")
            .on(read, show)
            .post(write, test),
        Page::at("/webhooks/{id}/delete")
            .get(write, ask_delete)
            .post(write, delete),
    ]
}

/// The page of a webhook.
pub(super) fn address(id: &WebhookId) -> String {
    format!("/console/webhooks/{id}")
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Typed>,
) -> Result<HttpResponse, Failure> {
    let found = state.database.read(table::list).await?;
    let is_shown = |webhook: &Webhook| {
        let kinds = webhook.kinds.iter();
        typed.admits(kinds.chain([&webhook.url]).map(String::as_str))
    };
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .filter(|webhook| is_shown(webhook))
        .map(|webhook| {
            vec![
                html! { a href=(address(&webhook.id)) { (webhook.url) } },
                kinds(webhook),
                standing(webhook),
                time(webhook.created_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("Webhooks", None, &html! {
            a.button href=(DELIVERIES) { "Deliveries" }
            @if visitor.may(WRITE) { a.button href="/console/webhooks/new" { "New webhook" } }
        }))
        (typed.form(LIST.0, &html! {}))
        (results(&html! {
            @if rows.is_empty() {
                (none_left(&typed, LIST.0, "There are none: notices are shown here, and sent nowhere."))
            } @else {
                (rows_of("Where notices are sent", &["URL", "Told of", "State", "Since"], &rows))
            }
        }))
    };
    Ok(page(&visitor, Section::Webhooks, "Webhooks", &content))
}

fn kinds(webhook: &Webhook) -> Markup {
    html! {
        @if webhook.kinds.is_empty() { "everything" }
        @for kind in &webhook.kinds { code { (kind) } " " }
    }
}

fn standing(webhook: &Webhook) -> Markup {
    if webhook.active {
        badge("ok", "active")
    } else {
        badge("off", "paused")
    }
}

#[derive(Deserialize)]
struct Log {
    #[serde(default)]
    state: String,
    cursor: Option<String>,
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    log: web::Query<Log>,
) -> Result<HttpResponse, Failure> {
    let id = WebhookId::new(id.into_inner());
    let log = log.into_inner();
    let chosen = log.state.clone();
    let (webhook, found) = state
        .database
        .read(move |connection| {
            let webhook = rules::find(connection, &id)?;
            let wanted = state_of(&log.state);
            let (cursor, limit) = (log.cursor.as_deref(), ROWS + 1);
            let found = deliveries::list(connection, id.as_str(), wanted, cursor, limit)?;
            Ok::<_, NoticeError>((webhook, found))
        })
        .await?;
    let (found, next) = first_rows(found, |last| last.id.clone());
    let place = address(&webhook.id);
    let content = html! {
        (heading(&webhook.url, Some(LIST), &actions(&visitor, &place)))
        (facts(&[
            ("State", standing(&webhook)),
            ("Told of", kinds(&webhook)),
            ("Its old secret signs until", html! {
                @match &webhook.previous_secret {
                    Some((_, until)) => { (time(*until)) },
                    None => { span.muted { "there is no old one" } },
                }
            }),
            ("Since", time(webhook.created_at)),
        ]))
        h2 { "What was sent" }
        (filters(&place, &html! { (field("State", &select("state", &chosen, &STATES))) }))
        (results(&html! {
            @if found.is_empty() { (empty("Nothing stands like that.", &html! {})) }
            @else { (table_of(&visitor, &found, None)) }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Webhooks, "Webhook", &content))
}

fn actions(visitor: &Visitor, place: &str) -> Markup {
    html! {
        @if visitor.may(WRITE) {
            (form(visitor, &format!("{place}/test"), &html! { button { "Send a test" } }))
            a.button href=(format!("{place}/change")) { "Change" }
            a.button href=(format!("{place}/rotate-secret")) { "New secret" }
            a.button.danger href=(format!("{place}/delete")) { "Delete" }
        }
    }
}

/// What the form of a webhook has.
#[derive(Deserialize)]
struct Wanted {
    url: String,
    #[serde(default)]
    kinds: Vec<String>,
    #[serde(default)]
    active: bool,
}

fn webhook_fields(url: &str, chosen: &[String]) -> Markup {
    html! {
        (field_with_hint("URL", "It begins with https:// and is reached from this server.", &html! {
            input type="url" name="url" value=(url) maxlength="2000" required autocomplete="off" spellcheck="false";
        }))
        fieldset {
            legend { "Told of these alone; of everything, where none is chosen" }
            @for kind in NoticeKind::ALL.iter().filter(|kind| **kind != NoticeKind::WebhookTest) {
                label.check {
                    input type="checkbox" name="kinds" value=(kind.name())
                        checked[chosen.iter().any(|one| one == kind.name())];
                    span { (kind.title()) }
                }
            }
        }
    }
}

async fn show_new(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("New webhook", Some(LIST), &html! {}))
        (form(&visitor, "/console/webhooks/new", &html! {
            (webhook_fields("", &[]))
            (confirmation(asked))
            button.primary { "Make the webhook" }
        }))
    };
    Ok(page(&visitor, Section::Webhooks, "New webhook", &content))
}

async fn create(sent: Confirmed<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let (visitor, wanted) = (sent.visitor, sent.form);
    let url = state.channels.webhooks.checked_url(&wanted.url)?;
    let sealer = Arc::clone(&state.sealer);
    let made = visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            rules::create(connection, &sealer, &url, &wanted.kinds, actor, now)
        })
        .await?;
    Ok(secret_page(&visitor, "The new webhook", &made))
}

/// What a webhook's requests are signed with, this once.
fn secret_page(visitor: &Visitor, title: &str, made: &WithSecret) -> HttpResponse {
    let content = html! {
        (heading(title, Some(LIST), &html! {}))
        (shown_once(
            "Signing secret",
            &made.secret.expose(),
            "The receiver checks the signature of each request with it. It is sealed here, and nobody can show it again.",
            &html! { "It signs what is sent to " (made.webhook.url) "." },
        ))
        p { a.button href=(address(&made.webhook.id)) { "I have copied it" } }
    };
    page(visitor, Section::Webhooks, title, &content)
}

fn found(state: &State, id: &WebhookId) -> Result<Webhook, Failure> {
    Ok(state
        .database
        .read_now(|connection| rules::find(connection, id))?)
}

async fn show_change(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let webhook = found(&state, &WebhookId::new(id.into_inner()))?;
    let place = address(&webhook.id);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("Change the webhook", Some((&place, &webhook.url)), &html! {}))
        (form(&visitor, &format!("{place}/change"), &html! {
            (webhook_fields(&webhook.url, &webhook.kinds))
            label.check {
                input type="checkbox" name="active" value="true" checked[webhook.active];
                span { "Send to it; notices that come while it is paused are not sent later" }
            }
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::Webhooks, "Change", &content))
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = WebhookId::new(id.into_inner());
    let wanted = sent.form;
    let change = Change {
        url: Some(state.channels.webhooks.checked_url(&wanted.url)?),
        kinds: Some(wanted.kinds),
        active: Some(wanted.active),
    };
    let webhook = id.clone();
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            rules::update(connection, &webhook, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{}?done=webhook-changed", address(&id))))
}

async fn ask_rotate(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let webhook = found(&state, &WebhookId::new(id.into_inner()))?;
    let question = Question {
        title: "New signing secret",
        back: (&address(&webhook.id), &webhook.url),
        consequences: html! {
            p { "1 new secret is made, and shown once. Requests are signed with both until the overlap has passed." }
        },
        fields: field_with_hint(
            "Overlap in hours",
            "0 ends the old secret now.",
            &html! {
                input type="number" name="overlap_hours" min="0" max="168" value=(DEFAULT_OVERLAP_HOURS) required;
            },
        ),
        button: "Make it",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Webhooks, "New secret", &content))
}

#[derive(Deserialize)]
struct Rotation {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    overlap_hours: Option<i64>,
}

async fn rotate(
    sent: Confirmed<Rotation>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = WebhookId::new(id.into_inner());
    let (visitor, hours) = (sent.visitor, sent.form.overlap_hours);
    let sealer = Arc::clone(&state.sealer);
    let made = visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            rules::rotate_secret(connection, &sealer, &id, hours, actor, now)
        })
        .await?;
    Ok(secret_page(&visitor, "The new secret", &made))
}

async fn test(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = WebhookId::new(id.into_inner());
    let place = address(&id);
    try_now(&state, id, sent.visitor.admin(WRITE).actor).await?;
    Ok(see_other(&format!("{place}?done=webhook-tried")))
}

async fn ask_delete(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let webhook = found(&state, &WebhookId::new(id.into_inner()))?;
    let question = Question {
        title: "Delete the webhook",
        back: (&address(&webhook.id), &webhook.url),
        consequences: html! {
            p { "1 receiver is told nothing more: " (webhook.url) "." }
            p { "What still waits to be sent there is not sent, and its log goes with it." }
        },
        fields: html! {},
        button: "Delete it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Webhooks, "Delete", &content))
}

async fn delete(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = WebhookId::new(id.into_inner());
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            rules::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/webhooks?done=webhook-deleted"))
}
