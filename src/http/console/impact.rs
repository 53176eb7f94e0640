//! What something dangerous will do, in numbers and before it is done.

use maud::{Markup, html};

use crate::lifecycle::{GivingGroup, Impact, RoleByGroups};

use super::words::{counted, grouped};

/// What of an impact people have to know.
pub(super) fn told(impact: &Impact) -> Markup {
    let revoked: Vec<String> = impact
        .revoked
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(kind, count)| of_kind(kind, *count))
        .collect();
    let orphaned: Vec<String> = impact
        .orphaned_counts()
        .iter()
        .map(|(kind, count)| of_kind(kind, *count))
        .collect();
    html! {
        ul.impact {
            @if impact.people > 1 {
                li { (counted(impact.people, "person", "people")) " will be deprovisioned." }
            }
            li {
                @if revoked.is_empty() { "Nothing authenticates them, so that nothing is revoked." }
                @else { "End at once and for good: " strong { (revoked.join(", ")) } "." }
            }
            @if !orphaned.is_empty() {
                li { "Go on working, and are flagged as orphaned: " strong { (orphaned.join(", ")) } "." }
            }
            @for loss in &impact.roles_lost {
                li {
                    (loss.person.label().unwrap_or("Somebody")) " loses the role "
                    (loss.roles.join(", ")) "."
                }
            }
            @for resting in &impact.roles_resting {
                li {
                    "The role " (resting.role) ", which " (giving(resting))
                    ", rests while they are inactive, and is theirs again when they are reactivated. Only their "
                    "identity provider takes them out of a group."
                }
            }
            @if impact.last_owner { li { strong { "This would leave nobody with the owner role, and is refused." } } }
        }
    }
}

/// Which groups give a role: `the group Ops gives`.
pub(super) fn giving(role: &RoleByGroups) -> String {
    let name = |group: &GivingGroup| group.name.clone().unwrap_or_else(|| group.id.to_string());
    let names: Vec<String> = role.groups.iter().map(name).collect();
    if names.len() == 1 {
        format!("the group {} gives", names.concat())
    } else {
        format!("the groups {} give", names.join(", "))
    }
}

/// So many of a kind, in words.
pub(super) fn of_kind(kind: &str, count: i64) -> String {
    format!("{} {}", grouped(count), named(kind, count))
}

/// What so many of a kind are called.
pub(super) fn named(kind: &str, count: i64) -> &'static str {
    let (one, many) = match kind {
        "scim_key" => ("SCIM key", "SCIM keys"),
        "api_key" => ("admin API key", "admin API keys"),
        "user_token" => ("API token", "API tokens"),
        "service_account" => ("service account", "service accounts"),
        "service_account_token" => ("service account token", "service account tokens"),
        "service_account_key" => ("service account key", "service account keys"),
        "product_credential" => ("product credential", "product credentials"),
        "session" => ("session", "sessions"),
        "password_link" => ("password link", "password links"),
        _ => ("credential", "credentials"),
    };
    if count == 1 { one } else { many }
}
