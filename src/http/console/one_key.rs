//! One key or token: shown, rotated, adopted, revoked.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::keys::{self, DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS};
use crate::credentials::view::status;
use crate::credentials::{Credential, CredentialError, Issued, registered_keys};
use crate::policies::lifetime::MAX_DAYS;
use crate::secret::SecretKind;
use crate::store::id::CredentialId;
use crate::store::registered_keys::RegisteredKey;

use super::super::State;
use super::super::admin::keys::Rotation;
use super::super::admin::one_credential::OneCredential;
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::keys::{Names, standing};
use super::kinds::{KINDS, Kind};
use super::page::{Access, Page};
use super::parts::{Question, confirm, facts, field, field_with_hint, heading, secret};
use super::posted::Confirmed;
use super::service_accounts::address;
use super::sign_in::Nothing;
use super::visitor::Visitor;
use super::words::{ago, ago_or, grouped, time};

pub(super) fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    for kind in KINDS {
        let one = format!("/keys/{{kind:{}}}/{{id}}", kind.slug);
        let (read, write) = (Access::With(kind.read), Access::With(kind.write));
        pages.push(Page::at(&one).get(read, show));
        pages.push(
            Page::at(&format!("{one}/revoke"))
                .get(write, ask_revoke)
                .post(write, revoke),
        );
        if kind.is_key {
            pages.push(
                Page::at(&format!("{one}/rotate"))
                    .get(write, ask_rotate)
                    .post(write, rotate),
            );
        }
        if kind.can_be_adopted() {
            pages.push(
                Page::at(&format!("{one}/adopt"))
                    .get(write, ask_adopt)
                    .post(write, adopt),
            );
        }
    }
    pages
}

fn found(state: &State, (slug, id): (String, String)) -> Result<(Kind, Credential), Failure> {
    let kind = Kind::of(&slug)?;
    let id = CredentialId::new(id);
    let credential = state
        .database
        .read_now(|connection| keys::find(connection, kind.secret, &id))?;
    Ok((kind, credential))
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, credential) = found(&state, path.into_inner())?;
    let (names, registered) = state.database.read_now(|connection| {
        let names = Names::of(connection, std::slice::from_ref(&credential))?;
        let registered = registered_keys::with_keys(connection, vec![credential.clone()])?;
        Ok::<_, CredentialError>((names, registered))
    })?;
    let key = registered.first().map(|one| &one.key);
    let content = key_page(&visitor, kind, &credential, &names, key);
    Ok(page(&visitor, Section::Keys, &credential.name, &content))
}

fn key_page(
    visitor: &Visitor,
    kind: Kind,
    credential: &Credential,
    names: &Names,
    key: Option<&RegisteredKey>,
) -> Markup {
    let now = visitor.now();
    let address = kind.address(&credential.id);
    let status = status(credential, now);
    let lives = matches!(status, "active" | "rotated");
    let may_change = kind.is_changed_by(&visitor.rights);
    let is_orphan = credential.orphaned_at.is_some() && credential.revoked_at.is_none();
    html! {
        (heading(&credential.name, Some(("/console/keys", "Keys and tokens")), &html! {
            @if may_change && lives {
                @if kind.can_be_changed() { a.button href=(format!("{address}/change")) { "Change" } }
                @if kind.can_be_adopted() && is_orphan {
                    a.button.primary href=(format!("{address}/adopt")) { "Adopt" }
                }
                @if kind.is_key && status == "active" { a.button href=(format!("{address}/rotate")) { "Rotate" } }
                @if let (Some(_), Some(account)) = (key, &credential.service_account_id) {
                    a.button href={ "/console/service-accounts/" (account) "/keys/" (credential.id) "/replace" } { "Replace" }
                }
                a.button.danger href=(format!("{address}/revoke")) { "Revoke" }
            }
        }))
        @if is_orphan {
            p.note { (left_behind(credential, kind, names)) }
        }
        (facts(&rows(credential, kind, names, now)))
        @if let Some(key) = key {
            h2 { "The key itself" }
            (facts(&[
                ("Algorithm", html! { code { (key.algorithm) } }),
                ("Thumbprint", html! { code { (key.thumbprint) } }),
                ("Key id", html! { code { (key.key_id) } }),
            ]))
        }
    }
}

