//! Keys and tokens of every kind: found, shown, rotated, adopted, revoked.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::Credential;
use crate::credentials::keys::{self, DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS};
use crate::credentials::view::status;
use crate::policies::Scope;
use crate::policies::lifetime::MAX_DAYS;
use crate::secret::SecretKind;
use crate::store::credentials::{Search, Standing, newest};
use crate::store::id::{CredentialId, ProductId, ResourceId, ServiceAccountId};
use crate::store::{
    DatabaseConnection, StoreError, directories, products, resources, service_accounts,
};

use super::super::State;
use super::super::admin::keys::{Rotation, adopt_within_rights, rotate_within_rights};
use super::super::problem::Problem;
use super::answer::{Failure, see_other};
use super::frame::{
    Question, Section, ago, ago_or, badge, confirm, empty, facts, field, field_with_hint, filters,
    heading, page, pager, results, select, table, time,
};
use super::kinds::{ANY, KINDS, Kind};
use super::page::{Access, Page};
use super::visitor::{Confirmed, Visitor};

/// How many rows a page of a list has.
pub(super) const ROWS: i64 = 50;

pub(super) fn pages() -> Vec<Page> {
    let mut pages = vec![Page::at("/keys").get(ANY, list)];
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
            pages.push(
                Page::at(&format!("{one}/adopt"))
                    .get(write, ask_adopt)
                    .post(write, adopt),
            );
        }
    }
    pages
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    kind: Option<String>,
    state: Option<String>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    owner: Option<ResourceId>,
    age: Option<String>,
    unused: Option<String>,
    cursor: Option<String>,
}

const STATES: [(&str, &str); 6] = [
    ("", "Any state"),
    ("active", "Active"),
    ("rotated", "Rotated"),
    ("expired", "Expired"),
    ("revoked", "Revoked"),
    ("orphaned", "Orphaned"),
];
const AGES: [(&str, &str); 4] = [
    ("", "Any age"),
    ("30", "Over 30 days"),
    ("90", "Over 90 days"),
    ("365", "Over a year"),
];
const UNUSED: [(&str, &str); 4] = [
    ("", "Used or not"),
    ("30", "Not in 30 days"),
    ("90", "Not in 90 days"),
    ("180", "Not in 180 days"),
];

impl Filter {
    fn search(&self, visitor: &Visitor) -> Search {
        let now = visitor.now();
        let before = |days: &Option<String>| {
            let days: i64 = days.as_ref()?.parse().ok()?;
            Some(now.plus_days(-days.clamp(0, 3_650)))
        };
        let standing = match self.state.as_deref() {
            Some("active") => Some(Standing::Active),
            Some("rotated") => Some(Standing::Rotated),
            Some("expired") => Some(Standing::Expired),
            Some("revoked") => Some(Standing::Revoked),
            Some("orphaned") => Some(Standing::Orphaned),
            _ => None,
        };
        let wanted = self.kind.as_deref().unwrap_or_default();
        Search {
            kinds: KINDS
                .into_iter()
                .filter(|kind| kind.is_shown_to(&visitor.rights))
                .filter(|kind| wanted.is_empty() || kind.slug == wanted)
                .map(|kind| kind.secret)
                .collect(),
            standing: standing.map(|standing| (standing, now)),
            product: self.product.clone(),
            owner: self.owner.clone(),
            made_before: before(&self.age),
            unused_since: before(&self.unused),
            ..Search::default()
        }
    }

