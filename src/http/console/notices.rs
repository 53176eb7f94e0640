//! Notices: what admins were told, and that they have read it.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::notices::{self, Selection};

use super::super::State;
use super::answer::{Failure, see_other};
use super::frame::{Section, ago, badge, empty, form, heading, page, pager, table};
use super::keys::ROWS;
use super::page::{Access, Page};
use super::sign_in::Nothing;
use super::visitor::{Posted, Visitor};

pub(super) fn pages() -> Vec<Page> {
    let access = Access::With(Scope::Notices);
    vec![
        Page::at("/notices").get(access, list),
        Page::at("/notices/read").post(access, mark_all_read),
    ]
}

#[derive(Deserialize)]
struct Place {
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let cursor = place.into_inner().cursor;
    let mut found = state
        .database
        .read(move |connection| {
            notices::list(
                connection,
                &Selection::default(),
                cursor.as_deref(),
                ROWS + 1,
            )
        })
        .await?;
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|notice| {
            vec![
                ago(Timestamp::from_millis(notice.at), now),
                html! { (notice.subject) },
                html! { code { (notice.kind) } },
                if notice.read_at.is_some() {
                    badge("off", "read")
                } else {
                    badge("warn", "unread")
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Notices", None, &form(&visitor, "/console/notices/read", &html! {
            button { "Mark all as read" }
        })))
        @if rows.is_empty() { (empty("There is nothing to tell.", &html! {})) }
        @else { (table("The newest first", &["When", "What", "Kind", "State"], &rows)) }
        (pager(&visitor, next.as_deref()))
    };
    Ok(page(&visitor, Section::Notices, "Notices", &content))
}

async fn mark_all_read(
    sent: Posted<Nothing>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    sent.visitor
        .admin(Scope::Notices)
        .write(&state, move |connection, admin| {
            notices::mark_all_read(connection, None, admin.now.as_millis())
        })
        .await?;
    Ok(see_other("/console/notices?done=notices-read"))
}
