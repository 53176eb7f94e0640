//! The making of SCIM keys and admin API keys.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::NewCredential;
use crate::policies::lifetime::{DEFAULT_DAYS, MAX_DAYS};
use crate::policies::{Scope, networks};
use crate::secret::SecretKind;
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::DirectoryId;

use super::super::State;
use super::super::admin::keys::issue_within_rights;
use super::answer::Failure;
use super::frame::{Section, page};
use super::key_change::{networks_field, rate_field};
use super::kinds::{KINDS, Kind};
use super::one_key::issued_page;
use super::page::{Access, Page};
use super::parts::{confirmation, field, field_with_hint, form, heading, select};
use super::posted::Confirmed;
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    let scim = Access::With(Scope::ScimKeysWrite);
    let api = Access::With(Scope::ApiKeysWrite);
    vec![
        Page::at("/keys/scim-keys/new")
            .get(scim, show_scim_form)
            .post(scim, create_scim_key),
        Page::at("/keys/api-keys/new")
            .get(api, show_api_form)
            .post(api, create_api_key),
    ]
}

#[derive(Deserialize)]
struct Place {
    directory: Option<String>,
}

async fn show_scim_form(
    visitor: Visitor,
    state: web::Data<State>,
    place: web::Query<Place>,
) -> Result<HttpResponse, Failure> {
    let known = state.database.read(directories::list).await?;
    let options: Vec<(&str, &str)> = known
        .iter()
        .filter(|directory| directory.kind == DirectoryKind::Scim)
        .map(|directory| (directory.id.as_str(), directory.name.as_str()))
        .collect();
    let chosen = place.directory.as_deref().unwrap_or_default();
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("New SCIM key", Some(("/console/keys", "Keys and tokens")), &html! {}))
        // With the query, so that whoever has to sign in again comes back to the same choice.
        (form(&visitor, &visitor.place, &html! {
            (field("Directory", &select("directory", chosen, &options)))
            (common_fields("Okta"))
            (rate_field(""))
            (confirmation(asked))
            button.primary { "Make the key" }
        }))
    };
    Ok(page(&visitor, Section::Keys, "New SCIM key", &content))
}

async fn show_api_form(visitor: Visitor, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let asked = visitor.asked(&state)?;
    let scopes = Scope::ALL.into_iter().filter(|scope| visitor.may(*scope));
    let content = html! {
        (heading("New admin API key", Some(("/console/keys", "Keys and tokens")), &html! {}))
        (form(&visitor, "/console/keys/api-keys/new", &html! {
            (common_fields("Nightly report"))
            (rate_field(""))
            fieldset {
                legend { "What it may do" }
                div.columns {
                    @for scope in scopes {
                        label.check {
                            input type="checkbox" name="scopes" value=(scope.name());
                            code { (scope.name()) }
                        }
                    }
                }
            }
            (confirmation(asked))
            button.primary { "Make the key" }
        }))
    };
    Ok(page(&visitor, Section::Keys, "New admin API key", &content))
}

/// What every key is asked for.
pub(super) fn common_fields(example: &str) -> Markup {
    html! {
        (field_with_hint("Name", &format!("What it is for, such as {example}."), &html! {
            input name="name" maxlength="200" required autocomplete="off";
        }))
        (expiry_field())
        (networks_field(""))
    }
}

#[derive(Deserialize)]
struct Wanted {
    name: String,
    directory: Option<DirectoryId>,
    expires_in_days: i64,
    #[serde(default)]
    allowed_networks: String,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    requests_per_second: Option<u32>,
}

impl Wanted {
    fn credential(self, kind: SecretKind) -> Result<NewCredential, Failure> {
        let texts: Vec<String> = separated(&self.allowed_networks);
        Ok(NewCredential {
            scopes: self.scopes,
            allowed_networks: networks::parse(&texts)?,
            expires_in_days: Some(self.expires_in_days),
            requests_per_second: self.requests_per_second,
            ..NewCredential::new(kind, &self.name)
        })
    }
}

pub(super) fn expiry_field() -> Markup {
    field(
        "Expires after so many days",
        &html! {
            input type="number" name="expires_in_days" min="1" max=(MAX_DAYS) value=(DEFAULT_DAYS) required;
        },
    )
}

/// What was written with spaces or commas between.
pub(super) fn separated(text: &str) -> Vec<String> {
    text.split([' ', ',', '\n', '\r', '\t'])
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

async fn create_scim_key(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let directory = sent.form.directory.clone();
    let new = NewCredential {
        directory_id: Some(directory.unwrap_or_else(|| DirectoryId::new(""))),
        scopes: Vec::new(),
        ..sent.form.credential(SecretKind::ScimKey)?
    };
    create(sent.visitor, &state, new).await
}

async fn create_api_key(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
) -> Result<HttpResponse, Failure> {
    let new = sent.form.credential(SecretKind::AdminKey)?;
    create(sent.visitor, &state, new).await
}

async fn create(
    visitor: Visitor,
    state: &State,
    new: NewCredential,
) -> Result<HttpResponse, Failure> {
    let kind = kind_of(new.kind);
    let issued = issue_within_rights(state, new, visitor.admin(kind.write)).await?;
    let content = issued_page(&issued.credential.name, kind, &issued);
    Ok(page(&visitor, Section::Keys, "The new key", &content))
}

fn kind_of(kind: SecretKind) -> Kind {
    let [scim, api, ..] = KINDS;
    if kind == SecretKind::AdminKey {
        api
    } else {
        scim
    }
}
