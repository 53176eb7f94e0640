//! Keys and tokens of every kind: listed, narrowed, and named by what they are of. One of them is in `one_key`.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::credentials::view::status;
use crate::credentials::{Creator, Credential};
use crate::policies::Scope;
use crate::secret::SecretKind;
use crate::store::id::{DirectoryId, ProductId, ResourceId, ServiceAccountId};
use crate::store::service_accounts::ServiceAccount;
use crate::store::{
    DatabaseConnection, StoreError, directories, products, resources, service_accounts,
};

use super::super::State;
use super::super::admin::credentials::{Narrowed, listed};
use super::super::problem::Problem;
use super::answer::Failure;
use super::frame::{Section, page};
use super::kinds::{ANY, KINDS, Kind};
use super::page::Page;
use super::parts::{badge, empty, field, filters, heading, pager, results, select, table};
use super::rows::{ROWS, looked_through, rows_of_walk};
use super::service_accounts::called;
use super::things::in_path;
use super::visitor::Visitor;
use super::words::{ago, ago_or};

pub(super) fn pages() -> Vec<Page> {
    vec![Page::at("/keys").get(ANY, list)]
}

#[derive(Debug, Default, Deserialize)]
struct Filter {
    #[serde(default)]
    q: String,
    kind: Option<String>,
    state: Option<String>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    product: Option<ProductId>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    owner: Option<ResourceId>,
    /// Whoever made them.
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    creator: Option<ResourceId>,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    directory: Option<DirectoryId>,
    /// The service account that they are of.
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    account: Option<ServiceAccountId>,
    age: Option<String>,
    /// Within how many days from now they expire.
    expires: Option<String>,
    /// In how many days from now, or later, they expire; a week of the first page's chart has both.
    expires_from: Option<String>,
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
const EXPIRING: [(&str, &str); 6] = [
    ("", "At any time"),
    ("7", "Within a week"),
    ("14", "Within two weeks"),
    ("30", "Within 30 days"),
    ("90", "Within 90 days"),
    ("365", "Within a year"),
];
/// What the first page counts: every kind but the tokens of people.
const WITHOUT_PEOPLES: (&str, &str) = ("keys", "All but user tokens");
pub(super) const UNUSED: [(&str, &str); 4] = [
    ("", "Used or not"),
    ("30", "Not in 30 days"),
    ("90", "Not in 90 days"),
    ("180", "Not in 180 days"),
];

/// The instant so many days before now; none, where nothing is chosen.
pub(super) fn days_before(days: Option<&str>, now: Timestamp) -> Option<Timestamp> {
    Some(now.plus_days(-number_of(days)?))
}

fn number_of(days: Option<&str>) -> Option<i64> {
    let days: i64 = days?.parse().ok()?;
    Some(days.clamp(0, 3_650))
}

/// The address of the keys that expire between so many days and so many days from now, as the first page counts them.
pub(super) fn expiring(from: i64, until: i64) -> String {
    let kind = WITHOUT_PEOPLES.0;
    let from = if from == 0 {
        String::new()
    } else {
        format!("&expires_from={from}")
    };
    format!("/console/keys?kind={kind}&state=active{from}&expires={until}")
}

impl Filter {
    /// The same as the list of the admin interface is asked for.
    fn narrowed(&self, now: Timestamp) -> Result<Narrowed, Failure> {
        let slug = self.kind.as_deref();
        let slug = slug.filter(|slug| !slug.is_empty() && *slug != WITHOUT_PEOPLES.0);
        let kind = slug.map(Kind::of).transpose()?;
        let instant = |days: Option<&str>| days_before(days, now).map(Timestamp::to_rfc3339);
        let from_now =
            |days: Option<&str>| number_of(days).map(|days| now.plus_days(days).to_rfc3339());
        Ok(Narrowed {
            kind: kind.map(|kind| kind.secret.name().to_owned()),
            state: self.state.clone(),
            search: Some(self.text().to_owned()),
            product_id: self.product.as_ref().map(ToString::to_string),
            owner_id: self.owner.as_ref().map(ToString::to_string),
            creator_id: self.creator.as_ref().map(ToString::to_string),
            directory_id: self.directory.as_ref().map(ToString::to_string),
            service_account_id: self.account.as_ref().map(ToString::to_string),
            made_before: instant(self.age.as_deref()),
            expires_since: from_now(self.expires_from.as_deref()),
            expires_before: from_now(self.expires.as_deref()),
            unused_since: instant(self.unused.as_deref()),
        })
    }