/// Who has left an orphan, and what can be done with it: no more than the page has buttons for.
fn left_behind(credential: &Credential, kind: Kind, names: &Names) -> Markup {
    let account = names
        .account(credential)
        .filter(|account| account.orphaned_at.is_some());
    let reason = credential.orphaned_reason.as_deref();
    html! {
        @if account.is_some() { "Whoever answered for its service account has left" }
        @else { "Whoever made this key has left" }
        @if let Some(reason) = reason { " (" (reason.replace('_', " ")) ")" }
        ". It goes on working until it is revoked or expires. "
        @if let Some(account) = account {
            "Adopt " a href=(address(&account.id)) { (account.name) }
            ", and what it has is adopted with it; or revoke this alone."
        } @else if kind.is_key { "Adopt it, rotate it, or revoke it." }
        @else { "Adopt it, replace it, or revoke it." }
    }
}

fn rows(
    credential: &Credential,
    kind: Kind,
    names: &Names,
    now: Timestamp,
) -> Vec<(&'static str, Markup)> {
    let creator = credential.created_by.as_ref().map(|creator| {
        let name = creator.display_name.as_ref().or(creator.user_name.as_ref());
        name.map_or_else(|| creator.id.to_string(), Clone::clone)
    });
    let mut rows = vec![
        ("Kind", html! { (kind.one) }),
        ("State", standing(credential, now)),
        ("Begins with", html! { code { (credential.prefix) "…" } }),
        ("Of", names.holder(credential)),
        (
            "Expires",
            html! { (time(credential.expires_at)) " (" (ago(credential.expires_at, now)) ")" },
        ),
        (
            "Made",
            html! { (time(credential.created_at)) " by " (creator.as_deref().unwrap_or("the command line")) },
        ),
        (
            "Last used",
            html! {
                (ago_or(credential.last_used_at, now, "never"))
                @if let Some(address) = &credential.last_used_ip { " from " code { (address) } }
            },
        ),
    ];
    if !credential.scopes.is_empty() {
        rows.push((
            "Scopes",
            html! { @for scope in &credential.scopes { code { (scope) } " " } },
        ));
    }
    if !credential.allowed_networks.is_empty() {
        rows.push((
            "Works from",
            html! { @for network in &credential.allowed_networks { code { (network) } " " } },
        ));
    }
    if let Some(rate) = credential.requests_per_second {
        rows.push((
            "Requests a second",
            html! { @if rate == 0 { "no bound" } @else { (grouped(i64::from(rate))) } },
        ));
    }
    if let Some(at) = credential.retires_at {
        rows.push(("Overlap ends", html! { (time(at)) }));
    }
    if let Some(at) = credential.orphaned_at {
        rows.push(("Orphaned", html! { (time(at)) }));
    }
    if let Some(at) = credential.revoked_at {
        let reason = credential.revoked_reason.as_deref().unwrap_or_default();
        rows.push((
            "Revoked",
            html! { (time(at)) " (" (reason.replace('_', " ")) ")" },
        ));
    }
    rows
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, credential) = found(&state, path.into_inner())?;
    let now = visitor.now();
    let address = kind.address(&credential.id);
    let asked = visitor.asked(&state)?;
    let question = Question {
        title: &format!("Revoke {}", credential.name),
        back: (&address, &credential.name),
        consequences: html! {
            p { "1 " (kind.one) " stops working at once, everywhere, and cannot be brought back." }
            p {
                @match credential.last_used_at {
                    Some(at) => { "It was last used " (ago(at, now)) "." },
                    None => { "It has never been used." },
                }
                @if kind.secret == SecretKind::ScimKey {
                    " An identity provider that still uses it can provision nobody, and deprovision nobody."
                }
            }
        },
        fields: html! {},
        button: "Revoke",
        is_dangerous: true,
    };
    let content = confirm(&visitor, asked, &question);
    Ok(page(&visitor, Section::Keys, "Revoke", &content))
}

