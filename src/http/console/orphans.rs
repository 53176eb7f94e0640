//! Orphaned keys: what leavers have left behind, chosen to be adopted, rotated or revoked (`orphan_actions` asks and
//! does); and the service accounts that nobody answers for, each of which is adopted on its own page.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::Credential;
use crate::credentials::orphans::seen_by;
use crate::policies::Scope;
use crate::store::StoreError;
use crate::store::credentials::{Search, Standing, newest};
use crate::store::id::ResourceId;
use crate::store::service_accounts::{self as accounts, ServiceAccount};

use super::super::State;
use super::super::admin::orphans;
use super::answer::Failure;
use super::frame::{Section, page};
use super::keys::{Names, UNUSED, days_before};
use super::kinds::{KINDS, Kind};
use super::page::{Access, Page};
use super::parts::{empty, field, filters, heading, pager, results, select, table as rows_of};
use super::rows::{ROWS, first_rows};
use super::service_accounts::{address, called};
use super::visitor::Visitor;
use super::words::ago;

/// The same as the admin interface's list of them.
const READ: Access = Access::With(Scope::ScimKeysRead);
pub(super) const WRITE: Access = Access::With(orphans::WRITE);

pub(super) const LIST: &str = "/console/orphans";
/// Who has left what the command line has made.
const NOBODY: &str = "nobody known";

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/orphans").get(READ, list)]
}

#[derive(Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    kind: String,
    unused: Option<String>,
    /// The identifier of whoever has left them.
    #[serde(default)]
    leaver: String,
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    shown_list(&visitor, &state, filter, &html! {}).await
}

/// `told` is what is said above it.
pub(super) async fn shown_list(
    visitor: &Visitor,
    state: &State,
    filter: Filter,
    told: &Markup,
) -> Result<HttpResponse, Failure> {
    let now = visitor.now();
    let seen = seen_by(&visitor.rights).kinds;
    let known: Vec<Kind> = KINDS
        .into_iter()
        .filter(|kind| seen.contains(&kind.secret))
        .collect();
    let wanted = filter.kind.as_str();
    let leaver = Some(filter.leaver.trim().to_owned()).filter(|id| !id.is_empty());
    let leaver = leaver.map(ResourceId::new);
    let search = Search {
        kinds: known
            .iter()
            .filter(|kind| wanted.is_empty() || kind.slug == wanted)
            .map(|kind| kind.secret)
            .collect(),
        standing: Some((Standing::Orphaned, now)),
        unused_since: days_before(filter.unused.as_deref(), now),
        left_by: leaver.clone(),
        ..Search::default()
    };
    let mut kinds = vec![("", "Every kind")];
    kinds.extend(known.iter().map(|kind| (kind.slug, kind.many)));
    let unused = filter.unused.unwrap_or_default();
    let is_narrow = !wanted.is_empty() || !unused.is_empty() || leaver.is_some();
    let cursor = filter.cursor;
    let shows_accounts = visitor.may(Scope::ServiceAccountsRead) && !is_narrow && cursor.is_none();
    let (found, names, left) = state
        .database
        .read(move |connection| {
            let found = newest(connection, &search, cursor.as_deref(), ROWS + 1)?;
            let names = Names::of(connection, &found)?;
            let left = if shows_accounts {
                let orphaned = accounts::Selection {
                    orphaned: true,
                    ..accounts::Selection::default()
                };
                accounts::list(connection, &orphaned, None, ROWS + 1)?
            } else {
                Vec::new()
            };
            Ok::<_, StoreError>((found, names, left))
        })
        .await?;
    let (shown, next) = first_rows(found, |last| last.id.to_string());
    let may_change = WRITE.admits(&visitor.rights);
    let content = html! {
        (heading("Orphaned keys", None, &html! {}))
        (told)
        p.muted {
            "Whoever made these has left or lost their role. They go on working, so that nothing stops by itself, "
            "until somebody adopts, rotates or revokes them."
        }
        (filters(LIST, &html! {
            (field("Kind", &select("kind", wanted, &kinds)))
            (field("Last use", &select("unused", &unused, &UNUSED)))
            (field("Identifier of who left them", &html! {
                input type="search" name="leaver" value=(filter.leaver) autocomplete="off" spellcheck="false";
            }))
        }))
        (results(&html! {
            @if !left.is_empty() {
                h2 { "Service accounts" }
                (account_table(&left, visitor))
                h2 { "Keys and tokens" }
            }
            @if shown.is_empty() && is_narrow {
                (empty("Nothing stands like that.", &html! { a href=(LIST) { "Show everything" } }))
            } @else if shown.is_empty() && !left.is_empty() {
                (empty("No keys are left behind.", &html! {}))
            } @else if shown.is_empty() {
                (empty("Nothing is left behind.", &html! {}))
            } @else {
                form method="get" action="/console/orphans/adopt" {
                    @if may_change {
                        label.check data-script hidden { input type="checkbox" data-all; span { "All on this page" } }
                    }
                    (orphan_table(&shown, &names, visitor))
                    @if may_change {
                        div.buttons {
                            button.primary { "Adopt those chosen" }
                            button formaction="/console/orphans/rotate" { "Rotate" }
                            button.danger formaction="/console/orphans/revoke" { "Revoke" }
                        }
                    }
                }
            }
            (pager(visitor, next.as_deref()))
        }))
    };
    Ok(page(visitor, Section::Orphans, "Orphaned keys", &content))
}

