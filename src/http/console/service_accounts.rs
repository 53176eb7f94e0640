//! Service accounts: listed, shown, made and changed. What ends or hands over one is in `service_account_actions`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::CredentialError;
use crate::credentials::service_accounts::{
    self as rules, NewServiceAccount, ServiceAccountChange,
};
use crate::lifecycle::USER;
use crate::policies::Scope;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::credentials::{Creator, Search, newest};
use crate::store::id::{ResourceId, ServiceAccountId};
use crate::store::service_accounts::{self as accounts, ServiceAccount};

use super::super::State;
use super::super::admin::service_accounts::update_within_rights;
use super::answer::{Failure, see_other};
use super::chosen::named;
use super::frame::{Section, page};
use super::keys::{Names, credentials};
use super::page::{Access, Page};
use super::parts::{
    badge, confirmation, empty, facts, field, field_with_hint, filters, form, heading,
    none_like_that, pager, results, table,
};
use super::posted::{Confirmed, Posted};
use super::rows::{ROWS, first_rows};
use super::visitor::Visitor;
use super::words::{ago, time};

pub(super) const READ: Scope = Scope::ServiceAccountsRead;
pub(super) const WRITE: Scope = Scope::ServiceAccountsWrite;
const LIST: (&str, &str) = ("/console/service-accounts", "Service accounts");

pub(super) fn pages() -> Vec<Page> {
    let (read, write) = (Access::With(READ), Access::With(WRITE));
    vec![
        Page::at("/service-accounts").get(read, list),
        // Before the page of one account: `new` is no identifier.
        Page::at("/service-accounts/new")
            .get(write, show_new)
            .post(write, create),
        Page::at("/service-accounts/{id}").get(read, show),
        Page::at("/service-accounts/{id}/change")
            .get(write, show_change)
            .post(write, change),
    ]
}

