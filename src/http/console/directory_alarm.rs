//! The alarm for too many leavers at once: how each directory stands to it, its threshold, and that somebody has seen
//! to it.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::lifecycle::alarm::{self, Standing};
use crate::policies::{PolicyError, Scope};
use crate::store::directories::{self, Directory};
use crate::store::id::DirectoryId;

use super::super::State;
use super::super::admin::alarms::{Seen, ThresholdChange, lift_by, set_threshold_by};
use super::answer::{Failure, see_other};
use super::directories::show as directories_page;
use super::directory_change::address;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{badge, confirmation, field_with_hint, form, heading, table};
use super::posted::{Confirmed, Posted};
use super::visitor::Visitor;
use super::words::{ago, ago_or, counted, grouped};

const READ: Scope = Scope::NotificationsRead;
const WRITE: Scope = Scope::NotificationsWrite;
const PLACE: &str = "/console/directories/alarm";

pub(super) fn pages() -> Vec<Page> {
    vec![
        Page::at("/directories/alarm")
            .get(Access::With(READ), show)
            .post(Access::With(WRITE), change),
        Page::at("/directories/{id}/alarm/lift")
            .on(Access::With(Scope::DirectoriesRead), directories_page)
            .post(Access::With(WRITE), lift),
    ]
}

async fn show(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let now = visitor.now();
    let (threshold, known) = state
        .database
        .read(move |connection| {
            let mut known: Vec<(Directory, Standing)> = Vec::new();
            for directory in directories::list(connection)? {
                let standing = alarm::standing(connection, &directory.id, now)?;
                known.push((directory, standing));
            }
            Ok::<_, PolicyError>((alarm::threshold(connection)?, known))
        })
        .await?;
    let asked = visitor.asked(&state)?;
    let rows: Vec<Vec<Markup>> = known
        .iter()
        .map(|(directory, standing)| {
            vec![
                html! { a href=(address(&directory.id)) { (directory.name) } },
                html! { (grouped(standing.people)) },
                html! { (grouped(standing.deprovisioned)) },
                html! { (grouped(standing.alarms_at)) },
                html! {
                    @if standing.raised { (badge("bad", "raised")) " " }
                    (ago_or(standing.alarmed_at, now, "never"))
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Alarm for too many leavers", Some(("/console/directories", "Directories")), &html! {}))
        p {
            "Admins are told when more than " strong { (threshold.percent) " %" } " of a directory's people, and at least "
            strong { (grouped(threshold.people)) } ", are deactivated or deleted within an hour. It holds nothing up."
        }
        (table(
            "How each directory stands to it",
            &["Directory", "People", "Left within the hour", "Told at", "Last alarm"],
            &rows,
        ))
        @if visitor.may(WRITE) {
            h2 { "Change it" }
            (form(&visitor, PLACE, &html! {
                (field_with_hint("More than so many per cent of the people", "For every directory alike.", &html! {
                    input type="number" name="percent" min="0" max="100" value=(threshold.percent) required;
                }))
                (field_with_hint("And at least so many", "So that a few leavers of a small directory are no alarm.", &html! {
                    input type="number" name="people" min="1" max="1000000" value=(threshold.people) required;
                }))
                (confirmation(asked))
                button.primary { "Change it" }
            }))
        }
    };
    Ok(page(&visitor, Section::Directories, "Alarm", &content))
}

#[derive(Deserialize)]
struct Wanted {
    percent: i64,
    people: i64,
}

async fn change(sent: Confirmed<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let change = ThresholdChange {
        percent: Some(sent.form.percent),
        people: Some(sent.form.people),
    };
    set_threshold_by(sent.visitor.admin(WRITE), &state, change).await?;
    Ok(see_other(&format!("{PLACE}?done=alarm-changed")))
}

/// What to do where so many have left a directory that the alarm is raised.
pub(super) fn raised(visitor: &Visitor, directory: &Directory, standing: &Standing) -> Markup {
    let now = visitor.now();
    let id = &directory.id;
    html! {
        @if let Some(at) = standing.alarmed_at.filter(|_| standing.raised) {
            div.note role="alert" {
                p {
                    strong { "Alarm: unusually many have left at once, " (ago(at, now)) "." }
                    " Look whether the identity provider means it; if not, stop its synchronisation first."
                }
                p {
                    @if visitor.may(Scope::UsersRead) {
                        a href={ "/console/people/deleted?directory=" (id) } { "Recover those who were deleted" } " · "
                    }
                    @if visitor.may(Scope::AuditRead) {
                        a href={ "/console/receipts?directory=" (id) } { "See what has ended" }
                    }
                }
                @if visitor.may(WRITE) {
                    (form(visitor, &format!("{}/alarm/lift", address(id)), &html! {
                        // Never filled in again: whoever is shown another alarm lifts that, or neither.
                        input type="hidden" name="alarmed_at" value=(at.to_rfc3339());
                        button { "Lift the alarm" }
                    }))
                }
            }
        }
    }
}

/// How many have left within the hour, and at how many admins are told.
pub(super) fn left(standing: &Standing) -> Markup {
    html! {
        (counted(standing.deprovisioned, "person", "people")) "; "
        a href=(PLACE) { "admins are told at " (grouped(standing.alarms_at)) }
    }
}

/// Which alarm the page has shown.
#[derive(Deserialize)]
struct Lifted {
    alarmed_at: String,
}

/// It holds nothing up and gives nothing: nobody is asked for the password.
async fn lift(
    sent: Posted<Lifted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    let place = address(&id);
    let seen = Seen {
        alarmed_at: sent.form.alarmed_at,
    };
    lift_by(sent.visitor.admin(WRITE), &state, id, seen).await?;
    Ok(see_other(&format!("{place}?done=alarm-lifted")))
}
