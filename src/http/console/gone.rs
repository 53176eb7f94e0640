//! What is said of a thing that has had a page and is not there any more: when it went and by whom, as the audit log
//! knows, to those who may read that. Links from events and notices outlive what they lead to.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::audit::Action;
use crate::clock::Timestamp;
use crate::lifecycle::{GROUP, USER, recovery};
use crate::policies::Scope;
use crate::store::audit_events::{AuditEventRow, Selection};
use crate::store::audit_search;
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, StoreError, deleted_people, resources};

use super::super::State;
use super::answer::Failure;
use super::frame::{Section, page};
use super::parts::heading;
use super::people::history;
use super::people_in_and_out::LIST as DELETED;
use super::refused::Answering;
use super::things::in_path;
use super::visitor::Visitor;
use super::words::time;

/// How many events of its history are shown.
const EVENTS: i64 = 20;

/// A kind of thing that has pages of its own.
#[derive(Clone, Copy)]
struct Thing {
    /// Where its pages are, below `/console`.
    room: &'static str,
    section: Section,
    /// What events about it call it.
    target_type: &'static str,
    /// What is recorded of one that goes by itself.
    ended_by: Action,
}

const THINGS: [Thing; 7] = [
    Thing {
        room: "people",
        section: Section::People,
        target_type: USER,
        ended_by: Action::ResourceDeleted,
    },
    Thing {
        room: "groups",
        section: Section::Groups,
        target_type: GROUP,
        ended_by: Action::ResourceDeleted,
    },
    Thing {
        room: "directories",
        section: Section::Directories,
        target_type: "directory",
        ended_by: Action::DirectoryRemoved,
    },
    Thing {
        room: "policies",
        section: Section::Policies,
        target_type: "policy",
        ended_by: Action::PolicyDeleted,
    },
    Thing {
        room: "products",
        section: Section::Products,
        target_type: "product",
        ended_by: Action::ProductDeleted,
    },
    Thing {
        room: "service-accounts",
        section: Section::ServiceAccounts,
        target_type: "service_account",
        ended_by: Action::ServiceAccountDeleted,
    },
    Thing {
        room: "webhooks",
        section: Section::Webhooks,
        target_type: "webhook",
        ended_by: Action::WebhookDeleted,
    },
];

impl Thing {
    /// What the pages at an address are about.
    fn at(path: &str) -> Option<Self> {
        let room = path.trim_start_matches("/console/").split('/').next()?;
        THINGS.into_iter().find(|thing| thing.room == room)
    }

    fn is_resource(self) -> bool {
        self.ended_by == Action::ResourceDeleted
    }
}

/// What the log knows of something that is gone.
struct Gone {
    /// The newest first; at least one.
    events: Vec<AuditEventRow>,
    /// That it went, or the directory that it was in.
    ended: Option<AuditEventRow>,
    /// Whether it is a person who can be recovered.
    is_kept: bool,
}

/// The page, or what is known of what it was about.
pub(super) async fn answered(request: HttpRequest, shown: Answering) -> HttpResponse {
    let answer = shown(request.clone(), Payload::None).await;
    if answer.status() != StatusCode::NOT_FOUND {
        return answer;
    }
    match told(&request).await {
        Ok(Some(page)) => page,
        // What never was, or is not for them to know of, is answered as it was.
        Ok(None) | Err(_) => answer,
    }
}

