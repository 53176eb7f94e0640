//! Notices: what admins were told, in a list and one by one, and that they have read it.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::notices::NoticeKind;
use crate::policies::Scope;
use crate::store::notices::{self, NoticeRow, Selection};

use super::super::State;
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::deliveries::LIST as DELIVERIES;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{
    badge, empty, facts, field, filters, form, heading, none_like_that, pager, results, select,
    table,
};
use super::posted::Posted;
use super::rows::{ROWS, first_rows};
use super::sign_in::Nothing;
use super::things::{detail, link};
use super::visitor::Visitor;
use super::words::{ago, time};

const LIST: &str = "/console/notices";
/// What a detail has of what is to be done, in words.
const WHAT_TO_DO: &str = "What to do";

pub(super) fn pages() -> Vec<Page> {
    let access = Access::With(Scope::Notices);
    vec![
        Page::at("/notices").get(access, list),
        Page::at("/notices/read")
            .on(access, list)
            .post(access, mark_all_read),
        // After `read`, which is no identifier.
        Page::at("/notices/{id}").get(access, show),
        Page::at("/notices/{id}/read")
            .on(access, list)
            .post(access, mark_read),
    ]
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    state: String,
    cursor: Option<String>,
}

const UNREAD: &str = "unread";
const STATES: [(&str, &str); 2] = [("", "Read or not"), (UNREAD, "Unread")];

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let kind = NoticeKind::from_name(&filter.kind).map(NoticeKind::name);
    let selection = Selection {
        kind: kind.map(str::to_owned),
        unread: filter.state == UNREAD,
    };
    let is_narrow = selection != Selection::default();
    let cursor = filter.cursor;
    let found = state
        .database
        .read(move |connection| notices::list(connection, &selection, cursor.as_deref(), ROWS + 1))
        .await?;
    let (found, next) = first_rows(found, |last| last.id.clone());
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|notice| {
            vec![
                ago(Timestamp::from_millis(notice.at), now),
                html! { a href=(address(&notice.id)) { (notice.subject) } },
                title(notice),
                standing(notice),
                html! {
                    @if notice.read_at.is_none() {
                        button.quiet formaction={ (address(&notice.id)) "/read" }
                            aria-label={ "Mark as read: " (notice.subject) } { "Mark as read" }
                    }
                },
            ]
        })
        .collect();
    let mut kinds = vec![("", "Every kind")];
    kinds.extend(
        NoticeKind::ALL
            .iter()
            .map(|kind| (kind.name(), kind.title())),
    );
    let content = html! {
        (heading("Notices", None, &html! {
            @if visitor.may(Scope::NotificationsRead) { a.button href=(DELIVERIES) { "Deliveries" } }
            (form(&visitor, "/console/notices/read", &html! {
                input type="hidden" name="kind" value=(kind.unwrap_or_default());
                button { (if kind.is_some() { "Mark all of this kind as read" } else { "Mark all as read" }) }
            }))
        }))
        (filters(LIST, &html! {
            (field("Kind", &select("kind", kind.unwrap_or_default(), &kinds)))
            (field("State", &select("state", &filter.state, &STATES)))
        }))
        (results(&html! {
            @if rows.is_empty() && is_narrow {
                (none_like_that(LIST))
            } @else if rows.is_empty() {
                (empty("There is nothing to tell.", &html! {}))
            } @else {
                // One form for all rows: each button says itself where it goes.
                (form(&visitor, LIST, &table(
                    "The newest first",
                    &["When", "What", "Kind", "State", "Action"],
                    &rows,
                )))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Notices, "Notices", &content))
}

/// The page of one.
fn address(id: &str) -> String {
    format!("{LIST}/{id}")
}

fn title(notice: &NoticeRow) -> Markup {
    html! {
        @match NoticeKind::from_name(&notice.kind) {
            Some(kind) => { (kind.title()) },
            None => { code { (notice.kind) } },
        }
    }
}

fn standing(notice: &NoticeRow) -> Markup {
    if notice.read_at.is_some() {
        badge("off", "read")
    } else {
        badge("warn", "unread")
    }
}

/// One notice with all that it tells, and the way to what it is about.
async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let wanted = id.clone();
    let found = state
        .database
        .read(move |connection| notices::find(connection, &wanted))
        .await?;
    let notice = found.ok_or_else(|| Problem::not_found("notice", &id))?;
    let (to_do, told): (Vec<_>, Vec<_>) = detail(&notice.detail)
        .into_iter()
        .partition(|(name, _)| name == WHAT_TO_DO);
    let told: Vec<(&str, Markup)> = told
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let at = Timestamp::from_millis(notice.at);
    let mut rows = vec![
        ("Kind", title(&notice)),
        (
            "When",
            html! { (time(at)) " (" (ago(at, visitor.now())) ")" },
        ),
        ("State", standing(&notice)),
    ];
    if let Some(person) = &notice.person_id {
        rows.push(("About", link("User", person, None)));
    }
    if let Some(directory) = &notice.directory_id {
        rows.push(("Directory", link("directory", directory, None)));
    }
    let content = html! {
        (heading(&notice.subject, Some((LIST, "Notices")), &html! {
            @if notice.read_at.is_none() {
                (form(&visitor, &format!("{}/read", address(&notice.id)), &html! {
                    button { "Mark as read" }
                }))
            }
        }))
        @for (_, steps) in &to_do { div.note { strong { (WHAT_TO_DO) } (steps) } }
        (facts(&rows))
        @if !told.is_empty() {
            h2 { "What is told of it" }
            (facts(&told))
        }
    };
    Ok(page(&visitor, Section::Notices, &notice.subject, &content))
}

async fn mark_read(
    sent: Posted<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let wanted = id.clone();
    let marked = sent
        .visitor
        .admin(Scope::Notices)
        .write(&state, move |connection, admin| {
            notices::mark_read(connection, &wanted, admin.now.as_millis())
        })
        .await?;
    if !marked {
        return Err(Problem::not_found("notice", &id).into());
    }
    Ok(see_other("/console/notices?done=notice-read"))
}

#[derive(Deserialize)]
struct Which {
    /// Of this kind alone; of every kind, where there is none.
    #[serde(default)]
    kind: String,
}

async fn mark_all_read(
    sent: Posted<Which>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let kind = NoticeKind::from_name(&sent.form.kind).map(NoticeKind::name);
    sent.visitor
        .admin(Scope::Notices)
        .write(&state, move |connection, admin| {
            notices::mark_all_read(connection, kind, admin.now.as_millis())
        })
        .await?;
    Ok(see_other("/console/notices?done=notices-read"))
}
