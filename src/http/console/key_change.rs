//! A SCIM key or admin API key changed: its name, where it may be used from, and how many requests it may make.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::keys::{self, KeyChange};
use crate::credentials::{Credential, CredentialError};
use crate::policies::networks;
use crate::policies::rate_limits::{BURST_SECONDS, MAX_PER_SECOND, Rate};
use crate::store::id::CredentialId;

use super::super::State;
use super::super::admin::one_credential::OneCredential;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::kinds::{KINDS, Kind};
use super::new_key::separated;
use super::page::{Access, Page};
use super::parts::{confirmation, facts, field, field_with_hint, form, heading};
use super::posted::Confirmed;
use super::visitor::Visitor;
use super::words::ago_or;

pub(super) fn pages() -> Vec<Page> {
    let changed = KINDS.into_iter().filter(Kind::can_be_changed);
    changed
        .map(|kind| {
            let write = Access::With(kind.write);
            Page::at(&format!("/keys/{{kind:{}}}/{{id}}/change", kind.slug))
                .get(write, show_form)
                .post(write, change)
        })
        .collect()
}

/// A rate of its own, as the forms of keys ask for it.
pub(super) fn rate_field(own: &str) -> Markup {
    let hint = format!(
        "That of its kind, where there is nothing; 0 is no bound. {BURST_SECONDS} seconds' worth may come at once."
    );
    field_with_hint(
        "Requests a second",
        &hint,
        &html! {
            input type="number" name="requests_per_second" min="0" max=(MAX_PER_SECOND) value=(own);
        },
    )
}

/// Where it may be used from, as the forms of keys ask for it.
pub(super) fn networks_field(present: &str) -> Markup {
    field_with_hint(
        "Works from",
        "Networks such as 192.0.2.0/24, with spaces between; from anywhere where there are none.",
        &html! { input name="allowed_networks" value=(present) autocomplete="off" spellcheck="false"; },
    )
}

/// What may be changed of a key, as a form has it.
#[derive(PartialEq, Deserialize)]
struct Fields {
    name: String,
    #[serde(default)]
    allowed_networks: String,
    #[serde(default)]
    requests_per_second: String,
}

impl Fields {
    fn of(key: &Credential) -> Self {
        let networks: Vec<String> = key
            .allowed_networks
            .iter()
            .map(ToString::to_string)
            .collect();
        let rate = key.requests_per_second.map(|rate| rate.to_string());
        Self {
            name: key.name.clone(),
            allowed_networks: networks.join(" "),
            requests_per_second: rate.unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(flatten)]
    new: Fields,
    /// What the sender saw.
    #[serde(default)]
    seen_name: String,
    #[serde(default)]
    seen_networks: String,
    #[serde(default)]
    seen_rate: String,
}

impl Wanted {
    /// What its sender has changed: what they left as it was is not set back to what they saw.
    fn change(self) -> Result<KeyChange, Failure> {
        let Fields {
            name,
            allowed_networks,
            requests_per_second,
        } = self.new;
        let networks = Some(allowed_networks).filter(|text| *text != self.seen_networks);
        let rate = Some(requests_per_second).filter(|text| *text != self.seen_rate);
        Ok(KeyChange {
            name: Some(name).filter(|name| *name != self.seen_name),
            allowed_networks: networks
                .map(|text| networks::parse(&separated(&text)))
                .transpose()?,
            requests_per_second: rate.map(|text| rate_of(&text)).transpose()?,
        })
    }
}

/// A rate of its own; nothing is that of its kind.
fn rate_of(text: &str) -> Result<Rate, CredentialError> {
    match text.trim() {
        "" => Ok(Rate::OfKind),
        number => number.parse().map(Rate::Own).map_err(|_| {
            CredentialError::Invalid(format!("{number:?} is no number of requests a second"))
        }),
    }
}

async fn show_form(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, id) = named(path)?;
    let key = state
        .database
        .read_now(|connection| keys::find(connection, kind.secret, &id))?;
    let asked = visitor.asked(&state)?;
    let present = Fields::of(&key);
    let address = kind.address(&id);
    let title = format!("Change {}", key.name);
    let content = html! {
        (heading(&title, Some((&address, &key.name)), &html! {}))
        p {
            "1 " (kind.one) " goes on with the same secret. Its networks and its rate hold from the next request on: "
            "whoever uses it from elsewhere is refused."
        }
        (facts(&[("Last used", html! {
            (ago_or(key.last_used_at, visitor.now(), "never"))
            @if let Some(address) = &key.last_used_ip { " from " code { (address) } }
        })]))
        (form(&visitor, &format!("{address}/change"), &html! {
            (field("Name", &html! {
                input name="name" value=(present.name) maxlength="200" required autocomplete="off";
            }))
            (networks_field(&present.allowed_networks))
            (rate_field(&present.requests_per_second))
            input type="hidden" name="seen_name" value=(present.name);
            input type="hidden" name="seen_networks" value=(present.allowed_networks);
            input type="hidden" name="seen_rate" value=(present.requests_per_second);
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(address) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::Keys, &title, &content))
}

fn named(path: web::Path<(String, String)>) -> Result<(Kind, CredentialId), Failure> {
    let (slug, id) = path.into_inner();
    Ok((Kind::of(&slug)?, CredentialId::new(id)))
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, id) = named(path)?;
    let address = kind.address(&id);
    let change = sent.form.change()?;
    OneCredential::of_kind(kind.secret, id)
        .change_by(sent.visitor.admin(kind.write), &state, change)
        .await?;
    Ok(see_other(&format!("{address}?done=key-changed")))
}
