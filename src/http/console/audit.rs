//! The audit log, narrowed by what was done, by whom, to what and when, and how far it is chained.

use actix_web::{HttpRequest, HttpResponse, web};
use maud::html;
use serde::{Deserialize, Serialize};

use crate::audit::Action;
use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::audit_events::Selection;
use crate::store::audit_search;
use crate::store::walk::STEPS;
use crate::store::{StoreError, directories};

use super::super::State;
use super::super::admin::audit::{chain_head, send, verify_chain};
use super::super::problem::{Problem, ProblemKind};
use super::answer::Failure;
use super::downloads;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{
    facts, field, field_with_hint, filters, heading, pager, results, select, table,
};
use super::people::history;
use super::rows::{ROWS, looked_through, rows_of_walk};
use super::visitor::Visitor;
use super::words::{counted, grouped};

const SCOPE: Scope = Scope::AuditRead;

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(SCOPE);
    vec![
        Page::at("/audit").get(read, list),
        Page::at("/audit/export").get(read, export),
        Page::at("/audit/verify").get(read, verify),
    ]
}

#[derive(Deserialize, Serialize)]
struct Filter {
    #[serde(default)]
    action: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    /// The identifier of whoever did it, or to whom it was done.
    #[serde(default)]
    person: String,
    /// The identifier of what it was done with, or to.
    #[serde(default)]
    credential: String,
    #[serde(default)]
    directory: String,
    /// The identifier of what was changed, such as that of a person.
    #[serde(default)]
    target: String,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

const OUTCOMES: [(&str, &str); 3] = [
    ("", "Any outcome"),
    ("success", "Done"),
    ("refused", "Refused"),
];

/// When a day begins, as a date field sends it; none where there is none.
///
/// # Errors
/// 400 for what is no day.
pub(super) fn start_of(name: &str, day: &str) -> Result<Option<Timestamp>, Problem> {
    let day = day.trim();
    if day.is_empty() {
        return Ok(None);
    }
    let start = Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z"));
    start.map(Some).ok_or_else(|| {
        Problem::new(
            ProblemKind::InvalidRequest,
            format!("{name} is {day:?}, which is no day such as 2026-01-31"),
        )
    })
}

impl Filter {
    fn selection(&self) -> Result<Selection, Problem> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Selection {
            action: text(&self.action),
            outcome: text(&self.outcome),
            target_id: text(&self.target),
            person_id: text(&self.person),
            credential_id: text(&self.credential),
            directory_id: text(&self.directory),
            since: start_of("since", &self.since)?,
            // The day that is chosen is among them.
            until: start_of("until", &self.until)?.map(|start| start.plus_days(1)),
            ..Selection::default()
        })
    }

    /// The same in an address.
    fn query(&self) -> String {
        serde_html_form::to_string(self).unwrap_or_default()
    }
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let (selection, cursor) = (filter.selection()?, filter.cursor.clone());
    let (found, chain, known) = state
        .database
        .read(move |connection| {
            let cursor = cursor.as_deref();
            let found = audit_search::list_within(connection, &selection, cursor, ROWS + 1, STEPS)?;
            let chain = chain_head(connection)?;
            let known = directories::list(connection)?;
            Ok::<_, StoreError>((found, chain, known))
        })
        .await?;
    let (found, next, is_cut) = rows_of_walk(found, |last| last.id.clone());
    let exported = filter.query();
    let mut places = vec![("", "Every directory")];
    places.extend(
        known
            .iter()
            .map(|directory| (directory.id.as_str(), directory.name.as_str())),
    );
    let content = html! {
        (heading("Audit log", None, &html! {
            a.button href={ "/console/audit/export?" (exported) } download="audit-events.ndjson" {
                "Export as NDJSON"
            }
            a.button href="/console/receipts" { "Receipts" }
            a.button href="/console/audit/verify" { "Verify the chain" }
        }))
        p.muted {
            @match &chain.head {
                Some(last) => {
                    "Chained up to event " (grouped(last.position)) ", whose hash is "
                    code { (last.hash) } "; "
                },
                None => { "Nothing is chained yet; " },
            }
            (grouped(chain.pending)) " waiting."
        }
        (filters("/console/audit", &html! {
            (field("Action, such as session.started", &html! {
                input type="search" name="action" list="actions" value=(filter.action) autocomplete="off" spellcheck="false";
                datalist id="actions" { @for action in Action::ALL { option value=(action.name()); } }
            }))
            (field("Outcome", &select("outcome", &filter.outcome, &OUTCOMES)))
            (field("Identifier of what it was done to", &html! {
                input type="search" name="target" value=(filter.target) autocomplete="off" spellcheck="false";
            }))
            (field("Identifier of a person, who did it or had it done to them", &html! {
                input type="search" name="person" value=(filter.person) autocomplete="off" spellcheck="false";
            }))
            (field("Identifier of a key or token", &html! {
                input type="search" name="credential" value=(filter.credential) autocomplete="off" spellcheck="false";
            }))
            (field("Directory", &select("directory", &filter.directory, &places)))
            (field("Since", &html! { input type="date" name="since" value=(filter.since); }))
            (field("Until the end of", &html! { input type="date" name="until" value=(filter.until); }))
        }))
        (results(&html! {
            (history(&found))
            @if is_cut { (looked_through("events")) }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Audit, "Audit log", &content))
}

/// What the filters leave, oldest first, in the order of the chain.
async fn export(
    _: Visitor,
    request: HttpRequest,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let selection = filter.into_inner().selection()?;
    let still_may = downloads::still_may(SCOPE, request, &state);
    let events = send(&state, selection, still_may, None).await?;
    Ok(downloads::as_file(events, "audit-events.ndjson"))
}

#[derive(Deserialize)]
struct Noted {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    head: Option<String>,
}

/// Goes through the whole chain.
async fn verify(
    visitor: Visitor,
    state: web::Data<State>,
    noted: web::Query<Noted>,
) -> Result<HttpResponse, Failure> {
    let head = noted.into_inner().head;
    let report = verify_chain(&state, head.clone()).await?;
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| {
            vec![
                html! { @if let Some(position) = finding.position { (grouped(position)) } },
                html! { (finding.detail) },
            ]
        })
        .collect();
    let content = html! {
        (heading("The chain of audit events", Some(("/console/audit", "Audit log")), &html! {}))
        @if report.verified {
            p.done role="status" { "All is as it was written." }
        } @else {
            p role="alert" { strong { "Something is not as it was written." } }
        }
        (facts(&[
            ("Checked", html! { (counted(report.checked, "event", "events")) }),
            ("Not chained yet", html! { (counted(report.not_chained, "event", "events")) }),
            ("Head", html! {
                @match &report.head {
                    Some(head) => { "event " (grouped(head.position)) ", " code { (head.hash) } },
                    None => { span.muted { "there is none yet" } },
                }
            }),
            ("The head that you noted", html! {
                @match (&head, report.noted_head_position) {
                    (None, _) => { span.muted { "none was given" } },
                    (Some(_), Some(position)) => { "is part of it, at event " (grouped(position)) },
                    (Some(_), None) => { strong { "is no part of it" } },
                }
            }),
        ]))
        @if !found.is_empty() { (table("What is wrong", &["Event", "What"], &found)) }
        @if report.further_findings > 0 { p { "And " (report.further_findings) " more." } }
        form method="get" action="/console/audit/verify" {
            (field_with_hint(
                "A head that you have noted elsewhere",
                "Its hash shows that nothing before it was replaced or cut off.",
                &html! {
                    input name="head" value=(head.as_deref().unwrap_or_default()) autocomplete="off" spellcheck="false";
                },
            ))
            button { "Verify again" }
        }
    };
    Ok(page(&visitor, Section::Audit, "The chain", &content))
}