async fn told(request: &HttpRequest) -> Result<Option<HttpResponse>, Failure> {
    let state = request.app_data::<web::Data<State>>();
    let id = request.match_info().get("id").map(str::to_owned);
    let (Some(state), Some(id)) = (state, id) else {
        return Ok(None);
    };
    // Its own page: what is missing of a page further down is something else.
    if !request.path().ends_with(&id) {
        return Ok(None);
    }
    let visitor = Visitor::from_request(request, &mut Payload::None).await?;
    if !visitor.may(Scope::AuditRead) {
        return Ok(None);
    }
    let Some(thing) = Thing::at(request.path()) else {
        return Ok(None);
    };
    let wanted = id.clone();
    let kept_since = recovery::since(state.settings.limits.recovery_days, visitor.now());
    let gone = state
        .database
        .read(move |connection| found(connection, thing, &wanted, kept_since))
        .await?;
    let Some(gone) = gone else {
        return Ok(None);
    };
    let named = gone
        .events
        .iter()
        .find_map(|event| event.target_name.as_deref());
    let title = named.unwrap_or("Not there any more").to_owned();
    let content = html! {
        (heading(&title, None, &html! {
            a.button href={ "/console/audit?target=" (in_path(&id)) } { "All that was done to it" }
        }))
        (told_of(&visitor, thing, &gone, &id))
        h2 { "History" }
        (history(&gone.events))
    };
    let mut response = page(&visitor, thing.section, &title, &content);
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(Some(response))
}

fn found(
    connection: &mut DatabaseConnection,
    thing: Thing,
    id: &str,
    kept_since: Timestamp,
) -> Result<Option<Gone>, StoreError> {
    let resource = ResourceId::new(id);
    // What is there has a page elsewhere, or is of another kind than the address says.
    if thing.is_resource() && resources::find_any(connection, &resource)?.is_some() {
        return Ok(None);
    }
    let about = Selection {
        target_id: Some(id.to_owned()),
        ..Selection::default()
    };
    let mut events = audit_search::list(connection, &about, None, EVENTS)?;
    events.retain(|event| event.target_type.as_deref() == Some(thing.target_type));
    let Some(newest) = events.first() else {
        return Ok(None);
    };
    let ended = ended(connection, thing, id, newest.directory_id.as_deref())?;
    let is_kept = thing.target_type == USER
        && deleted_people::find(connection, &resource, kept_since)?.is_some();
    Ok(Some(Gone {
        events,
        ended,
        is_kept,
    }))
}

/// The event by which it went: its own, or of a person or group the removal of their directory.
fn ended(
    connection: &mut DatabaseConnection,
    thing: Thing,
    id: &str,
    directory: Option<&str>,
) -> Result<Option<AuditEventRow>, StoreError> {
    let own = last(connection, id, thing.ended_by)?;
    if !thing.is_resource() {
        return Ok(own);
    }
    if let Some(own) = own {
        // Who came back after it has gone in another way since.
        let back = last(connection, id, Action::UserRecovered)?;
        if back.is_none_or(|back| back.id < own.id) {
            return Ok(Some(own));
        }
    }
    match directory {
        Some(directory) => last(connection, directory, Action::DirectoryRemoved),
        None => Ok(None),
    }
}

/// The last time that this was done to it.
fn last(
    connection: &mut DatabaseConnection,
    target: &str,
    action: Action,
) -> Result<Option<AuditEventRow>, StoreError> {
    let selection = Selection {
        target_id: Some(target.to_owned()),
        action: Some(action.name().to_owned()),
        outcome: Some("success".to_owned()),
        ..Selection::default()
    };
    let found = audit_search::list(connection, &selection, None, 1)?;
    Ok(found.into_iter().next())
}

/// When it went and by whom.
fn told_of(visitor: &Visitor, thing: Thing, gone: &Gone, id: &str) -> Markup {
    html! {
        p role="status" {
            "This is not there any more"
            @if let Some(event) = &gone.ended {
                ": deleted "
                @if event.action != thing.ended_by.name() { "with its directory " }
                (time(Timestamp::from_millis(event.at))) " by "
                strong { (event.actor_name.as_deref().unwrap_or(&event.actor_kind)) }
            }
            "."
        }
        @if gone.is_kept && visitor.may(Scope::UsersWrite) {
            p {
                "They can be recovered, inactive: " a href={ (DELETED) "/" (in_path(id)) "/recover" } { "Recover" }
            }
        }
    }
}
