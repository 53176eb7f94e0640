//! Directories: how an identity provider is connected, its keys, and what it has sent. What ends them is in
//! `directory_ending`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::credentials::Credential;
use crate::lifecycle::alarm::{self, Standing};
use crate::lifecycle::{self, GROUP, USER};
use crate::policies::{PolicyError, Scope};
use crate::scim::leniency::Dialect;
use crate::secret::SecretKind;
use crate::store::credentials::{Search, newest};
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::id::DirectoryId;
use crate::store::resource_counts;
use crate::store::scim_requests::{self, ScimRequestRow};

use super::super::State;
use super::super::admin::directories::find;
use super::super::background;
use super::answer::{Failure, see_other};
use super::directory_alarm::{left, raised};
use super::directory_change::forgiven;
use super::frame::{Section, page};
use super::keys::{Names, credentials};
use super::page::{Access, Page};
use super::parts::{
    Typed as Narrowed, badge, confirmation, empty, facts, field, filters, form, heading, none_left,
    pager, results, select, table,
};
use super::posted::Confirmed;
use super::rows::{ROWS, first_rows};
use super::visitor::{UNATTENDED_HEADERS, Visitor};
use super::words::{ago, grouped, time};

/// How many requests the page of a directory shows.
const RECENT: i64 = 10;

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::DirectoriesRead);
    let write = Access::With(Scope::DirectoriesWrite);
    vec![
        Page::at("/directories").get(read, list),
        Page::at("/directories/new")
            .get(write, show_form)
            .post(write, create),
        Page::at("/directories/{id}").get(read, show),
        Page::at("/directories/{id}/requests").get(Access::With(Scope::AuditRead), requests),
    ]
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Narrowed>,
) -> Result<HttpResponse, Failure> {
    let found = state
        .database
        .read(|connection| {
            let mut found = Vec::new();
            for directory in directories::list(connection)? {
                let people = resource_counts::count(connection, &directory.id, USER)?;
                let groups = resource_counts::count(connection, &directory.id, GROUP)?;
                let last = scim_requests::list(connection, &directory.id, false, None, 1)?;
                found.push((directory, people, groups, last.into_iter().next()));
            }
            Ok::<_, crate::store::StoreError>(found)
        })
        .await?;
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .filter(|(directory, ..)| typed.admits([directory.name.as_str(), provider(directory)]))
        .map(|(directory, people, groups, last)| {
            vec![
                html! { a href={ "/console/directories/" (directory.id) } { (directory.name) } },
                html! { (provider(directory)) },
                html! { (grouped(*people)) },
                html! { (grouped(*groups)) },
                html! {
                    @match last {
                        Some(request) => {
                            (ago(Timestamp::from_millis(request.at), now)) " " (outcome(request))
                        },
                        None => { span.muted { "never" } },
                    }
                },
            ]
        })
        .collect();
    let content = html! {
        (heading("Directories", None, &html! {
            @if visitor.may(Scope::NotificationsRead) {
                a.button href="/console/directories/alarm" { "Alarm" }
            }
            @if visitor.may(Scope::DirectoriesWrite) {
                a.button.primary href="/console/directories/new" { "Connect an identity provider" }
            }
        }))
        (typed.form("/console/directories", &html! {}))
        (results(&html! {
            @if rows.is_empty() {
                (none_left(&typed, "/console/directories", "There are none."))
            } @else {
                (table(
                    "One for each identity provider, and a local one",
                    &["Name", "Filled by", "People", "Groups", "Last request"],
                    &rows,
                ))
            }
        }))
    };
    Ok(page(
        &visitor,
        Section::Directories,
        "Directories",
        &content,
    ))
}

pub(super) fn provider(directory: &Directory) -> &'static str {
    match (directory.kind, directory.dialect) {
        (DirectoryKind::Local, _) => "admins",
        (_, Dialect::Okta) => "Okta",
        (_, Dialect::Entra) => "Entra ID",
        (_, Dialect::Strict) => "SCIM, by the letter",
        (_, Dialect::Lenient) => "SCIM",
    }
}