async fn revoke(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, id) = named(path)?;
    let address = kind.address(&id);
    OneCredential::of_kind(kind.secret, id)
        .revoke_by(sent.visitor.admin(kind.write), &state)
        .await?;
    Ok(see_other(&format!("{address}?done=key-revoked")))
}

/// The kind and the identifier that an address names.
fn named(path: web::Path<(String, String)>) -> Result<(Kind, CredentialId), Failure> {
    let (slug, id) = path.into_inner();
    Ok((Kind::of(&slug)?, CredentialId::new(id)))
}

async fn ask_adopt(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, credential) = found(&state, path.into_inner())?;
    let question = Question {
        title: &format!("Adopt {}", credential.name),
        back: (&kind.address(&credential.id), &credential.name),
        consequences: html! {
            p { "1 " (kind.one) " becomes yours, and goes on working: should you leave, it is flagged again." }
        },
        fields: html! {},
        button: "Adopt",
        is_dangerous: false,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Keys, "Adopt", &content))
}

async fn adopt(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, id) = named(path)?;
    let address = kind.address(&id);
    OneCredential::of_kind(kind.secret, id)
        .adopt_by(sent.visitor.admin(kind.write), &state)
        .await?;
    Ok(see_other(&format!("{address}?done=key-adopted")))
}

async fn ask_rotate(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, credential) = found(&state, path.into_inner())?;
    let address = kind.address(&credential.id);
    let asked = visitor.asked(&state)?;
    let question = Question {
        title: &format!("Rotate {}", credential.name),
        back: (&address, &credential.name),
        consequences: html! {
            p {
                "A successor with the same rights is issued, and shown once. This key goes on working until the "
                "overlap has passed since the first use of the successor, so that a slow change is no outage."
            }
        },
        fields: html! {
            (field_with_hint("Overlap in hours", "0 ends this key now.", &html! {
                input type="number" name="overlap_hours" min="0" max=(MAX_OVERLAP_HOURS)
                    value=(DEFAULT_OVERLAP_HOURS);
            }))
            (field("The successor expires after so many days", &html! {
                input type="number" name="expires_in_days" min="1" max=(MAX_DAYS) value=(MAX_DAYS);
            }))
        },
        button: "Rotate",
        is_dangerous: false,
    };
    let content = confirm(&visitor, asked, &question);
    Ok(page(&visitor, Section::Keys, "Rotate", &content))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    overlap_hours: Option<i64>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    expires_in_days: Option<i64>,
}

async fn rotate(
    sent: Confirmed<Wanted>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (kind, id) = named(path)?;
    let rotation = Rotation {
        overlap_hours: sent.form.overlap_hours,
        expires_in_days: sent.form.expires_in_days,
    };
    let visitor = sent.visitor;
    let issued = OneCredential::of_kind(kind.secret, id)
        .rotate_by(visitor.admin(kind.write), &state, rotation)
        .await?;
    let content = issued_page(
        &format!("The successor of {}", issued.credential.name),
        kind,
        &issued,
    );
    Ok(page(&visitor, Section::Keys, "Rotated", &content))
}

/// A key that was just issued, with its secret, this once.
pub(super) fn issued_page(title: &str, kind: Kind, issued: &Issued) -> Markup {
    let credential = &issued.credential;
    html! {
        (heading(title, Some(("/console/keys", "Keys and tokens")), &html! {}))
        (secret(kind.one, issued.secret.expose(), credential.expires_at))
        p { a.button href=(kind.address(&credential.id)) { "I have copied it" } }
    }
}

/// The page of a key that was just issued.
pub(super) fn new_key_page(
    visitor: &Visitor,
    section: Section,
    issued: &Issued,
) -> Result<HttpResponse, Failure> {
    let credential = &issued.credential;
    let kind = Kind::of_credential(credential)
        .ok_or_else(|| Problem::not_found("kind of key", credential.kind.name()))?;
    let content = issued_page(&credential.name, kind, issued);
    Ok(page(visitor, section, "The new key", &content))
}
