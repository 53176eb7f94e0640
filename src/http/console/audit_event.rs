//! One audit event: who did what to what, with what and from where, what changed, and its place in the chain.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::StoreError;
use crate::store::audit_chain::{self, PlacedEvent};
use crate::store::id::ResourceId;
use crate::store::resources;

use super::super::State;
use super::super::problem::Problem;
use super::answer::Failure;
use super::frame::{Section, page};
use super::page::{Access, Page};
use super::parts::{badge, facts, heading};
use super::things::{detail, link, page_of};
use super::visitor::Visitor;
use super::words::{grouped, instant};

pub(super) fn pages() -> Vec<Page> {
    // After those of the list: what they are called is no identifier.
    vec![Page::at("/audit/{id}").get(Access::With(Scope::AuditRead), show)]
}

/// The page of one.
pub(super) fn address(id: &str) -> String {
    format!("/console/audit/{id}")
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = id.into_inner();
    let wanted = id.clone();
    let found = state
        .database
        .read(move |connection| {
            let Some(placed) = audit_chain::find_event(connection, &wanted)? else {
                return Ok(None);
            };
            let target = placed.event.target_id.clone().map(ResourceId::new);
            let is_there = match target {
                Some(target) => resources::find_any(connection, &target)?.is_some(),
                None => false,
            };
            Ok::<_, StoreError>(Some((placed, is_there)))
        })
        .await?;
    let (placed, is_there) = found.ok_or_else(|| Problem::not_found("audit event", &id))?;
    let event = &placed.event;
    let told = detail(&event.detail);
    let told: Vec<(&str, Markup)> = told
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let content = html! {
        (heading(&event.action, Some(("/console/audit", "Audit log")), &html! {
            @if let Some(target) = &event.target_id {
                a.button href={ "/console/audit?target=" (target) } { "All that was done to it" }
            }
        }))
        (facts(&told_of(&placed, is_there)))
        @if !told.is_empty() {
            h2 { "What is told of it" }
            (facts(&told))
        }
    };
    Ok(page(&visitor, Section::Audit, &event.action, &content))
}

fn told_of(placed: &PlacedEvent, is_there: bool) -> Vec<(&'static str, Markup)> {
    let event = &placed.event;
    let outcome = match event.outcome.as_str() {
        "success" => badge("ok", "done"),
        other => badge("bad", other),
    };
    let none = || html! { span.muted { "none" } };
    let mut rows = vec![
        ("When", instant(Timestamp::from_millis(event.at))),
        ("Outcome", outcome),
        (
            "By",
            html! {
                @match &event.actor_person_id {
                    Some(person) => { (link("User", person, event.actor_name.as_deref())) },
                    None => { (event.actor_name.as_deref().unwrap_or(&event.actor_kind)) },
                }
            },
        ),
        (
            "With",
            html! {
                (event.actor_kind.replace('_', " "))
                @if let Some(credential) = &event.actor_credential_id {
                    " "
                    @match page_of(&event.actor_kind, credential) {
                        Some(page) => { a href=(page) { (credential) } },
                        None => { code { (credential) } },
                    }
                    ", " a href={ "/console/audit?credential=" (credential) } { "all that was done with it" }
                }
            },
        ),
        (
            "From",
            html! {
                @match &event.source_ip {
                    Some(address) => { code { (address) } },
                    None => { span.muted { "no address is known" } },
                }
            },
        ),
        ("To", target(placed, is_there).unwrap_or_else(none)),
        (
            "Directory",
            match &event.directory_id {
                Some(id) => link("directory", id, None),
                None => none(),
            },
        ),
        ("Event", html! { code { (event.id) } }),
    ];
    rows.extend(match &placed.place {
        Some(place) => vec![
            ("Place in the chain", html! { (grouped(place.position)) }),
            ("Hash", html! { code { (place.hash) } }),
            ("Hash before", html! { code { (place.previous_hash) } }),
        ],
        None => vec![(
            "Place in the chain",
            html! { span.muted { "it waits to be chained" } },
        )],
    });
    rows
}

/// What it was done to: its kind, and its name, which leads to its page while it is there.
fn target(placed: &PlacedEvent, is_there: bool) -> Option<Markup> {
    let event = &placed.event;
    let id = event.target_id.as_deref()?;
    let kind = event.target_type.as_deref().unwrap_or_default();
    let name = event.target_name.as_deref();
    let is_resource = ["User", "Group"].contains(&kind);
    Some(html! {
        @if is_resource && !is_there { (name.unwrap_or(id)) " " span.muted { "(deleted)" } }
        @else { (link(kind, id, name)) }
        " " small { (kind.replace('_', " ")) " " code { (id) } }
    })
}
