//! People: found while one types, and shown whole. What is done with them is in `person_actions`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::open_sessions::{self, OpenSessions};
use crate::credentials::{Credential, second_factor};
use crate::lifecycle::USER;
use crate::policies::authentication::{self, Explanation};
use crate::policies::roles::roles_of;
use crate::policies::{PolicyError, Rights, Role, Scope};
use crate::provisioning::people::Surroundings;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::audit_events::{AuditEventRow, Selection};
use crate::store::audit_search;
use crate::store::credentials::{Search, newest};
use crate::store::directories::{self, Directory};
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::memberships;
use crate::store::receipts::{self, ReceiptRow};
use crate::store::resources::{self, Resource};

use super::super::State;
use super::super::admin::listed::Narrowed;
use super::super::admin::user_records::document;
use super::super::admin::users::find;
use super::super::problem::Problem;
use super::answer::Failure;
use super::audit_event;
use super::frame::{Section, page};
use super::keys::{Names, credentials};
use super::page::{Access, Page};
use super::parts::{badge, empty, facts, field, filters, heading, pager, results, select, table};
use super::person_sessions::{READ as SESSIONS_READ, sessions_of};
use super::receipts::{address, address_of, in_words};
use super::rows::{ROWS, first_rows};
use super::visitor::Visitor;
use super::words::{ago, time};

/// How many events of somebody's history are shown.
const EVENTS: i64 = 20;
/// How many sessions, and one more.
const SESSIONS: i64 = 11;
/// How many credentials of each sort.
const CREDENTIALS: i64 = 20;

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::UsersRead);
    vec![
        Page::at("/people").get(read, list),
        Page::at("/people/{id}").get(read, show),
    ]
}

/// What a list of people or groups is narrowed by.
#[derive(Clone, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    pub(super) q: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    pub(super) directory: Option<DirectoryId>,
    pub(super) cursor: Option<String>,
}

/// A page of a list of people or groups.
pub(super) struct Listed {
    pub(super) found: Vec<Resource>,
    pub(super) next: Option<String>,
    pub(super) directories: Vec<Directory>,
}

impl Filter {
    /// Those that begin with what was typed; everybody, page by page, where nothing was.
    pub(super) fn page(
        &self,
        connection: &mut DatabaseConnection,
        resource_type: &str,
    ) -> Result<Listed, Problem> {
        let narrowed = Narrowed {
            directory_id: self.directory.as_ref().map(ToString::to_string),
            search: Some(self.q.clone()),
        };
        let cursor = self.cursor.as_deref();
        let listed = narrowed.page(connection, resource_type, None, cursor, ROWS + 1)?;
        let (listed, next) = first_rows(listed, |last| last.cursor.clone());
        Ok(Listed {
            found: listed.into_iter().map(|one| one.resource).collect(),
            next,
            directories: directories::list(connection)?,
        })
    }

    /// The form above the list.
    pub(super) fn form(&self, address: &str, hint: &str, directories: &[Directory]) -> Markup {
        let mut options = vec![("", "Every directory")];
        options.extend(
            directories
                .iter()
                .map(|directory| (directory.id.as_str(), directory.name.as_str())),
        );
        let chosen = self.directory.as_ref().map_or("", DirectoryId::as_str);
        filters(
            address,
            &html! {
                (field(hint, &html! {
                    input type="search" name="q" value=(self.q) autocomplete="off" spellcheck="false";
                }))
                (field("Directory", &select("directory", chosen, &options)))
            },
        )
    }
}

