//! The first page: what there is. What of it needs attention now is in `attention`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::policies::Scope;
use crate::store::directories::DirectoryKind;
use crate::store::figures::WEEK_DAYS;

use super::super::State;
use super::super::admin::overview::{KeyFigures, Overview, overview};
use super::answer::{Failure, see_other};
use super::attention::attention;
use super::charts::{Bar, bars};
use super::frame::{Section, page};
use super::keys::expiring;
use super::page::{Access, Page};
use super::parts::{badge, heading, table};
use super::visitor::Visitor;
use super::words::{ago, grouped};

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/").get(Access::SignedIn, show)]
}

/// Those who see no directories go to what is their own.
async fn show(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if !visitor.may(Scope::DirectoriesRead) {
        return Ok(see_other("/console/me"));
    }
    let now = visitor.now();
    let shown = overview(&state, &visitor.rights, now).await?;
    let people: i64 = shown.directories.iter().map(|one| one.people).sum();
    let groups: i64 = shown.directories.iter().map(|one| one.groups).sum();
    let working = shown.keys.as_ref().zip(shown.orphaned_keys);
    let content = html! {
        (heading("Overview", None, &html! {}))
        (attention(&shown, now))
        ul.tiles {
            (tile(people, if people == 1 { "person" } else { "people" }))
            (tile(groups, if groups == 1 { "group" } else { "groups" }))
            @if let Some((keys, orphans)) = working { (tile(keys.active + orphans, "keys that work")) }
            @if let Some(orphans) = shown.orphaned_keys { (tile(orphans, "orphaned keys")) }
            @if let Some(accounts) = shown.orphaned_service_accounts { (tile(accounts, "orphaned service accounts")) }
            @if let Some(left) = shown.leavers {
                (tile(left.people, "leavers in 30 days"))
                (tile(left.user_tokens, "tokens revoked by them"))
            }
        }
        @if let Some((keys, orphans)) = working {
            div.columns-2 {
                (bars("Keys by state", &keys_by_state(keys, orphans)))
                (bars("Keys that expire, by week from now", &by_week(keys)))
            }
            p.muted { "Keys are counted once a minute, the last time " (ago(keys.counted_at, now)) "; what is orphaned at this moment." }
        }
        (directories_of(&shown, now))
    };
    Ok(page(&visitor, Section::Overview, "Overview", &content))
}

fn tile(number: i64, what: &str) -> Markup {
    html! { li { strong { (grouped(number)) } span { (what) } } }
}

/// `orphans` are of this moment.
fn keys_by_state(keys: &KeyFigures, orphans: i64) -> Vec<Bar<'static>> {
    let standings = [
        ("active", keys.active, "ok"),
        ("orphaned", orphans, "bad"),
        ("rotated", keys.rotated, "warn"),
        ("expired", keys.expired, "off"),
        ("revoked", keys.revoked, "off"),
    ];
    standings
        .into_iter()
        .map(|(name, value, tone)| Bar {
            label: name.to_owned(),
            value,
            tone,
            place: None,
        })
        .collect()
}

fn by_week(keys: &KeyFigures) -> Vec<Bar<'static>> {
    (0..)
        .zip(&keys.expiring)
        .map(|(week, expire)| Bar {
            label: (week + 1).to_string(),
            place: Some(expiring(week * WEEK_DAYS, (week + 1) * WEEK_DAYS)),
            value: expire.number,
            tone: if week < 2 {
                "bad"
            } else if week < 5 {
                "warn"
            } else {
                "ok"
            },
        })
        .collect()
}

fn directories_of(shown: &Overview, now: Timestamp) -> Markup {
    let rows: Vec<Vec<Markup>> = shown
        .directories
        .iter()
        .map(|one| {
            vec![
                html! { a href={ "/console/directories/" (one.id) } { (one.name) } },
                html! { (grouped(one.people)) },
                html! { (grouped(one.groups)) },
                html! {
                    @match &one.last_request {
                        Some(last) => { (ago(last.at, now)) },
                        None if one.refused_requests.is_none() => { span.muted { "–" } },
                        None => { span.muted { (if one.kind == DirectoryKind::Local.name() { "by hand" } else { "never" }) } },
                    }
                },
                html! {
                    @match one.refused_requests {
                        None => { span.muted { "–" } },
                        Some(0) => { span.muted { "none" } },
                        Some(refused) => { (badge("bad", &refused.to_string())) },
                    }
                },
            ]
        })
        .collect();
    html! {
        h2 { "Directories" }
        (table(
            "Errors are those among the last 100 requests",
            &["Name", "People", "Groups", "Last request", "Errors"],
            &rows,
        ))
    }
}