/// The page of an account.
pub(super) fn address(id: &ServiceAccountId) -> String {
    format!("/console/service-accounts/{id}")
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    orphaned: bool,
    cursor: Option<String>,
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let text = filter.q.trim().to_owned();
    let selection = accounts::Selection {
        orphaned: filter.orphaned,
        text: Some(text).filter(|text| !text.is_empty()),
    };
    let is_narrow = selection != accounts::Selection::default();
    let cursor = filter.cursor.clone();
    let found = state
        .database
        .read(move |connection| accounts::list(connection, &selection, cursor.as_deref(), ROWS + 1))
        .await?;
    let (found, next) = first_rows(found, |last| last.id.to_string());
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .map(|account| {
            vec![
                html! {
                    a href=(address(&account.id)) { (account.name) }
                    small.muted { (account.address) }
                },
                html! { (account.purpose) },
                owner(account),
                standing(account),
                time(account.created_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("Service accounts", None, &html! {
            @if visitor.may(WRITE) { a.button href="/console/service-accounts/new" { "New service account" } }
        }))
        (filters(LIST.0, &html! {
            (field("Name contains", &html! {
                input type="search" name="q" value=(filter.q) autocomplete="off" spellcheck="false";
            }))
            label.check {
                input type="checkbox" name="orphaned" value="true" checked[filter.orphaned];
                span { "Only those that nobody answers for" }
            }
        }))
        (results(&html! {
            @if rows.is_empty() {
                @if is_narrow {
                    (none_like_that(LIST.0))
                } @else {
                    (empty("There are none yet. A service account is for a program, with a person who answers for it.", &html! {}))
                }
            } @else {
                (table("In the order in which they were made", &["Name", "What it is for", "Answered for by", "State", "Since"], &rows))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        "Service accounts",
        &content,
    ))
}

fn owner(account: &ServiceAccount) -> Markup {
    html! {
        @match &account.owner {
            Some(owner) => { a href={ "/console/people/" (owner.id) } { (called(owner)) } },
            None => { span.muted { "nobody" } },
        }
    }
}

pub(super) fn called(owner: &Creator) -> String {
    let name = owner.display_name.as_ref().or(owner.user_name.as_ref());
    name.cloned().unwrap_or_else(|| owner.id.to_string())
}

fn standing(account: &ServiceAccount) -> Markup {
    html! {
        @if account.active { (badge("ok", "active")) } @else { (badge("off", "disabled")) }
        @if account.orphaned_at.is_some() { " " (badge("bad", "orphaned")) }
    }
}

pub(super) async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ServiceAccountId::new(id.into_inner());
    let (account, keys, names) = state
        .database
        .read(move |connection| {
            let account = rules::find(connection, &id)?;
            let search = Search {
                kinds: vec![
                    SecretKind::ServiceAccountToken,
                    SecretKind::ServiceAccountKey,
                ],
                service_account: Some(id.clone()),
                ..Search::default()
            };
            let keys = newest(connection, &search, None, ROWS)?;
            let names = Names::of(connection, &keys)?;
            Ok::<_, CredentialError>((account, keys, names))
        })
        .await?;
    let now = visitor.now();
    let content = html! {
        (heading(&account.name, Some(LIST), &actions(&visitor, &account)))
        @if account.orphaned_at.is_some() {
            p.note {
                "Whoever answered for this account has left"
                @if let Some(reason) = &account.orphaned_reason { " (" (reason.replace('_', " ")) ")" }
                ". It goes on working. Adopt it, disable it, or delete it."
            }
        }
        (facts(&[
            ("State", standing(&account)),
            ("What it is for", html! { (account.purpose) }),
            ("Address", html! { code { (account.address) } }),
            ("Answered for by", owner(&account)),
            ("Since", html! { (time(account.created_at)) " (" (ago(account.created_at, now)) ")" }),
            ("Disabled", html! {
                @if let Some(at) = account.disabled_at { (time(at)) } @else { span.muted { "never" } }
            }),
        ]))
        h2 { "Tokens and public keys" }
        @if keys.is_empty() { (empty("It has none yet, so that it can do nothing.", &html! {})) }
        @else {
            (credentials("The newest first", &keys, &names, now))
            p { a href={ "/console/keys?account=" (account.id) } { "All of its tokens and keys" } }
        }
    };
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        &account.name,
        &content,
    ))
}

fn actions(visitor: &Visitor, account: &ServiceAccount) -> Markup {
    let place = address(&account.id);
    html! {
        @if visitor.may(WRITE) {
            @if account.orphaned_at.is_some() {
                a.button.primary href=(format!("{place}/adopt")) { "Adopt" }
            }
            @if account.active {
                a.button href=(format!("{place}/tokens/new")) { "New token" }
                a.button href=(format!("{place}/keys/new")) { "New public key" }
            }
            a.button href=(format!("{place}/change")) { "Change" }
            @if account.active {
                a.button.danger href=(format!("{place}/disable")) { "Disable" }
            } @else {
                (form(visitor, &format!("{place}/enable"), &html! { button { "Enable" } }))
            }
            a.button.danger href=(format!("{place}/delete")) { "Delete" }
        }
    }
}

/// What the form of an account has.
#[derive(Deserialize)]
struct Wanted {
    name: String,
    purpose: String,
    /// What whoever answers for it is called.
    #[serde(default)]
    owner: String,
}

impl Wanted {
    /// Whoever is named; nobody where nothing is.
    fn owner(
        &self,
        connection: &mut DatabaseConnection,
    ) -> Result<Option<ResourceId>, CredentialError> {
        if self.owner.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(named(connection, USER, &self.owner)?.id))
    }
}

fn account_fields(name: &str, purpose: &str, hint: &str) -> Markup {
    html! {
        (field_with_hint("Name", "The program, such as Nightly build.", &html! {
            input name="name" value=(name) maxlength="200" required autocomplete="off";
        }))
        (field("What it is for", &html! {
            textarea name="purpose" rows="3" maxlength="1000" required { (purpose) }
        }))
        (field_with_hint("Who answers for it", hint, &html! {
            input name="owner" autocomplete="off" spellcheck="false";
        }))
    }
}

async fn show_new(visitor: Visitor) -> Result<HttpResponse, Failure> {
    let content = html! {
        (heading("New service account", Some(LIST), &html! {}))
        (form(&visitor, "/console/service-accounts/new", &html! {
            (account_fields("", "", "A user name or an identifier; you, where nothing is given."))
            button.primary { "Make the account" }
        }))
    };
    Ok(page(
        &visitor,
        Section::ServiceAccounts,
        "New service account",
        &content,
    ))
}

async fn create(sent: Posted<Wanted>, state: web::Data<State>) -> Result<HttpResponse, Failure> {
    let wanted = sent.form;
    let domain = state.settings.service_account_domain.clone();
    let account = sent
        .visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let new = NewServiceAccount {
                name: wanted.name.clone(),
                purpose: wanted.purpose.clone(),
                owner: wanted.owner(connection)?,
            };
            rules::create(connection, &new, &domain, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!(
        "{}?done=account-made",
        address(&account.id)
    )))
}

/// The account of this identifier.
pub(super) fn found(state: &State, id: &ServiceAccountId) -> Result<ServiceAccount, Failure> {
    Ok(state
        .database
        .read_now(|connection| rules::find(connection, id))?)
}

async fn show_change(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let account = found(&state, &ServiceAccountId::new(id.into_inner()))?;
    let place = address(&account.id);
    let asked = visitor.asked(&state)?;
    let now = account
        .owner
        .as_ref()
        .map_or_else(|| "nobody".to_owned(), called);
    let hint = format!("A user name or an identifier; {now} as now, where nothing is given.");
    let content = html! {
        (heading(&format!("Change {}", account.name), Some((&place, &account.name)), &html! {}))
        (form(&visitor, &format!("{place}/change"), &html! {
            (account_fields(&account.name, &account.purpose, &hint))
            (confirmation(asked))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::ServiceAccounts, "Change", &content))
}

async fn change(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ServiceAccountId::new(id.into_inner());
    let (wanted, account) = (sent.form, id.clone());
    sent.visitor
        .admin(WRITE)
        .write(&state, move |connection, admin| {
            let change = ServiceAccountChange {
                name: Some(wanted.name.clone()),
                purpose: Some(wanted.purpose.clone()),
                owner: wanted.owner(connection)?,
            };
            update_within_rights(connection, &account, &change, admin)
        })
        .await?;
    Ok(see_other(&format!("{}?done=account-changed", address(&id))))
}