/// The accounts that nobody answers for, as many as a page has.
fn account_table(left: &[ServiceAccount], visitor: &Visitor) -> Markup {
    let shown = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let rows: Vec<Vec<Markup>> = left
        .iter()
        .take(shown)
        .map(|account| {
            vec![
                html! { a href=(address(&account.id)) { (account.name) } },
                html! { (account.purpose) },
                html! { (account.owner.as_ref().map_or_else(|| NOBODY.to_owned(), called)) },
                html! {
                    @if let Some(at) = account.orphaned_at { (ago(at, visitor.now())) }
                    @if let Some(reason) = &account.orphaned_reason { small { (reason.replace('_', " ")) } }
                },
            ]
        })
        .collect();
    html! {
        (rows_of(
            "Whoever adopts one on its page adopts its tokens and keys with it",
            &["Name", "What it is for", "Left by", "Since"],
            &rows,
        ))
        @if left.len() > shown {
            p { a href="/console/service-accounts?orphaned=true" { "All of them" } }
        }
    }
}

fn orphan_table(shown: &[Credential], names: &Names, visitor: &Visitor) -> Markup {
    let now = visitor.now();
    let rows: Vec<Vec<Markup>> = shown
        .iter()
        .map(|key| {
            let kind = Kind::of_credential(key);
            vec![
                html! {
                    label.check {
                        input type="checkbox" name="id" value=(key.id) aria-label={ "Choose " (key.name) };
                    }
                },
                html! {
                    @match kind {
                        Some(kind) => { a href=(kind.address(&key.id)) { (key.name) } },
                        None => { (key.name) },
                    }
                    small { code { (key.prefix) "…" } }
                },
                html! { (kind.map_or("", |kind| kind.one)) },
                names.holder(key),
                html! {
                    @match (names.leaver_id(key), names.leaver(key)) {
                        (Some(id), Some(leaver)) => { a href={ (LIST) "?leaver=" (id) } { (leaver) } },
                        _ => { (NOBODY) },
                    }
                },
                html! {
                    @if let Some(at) = key.orphaned_at { (ago(at, now)) }
                    @if let Some(reason) = &key.orphaned_reason { small { (reason.replace('_', " ")) } }
                },
                super::words::ago_or(key.last_used_at, now, "never"),
                ago(key.expires_at, now),
            ]
        })
        .collect();
    rows_of(
        "The newest first",
        &[
            "Choose",
            "Name",
            "Kind",
            "Of",
            "Left by",
            "Since",
            "Last used",
            "Expires",
        ],
        &rows,
    )
}
