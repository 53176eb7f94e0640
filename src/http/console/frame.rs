//! What pages are made of: the frame around each, tables, filters, forms, pagers.
//!
//! A page is a function that gives [`page`] its content. Names of colours and sizes are the style sheet's; no
//! element has a style or a script of its own, which the browser would refuse.

use actix_web::HttpResponse;
use maud::{DOCTYPE, Markup, html};

use crate::clock::Timestamp;
use crate::credentials::confirmation::Asked;
use crate::policies::Scope;

use super::assets::{HTMX_URL, SCRIPT_URL, STYLE_URL};
use super::page::Access;
use super::visitor::Visitor;

const DAY_MILLIS: i64 = 86_400_000;

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
        "deprovisioned",
        "Deprovisioned: everything that authenticated them has ended.",
    ),
    ("reactivated", "Active again. What had ended stays ended."),
    ("tokens-revoked", "The tokens are revoked."),
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
    ("key-adopted", "The key is yours now."),
    (
        "keys-revoked",
        "They are revoked: they work nowhere any more.",
    ),
    ("keys-adopted", "They are yours now."),
    ("session-ended", "The session has ended."),
    ("sessions-ended", "Your other sessions have ended."),
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
            @if let Some(text) = done(&visitor.place) { p.done role="status" { (text) } }
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
    html! {
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
    }
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

/// The title of a page, what it is a part of, and what can be done there.
pub(super) fn heading(title: &str, above: Option<(&str, &str)>, actions: &Markup) -> Markup {
    html! {
        div.heading {
            div {
                @if let Some((address, label)) = above {
                    p.above { a href=(address) { (label) } span aria-hidden="true" { " /" } }
                }
                h1 { (title) }
            }
            div.actions { (actions) }
        }
    }
}

/// A form that changes something: it carries the visitor's token.
pub(super) fn form(visitor: &Visitor, action: &str, content: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            input type="hidden" name="form_token" value=(visitor.form_token);
            (content)
        }
    }
}

/// What a form needs that takes [`super::visitor::Confirmed`]: the sender's own password, where their sign-in was
/// a while ago.
pub(super) fn confirmation(asked: Asked) -> Markup {
    html! {
        @if asked != Asked::Nothing {
            fieldset.confirmation {
                legend { "Show that it is you" }
                (field("Your password", &html! {
                    input type="password" name="own_password" autocomplete="current-password" required;
                }))
                @if asked == Asked::PasswordAndCode {
                    (field("The code of your authenticator", &html! {
                        input name="own_code" inputmode="numeric" autocomplete="one-time-code" required;
                    }))
                }
            }
        }
    }
}

/// What [`confirm`] asks.
pub(super) struct Question<'a> {
    /// What is about to happen, as a title.
    pub(super) title: &'a str,
    /// What it is a part of, and where one goes back to.
    pub(super) back: (&'a str, &'a str),
    /// What will happen, in numbers where there are some.
    pub(super) consequences: Markup,
    /// Further fields.
    pub(super) fields: Markup,
    /// What the button says.
    pub(super) button: &'a str,
    /// Whether what happens is final.
    pub(super) is_dangerous: bool,
}

/// Asks before something is done: a form to the same address. `asked` is what the sender has to show.
pub(super) fn confirm(visitor: &Visitor, asked: Asked, question: &Question<'_>) -> Markup {
    let address = visitor.place.split('?').next().unwrap_or_default();
    let class = if question.is_dangerous {
        "danger"
    } else {
        "primary"
    };
    html! {
        (heading(question.title, Some(question.back), &html! {}))
        div.question {
            (question.consequences)
            (form(visitor, address, &html! {
                (question.fields)
                (confirmation(asked))
                div.buttons {
                    button.(class) { (question.button) }
                    a.button href=(question.back.0) { "Cancel" }
                }
            }))
        }
    }
}

/// A label and its field.
pub(super) fn field(label: &str, input: &Markup) -> Markup {
    html! { label.field { span { (label) } (input) } }
}

/// A label, its field, and what to know before filling it in.
pub(super) fn field_with_hint(label: &str, hint: &str, input: &Markup) -> Markup {
    html! { label.field { span { (label) } (input) small { (hint) } } }
}

/// A choice among values, each with its label.
pub(super) fn select(name: &str, chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        select name=(name) {
            @for (value, label) in options {
                option value=(value) selected[*value == chosen] { (label) }
            }
        }
    }
}

/// A form that narrows the list below it, while one types where scripts run. Its results are in [`results`].
pub(super) fn filters(action: &str, fields: &Markup) -> Markup {
    html! {
        form.filters method="get" action=(action) role="search" hx-get=(action) hx-target="#results"
            hx-select="#results" hx-swap="outerHTML" hx-replace-url="true"
            hx-trigger="input changed delay:200ms from:find input[type=search], change, submit" {
            (fields)
            button { "Filter" }
        }
    }
}

/// What [`filters`] narrows.
pub(super) fn results(content: &Markup) -> Markup {
    html! { div id="results" aria-live="polite" { (content) } }
}

/// A table; each row has as many cells as there are columns. On a narrow screen each row is a card.
pub(super) fn table(caption: &str, columns: &[&str], rows: &[Vec<Markup>]) -> Markup {
    html! {
        table role="table" {
            caption { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    @for column in columns { th scope="col" role="columnheader" { (column) } }
                }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        @for (cell, column) in row.iter().zip(columns) {
                            td role="cell" data-label=(column) { (cell) }
                        }
                    }
                }
            }
        }
    }
}

/// Facts about one thing: what each is, and its value.
pub(super) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (label, value) in rows { div { dt { (label) } dd { (value) } } }
        }
    }
}

