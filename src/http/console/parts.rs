//! What pages are made of: headings, forms, questions, filters, tables, pagers.

use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::Issued;
use crate::credentials::confirmation::Asked;

use super::visitor::Visitor;
use super::words::time;

/// What a secret is found by on its page.
const SECRET: &str = "secret";
const HASHED: &str = "It is stored only as a hash, and nobody can show it again.";

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

/// A form that changes something: it carries the visitor's token. One that was refused has what was filled in.
pub(super) fn form(visitor: &Visitor, action: &str, content: &Markup) -> Markup {
    let refused = visitor.refused.as_ref();
    let again = refused.and_then(|refused| refused.again(action, content));
    html! {
        form method="post" action=(action) {
            input type="hidden" name="form_token" value=(visitor.form_token);
            (again.as_ref().unwrap_or(content))
        }
    }
}

/// What a form needs that takes [`super::posted::Confirmed`]: the sender's own password, where their sign-in was
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
    let address = visitor.place.as_str();
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

/// What a list that is read whole is narrowed by.
#[derive(Default, Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    q: String,
}

impl Typed {
    /// The form above the list.
    pub(super) fn form(&self, action: &str, further: &Markup) -> Markup {
        filters(
            action,
            &html! {
                (field("Contains", &html! {
                    input type="search" name="q" value=(self.q) autocomplete="off" spellcheck="false";
                }))
                (further)
            },
        )
    }

    /// What was typed.
    pub(super) fn text(&self) -> &str {
        self.q.trim()
    }

    /// Whether one of these texts contains what was typed, in capitals or not.
    pub(super) fn admits<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        let typed = self.text().to_lowercase();
        let mut texts = texts.into_iter();
        typed.is_empty() || texts.any(|text| text.to_lowercase().contains(&typed))
    }
}

/// What is shown where nothing of a list is left, of one that may have nothing in it.
pub(super) fn none_left(typed: &Typed, action: &str, without: &str) -> Markup {
    if typed.text().is_empty() {
        return empty(without, &html! {});
    }
    empty(
        "Nothing is called so.",
        &html! { a href=(action) { "Show everything" } },
    )
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

/// What is shown where filters leave nothing of a list.
pub(super) fn none_like_that(action: &str) -> Markup {
    empty(
        "There is none like that.",
        &html! { a href=(action) { "Show everything" } },
    )
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
    once(
        SECRET,
        label,
        secret,
        HASHED,
        &html! { "It works until " (time(expires_at)) "." },
    )
}

/// The secret of one of several credentials on a page, each of which is copied by itself.
pub(super) fn secret_of(issued: &Issued) -> Markup {
    let credential = &issued.credential;
    once(
        &format!("{SECRET}-{}", credential.id),
        &credential.name,
        issued.secret.expose(),
        HASHED,
        &html! { "It works until " (time(credential.expires_at)) "." },
    )
}

/// A secret of another sort, this once: why it is not shown again, and what to know of it.
pub(super) fn shown_once(label: &str, secret: &str, why: &str, further: &Markup) -> Markup {
    once(SECRET, label, secret, why, further)
}

/// `id` is what the button finds the secret by, and no other's on the page.
fn once(id: &str, label: &str, secret: &str, why: &str, further: &Markup) -> Markup {
    html! {
        div.secret {
            p role="status" { strong { "Copy it now." } " " (why) }
            (field(label, &html! {
                input id=(id) value=(secret) readonly spellcheck="false" autocomplete="off";
            }))
            div.buttons {
                button type="button" data-copy=(id) data-script hidden { "Copy" }
            }
            p.muted { (further) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_list_is_narrowed_to_what_contains_what_was_typed() {
        let typed = |q: &str| Typed { q: q.to_owned() };
        assert!(typed(" WIKI ").admits(["The wiki", "pages:read"]));
        assert!(typed("read").admits(["The wiki", "pages:read"]));
        assert!(!typed("write").admits(["The wiki", "pages:read"]));
        assert!(typed("  ").admits([]));
    }
}
