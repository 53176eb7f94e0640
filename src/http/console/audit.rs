//! The audit log, narrowed by action, outcome and time, and how far it is chained.

use actix_web::{HttpResponse, web};
use maud::html;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::audit_events::{self, Selection};
use crate::store::{StoreError, audit_chain};

use super::super::State;
use super::answer::Failure;
use super::frame::{Section, field, filters, grouped, heading, page, pager, results, select};
use super::keys::ROWS;
use super::page::{Access, Page};
use super::people::history;
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/audit").get(Access::With(Scope::AuditRead), list)]
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    action: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    since: String,
    cursor: Option<String>,
}

const OUTCOMES: [(&str, &str); 3] = [
    ("", "Any outcome"),
    ("success", "Done"),
    ("refused", "Refused"),
];

impl Filter {
    fn selection(&self) -> Selection {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Selection {
            action: text(&self.action),
            outcome: text(&self.outcome),
            // What a date field sends is a day.
            since: Timestamp::parse_rfc3339(&format!("{}T00:00:00Z", self.since)),
            ..Selection::default()
        }
    }
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let (selection, cursor) = (filter.selection(), filter.cursor.clone());
    let (mut found, last, pending) = state
        .database
        .read(move |connection| {
            let found = audit_events::list(connection, &selection, cursor.as_deref(), ROWS + 1)?;
            let last = audit_chain::last(connection)?;
            let pending = audit_chain::count_pending(connection)?;
            Ok::<_, StoreError>((found, last, pending))
        })
        .await?;
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = found.len() > shown;
    found.truncate(shown);
    let next = found.last().filter(|_| more).map(|last| last.id.clone());
    let content = html! {
        (heading("Audit log", None, &html! {}))
        p.muted {
            @match &last {
                Some(last) => {
                    "Chained up to event " (grouped(last.position)) ", whose hash is "
                    code { (last.hash) } "; "
                },
                None => { "Nothing is chained yet; " },
            }
            (grouped(pending)) " waiting."
        }
        (filters("/console/audit", &html! {
            (field("Action, such as session.started", &html! {
                input type="search" name="action" value=(filter.action) autocomplete="off" spellcheck="false";
            }))
            (field("Outcome", &select("outcome", &filter.outcome, &OUTCOMES)))
            (field("Since", &html! { input type="date" name="since" value=(filter.since); }))
        }))
        (results(&html! {
            (history(&found))
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Audit, "Audit log", &content))
}