    /// A part of a name, or the beginning of a secret, as lists show it.
    fn text(&self) -> &str {
        self.q.trim().trim_end_matches('…')
    }

    fn is_narrow(&self) -> bool {
        let texts = [
            &self.kind,
            &self.state,
            &self.age,
            &self.expires,
            &self.expires_from,
            &self.unused,
        ];
        !self.text().is_empty()
            || self.product.is_some()
            || self.owner.is_some()
            || self.creator.is_some()
            || self.directory.is_some()
            || self.account.is_some()
            || texts
                .into_iter()
                .any(|text| text.as_deref().is_some_and(|text| !text.is_empty()))
    }
}

/// Of what alone the list is, where that is no choice of the form.
enum Whose {
    Owner(ResourceId),
    Creator(ResourceId),
    Directory(DirectoryId),
    Account(ServiceAccountId),
    Anybody,
}

impl Whose {
    fn of(filter: &Filter) -> Self {
        let owner = filter.owner.clone().map(Self::Owner);
        let creator = filter.creator.clone().map(Self::Creator);
        let directory = filter.directory.clone().map(Self::Directory);
        let account = filter.account.clone().map(Self::Account);
        let first = owner.or(creator).or(directory).or(account);
        first.unwrap_or(Self::Anybody)
    }

