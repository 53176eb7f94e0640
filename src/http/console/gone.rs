//! What is said of a thing that has had a page and is not there any more: when it went and by whom, as the audit log
//! knows, to those who may read that. Links from events and notices outlive what they lead to.

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::audit_events::{self, AuditEventRow, Selection};
use crate::store::deleted_people;
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, StoreError};

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

/// How the names of actions end by which a thing goes.
const ENDINGS: [&str; 2] = [".deleted", ".removed"];

/// What the log knows of something that is gone.
struct Gone {
    /// The newest first; at least one.
    events: Vec<AuditEventRow>,
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
    let wanted = id.clone();
    let gone = state
        .database
        .read(move |connection| found(connection, &wanted))
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
        (ending(&visitor, &gone, &id))
        h2 { "History" }
        (history(&gone.events))
    };
    let mut response = page(&visitor, section(request.path()), &title, &content);
    *response.status_mut() = StatusCode::NOT_FOUND;
    Ok(Some(response))
}

fn found(connection: &mut DatabaseConnection, id: &str) -> Result<Option<Gone>, StoreError> {
    let about = Selection {
        target_id: Some(id.to_owned()),
        ..Selection::default()
    };
    let events = audit_events::list(connection, &about, None, EVENTS)?;
    if events.is_empty() {
        return Ok(None);
    }
    Ok(Some(Gone {
        events,
        is_kept: deleted_people::is_kept(connection, &ResourceId::new(id))?,
    }))
}

/// When it went and by whom.
fn ending(visitor: &Visitor, gone: &Gone, id: &str) -> Markup {
    let is_ending = |event: &&AuditEventRow| {
        let mut endings = ENDINGS.iter();
        event.outcome == "success" && endings.any(|ending| event.action.ends_with(ending))
    };
    html! {
        p role="status" {
            "This is not there any more"
            @if let Some(event) = gone.events.iter().find(is_ending) {
                ": deleted " (time(Timestamp::from_millis(event.at))) " by "
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

/// The part of the console that an address is in.
fn section(path: &str) -> Section {
    let room = path.trim_start_matches("/console/").split('/').next();
    match room {
        Some("people") => Section::People,
        Some("groups") => Section::Groups,
        Some("directories") => Section::Directories,
        Some("keys") => Section::Keys,
        Some("policies") => Section::Policies,
        Some("products") => Section::Products,
        Some("service-accounts") => Section::ServiceAccounts,
        Some("webhooks") => Section::Webhooks,
        Some("notices") => Section::Notices,
        _ => Section::Audit,
    }
}
