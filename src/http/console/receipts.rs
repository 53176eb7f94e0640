//! Receipts of deprovisionings: what each one ended and flagged, for an auditor; listed, one of them, taken away.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::lifecycle::USER;
use crate::policies::{PolicyError, Scope};
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::receipts::{self, ReceiptRow, Selection};
use crate::store::{StoreError, directories, resources};

use super::super::State;
use super::super::admin::audit::send_receipts;
use super::super::problem::Problem;
use super::answer::Failure;
use super::audit::start_of;
use super::downloads;
use super::frame::{Section, page};
use super::impact::{named, of_kind};
use super::page::{Access, Page};
use super::parts::{
    empty, facts, field, filters, heading, none_like_that, pager, results, select, table,
};
use super::people::name_of;
use super::rows::{ROWS, first_rows};
use super::visitor::Visitor;
use super::words::{grouped, instant, time};

const SCOPE: Scope = Scope::AuditRead;
const LIST: (&str, &str) = ("/console/receipts", "Receipts");

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(SCOPE);
    vec![
        Page::at("/receipts").get(read, list),
        // Before the page of one receipt: `export` is no identifier.
        Page::at("/receipts/export").get(read, export),
        Page::at("/receipts/{id}").get(read, show),
    ]
}

/// The receipts of one person.
pub(super) fn address_of(person: &ResourceId) -> String {
    format!("{}?person={person}", LIST.0)
}

/// One of them.
pub(super) fn address(id: &str) -> String {
    format!("{}/{id}", LIST.0)
}

#[derive(Deserialize, Serialize)]
struct Filter {
    /// The identifier of whoever has left.
    #[serde(default)]
    person: String,
    #[serde(default)]
    directory: String,
    #[serde(default)]
    since: String,
    #[serde(default)]
    until: String,
    #[serde(skip_serializing)]
    cursor: Option<String>,
}