    fn is_narrow(&self) -> bool {
        let texts = [&self.kind, &self.state, &self.age, &self.unused];
        self.product.is_some()
            || self.owner.is_some()
            || texts
                .into_iter()
                .any(|text| text.as_deref().is_some_and(|text| !text.is_empty()))
    }
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let (search, cursor) = (filter.search(&visitor), filter.cursor.clone());
    let sees_products = visitor.may(Scope::ProductsRead);
    let (found, names, known_products) = state
        .database
        .read(move |connection| {
            let found = newest(connection, &search, cursor.as_deref(), ROWS + 1)?;
            let names = Names::of(connection, &found)?;
            let known = if sees_products {
                products::list(connection)?
            } else {
                Vec::new()
            };
            Ok::<_, StoreError>((found, names, known))
        })
        .await?;
    let (shown, next) = first_of(found);
    let mut kinds = vec![("", "Every kind")];
    kinds.extend(
        KINDS
            .iter()
            .filter(|kind| kind.is_shown_to(&visitor.rights))
            .map(|kind| (kind.slug, kind.many)),
    );
    let mut products = vec![("", "Every product")];
    products.extend(
        known_products
            .iter()
            .map(|product| (product.id.as_str(), product.name.as_str())),
    );
    let chosen = |text: &Option<String>| text.clone().unwrap_or_default();
    let product = filter.product.as_ref().map_or("", |id| id.as_str());
    let content = html! {
        (heading("Keys and tokens", None, &html! {
            @if visitor.may(Scope::ApiKeysWrite) {
                a.button href="/console/keys/api-keys/new" { "New admin API key" }
            }
        }))
        (filters("/console/keys", &html! {
            @if let Some(owner) = &filter.owner { input type="hidden" name="owner" value=(owner); }
            (field("Kind", &select("kind", &chosen(&filter.kind), &kinds)))
            (field("State", &select("state", &chosen(&filter.state), &STATES)))
            @if products.len() > 1 { (field("Product", &select("product", product, &products))) }
            (field("Age", &select("age", &chosen(&filter.age), &AGES)))
            (field("Last use", &select("unused", &chosen(&filter.unused), &UNUSED)))
        }))
        (results(&html! {
            @if shown.is_empty() {
                @if filter.is_narrow() {
                    (empty("Nothing stands like that.", &html! { a href="/console/keys" { "Show everything" } }))
                } @else {
                    (empty("There are no keys or tokens yet.", &html! {}))
                }
            } @else {
                (credentials("The newest first", &shown, &names, visitor.now()))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Keys, "Keys and tokens", &content))
}

/// What is shown of what was found with one more than a page has, and the cursor of the next page.
pub(super) fn first_of(mut found: Vec<Credential>) -> (Vec<Credential>, Option<String>) {
    let rows = usize::try_from(ROWS).unwrap_or(usize::MAX);
    let more = found.len() > rows;
    found.truncate(rows);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    (found, next)
}

/// What people, products, accounts and directories that credentials name are called now.
#[derive(Default)]
pub(super) struct Names {
    people: HashMap<ResourceId, String>,
    products: HashMap<ProductId, String>,
    accounts: HashMap<ServiceAccountId, String>,
    directories: HashMap<String, String>,
}

impl Names {
    pub(super) fn of(
        connection: &mut DatabaseConnection,
        credentials: &[Credential],
    ) -> Result<Self, StoreError> {
        let owners: Vec<ResourceId> = credentials
            .iter()
            .filter_map(|one| one.owner_id.clone())
            .collect();
        let people = resources::labels(connection, &owners)?;
        let products = if credentials.iter().any(|one| one.product_id.is_some()) {
            products::list(connection)?
        } else {
            Vec::new()
        };
        let mut accounts = HashMap::new();
        for id in credentials
            .iter()
            .filter_map(|one| one.service_account_id.as_ref())
        {
            if !accounts.contains_key(id)
                && let Some(account) = service_accounts::find(connection, id)?
            {
                accounts.insert(id.clone(), account.name);
            }
        }
        let directories = directories::list(connection)?;
        Ok(Self {
            people,
            products: products.into_iter().map(|one| (one.id, one.name)).collect(),
            accounts,
            directories: directories
                .into_iter()
                .map(|one| (one.id.to_string(), one.name))
                .collect(),
        })
    }

    /// Whom or what a credential authenticates, or what it opens.
    pub(super) fn holder(&self, credential: &Credential) -> Markup {
        let person = credential
            .owner_id
            .as_ref()
            .and_then(|id| self.people.get(id));
        let account = credential
            .service_account_id
            .as_ref()
            .and_then(|id| self.accounts.get(id));
        let product = credential
            .product_id
            .as_ref()
            .and_then(|id| self.products.get(id));
        let directory = credential.directory_id.as_ref();
        let directory = directory.and_then(|id| self.directories.get(id.as_str()));
        let names = [person, account, product, directory];
        html! {
            @for (index, name) in names.into_iter().flatten().enumerate() {
                @if index > 0 { " · " }
                (name)
            }
        }
    }
}

/// A table of credentials.
pub(super) fn credentials(
    caption: &str,
    shown: &[Credential],
    names: &Names,
    now: Timestamp,
) -> Markup {
    let rows: Vec<Vec<Markup>> = shown
        .iter()
        .map(|credential| {
            let kind = Kind::of_credential(credential);
            vec![
                html! {
                    @match kind {
                        Some(kind) => { a href=(kind.address(&credential.id)) { (credential.name) } },
                        None => { (credential.name) },
                    }
                    small.muted { code { (credential.prefix) "…" } }
                },
                html! { (kind.map_or("", |kind| kind.one)) },
                names.holder(credential),
                standing(credential, now),
                ago(credential.expires_at, now),
                ago_or(credential.last_used_at, now, "never"),
            ]
        })
        .collect();
    let columns = ["Name", "Kind", "Of", "State", "Expires", "Last used"];
    table(caption, &columns, &rows)
}

/// How a credential stands.
pub(super) fn standing(credential: &Credential, now: Timestamp) -> Markup {
    let status = status(credential, now);
    let tone = match status {
        "active" => "ok",
        "rotated" => "warn",
        _ => "off",
    };
    let is_orphan = credential.orphaned_at.is_some() && credential.revoked_at.is_none();
    html! {
        (badge(tone, status))
        @if is_orphan { " " (badge("bad", "orphaned")) }
    }
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
    let names = state
        .database
        .read_now(|connection| Names::of(connection, std::slice::from_ref(&credential)))?;
    let content = key_page(&visitor, kind, &credential, &names);
    Ok(page(&visitor, Section::Keys, &credential.name, &content))
}

fn key_page(visitor: &Visitor, kind: Kind, credential: &Credential, names: &Names) -> Markup {
    let now = visitor.now();
    let address = kind.address(&credential.id);
    let status = status(credential, now);
    let lives = matches!(status, "active" | "rotated");
    let may_change = kind.is_changed_by(&visitor.rights);
    let is_orphan = credential.orphaned_at.is_some() && credential.revoked_at.is_none();
    html! {
        (heading(&credential.name, Some(("/console/keys", "Keys and tokens")), &html! {
            @if may_change && lives {
                @if kind.is_key && is_orphan {
                    a.button.primary href=(format!("{address}/adopt")) { "Adopt" }
                }
                @if kind.is_key && status == "active" { a.button href=(format!("{address}/rotate")) { "Rotate" } }
                a.button.danger href=(format!("{address}/revoke")) { "Revoke" }
            }
        }))
        @if is_orphan {
            p.note {
                "Whoever made this key has left"
                @if let Some(reason) = &credential.orphaned_reason { " (" (reason.replace('_', " ")) ")" }
                ". It goes on working until it is revoked or expires. Adopt it, rotate it, or revoke it."
            }
        }
        (facts(&rows(credential, kind, names, now)))
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

#[derive(Deserialize)]
pub(super) struct Nothing {}

async fn revoke(
    sent: Confirmed<Nothing>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (slug, id) = path.into_inner();
    let kind = Kind::of(&slug)?;
    let id = CredentialId::new(id);
    let address = kind.address(&id);
    let admin = sent.visitor.admin(kind.write);
    admin
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            keys::revoke(connection, kind.secret, &id, "revoked_by_admin", actor, now)
        })
        .await?;
    Ok(see_other(&format!("{address}?done=key-revoked")))
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
    let (slug, id) = path.into_inner();
    let kind = Kind::of(&slug)?;
    let id = CredentialId::new(id);
    let address = kind.address(&id);
    adopt_within_rights(&state, kind.secret, id, sent.visitor.admin(kind.write)).await?;
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
    let (slug, id) = path.into_inner();
    let kind = Kind::of(&slug)?;
    let rotation = Rotation {
        overlap_hours: sent.form.overlap_hours,
        expires_in_days: sent.form.expires_in_days,
    };
    let visitor = sent.visitor;
    let id = CredentialId::new(id);
    let issued =
        rotate_within_rights(&state, kind.secret, id, rotation, visitor.admin(kind.write)).await?;
    let content = issued_page(
        &format!("The successor of {}", issued.credential.name),
        kind,
        &issued,
    );
    Ok(page(&visitor, Section::Keys, "Rotated", &content))
}

/// A key that was just issued, with its secret, this once.
pub(super) fn issued_page(title: &str, kind: Kind, issued: &crate::credentials::Issued) -> Markup {
    let credential = &issued.credential;
    html! {
        (heading(title, Some(("/console/keys", "Keys and tokens")), &html! {}))
        (super::frame::secret(kind.one, issued.secret.expose(), credential.expires_at))
        p { a.button href=(kind.address(&credential.id)) { "I have copied it" } }
    }
}

/// The page of a key that was just issued.
pub(super) fn new_key_page(
    visitor: &Visitor,
    section: Section,
    issued: &crate::credentials::Issued,
) -> Result<HttpResponse, Failure> {
    let credential = &issued.credential;
    let kind = Kind::of_credential(credential)
        .ok_or_else(|| Problem::not_found("kind of key", credential.kind.name()))?;
    let content = issued_page(&credential.name, kind, issued);
    Ok(page(visitor, section, "The new key", &content))
}
