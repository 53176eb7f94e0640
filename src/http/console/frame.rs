//! The frame around each page: its navigation, and what was done. What is within it is made of `parts` and `words`.
//!
//! A page is a function that gives [`page`] its content. Names of colours and sizes are the style sheet's; no
//! element has a style or a script of its own, which the browser would refuse.

use actix_web::HttpResponse;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::legible::in_order;
use crate::policies::Scope;

use super::assets::{HTMX_URL, SCRIPT_URL, STYLE_URL};
use super::page::Access;
use super::parts::form;
use super::visitor::Visitor;

/// The parts of the console, as the navigation names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    People,
    Groups,
    Directories,
    Keys,
    Orphans,
    Policies,
    Roles,
    Products,
    ServiceAccounts,
    Webhooks,
    SigningKeys,
    Notices,
    Audit,
    Mine,
}

/// What the navigation has: the part, its name, its address, and who sees it.
const SECTIONS: &[(Section, &str, &str, Access)] = &[
    (
        Section::Overview,
        "Overview",
        "/console/",
        Access::With(Scope::DirectoriesRead),
    ),
    (
        Section::People,
        "People",
        "/console/people",
        Access::With(Scope::UsersRead),
    ),
    (
        Section::Groups,
        "Groups",
        "/console/groups",
        Access::With(Scope::UsersRead),
    ),
    (
        Section::Directories,
        "Directories",
        "/console/directories",
        Access::With(Scope::DirectoriesRead),
    ),
    (
        Section::Keys,
        "Keys and tokens",
        "/console/keys",
        super::kinds::ANY,
    ),
    (
        Section::Orphans,
        "Orphaned keys",
        "/console/orphans",
        Access::With(Scope::ScimKeysRead),
    ),
    (
        Section::Policies,
        "Policies",
        "/console/policies",
        Access::With(Scope::PoliciesRead),
    ),
    (
        Section::Roles,
        "Roles",
        "/console/roles",
        Access::With(Scope::RolesRead),
    ),
    (
        Section::Products,
        "Products",
        "/console/products",
        Access::With(Scope::ProductsRead),
    ),
    (
        Section::ServiceAccounts,
        "Service accounts",
        "/console/service-accounts",
        Access::With(Scope::ServiceAccountsRead),
    ),
    (
        Section::Webhooks,
        "Webhooks",
        "/console/webhooks",
        Access::With(Scope::NotificationsRead),
    ),
    (
        Section::SigningKeys,
        "Signing keys",
        "/console/signing-keys",
        Access::With(Scope::SigningKeysRead),
    ),
    (
        Section::Notices,
        "Notices",
        "/console/notices",
        Access::With(Scope::Notices),
    ),
    (
        Section::Audit,
        "Audit log",
        "/console/audit",
        Access::With(Scope::AuditRead),
    ),
    (
        Section::Mine,
        "Your account",
        "/console/me",
        Access::SignedIn,
    ),
];

/// What is said once after something was done; the address names it, so that nobody writes a text of their own.
const DONE: &[(&str, &str)] = &[
    ("policy-changed", "The policy is changed."),
    ("policies-ordered", "The policies have another order."),
    ("policy-deleted", "The policy is deleted."),
    (
        "change-withdrawn",
        "The change is withdrawn: it will not come to be.",
    ),
    ("members-changed", "The policy names others now."),
    ("role-granted", "The role is granted."),
    ("group-mapped", "Whoever is in the group has the role now."),
    ("group-unmapped", "The group gives the role no more."),
    ("signing-keys-rotated", "A new signing key is published."),
    ("role-taken", "The role is taken away."),
    ("product-changed", "The product is changed."),
    (
        "product-deleted",
        "The product is deleted, and what belonged to it has ended.",
    ),
    ("instance-made", "The instance is there."),
    ("instance-changed", "The instance is changed."),
    (
        "instance-deleted",
        "The instance is deleted, and what was limited to it has ended.",
    ),
    (
        "account-made",
        "The service account is there. Make it a token now.",
    ),
    ("account-changed", "The service account is changed."),
    (
        "account-disabled",
        "The service account is disabled: nothing of it works.",
    ),
    ("account-enabled", "The service account is enabled again."),
    ("account-adopted", "You answer for the service account now."),
    (
        "account-deleted",
        "The service account is deleted, and what it had has ended.",
    ),
    ("webhook-changed", "The webhook is changed."),
    ("webhook-deleted", "The webhook is deleted."),
    (
        "webhook-tried",
        "It was tried: the log says what came of it.",
    ),
    ("delivery-again", "It is sent again."),
    ("notices-read", "All notices are marked as read."),
    (
        "person-made",
        "The person is there. Make them a password link now.",
    ),
    (
        "recovered",
        "They are back, inactive. Reactivate them, or let your identity provider do so.",
    ),
    ("person-forgotten", "They are forgotten for good."),
    (
        "people-recovered",
        "They are back, inactive. Reactivate them, or let your identity provider do so.",
    ),
    ("people-forgotten", "They are forgotten for good."),
    (
        "second-factor-reset",
        "The second factor is reset, and their sessions have ended.",
    ),
    (
        "deprovisioned",
        "Deprovisioned: everything that authenticated them has ended.",
    ),
    ("reactivated", "Active again. What had ended stays ended."),
    ("tokens-revoked", "The tokens are revoked."),
    (
        "alarm-changed",
        "From now on that is what admins are told of.",
    ),
    (
        "alarm-lifted",
        "The alarm is lifted. Should too many leave again, it is raised anew.",
    ),
    ("directory-changed", "The directory is changed."),
    (
        "directory-made",
        "The directory is there. Connect your identity provider now.",
    ),
    (
        "directory-removed",
        "The directory is removed, and everybody in it is deprovisioned.",
    ),
    (
        "key-revoked",
        "The key is revoked: it works nowhere any more.",
    ),
    ("key-changed", "The key is changed."),
    ("key-adopted", "The key is yours now."),
    (
        "keys-revoked",
        "They are revoked: they work nowhere any more.",
    ),
    ("keys-adopted", "They are yours now."),
    (
        "key-registered",
        "The public key is registered: the program may sign with its private half now.",
    ),
    (
        "key-replaced",
        "The public key is registered, and the one that it replaces is revoked.",
    ),
    ("notice-read", "The notice is marked as read."),
    ("session-ended", "The session has ended."),
    ("their-session-ended", "The session has ended."),
    ("their-sessions-ended", "All of their sessions have ended."),
    ("sessions-ended", "Your other sessions have ended."),
    (
        "password-changed",
        "Your password is changed, and your other sessions have ended.",
    ),
    (
        "token-revoked",
        "The token is revoked: it works nowhere any more.",
    ),
    ("second-factor-removed", "Your second factor is removed."),
];