impl Filter {
    fn selection(&self) -> Result<Selection, Problem> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(Selection {
            person: text(&self.person).map(ResourceId::new),
            directory: text(&self.directory).map(DirectoryId::new),
            since: start_of("since", &self.since)?,
            // The day that is chosen is among them.
            until: start_of("until", &self.until)?.map(|start| start.plus_days(1)),
        })
    }

    fn is_narrow(&self) -> bool {
        let texts = [&self.person, &self.directory, &self.since, &self.until];
        texts.iter().any(|text| !text.trim().is_empty())
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
    let (found, known) = state
        .database
        .read(move |connection| {
            let found = receipts::list(connection, &selection, cursor.as_deref(), ROWS + 1)?;
            Ok::<_, StoreError>((found, directories::list(connection)?))
        })
        .await?;
    let (found, next) = first_rows(found, |last| last.id.clone());
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|receipt| {
            let directory = receipt.directory_id.as_deref().map(DirectoryId::new);
            vec![
                html! {
                    a href=(address(&receipt.id)) { (name(receipt)) }
                    small { (directory.as_ref().map_or("", |directory| name_of(&known, directory))) }
                },
                time(Timestamp::from_millis(receipt.effective_at)),
                html! { span.whole { (receipt.reason.replace('_', " ")) } },
                html! { (receipt.actor_name.as_deref().unwrap_or(&receipt.actor_kind)) },
                in_words(&receipt.revoked),
                in_words(&receipt.orphaned),
            ]
        })
        .collect();
    let mut places = vec![("", "Every directory")];
    places.extend(known.iter().map(|one| (one.id.as_str(), one.name.as_str())));
    let exported = filter.query();
    let content = html! {
        (heading("Receipts of deprovisionings", Some(("/console/audit", "Audit log")), &html! {
            a.button href={ "/console/receipts/export?" (exported) } download="receipts.ndjson" {
                "Export as NDJSON"
            }
        }))
        p.muted { "One for each time that somebody left or lost a role: what ended with it, and what goes on, flagged." }
        (filters(LIST.0, &html! {
            (field("Identifier of a person", &html! {
                input type="search" name="person" value=(filter.person) autocomplete="off" spellcheck="false";
            }))
            (field("Directory", &select("directory", &filter.directory, &places)))
            (field("Since", &html! { input type="date" name="since" value=(filter.since); }))
            (field("Until the end of", &html! { input type="date" name="until" value=(filter.until); }))
        }))
        (results(&html! {
            @if rows.is_empty() && filter.is_narrow() { (none_like_that(LIST.0)) }
            @else if rows.is_empty() { (empty("Nobody has left yet.", &html! {})) }
            @else {
                (table(
                    "The newest first",
                    &["Person", "When", "Why", "By", "Ended", "Flagged"],
                    &rows,
                ))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Audit, "Receipts", &content))
}

fn name(receipt: &ReceiptRow) -> &str {
    let known = receipt.display_name.as_deref();
    let known = known.or(receipt.user_name.as_deref());
    known.unwrap_or(&receipt.person_id)
}

/// How many of each kind, as a receipt has them.
fn counts(text: &str) -> BTreeMap<String, i64> {
    let mut counts: BTreeMap<String, i64> = serde_json::from_str(text).unwrap_or_default();
    counts.retain(|_, count| *count > 0);
    counts
}

/// The same in words.
pub(super) fn in_words(text: &str) -> Markup {
    let counts = counts(text);
    let told: Vec<String> = counts
        .iter()
        .map(|(kind, count)| of_kind(kind, *count))
        .collect();
    html! { @if told.is_empty() { span.muted { "nothing" } } @else { (told.join(", ")) } }
}

/// What the filters leave, newest first.
async fn export(
    _: Visitor,
    request: HttpRequest,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let still_may = downloads::still_may(SCOPE, request, &state);
    let receipts = send_receipts(&state, filter.into_inner().selection()?, still_may);
    Ok(downloads::as_file(receipts, "receipts.ndjson"))
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let (receipt, directory, is_there) = state
        .database
        .read(move |connection| {
            let receipt =
                receipts::find(connection, &id)?.ok_or(PolicyError::NotFound("receipt"))?;
            let directory = receipt.directory_id.as_deref().map(DirectoryId::new);
            let directory = directory
                .map(|directory| directories::find(connection, &directory))
                .transpose()?;
            let person = ResourceId::new(receipt.person_id.as_str());
            let person = resources::find_any(connection, &person)?;
            let is_there = person.is_some_and(|person| person.resource_type == USER);
            Ok::<_, PolicyError>((receipt, directory.flatten(), is_there))
        })
        .await?;
    let title = format!("Receipt of {}", name(&receipt));
    let person = &receipt.person_id;
    let rows = vec![
        (
            "Person",
            html! {
                @if is_there && visitor.may(Scope::UsersRead) {
                    a href={ "/console/people/" (person) } { (name(&receipt)) }
                } @else { (name(&receipt)) }
                @if !is_there { " " span.muted { "(deleted)" } }
            },
        ),
        (
            "User name",
            html! { (receipt.user_name.as_deref().unwrap_or("none")) },
        ),
        ("Identifier", html! { code { (person) } }),
        (
            "Directory",
            html! {
                @match (&directory, &receipt.directory_id) {
                    (Some(directory), _) => {
                        a href={ "/console/directories/" (directory.id) } { (directory.name) }
                    },
                    (None, Some(id)) => { code { (id) } " " span.muted { "(removed)" } },
                    (None, None) => { span.muted { "none" } },
                }
            },
        ),
        ("Why", html! { (receipt.reason.replace('_', " ")) }),
        (
            "Asked",
            instant(Timestamp::from_millis(receipt.requested_at)),
        ),
        (
            "Took effect",
            instant(Timestamp::from_millis(receipt.effective_at)),
        ),
        ("By", by(&receipt)),
        ("Receipt", html! { code { (receipt.id) } }),
    ];
    let content = html! {
        (heading(&title, Some(LIST), &html! {
            a.button href={ "/console/audit?target=" (person) } { "All that was done to them" }
            a.button href={ (LIST.0) "?person=" (person) } { "Their receipts" }
        }))
        (facts(&rows))
        h2 { "What has ended" }
        (counted(&receipt.revoked, "Revoked or ended, at once and for good", "Nothing authenticated them."))
        h2 { "What goes on, flagged" }
        (counted(&receipt.orphaned, "Orphaned: to be adopted, rotated or revoked", "Nothing was left behind."))
    };
    Ok(page(&visitor, Section::Audit, &title, &content))
}

/// Who has done it, and with what.
fn by(receipt: &ReceiptRow) -> Markup {
    html! {
        (receipt.actor_name.as_deref().unwrap_or(&receipt.actor_kind))
        @if let Some(credential) = &receipt.actor_credential_id {
            ", with " a href={ "/console/audit?credential=" (credential) } {
                (named(&receipt.actor_kind, 1)) " " code { (credential) }
            }
        }
    }
}

fn counted(text: &str, caption: &str, without: &str) -> Markup {
    let rows: Vec<Vec<Markup>> = counts(text)
        .iter()
        .map(|(kind, count)| vec![html! { (named(kind, *count)) }, html! { (grouped(*count)) }])
        .collect();
    html! {
        @if rows.is_empty() { (empty(without, &html! {})) }
        @else { (table(caption, &["Kind", "How many"], &rows)) }
    }
}