/// What a directory is called.
pub(super) fn name_of<'a>(directories: &'a [Directory], id: &DirectoryId) -> &'a str {
    let found = directories.iter().find(|directory| directory.id == *id);
    found.map_or("", |directory| directory.name.as_str())
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let wanted = filter.clone();
    let listed = state
        .database
        .read(move |connection| wanted.page(connection, USER))
        .await?;
    let rows: Vec<Vec<Markup>> = listed
        .found
        .iter()
        .map(|person| {
            let user_name = person.user_name.as_deref().unwrap_or_default();
            vec![
                html! { a href={ "/console/people/" (person.id) } { (person.label().unwrap_or(user_name)) } },
                html! { (user_name) },
                html! { (name_of(&listed.directories, &person.directory_id)) },
                active(person),
                time(person.modified_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("People", None, &html! {
            @if visitor.may(Scope::UsersWrite) { a.button href="/console/people/new" { "New local person" } }
            a.button href="/console/people/deleted" { "Deleted people" }
        }))
        (filter.form("/console/people", "Name, address or external id begins with", &listed.directories))
        (results(&html! {
            @if rows.is_empty() {
                (empty("Nobody is found by that.", &html! {}))
            } @else {
                (table(
                    if filter.q.trim().is_empty() { "In the order in which they came" } else { "In the order of what begins so" },
                    &["Name", "User name", "Directory", "State", "Changed"],
                    &rows,
                ))
            }
            (pager(&visitor, listed.next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::People, "People", &content))
}

fn active(person: &Resource) -> Markup {
    if person.active {
        badge("ok", "active")
    } else {
        badge("off", "inactive")
    }
}

/// Everything that is known of one person.
struct Known {
    person: Resource,
    directory: Option<Directory>,
    roles: Vec<Role>,
    groups: Vec<(ResourceId, String)>,
    policy: Explanation,
    has_second_factor: bool,
    held: Vec<Credential>,
    /// Where they are signed in, for whoever may see that.
    sessions: Option<OpenSessions>,
    document: Value,
    made: Vec<Credential>,
    names: Names,
    history: Vec<AuditEventRow>,
    /// What ended when they last left or lost a role.
    receipt: Option<ReceiptRow>,
}

impl Known {
    fn of(
        connection: &mut DatabaseConnection,
        surroundings: &Surroundings,
        id: &ResourceId,
        actor: &Actor,
        now: Timestamp,
        rights: &Rights,
    ) -> Result<Self, PolicyError> {
        let sees_history = rights.include(Scope::AuditRead);
        let person = find(connection, id)?;
        let group_ids = memberships::direct_groups_of(connection, id)?;
        let labels = resources::labels(connection, &group_ids)?;
        let held = Search {
            kinds: vec![SecretKind::UserToken],
            owner: Some(id.clone()),
            ..Search::default()
        };
        let made = Search {
            kinds: vec![
                SecretKind::ScimKey,
                SecretKind::AdminKey,
                SecretKind::ProductCredential,
                SecretKind::ServiceAccountToken,
            ],
            creator: Some(id.clone()),
            ..Search::default()
        };
        let held = newest(connection, &held, None, CREDENTIALS)?;
        let made = newest(connection, &made, None, CREDENTIALS)?;
        let all: Vec<Credential> = held.iter().chain(&made).cloned().collect();
        let history = Selection {
            person_id: Some(id.to_string()),
            ..Selection::default()
        };
        Ok(Self {
            directory: directories::find(connection, &person.directory_id)?,
            roles: roles_of(connection, id)?,
            groups: group_ids
                .into_iter()
                .map(|id| {
                    let label = labels.get(&id).cloned().unwrap_or_else(|| id.to_string());
                    (id, label)
                })
                .collect(),
            policy: authentication::explain(connection, id, now)?,
            has_second_factor: second_factor::standing(connection, id, now)?
                .enrolled_at
                .is_some(),
            names: Names::of(connection, &all)?,
            receipt: if sees_history {
                let newest = receipts::list(connection, &receipts::Selection::of(id), None, 1)?;
                newest.into_iter().next()
            } else {
                None
            },
            history: if sees_history {
                audit_search::list(connection, &history, None, EVENTS)?
            } else {
                Vec::new()
            },
            sessions: rights
                .include(SESSIONS_READ)
                .then(|| open_sessions::list_open(connection, id, None, SESSIONS, now))
                .transpose()?,
            document: document(connection, surroundings, &person, actor, now)?,
            person,
            held,
            made,
        })
    }
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ResourceId::new(id.into_inner());
    let (now, sees_history) = (visitor.now(), visitor.may(Scope::AuditRead));
    let rights = visitor.rights.clone();
    let (surroundings, actor) = (state.surroundings(), visitor.person.caller.actor.clone());
    let known = state
        .database
        .read(move |connection| Known::of(connection, &surroundings, &id, &actor, now, &rights))
        .await?;
    let title = known.person.label().unwrap_or("Somebody").to_owned();
    let content = html! {
        (heading(&title, Some(("/console/people", "People")), &actions(&visitor, &known)))
        (facts(&rows(&known)))
        @if let Some(receipt) = &known.receipt { (last_receipt(receipt, now)) }
        h2 { "API tokens" }
        (held(&visitor, &known))
        @if let Some(sessions) = &known.sessions {
            h2 { "Sessions" }
            (sessions_of(&visitor, &known.person.id, sessions))
        }
        @if !known.made.is_empty() {
            h2 { "Keys that they made" }
            (credentials("The newest first", &known.made, &known.names, now))
            p {
                a href={ "/console/keys?creator=" (known.person.id) } { "All keys that they made" }
                @if visitor.may(Scope::ScimKeysRead) && known.made.iter().any(|key| key.orphaned_at.is_some()) {
                    " · " a href={ "/console/orphans?leaver=" (known.person.id) } { "The orphans among them" }
                }
            }
        }
        h2 { "Attributes" }
        (attributes(&known.document))
        @if sees_history {
            h2 { "History" }
            (history(&known.history))
            p { a href={ "/console/audit?person=" (known.person.id) } { "Everything that they did, or that was done to them" } }
        }
    };
    Ok(page(&visitor, Section::People, &title, &content))
}

fn actions(visitor: &Visitor, known: &Known) -> Markup {
    let person = &known.person;
    let address = format!("/console/people/{}", person.id);
    html! {
        @if visitor.may(Scope::TokensRevoke) {
            a.button href=(format!("{address}/revoke-tokens")) { "Revoke tokens" }
            @if known.sessions.as_ref().is_none_or(|open| !open.sessions.is_empty()) {
                a.button href=(format!("{address}/sessions/end-all")) { "End sessions" }
            }
        }
        @if visitor.may(Scope::UsersWrite) {
            @if person.active && visitor.may(Scope::RolesWrite) {
                a.button href={ "/console/roles/grant?user=" (person.id) } { "Grant a role" }
            }
            @if person.active {
                a.button href=(format!("{address}/password-link")) { "Password link" }
                @if known.has_second_factor {
                    a.button href=(format!("{address}/reset-second-factor")) { "Reset second factor" }
                }
                a.button.danger href=(format!("{address}/deprovision")) { "Deprovision" }
            } @else {
                a.button href=(format!("{address}/reactivate")) { "Reactivate" }
            }
        }
    }
}

fn rows(known: &Known) -> Vec<(&'static str, Markup)> {
    let person = &known.person;
    let policy = &known.policy.policy;
    vec![
        ("State", active(person)),
        (
            "User name",
            html! { (person.user_name.as_deref().unwrap_or_default()) },
        ),
        (
            "Directory",
            html! {
                @if let Some(directory) = &known.directory {
                    a href={ "/console/directories/" (directory.id) } { (directory.name) }
                }
            },
        ),
        (
            "External id",
            html! { (person.external_id.as_deref().unwrap_or("none")) },
        ),
        (
            "Roles",
            html! {
                @if known.roles.is_empty() { span.muted { "none" } }
                @for role in &known.roles { (badge("warn", role.name())) " " }
                // What was granted has gone with the deprovisioning; what is left, groups give.
                @if !person.active && !known.roles.is_empty() {
                    span.muted { "by a group; rests while they are inactive" }
                }
            },
        ),
        (
            "Groups",
            html! {
                @if known.groups.is_empty() { span.muted { "none" } }
                @for (index, (id, label)) in known.groups.iter().enumerate() {
                    @if index > 0 { ", " }
                    a href={ "/console/groups/" (id) } { (label) }
                }
            },
        ),
        ("Policy", html! { (policy.name) }),
        (
            "Second factor",
            html! { (if known.has_second_factor { "set up" } else { "not set up" }) },
        ),
        ("Came", html! { (time(person.created_at)) }),
        ("Changed", html! { (time(person.modified_at)) }),
    ]
}

fn held(visitor: &Visitor, known: &Known) -> Markup {
    html! {
        @if known.held.is_empty() {
            (empty("They have none.", &html! {}))
        } @else {
            (credentials("The newest first", &known.held, &known.names, visitor.now()))
            p { a href={ "/console/keys?kind=user-tokens&owner=" (known.person.id) } { "All of their tokens" } }
        }
    }
}

/// The document as it is read over SCIM: extensions under the names of their schemas. What is said above is left out.
fn attributes(document: &Value) -> Markup {
    let shown: Vec<(&str, Markup)> = document
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !["schemas", "id", "meta", "groups"].contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), attribute(value)))
        .collect();
    facts(&shown)
}

fn attribute(value: &Value) -> Markup {
    html! {
        @match value {
            Value::Object(members) => {
                @for (name, value) in members {
                    div { span.muted { (name) ": " } (attribute(value)) }
                }
            },
            Value::Array(items) => { @for item in items { div.item { (attribute(item)) } } },
            Value::String(text) => { (text) },
            other => { (other.to_string()) },
        }
    }
}

/// What ended when they last left or lost a role.
fn last_receipt(receipt: &ReceiptRow, now: Timestamp) -> Markup {
    let person = ResourceId::new(receipt.person_id.as_str());
    html! {
        h2 { "When they last left or lost a role" }
        (facts(&[
            ("When", html! {
                (ago(Timestamp::from_millis(receipt.effective_at), now)) ", "
                (receipt.reason.replace('_', " "))
            }),
            ("Ended", in_words(&receipt.revoked)),
            ("Flagged", in_words(&receipt.orphaned)),
        ]))
        p {
            a href=(address(&receipt.id)) { "The receipt" } " · "
            a href=(address_of(&person)) { "All of their receipts" }
        }
    }
}

/// Audit events about or by somebody or something, the newest first.
pub(super) fn history(events: &[AuditEventRow]) -> Markup {
    let rows: Vec<Vec<Markup>> = events
        .iter()
        .map(|event| {
            vec![
                html! { a href=(audit_event::address(&event.id)) { (time(Timestamp::from_millis(event.at))) } },
                html! {
                    code { (event.action) }
                    @if event.outcome != "success" { " " (badge("bad", &event.outcome)) }
                    @if let Some(receipt) = receipt_of(event) { " " a href=(address(&receipt)) { "receipt" } }
                },
                html! { (event.actor_name.as_deref().unwrap_or(&event.actor_kind)) },
                html! { (event.target_name.as_deref().or(event.target_id.as_deref()).unwrap_or_default()) },
            ]
        })
        .collect();
    html! {
        @if rows.is_empty() { (empty("Nothing is on record.", &html! {})) }
        @else { (table("The newest first", &["When", "What", "By", "Whom or what"], &rows)) }
    }
}

/// The receipt that was written with an event.
fn receipt_of(event: &AuditEventRow) -> Option<String> {
    let detail: Value = serde_json::from_str(&event.detail).ok()?;
    detail.get("receipt_id")?.as_str().map(str::to_owned)
}