/// A page of somebody who is signed in.
pub(super) fn page(
    visitor: &Visitor,
    section: Section,
    title: &str,
    content: &Markup,
) -> HttpResponse {
    let owner = visitor.person.caller.verified.owner.as_ref();
    let name = owner.and_then(|owner| owner.display_name.as_ref().or(owner.user_name.as_ref()));
    let body = html! {
        a.skip href="#content" { "Skip to the content" }
        header.top {
            a.brand href="/console/" { (mark()) span { "Portcullis" } }
            div.who {
                @if let Some(name) = name { span.muted { (name) } }
                (form(visitor, "/console/sign-out", &html! { button.quiet { "Sign out" } }))
            }
        }
        nav.sections aria-label="Console" {
            ul {
                @for (other, label, address, access) in SECTIONS {
                    @if access.admits(&visitor.rights) {
                        li {
                            a href=(address) aria-current=[(*other == section).then_some("page")] {
                                (label)
                            }
                        }
                    }
                }
            }
        }
        main id="content" tabindex="-1" {
            @if let Some(refused) = &visitor.refused {
                // Where the form is not on the page any more.
                @if let Some(told) = refused.told() { (told) }
            } @else if let Some(text) = done(&visitor.place) { p.done role="status" { (text) } }
            (content)
        }
    };
    answer(&document(title, "console", &body))
}

/// A page of nobody in particular: sign-in, set-up, errors.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    let body = html! {
        main.card id="content" {
            p.brand { (mark()) span { "Portcullis" } }
            (content)
        }
    };
    document(title, "bare", &body)
}

/// An answer with a page.
pub(super) fn answer(document: &Markup) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(document.0.clone())
}

fn document(title: &str, kind: &str, body: &Markup) -> Markup {
    let document = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Nothing that a page shows is evaluated, styled in place, or kept by the browser.
                meta name="htmx-config" content=r#"{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"historyCacheSize":0,"refreshOnHistoryMiss":true,"selfRequestsOnly":true}"#;
                title { (title) " · Portcullis" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(*STYLE_URL);
                script src=(*HTMX_URL) defer {}
                script src=(*SCRIPT_URL) defer {}
            }
            body.(kind) { (body) }
        }
    };
    // Names are others' to choose, and must not turn a sentence around them backwards.
    PreEscaped(in_order(document.into_string()))
}

/// The mark of the house: a gate.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 16 16" width="20" height="20" aria-hidden="true" {
            path d="M2 15V7a6 6 0 0 1 12 0v8M6 2v11l-1 2M10 2v11l1 2M2 7h12M2 11h12M8 1v14" fill="none" stroke="currentColor" stroke-width="1.25" {}
        }
    }
}

fn done(place: &str) -> Option<&'static str> {
    let (_, query) = place.split_once('?')?;
    let key = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("done="))?;
    let found = DONE.iter().find(|(known, _)| *known == key);
    found.map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_said_only_in_the_words_that_are_known() {
        assert_eq!(
            done("/console/me?done=token-revoked"),
            Some("The token is revoked: it works nowhere any more.")
        );
        assert_eq!(done("/console/me?done=pay+here"), None);
        assert_eq!(done("/console/me"), None);
    }
}