/// What is shown where a list is empty: why, and what to do about it.
pub(super) fn empty(text: &str, action: &Markup) -> Markup {
    html! { div.empty { p { (text) } (action) } }
}

/// The way to the next page of a list, and back to its beginning. `next` is the cursor of the next page.
pub(super) fn pager(visitor: &Visitor, next: Option<&str>) -> Markup {
    let is_first = !visitor.place.contains("cursor=");
    html! {
        @if next.is_some() || !is_first {
            nav.pager aria-label="Pages" {
                @if !is_first { a.button href=(with_cursor(&visitor.place, None)) { "First page" } }
                @if let Some(next) = next {
                    a.button rel="next" href=(with_cursor(&visitor.place, Some(next))) { "Next page" }
                }
            }
        }
    }
}

fn with_cursor(place: &str, cursor: Option<&str>) -> String {
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let kept = query
        .split('&')
        .filter(|pair| {
            !pair.is_empty() && !pair.starts_with("cursor=") && !pair.starts_with("done=")
        })
        .map(str::to_owned);
    let cursor = cursor.map(|cursor| format!("cursor={}", encoded(cursor)));
    let pairs: Vec<String> = kept.chain(cursor).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// A text within an address.
pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// How something stands, by colour and word: `ok`, `warn`, `bad` or `off`.
pub(super) fn badge(tone: &str, text: &str) -> Markup {
    html! { span.badge.(tone) { (text) } }
}

/// A secret, this once: the answer that made it is the only one that ever shows it.
pub(super) fn secret(label: &str, secret: &str, expires_at: Timestamp) -> Markup {
    shown_once(
        label,
        secret,
        "It is stored only as a hash, and nobody can show it again.",
        &html! { "It works until " (time(expires_at)) "." },
    )
}

/// A secret of another sort, this once: why it is not shown again, and what to know of it.
pub(super) fn shown_once(label: &str, secret: &str, why: &str, further: &Markup) -> Markup {
    html! {
        div.secret {
            p role="status" { strong { "Copy it now." } " " (why) }
            (field(label, &html! {
                input id="secret" value=(secret) readonly spellcheck="false" autocomplete="off";
            }))
            div.buttons {
                button type="button" data-copy="secret" data-script hidden { "Copy" }
            }
            p.muted { (further) }
        }
    }
}

/// A date and time in UTC.
pub(super) fn time(at: Timestamp) -> Markup {
    let text = at.to_rfc3339();
    let shown = text.get(..16).unwrap_or_default().replace('T', " ");
    html! { time datetime=(text) { (shown) " UTC" } }
}

/// How long ago something was, or how soon it will be; the exact time is in its title.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> Markup {
    let text = at.to_rfc3339();
    html! { time datetime=(text) title=(text) { (distance(at, now)) } }
}

/// The same of something that may never have been.
pub(super) fn ago_or(at: Option<Timestamp>, now: Timestamp, never: &str) -> Markup {
    html! {
        @if let Some(at) = at { (ago(at, now)) } @else { span.muted { (never) } }
    }
}

fn distance(at: Timestamp, now: Timestamp) -> String {
    let millis = at.as_millis().saturating_sub(now.as_millis());
    let units = [
        (365 * DAY_MILLIS, "year"),
        (30 * DAY_MILLIS, "month"),
        (DAY_MILLIS, "day"),
        (3_600_000, "hour"),
        (60_000, "minute"),
    ];
    let length = millis.saturating_abs();
    // A month and a half is 45 days to whoever has to act by then.
    let unit = units
        .into_iter()
        .find(|(size, name)| length >= if *name == "month" { 2 * size } else { *size });
    let Some((size, name)) = unit else {
        return "just now".to_owned();
    };
    let number = length / size;
    let plural = if number == 1 { "" } else { "s" };
    if millis > 0 {
        format!("in {number} {name}{plural}")
    } else {
        format!("{number} {name}{plural} ago")
    }
}

/// So many of something: `1 key`, `2,000 keys`.
pub(super) fn counted(number: i64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A number with commas between thousands.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A text of an error as a sentence: with a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    let mut sentence: String = first.into_iter().flatten().chain(characters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = Timestamp::from_millis(1_000 * DAY_MILLIS);
        for (millis, told) in [
            (0, "just now"),
            (-90_000, "1 minute ago"),
            (-7_200_000, "2 hours ago"),
            (45 * DAY_MILLIS, "in 45 days"),
            (61 * DAY_MILLIS, "in 2 months"),
            (-800 * DAY_MILLIS, "2 years ago"),
        ] {
            assert_eq!(distance(now.plus_millis(millis), now), told);
        }
    }

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(counted(1, "key", "keys"), "1 key");
        assert_eq!(counted(0, "key", "keys"), "0 keys");
        assert_eq!(counted(1_234_567, "key", "keys"), "1,234,567 keys");
        assert_eq!(grouped(-1_000), "-1,000");
    }

    #[test]
    fn the_next_page_keeps_the_filters_and_nothing_else() {
        let place = "/console/keys?state=active&cursor=old&done=revoked";
        assert_eq!(
            with_cursor(place, Some("a b")),
            "/console/keys?state=active&cursor=a%20b"
        );
        assert_eq!(with_cursor(place, None), "/console/keys?state=active");
    }

    #[test]
    fn what_was_done_is_said_only_in_the_words_that_are_known() {
        assert_eq!(
            done("/console/me?done=token-revoked"),
            Some("The token is revoked: it works nowhere any more.")
        );
        assert_eq!(done("/console/me?done=pay+here"), None);
        assert_eq!(done("/console/me"), None);
    }

    #[test]
    fn an_error_is_told_as_a_sentence() {
        assert_eq!(sentence("the key is gone"), "The key is gone.");
        assert_eq!(sentence("Gone."), "Gone.");
    }
}