pub(super) const DIALECTS: [(&str, &str); 4] = [
    ("okta", "Okta"),
    ("entra", "Microsoft Entra ID"),
    ("lenient", "Another, whose deviations are forgiven"),
    ("strict", "Another, by the letter of the RFCs"),
];

async fn show_form(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("Connect an identity provider", Some(("/console/directories", "Directories")), &html! {}))
        (form(&visitor, "/console/directories/new", &html! {
            (field("Name", &html! { input name="name" maxlength="200" required autocomplete="off"; }))
            (field("Identity provider", &select("dialect", "okta", &DIALECTS)))
            (confirmation(asked))
            button.primary { "Make the directory" }
        }))
    };
    Ok(page(
        &visitor,
        Section::Directories,
        "Connect an identity provider",
        &content,
    ))
}

/// What the form of a directory has.
#[derive(Deserialize)]
pub(super) struct Wanted {
    pub(super) name: String,
    dialect: String,
}

impl Wanted {
    pub(super) fn dialect(&self) -> Result<Dialect, PolicyError> {
        Dialect::from_name(&self.dialect)
            .ok_or_else(|| PolicyError::Invalid("choose an identity provider".to_owned()))
    }
}

async fn create(sent: Confirmed<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let dialect = sent.form.dialect()?;
    let name = sent.form.name;
    let directory = sent
        .visitor
        .admin(Scope::DirectoriesWrite)
        .write(&state, move |connection, admin| {
            let kind = DirectoryKind::Scim;
            lifecycle::create_directory(connection, &name, kind, dialect, false, &admin.cause())
        })
        .await?;
    Ok(see_other(&format!(
        "/console/directories/{}?done=directory-made",
        directory.id
    )))
}

/// What is known of one directory.
struct Known {
    directory: Directory,
    people: i64,
    groups: i64,
    keys: Vec<Credential>,
    names: Names,
    recent: Vec<ScimRequestRow>,
    leniencies: Vec<(String, i64, i64)>,
    alarm: Option<Standing>,
}

/// The page of one directory.
pub(super) async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    background::flush_request_log(&state).await;
    let sees_keys = visitor.may(Scope::ScimKeysRead);
    let (sees_alarm, now) = (visitor.may(Scope::NotificationsRead), visitor.now());
    let known = state
        .database
        .read(move |connection| {
            let directory = find(connection, &id)?;
            let search = Search {
                kinds: if sees_keys {
                    vec![SecretKind::ScimKey]
                } else {
                    Vec::new()
                },
                directory: Some(id.clone()),
                ..Search::default()
            };
            let keys = newest(connection, &search, None, ROWS)?;
            Ok::<_, PolicyError>(Known {
                people: resource_counts::count(connection, &id, USER)?,
                groups: resource_counts::count(connection, &id, GROUP)?,
                names: Names::of(connection, &keys)?,
                recent: scim_requests::list(connection, &id, false, None, RECENT)?,
                leniencies: scim_requests::list_leniencies(connection, &id)?,
                alarm: sees_alarm
                    .then(|| alarm::standing(connection, &id, now))
                    .transpose()?,
                directory,
                keys,
            })
        })
        .await?;
    let directory = &known.directory;
    let is_local = directory.kind == DirectoryKind::Local;
    let content = html! {
        (heading(&directory.name, Some(("/console/directories", "Directories")), &html! {
            @if visitor.may(Scope::DirectoriesWrite) && !is_local {
                a.button href={ "/console/directories/" (directory.id) "/change" } { "Change" }
            }
            @if visitor.may(Scope::TokensRevoke) {
                a.button.danger href={ "/console/directories/" (directory.id) "/revoke-tokens" } { "Revoke all tokens" }
            }
            @if visitor.may(Scope::DirectoriesWrite) && !is_local {
                a.button.danger href={ "/console/directories/" (directory.id) "/remove" } { "Remove" }
            }
        }))
        (facts(&[
            ("Filled by", html! { (provider(directory)) }),
            ("People", html! { a href={ "/console/people?directory=" (directory.id) } { (grouped(known.people)) } }),
            ("Groups", html! { a href={ "/console/groups?directory=" (directory.id) } { (grouped(known.groups)) } }),
            ("Made", html! { (time(directory.created_at)) }),
            ("Left within the hour", html! {
                @match &known.alarm {
                    Some(standing) => { (left(standing)) },
                    None => { span.muted { "your role does not see this" } },
                }
            }),
        ]))
        @if let Some(standing) = &known.alarm { (raised(&visitor, directory, standing)) }
        @if !is_local { (connected(&visitor, &state, &known)) }
    };
    Ok(page(
        &visitor,
        Section::Directories,
        &directory.name,
        &content,
    ))
}