    /// What is said of them, the page of whom or what they are of, and its name.
    fn named(
        &self,
        connection: &mut DatabaseConnection,
    ) -> Result<Option<(&'static str, String, String)>, StoreError> {
        let (before, place, id, name) = match self {
            Self::Anybody => return Ok(None),
            Self::Owner(id) | Self::Creator(id) => {
                let is_owner = matches!(self, Self::Owner(_));
                let before = if is_owner {
                    "Those of"
                } else {
                    "Those made by"
                };
                let name = resources::labels(connection, std::slice::from_ref(id))?.remove(id);
                (before, "people", id.as_str(), name)
            }
            Self::Directory(id) => {
                let known = directories::list(connection)?.into_iter();
                let name = known.filter(|one| one.id == *id).map(|one| one.name).next();
                ("Those of the directory", "directories", id.as_str(), name)
            }
            Self::Account(id) => {
                let name = service_accounts::find(connection, id)?.map(|account| account.name);
                let before = "Those of the service account";
                (before, "service-accounts", id.as_str(), name)
            }
        };
        let name = name.unwrap_or_else(|| id.to_owned());
        let place = format!("/console/{place}/{}", in_path(id));
        Ok(Some((before, place, name)))
    }
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    filter: web::Query<Filter>,
) -> Result<HttpResponse, Failure> {
    let filter = filter.into_inner();
    let narrowed = filter.narrowed(visitor.now())?;
    let mut search = narrowed.search(&visitor.rights, visitor.now())?;
    if filter.kind.as_deref() == Some(WITHOUT_PEOPLES.0) {
        search.kinds.retain(|kind| *kind != SecretKind::UserToken);
    }
    let by_expiry = search.expires_since.is_some() || search.expires_before.is_some();
    let cursor = filter.cursor.clone();
    let sees_products = visitor.may(Scope::ProductsRead);
    let whose = Whose::of(&filter);
    let (shown, next, is_cut, names, known_products, whose) = state
        .database
        .read(move |connection| {
            let found = listed(connection, &search, cursor.as_deref(), ROWS + 1)?;
            let (found, next, is_cut) = rows_of_walk(found, |last| last.cursor.clone());
            let found: Vec<Credential> = found.into_iter().map(|one| one.credential).collect();
            let names = Names::of(connection, &found)?;
            let known = if sees_products {
                products::list(connection)?
            } else {
                Vec::new()
            };
            let whose = whose.named(connection)?;
            Ok::<_, Problem>((found, next, is_cut, names, known, whose))
        })
        .await?;
    let mut kinds = vec![("", "Every kind"), WITHOUT_PEOPLES];
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
    let mut expiring = EXPIRING.to_vec();
    let until = number_of(filter.expires.as_deref())
        .map(|days| (days.to_string(), format!("Within {days} days")));
    if let Some((days, label)) = &until
        && !expiring.iter().any(|(known, _)| known == days)
    {
        expiring.push((days, label));
    }
    let caption = if by_expiry {
        "What expires soonest first"
    } else {
        "The newest first"
    };
    let chosen = |text: &Option<String>| text.clone().unwrap_or_default();
    let product = filter.product.as_ref().map_or("", |id| id.as_str());
    let content = html! {
        (heading("Keys and tokens", None, &html! {
            @if visitor.may(Scope::ApiKeysWrite) {
                a.button href="/console/keys/api-keys/new" { "New admin API key" }
            }
        }))
        @if let Some((before, place, name)) = &whose {
            p.muted {
                (before) " " a href=(place) { (name) } ". " a href="/console/keys" { "Show everything" }
            }
        }
        (filters("/console/keys", &html! {
            @if let Some(owner) = &filter.owner { input type="hidden" name="owner" value=(owner); }
            @if let Some(creator) = &filter.creator { input type="hidden" name="creator" value=(creator); }
            @if let Some(directory) = &filter.directory { input type="hidden" name="directory" value=(directory); }
            @if let Some(account) = &filter.account { input type="hidden" name="account" value=(account); }
            @if let Some(from) = &filter.expires_from { input type="hidden" name="expires_from" value=(from); }
            (field("Name, or how it begins", &html! {
                input type="search" name="q" value=(filter.q) autocomplete="off" spellcheck="false";
            }))
            (field("Kind", &select("kind", &chosen(&filter.kind), &kinds)))
            (field("State", &select("state", &chosen(&filter.state), &STATES)))
            @if products.len() > 1 { (field("Product", &select("product", product, &products))) }
            (field("Age", &select("age", &chosen(&filter.age), &AGES)))
            (field("Expires", &select("expires", &chosen(&filter.expires), &expiring)))
            (field("Last use", &select("unused", &chosen(&filter.unused), &UNUSED)))
        }))
        (results(&html! {
            @if is_cut { (looked_through("of each kind")) }
            @if shown.is_empty() {
                @if is_cut {
                    (empty("Nothing among these stands like that.", &html! {}))
                } @else if filter.is_narrow() {
                    (empty("Nothing stands like that.", &html! { a href="/console/keys" { "Show everything" } }))
                } @else {
                    (empty("There are no keys or tokens yet.", &html! {}))
                }
            } @else {
                (credentials(caption, &shown, &names, visitor.now()))
            }
            (pager(&visitor, next.as_deref()))
        }))
    };
    Ok(page(&visitor, Section::Keys, "Keys and tokens", &content))
}

/// What people, products, accounts and directories that credentials name are called now.
#[derive(Default)]
pub(super) struct Names {
    people: HashMap<ResourceId, String>,
    products: HashMap<ProductId, String>,
    accounts: HashMap<ServiceAccountId, ServiceAccount>,
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
                accounts.insert(id.clone(), account);
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

    /// The service account that a credential authenticates.
    pub(super) fn account(&self, credential: &Credential) -> Option<&ServiceAccount> {
        let id = credential.service_account_id.as_ref()?;
        self.accounts.get(id)
    }

    /// The identifier of whoever has left an orphan, as [`Names::leaver`] names them.
    pub(super) fn leaver_id<'a>(&'a self, credential: &'a Credential) -> Option<&'a ResourceId> {
        self.left(credential).map(|leaver| &leaver.id)
    }

    /// Who has left an orphan: whoever answered for its service account, where nobody does so now, or else its maker.
    pub(super) fn leaver(&self, credential: &Credential) -> Option<String> {
        self.left(credential).map(called)
    }

    fn left<'a>(&'a self, credential: &'a Credential) -> Option<&'a Creator> {
        let account = self
            .account(credential)
            .filter(|account| account.orphaned_at.is_some());
        let owner = account.and_then(|account| account.owner.as_ref());
        owner.or(credential.created_by.as_ref())
    }

    /// Whom or what a credential authenticates, or what it opens.
    pub(super) fn holder(&self, credential: &Credential) -> Markup {
        let person = credential
            .owner_id
            .as_ref()
            .and_then(|id| self.people.get(id));
        let account = self.account(credential).map(|account| &account.name);
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
                    small { code { (credential.prefix) "…" } }
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
