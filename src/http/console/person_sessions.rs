//! Where somebody else is signed in, and the ending of that by an admin.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::open_sessions::{self, OpenSessions};
use crate::credentials::{Credential, CredentialError};
use crate::policies::{PolicyError, Scope};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::resources::Resource;

use super::super::State;
use super::super::admin::endings::{MANY, of_sessions_of_person};
use super::super::admin::user_records::{end_session_by, end_sessions_by};
use super::super::admin::users::find;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{Question, confirm, empty, field, filters, heading, pager, results, table};
use super::posted::Confirmed;
use super::rows::ROWS;
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::words::{ago, ago_or, counted, time};

pub(super) const READ: Scope = Scope::SessionsRead;
const END: Scope = Scope::TokensRevoke;

pub(super) fn pages() -> Vec<Page> {
    let (read, end) = (Access::With(READ), Access::With(END));
    vec![
        Page::at("/people/{id}/sessions").get(read, list),
        Page::at("/people/{id}/sessions/end-all")
            .get(end, ask_end_all)
            .post(end, end_all),
        Page::at("/people/{id}/sessions/{session}/end")
            .get(end, ask_end)
            .post(end, end_one),
    ]
}

/// Some of somebody's sessions, on their page: all of them are on the page that it leads to.
pub(super) fn sessions_of(visitor: &Visitor, person: &ResourceId, open: &OpenSessions) -> Markup {
    html! {
        @if open.sessions.is_empty() && open.next.is_none() {
            (empty("They are signed in nowhere.", &html! {}))
        } @else {
            (rows_of(visitor, person, open))
            @if open.next.is_some() {
                p { a href={ "/console/people/" (person) "/sessions" } { "All of their sessions" } }
            }
        }
    }
}

fn rows_of(visitor: &Visitor, person: &ResourceId, open: &OpenSessions) -> Markup {
    let now = visitor.now();
    let row = |session: &Credential| {
        vec![
            time(session.created_at),
            ago_or(session.last_used_at, now, "never"),
            html! { code { (session.last_used_ip.as_deref().unwrap_or_default()) } },
            ago(session.expires_at, now),
            html! {
                @if session.second_factor_at.is_some() { "shown" } @else { span.muted { "not shown" } }
            },
            html! {
                @if visitor.may(END) {
                    a href={ "/console/people/" (person) "/sessions/" (session.id) "/end" }
                        aria-label={ "End the session since " (session.created_at.to_rfc3339()) } { "End" }
                }
            },
        ]
    };
    let rows: Vec<Vec<Markup>> = open.sessions.iter().map(row).collect();
    table(
        "The newest first",
        &[
            "Since",
            "Last used",
            "From",
            "Ends",
            "Second factor",
            "Action",
        ],
        &rows,
    )
}

/// The field by which lists of sessions are narrowed.
pub(super) fn from_field(from: &str) -> Markup {
    field(
        "Address begins with",
        &html! { input type="search" name="from" value=(from) autocomplete="off" spellcheck="false"; },
    )
}

