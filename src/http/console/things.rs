//! What audit events and notices speak of: where each thing has its page, and their detail as people read it.

use maud::{Markup, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::lifecycle::{GROUP, USER};
use crate::store::id::CredentialId;

use super::kinds::KINDS;

/// What stands in an address as it is, as that of RFC 3986 (section 2.3) does.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An identifier as a part of an address.
pub(super) fn in_path(id: &str) -> String {
    utf8_percent_encode(id, KEPT).to_string()
}

/// The page of a thing; none for what has no page of its own.
pub(super) fn page_of(kind: &str, id: &str) -> Option<String> {
    if let Some(key) = KINDS.iter().find(|key| key.secret.name() == kind) {
        return Some(key.address(&CredentialId::new(in_path(id))));
    }
    let room = match kind {
        USER => "people",
        GROUP => "groups",
        "directory" => "directories",
        "policy" => "policies",
        "product" => "products",
        "receipt" => "receipts",
        "service_account" => "service-accounts",
        "webhook" => "webhooks",
        _ => return None,
    };
    Some(format!("/console/{room}/{}", in_path(id)))
}

/// A thing by its name, which leads to its page where it has one.
pub(super) fn link(kind: &str, id: &str, name: Option<&str>) -> Markup {
    html! {
        @match page_of(kind, id) {
            Some(page) => { a href=(page) { (name.unwrap_or(id)) } },
            None => { (name.unwrap_or(id)) },
        }
    }
}

/// A detail as a list of names and values; nothing of it is left out but what is null.
pub(super) fn detail(text: &str) -> Vec<(String, Markup)> {
    let detail: Value = serde_json::from_str(text).unwrap_or_default();
    let members = detail.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (in_words(name), shown(name, value)))
        .collect()
}

/// A name as data has it, in words.
fn in_words(name: &str) -> String {
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// A value, by the name that it has in what it is a part of.
fn shown(name: &str, value: &Value) -> Markup {
    match value {
        Value::String(id) => html! {
            @match kind_of_id(name).and_then(|kind| page_of(kind, id)) {
                Some(page) => { a href=(page) { (id) } },
                None => { (id) },
            }
        },
        Value::Array(items) => html! {
            @if items.is_empty() { span.muted { "none" } }
            @for item in items { div.item { (shown(name, item)) } }
        },
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let kind = text("kind").or_else(|| kind_of_object(name));
            let page = kind
                .zip(text("id"))
                .and_then(|(kind, id)| page_of(kind, id));
            html! {
                @if members.is_empty() { span.muted { "none" } }
                @for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                    div {
                        span.muted { (name.replace('_', " ")) ": " }
                        @match &page {
                            Some(page) if name == "id" => { a href=(page) { (text("id").unwrap_or_default()) } },
                            _ => { (shown(name, value)) },
                        }
                    }
                }
            }
        }
        Value::Bool(true) => html! { "yes" },
        Value::Bool(false) => html! { "no" },
        other => html! { (other.to_string()) },
    }
}

/// What an identifier is of, by its name.
fn kind_of_id(name: &str) -> Option<&'static str> {
    Some(match name {
        "user_id" | "owner_id" => USER,
        "group_id" => GROUP,
        "directory_id" => "directory",
        "policy_id" => "policy",
        "product_id" => "product",
        "receipt_id" => "receipt",
        "service_account_id" => "service_account",
        "webhook_id" => "webhook",
        _ => return None,
    })
}

/// What an object is of, by its name.
fn kind_of_object(name: &str) -> Option<&'static str> {
    Some(match name {
        "created_by" | "owner" | "user" => USER,
        "directory" => "directory",
        "product" => "product",
        "service_account" | "service_accounts" => "service_account",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_read_whole_and_leads_to_what_it_names() {
        let text = r#"{"receipt_id": "r1", "nothing": null, "changed": ["a", "<b>"], "done": true,
            "credential": {"id": "k1", "kind": "scim_key", "name": "Sync"}, "directory": {"id": "d1", "name": "Okta"}}"#;
        let shown: Vec<(String, String)> = detail(text)
            .into_iter()
            .map(|(name, value)| (name, value.into_string()))
            .collect();
        let of = |wanted: &str| {
            let found = shown.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(shown.len(), 5);
        assert_eq!(of("Done"), Some("yes"));
        assert_eq!(
            of("Receipt id"),
            Some("<a href=\"/console/receipts/r1\">r1</a>")
        );
        let changed = "<div class=\"item\">a</div><div class=\"item\">&lt;b&gt;</div>";
        assert_eq!(of("Changed"), Some(changed));
        let key = of("Credential").unwrap();
        assert!(
            key.contains("<a href=\"/console/keys/scim-keys/k1\">k1</a>"),
            "{key}"
        );
        let directory = of("Directory").unwrap();
        assert!(
            directory.contains("<a href=\"/console/directories/d1\">d1</a>"),
            "{directory}"
        );
    }

    #[test]
    fn what_has_no_page_is_named_without_a_link() {
        assert_eq!(page_of("session", "s1"), None);
        assert_eq!(link("alarm", "a1", Some("Many")).into_string(), "Many");
        assert_eq!(
            page_of("User", "a/b").as_deref(),
            Some("/console/people/a%2Fb")
        );
    }
}