fn connected(visitor: &Visitor, state: &State, known: &Known) -> Markup {
    let directory = &known.directory;
    html! {
        h2 { "Connect it" }
        // Looked at again until the first call has arrived.
        div id="first-call" hx-get=[known.recent.is_empty().then(|| format!("/console/directories/{}", directory.id))]
            hx-trigger="every 3s" hx-select="#first-call" hx-swap="outerHTML" hx-headers=(UNATTENDED_HEADERS) {
            (first_call(known, visitor.now()))
        }
        (guide(visitor, state, directory))
        h2 { "SCIM keys" }
        @if known.keys.is_empty() {
            (empty("There is no key yet.", &html! {}))
        } @else {
            (credentials("The newest first", &known.keys, &known.names, visitor.now()))
            p { a href={ "/console/keys?kind=scim-keys&directory=" (directory.id) } { "All of its keys" } }
        }
        @if visitor.may(Scope::ScimKeysWrite) {
            p { a.button href={ "/console/keys/scim-keys/new?directory=" (directory.id) } { "New SCIM key" } }
        }
        (forgiven(&known.leniencies, visitor.now()))
        @if visitor.may(Scope::AuditRead) {
            h2 { "What it has just sent" }
            (requests_table(&known.recent))
            p { a href={ "/console/directories/" (directory.id) "/requests" } { "Watch the requests" } }
        }
    }
}

/// Whether the identity provider has called yet, and how that went.
fn first_call(known: &Known, now: Timestamp) -> Markup {
    html! {
        @match known.recent.first() {
            None => {
                p.note { "Nothing has arrived yet. Where scripts run, this page looks again every few seconds." }
            },
            Some(last) if last.status < 400 => {
                p.done { "Connected: the last request came " (ago(Timestamp::from_millis(last.at), now))
                    ", and was answered " (last.status) "." }
            },
            Some(last) => {
                p role="alert" { "The last request, " (ago(Timestamp::from_millis(last.at), now))
                    ", was answered " (last.status) " (" (last.outcome) ")." }
            },
        }
    }
}

fn guide(visitor: &Visitor, state: &State, directory: &Directory) -> Markup {
    let key = html! {
        @if visitor.may(Scope::ScimKeysWrite) {
            a href={ "/console/keys/scim-keys/new?directory=" (directory.id) } { "Make a SCIM key" }
        } @else { "Have a SCIM key made" }
        " and copy it: it is shown once."
    };
    html! {
        ol.steps {
            li { (key) }
            @match directory.dialect {
                Dialect::Okta => {
                    li { "In Okta's admin console, open the application, " em { "General" } ", and turn on SCIM provisioning." }
                    li { em { "Provisioning" } ", " em { "Integration" } ": paste the base URL below, choose "
                        code { "userName" } " as the unique identifier and " em { "HTTP Header" } " as authentication, and paste the key." }
                    li { em { "Test Connector Configuration" } ", save, and enable creating, updating and deactivating users." }
                },
                Dialect::Entra => {
                    li { "In the Entra admin center, open the enterprise application, " em { "Provisioning" } ", mode " em { "Automatic" } "." }
                    li { "Paste the base URL below as tenant URL, and the key as secret token." }
                    li { em { "Test Connection" } ", save, and start provisioning." }
                },
                _ => {
                    li { "Tell your identity provider the base URL below." }
                    li { "Give it the key as bearer token (HTTP header " code { "Authorization" } ")." }
                    li { "Let it test the connection." }
                },
            }
        }
        (field("Base URL", &html! {
            input id="base-url" value=(state.scim_base_url) readonly spellcheck="false";
        }))
        div.buttons { button type="button" data-copy="base-url" data-script hidden { "Copy the base URL" } }
    }
}