#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    from: String,
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (Place { from, cursor }, now) = (place.into_inner(), visitor.now());
    let wanted = from.clone();
    let (person, open) = state
        .database
        .read(move |connection| {
            let person = find(connection, &id)?;
            let cursor = cursor.as_deref();
            let from = Some(wanted.as_str());
            let open = open_sessions::list_open_from(connection, &id, from, cursor, ROWS + 1, now)?;
            Ok::<_, PolicyError>((person, open))
        })
        .await?;
    let name = person.label().unwrap_or("this person");
    let address = format!("/console/people/{}", person.id);
    let content = html! {
        (heading("Sessions", Some((&address, name)), &html! {
            @if visitor.may(END) { a.button.danger href=(format!("{address}/sessions/end-all")) { "End all" } }
        }))
        (filters(&format!("{address}/sessions"), &from_field(&from)))
        (results(&html! {
            @if open.sessions.is_empty() && from.trim().is_empty() {
                (empty("They are signed in nowhere.", &html! {}))
            } @else if open.sessions.is_empty() {
                (empty("They are signed in from no such address.", &html! {}))
            } @else {
                (rows_of(&visitor, &person.id, &open))
            }
            (pager(&visitor, open.next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::People, "Sessions", &content))
}

async fn ask_end(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (id, session) = path.into_inner();
    let (id, session) = (ResourceId::new(id), CredentialId::new(session));
    let now = visitor.now();
    let (person, found) = state.database.read_now(|connection| {
        let person = find(connection, &id)?;
        let found = match open_sessions::find_of(connection, &id, &session, now) {
            Ok(found) => Some(found),
            Err(CredentialError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        Ok::<_, CredentialError>((person, found))
    })?;
    let name = person.label().unwrap_or("this person");
    let title = format!("End a session of {name}");
    let session = match found {
        Some((session, None)) => session,
        ended => return Ok(ended_page(&visitor, &person, &title, ended.as_ref())),
    };
    let question = Question {
        title: &title,
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            @if visitor.may(READ) {
                p {
                    "It began " (ago(session.created_at, now))
                    @if let Some(address) = &session.last_used_ip { ", and was last used from " code { (address) } }
                    "."
                }
            }
            p { "1 session ends: its next click leads to the sign-in. " (name) " stays active, and may sign in again." }
        },
        fields: html! {},
        button: "End it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::People, "End a session", &content))
}

/// Where there is nothing to be ended any more: a session that has ended, or that there never was.
fn ended_page(
    visitor: &Visitor,
    person: &Resource,
    title: &str,
    session: Option<&(Credential, Option<Timestamp>)>,
) -> HttpResponse {
    let (now, name) = (visitor.now(), person.label().unwrap_or("this person"));
    let address = format!("/console/people/{}", person.id);
    let content = html! {
        (heading(title, Some((&address, name)), &html! {}))
        p.note {
            "This session exists no more"
            @if visitor.may(READ) && let Some((session, Some(at))) = session {
                ": it ended " (ago(*at, now))
                @if let Some(reason) = &session.revoked_reason { " (" (reason.replace('_', " ")) ")" }
            }
            ". There is nothing to end."
        }
        p { a.button href=(format!("{address}/sessions")) { "See where they are signed in" } }
    };
    let mut answer = page(visitor, Section::People, "End a session", &content);
    *answer.status_mut() = StatusCode::NOT_FOUND;
    answer
}

async fn end_one(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (id, session) = path.into_inner();
    let id = ResourceId::new(id);
    let admin = sent.visitor.admin(END);
    end_session_by(admin, &state, id.clone(), CredentialId::new(session)).await?;
    Ok(see_other(&format!(
        "/console/people/{id}?done=their-session-ended"
    )))
}

async fn ask_end_all(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (wanted, now) = (id.clone(), visitor.now());
    let (person, count) = state
        .database
        .read(move |connection| of_sessions_of_person(connection, &wanted, now))
        .await?;
    let name = person.label().unwrap_or("this person");
    let question = Question {
        title: &format!("End all sessions of {name}"),
        back: (&format!("/console/people/{id}"), name),
        consequences: html! {
            p {
                @if visitor.may(READ) {
                    @if count == MANY { "At least " }
                    (counted(count, "session ends", "sessions end"))
                } @else { "Every session of theirs ends" }
                ": the next click of each leads to the sign-in. " (name)
                " stays active, and may sign in again. Their API tokens go on working."
            }
        },
        fields: html! {},
        button: "End all sessions",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(
        &visitor,
        Section::People,
        "End all sessions",
        &content,
    ))
}

async fn end_all(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    end_sessions_by(sent.visitor.admin(END), &state, id.clone()).await?;
    Ok(see_other(&format!(
        "/console/people/{id}?done=their-sessions-ended"
    )))
}
