//! The few things that need attention now, the most urgent first, each with what to do about it.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::store::directories::DirectoryKind;

use super::directory_change::address;
use super::keys::expiring;
use super::overview::{Filled, Totals};
use super::words::{counted, distance};

/// How many are shown at once.
const MOST: usize = 5;
/// So long before its end a certificate should have been renewed.
const CERTIFICATE_DAYS: i64 = 14;

/// Something to be done: why, and where, with what the button says. Without a place it is done outside of the console,
/// as is said with it.
struct Task {
    why: String,
    place: Option<(String, &'static str)>,
}

impl Task {
    fn at(place: &str, action: &'static str, why: String) -> Self {
        Self {
            why,
            place: Some((place.to_owned(), action)),
        }
    }
}

fn tasks(totals: &Totals, certificate: Option<(Timestamp, bool)>, now: Timestamp) -> Vec<Task> {
    let mut tasks = alarms(totals);
    tasks.extend(
        certificate.and_then(|(expires_at, is_refused)| renewal(expires_at, is_refused, now)),
    );
    let orphans = totals.orphans;
    if orphans > 0 {
        let keys = counted(orphans, "key was", "keys were");
        let why = format!("{keys} left behind by leavers");
        tasks.push(Task::at("/console/orphans", "Adopt, rotate or revoke", why));
    }
    let accounts = totals.orphaned_accounts;
    if accounts > 0 {
        let accounts = counted(accounts, "service account was", "service accounts were");
        let why = format!("{accounts} left behind by leavers");
        let place = "/console/service-accounts?orphaned=true";
        tasks.push(Task::at(place, "Adopt, disable or delete", why));
    }
    let soon: i64 = (0..2).map(|week| totals.expiring_in(week)).sum();
    if soon > 0 {
        let keys = counted(soon, "key expires", "keys expire");
        let why = format!("{keys} within two weeks");
        tasks.push(Task::at(&expiring(0, 14), "Rotate", why));
    }
    tasks.extend(undelivered(totals));
    let filled = totals.directories.iter();
    tasks.extend(filled.filter_map(|one| synchronisation(one, now)));
    tasks
}

fn alarms(totals: &Totals) -> Vec<Task> {
    let alarmed = totals.alarmed.iter().filter_map(|alarm| {
        let mut directories = totals.directories.iter().map(|one| &one.directory);
        let directory = directories.find(|one| one.id.as_str() == alarm.directory_id)?;
        let why = format!("Unusually many people have left {} at once", directory.name);
        Some(Task::at(&address(&directory.id), "See to it", why))
    });
    alarmed.collect()
}

/// What is served with on this node; who renews it does so outside.
fn renewal(expires_at: Timestamp, is_refused: bool, now: Timestamp) -> Option<Task> {
    let why = if is_refused {
        "The files of the TLS certificate hold what cannot be served with; the one before is still in use: see the log \
         of the server"
            .to_owned()
    } else if expires_at > now.plus_days(CERTIFICATE_DAYS) {
        return None;
    } else if expires_at > now {
        format!(
            "The TLS certificate expires {}: renew its files, which are read again by themselves",
            distance(expires_at, now)
        )
    } else {
        "The TLS certificate has expired: renew its files, which are read again by themselves"
            .to_owned()
    };
    Some(Task { why, place: None })
}

fn undelivered(totals: &Totals) -> Option<Task> {
    let found = totals.undelivered;
    let failed = counted(found.failed, "delivery has", "deliveries have");
    let retried = counted(found.retried, "delivery is", "deliveries are");
    let why = match (found.failed, found.retried) {
        (0, 0) => return None,
        (_, 0) => format!("{failed} failed within a week: somebody was not told of something"),
        (0, _) => format!("{retried} tried again and again: a receiver cannot be reached"),
        _ => format!("{failed} failed within a week, and {retried} tried again and again"),
    };
    let place = if found.failed > 0 {
        "/console/deliveries?state=failed"
    } else {
        "/console/deliveries?state=pending"
    };
    Some(Task::at(place, "See why", why))
}

/// How the synchronisation of a directory is doing, where that is not well.
fn synchronisation(one: &Filled, now: Timestamp) -> Option<Task> {
    let directory = &one.directory;
    if directory.kind == DirectoryKind::Local {
        return None;
    }
    let quiet_since = now.plus_days(-1).as_millis();
    let name = &directory.name;
    let (why, action) = match &one.last {
        None => (format!("{name} has never been synchronised"), "Connect it"),
        Some(last) if last.status >= 400 => (
            format!("The last request to {name} was answered {}", last.status),
            "See why",
        ),
        Some(last) if last.at < quiet_since => (
            format!("{name} has been quiet for more than a day"),
            "Look at it",
        ),
        Some(_) => return None,
    };
    Some(Task::at(&address(&directory.id), action, why))
}

/// What needs attention; `certificate` is when that of this node expires, and whether its files are refused.
pub(super) fn attention(
    totals: &Totals,
    certificate: Option<(Timestamp, bool)>,
    now: Timestamp,
) -> Markup {
    let tasks = tasks(totals, certificate, now);
    let further = tasks.len().saturating_sub(MOST);
    html! {
        h2 { "Needs attention" }
        @if tasks.is_empty() {
            p.done { "Nothing does." }
        } @else {
            ul.attention {
                @for task in tasks.iter().take(MOST) {
                    li {
                        span { (task.why) "." }
                        @if let Some((place, action)) = &task.place { a.button href=(place) { (action) } }
                    }
                }
            }
            @if further > 0 { p.muted { "And " (further) " more, which come up as these are done." } }
        }
    }
}