fn outcome(request: &ScimRequestRow) -> Markup {
    let tone = if request.status < 400 { "ok" } else { "bad" };
    badge(tone, &request.status.to_string())
}

/// Requests, the newest first.
fn requests_table(requests: &[ScimRequestRow]) -> Markup {
    let texts = |text: &str| {
        let found: Vec<Value> = serde_json::from_str(text).unwrap_or_default();
        let texts: Vec<String> = found
            .iter()
            .filter_map(|one| one.as_str().map(str::to_owned))
            .collect();
        texts.join(", ")
    };
    let rows: Vec<Vec<Markup>> = requests
        .iter()
        .map(|request| {
            vec![
                time(Timestamp::from_millis(request.at)),
                html! { code { (request.method) } },
                html! { code { (request.path) } },
                html! {
                    (outcome(request))
                    @if request.outcome != "success" { " " (request.outcome) }
                },
                html! { (texts(&request.changed)) },
                html! { (texts(&request.leniencies)) },
            ]
        })
        .collect();
    html! {
        @if rows.is_empty() { (empty("Nothing has been sent yet.", &html! {})) }
        @else {
            (table(
                "The newest first",
                &["When", "Method", "Path", "Result", "Attributes", "Forgiven"],
                &rows,
            ))
        }
    }
}

#[derive(Deserialize)]
struct Log {
    /// `failed`, or anything else for all.
    #[serde(default)]
    result: String,
    cursor: Option<String>,
}

const RESULTS: [(&str, &str); 2] = [("", "Any result"), (FAILED, "Refused or failed")];
const FAILED: &str = "failed";

/// Looked at again every few seconds where scripts run, as long as it is the newest page.
async fn requests(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    log: web::Query<Log>,
) -> Result<HttpResponse, Failure> {
    let id = DirectoryId::new(id.into_inner());
    background::flush_request_log(&state).await;
    let chosen = log.into_inner();
    let only_failed = chosen.result == FAILED;
    let cursor = chosen.cursor;
    let is_newest = cursor.is_none();
    let (directory, found) = state
        .database
        .read(move |connection| {
            let directory = find(connection, &id)?;
            let found =
                scim_requests::list(connection, &id, only_failed, cursor.as_deref(), ROWS + 1)?;
            Ok::<_, PolicyError>((directory, found))
        })
        .await?;
    let (found, next) = first_rows(found, |last| last.id.clone());
    let address = format!("/console/directories/{}", directory.id);
    let log_address = format!("{address}/requests");
    let again = if only_failed {
        format!("{log_address}?result={FAILED}")
    } else {
        log_address.clone()
    };
    let content = html! {
        (heading("Requests", Some((&address, &directory.name)), &html! { a.button href=(again) { "Look again" } }))
        (filters(&log_address, &html! {
            (field("Result", &select("result", if only_failed { FAILED } else { "" }, &RESULTS)))
        }))
        div id="results" hx-get=[is_newest.then_some(again.as_str())] hx-trigger="every 3s" hx-select="#results"
            hx-swap="outerHTML" hx-headers=(UNATTENDED_HEADERS) {
            @if only_failed && found.is_empty() { (empty("Nothing was refused, and nothing has failed.", &html! {})) }
            @else { (requests_table(&found)) }
            (pager(&visitor, next.as_deref()))
        }
    };
    Ok(page(&visitor, Section::Directories, "Requests", &content))
}
