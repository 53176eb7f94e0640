//! The first page: what there is. What of it needs attention now is in `attention`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::lifecycle::{GROUP, USER};
use crate::policies::Scope;
use crate::store::deliveries::{self, Undelivered};
use crate::store::deprovisioning_counts::{self, Alarm};
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::figures::{Keys, WEEK_DAYS, WEEKS};
use crate::store::receipts::{self, Leavers};
use crate::store::scim_requests::{self, ScimRequestRow};
use crate::store::{DatabaseConnection, StoreError, orphans, resource_counts};

use super::super::State;
use super::super::background;
use super::super::metrics::Known;
use super::answer::{Failure, see_other};
use super::attention::attention;
use super::charts::{Bar, bars};
use super::frame::{Section, page};
use super::keys::expiring;
use super::page::{Access, Page};
use super::parts::{badge, heading, table};
use super::visitor::Visitor;
use super::words::{ago, grouped};

/// For how long what leavers have lost is counted.
const DAYS: i64 = 30;
/// At most so many requests are looked at.
const REQUESTS: i64 = 100;
/// For how long something is told of that did not arrive, and how many are looked at.
const UNDELIVERED_DAYS: i64 = 7;
const DELIVERIES: i64 = 1_000;
const ORPHANED: &str = "orphaned";
const STANDINGS: [(&str, &str); 5] = [
    ("active", "ok"),
    (ORPHANED, "bad"),
    ("rotated", "warn"),
    ("expired", "off"),
    ("revoked", "off"),
];

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/").get(Access::SignedIn, show)]
}

/// One directory, and how its identity provider is doing.
pub(super) struct Filled {
    pub(super) directory: Directory,
    people: i64,
    groups: i64,
    pub(super) last: Option<ScimRequestRow>,
    errors: usize,
}

/// What the page shows.
pub(super) struct Totals {
    pub(super) directories: Vec<Filled>,
    pub(super) orphans: i64,
    pub(super) orphaned_accounts: i64,
    /// The directories that unusually many have left, and nobody has seen to it.
    pub(super) alarmed: Vec<Alarm>,
    pub(super) undelivered: Undelivered,
    /// What a minute ago is as good as now.
    known: Option<Known>,
    left: Leavers,
}

impl Totals {
    fn of(
        connection: &mut DatabaseConnection,
        known: Option<Known>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let mut filled = Vec::new();
        for directory in directories::list(connection)? {
            let recent = scim_requests::list(connection, &directory.id, false, None, REQUESTS)?;
            filled.push(Filled {
                people: resource_counts::count(connection, &directory.id, USER)?,
                groups: resource_counts::count(connection, &directory.id, GROUP)?,
                errors: recent
                    .iter()
                    .filter(|request| request.status >= 400)
                    .count(),
                last: recent.into_iter().next(),
                directory,
            });
        }
        let left = receipts::leavers_since(connection, now.plus_days(-DAYS))?;
        Ok(Self {
            directories: filled,
            orphans: orphans::count(connection, now)?,
            orphaned_accounts: orphans::count_accounts(connection)?,
            alarmed: deprovisioning_counts::raised(connection)?,
            undelivered: deliveries::undelivered(
                connection,
                now.plus_days(-UNDELIVERED_DAYS),
                DELIVERIES,
            )?,
            known,
            left,
        })
    }

    fn standing(&self, name: &str) -> i64 {
        if name == ORPHANED {
            return self.orphans;
        }
        let keys = self.known.iter().flat_map(|known| &known.figures.keys);
        let found = keys.filter(|keys: &&Keys| keys.state == name);
        found.map(|keys| keys.number).sum()
    }

    /// How many keys expire in a week from now.
    pub(super) fn expiring_in(&self, week: i64) -> i64 {
        let expiring = self.known.iter().flat_map(|known| &known.figures.expiring);
        let found = expiring.filter(|expiring| expiring.week == week);
        found.map(|expiring| expiring.number).sum()
    }
}

/// Those who see no directories go to what is their own.
async fn show(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    if !visitor.may(Scope::DirectoriesRead) {
        return Ok(see_other("/console/me"));
    }
    background::flush_request_log(&state).await;
    let now = visitor.now();
    let known = state.metrics.figures(&state).await;
    let totals = state
        .database
        .read(move |connection| Totals::of(connection, known.clone(), now))
        .await?;
    let people: i64 = totals.directories.iter().map(|one| one.people).sum();
    let groups: i64 = totals.directories.iter().map(|one| one.groups).sum();
    let content = html! {
        (heading("Overview", None, &html! {}))
        (attention(&totals, state.metrics.certificate(), now))
        ul.tiles {
            (tile(people, if people == 1 { "person" } else { "people" }))
            (tile(groups, if groups == 1 { "group" } else { "groups" }))
            (tile(totals.standing("active") + totals.orphans, "keys that work"))
            (tile(totals.orphans, "orphaned keys"))
            (tile(totals.orphaned_accounts, "orphaned service accounts"))
            (tile(totals.left.people, "leavers in 30 days"))
            (tile(totals.left.user_tokens, "tokens revoked by them"))
        }
        div.columns-2 {
            (bars("Keys by state", &keys_by_state(&totals)))
            (bars("Keys that expire, by week from now", &by_week(&totals)))
        }
        @if let Some(known) = &totals.known {
            p.muted { "Keys are counted once a minute, the last time " (ago(known.at, now)) "; what is orphaned at this moment." }
        }
        (directories_of(&totals, now))
    };
    Ok(page(&visitor, Section::Overview, "Overview", &content))
}

fn tile(number: i64, what: &str) -> Markup {
    html! { li { strong { (grouped(number)) } span { (what) } } }
}

fn keys_by_state(totals: &Totals) -> Vec<Bar<'static>> {
    STANDINGS
        .into_iter()
        .map(|(name, tone)| Bar {
            label: name.to_owned(),
            value: totals.standing(name),
            tone,
            place: None,
        })
        .collect()
}

fn by_week(totals: &Totals) -> Vec<Bar<'static>> {
    (0..WEEKS)
        .map(|week| Bar {
            label: (week + 1).to_string(),
            place: Some(expiring(week * WEEK_DAYS, (week + 1) * WEEK_DAYS)),
            value: totals.expiring_in(week),
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

fn directories_of(totals: &Totals, now: Timestamp) -> Markup {
    let rows: Vec<Vec<Markup>> = totals
        .directories
        .iter()
        .map(|one| {
            vec![
                html! { a href={ "/console/directories/" (one.directory.id) } { (one.directory.name) } },
                html! { (grouped(one.people)) },
                html! { (grouped(one.groups)) },
                html! {
                    @match &one.last {
                        Some(last) => { (ago(Timestamp::from_millis(last.at), now)) },
                        None => { span.muted { (if one.directory.kind == DirectoryKind::Local { "by hand" } else { "never" }) } },
                    }
                },
                html! {
                    @if one.errors == 0 { span.muted { "none" } }
                    @else { (badge("bad", &one.errors.to_string())) }
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
