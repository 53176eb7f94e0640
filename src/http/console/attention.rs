//! The few things that need attention now, the most urgent first, each with what to do about it.

use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::store::directories::DirectoryKind;

use super::super::admin::overview::{Certificate, DirectoryFigures, Overview, UndeliveredFigures};
use super::directory_change::address;
use super::keys::expiring;
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

fn tasks(shown: &Overview, now: Timestamp) -> Vec<Task> {
    let mut tasks = alarms(shown);
    let certificate = shown.certificate;
    tasks.extend(certificate.and_then(|certificate| renewal(certificate, now)));
    let orphans = shown.orphaned_keys.unwrap_or_default();
    if orphans > 0 {
        let keys = counted(orphans, "key was", "keys were");
        let why = format!("{keys} left behind by leavers");
        tasks.push(Task::at("/console/orphans", "Adopt, rotate or revoke", why));
    }
    let accounts = shown.orphaned_service_accounts.unwrap_or_default();
    if accounts > 0 {
        let accounts = counted(accounts, "service account was", "service accounts were");
        let why = format!("{accounts} left behind by leavers");
        let place = "/console/service-accounts?orphaned=true";
        tasks.push(Task::at(place, "Adopt, disable or delete", why));
    }
    let weeks = shown.keys.iter().flat_map(|keys| keys.expiring.iter());
    let soon: i64 = weeks.take(2).map(|week| week.number).sum();
    if soon > 0 {
        let keys = counted(soon, "key expires", "keys expire");
        let why = format!("{keys} within two weeks");
        tasks.push(Task::at(&expiring(0, 14), "Rotate", why));
    }
    tasks.extend(shown.undelivered.and_then(undelivered));
    let directories = shown.directories.iter();
    tasks.extend(directories.filter_map(|one| synchronisation(one, now)));
    tasks
}

/// The newest first.
fn alarms(shown: &Overview) -> Vec<Task> {
    let mut alarmed: Vec<_> = shown
        .directories
        .iter()
        .filter_map(|one| Some((one.alarmed_at?, one)))
        .collect();
    alarmed.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    let task = |(_, one): (Timestamp, &DirectoryFigures)| {
        let why = format!("Unusually many people have left {} at once", one.name);
        Task::at(&address(&one.id), "See to it", why)
    };
    alarmed.into_iter().map(task).collect()
}

/// What is served with on this node; who renews it does so outside.
fn renewal(certificate: Certificate, now: Timestamp) -> Option<Task> {
    let expires_at = certificate.expires_at;
    let why = if certificate.refused {
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

fn undelivered(found: UndeliveredFigures) -> Option<Task> {
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
fn synchronisation(one: &DirectoryFigures, now: Timestamp) -> Option<Task> {
    // Whoever may not see requests is told nothing of them.
    if one.kind == DirectoryKind::Local.name() || one.refused_requests.is_none() {
        return None;
    }
    let quiet_since = now.plus_days(-1);
    let name = &one.name;
    let (why, action) = match &one.last_request {
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
    Some(Task::at(&address(&one.id), action, why))
}

/// What needs attention.
pub(super) fn attention(shown: &Overview, now: Timestamp) -> Markup {
    let tasks = tasks(shown, now);
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
