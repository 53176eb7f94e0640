//! Products: what people's tokens are for, who may have such tokens, and their end. How one is made and changed is in
//! `product_change`.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};

use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::credentials::products as ending;
use crate::policies::products as rules;
use crate::policies::{PolicyError, Scope};
use crate::secret::SecretKind;
use crate::store::credentials::{Counts, Search, newest};
use crate::store::id::ProductId;
use crate::store::product_instances::{self, Instance};
use crate::store::products::{self, Product};

use super::super::State;
use super::super::admin::endings;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::impact::of_kind;
use super::keys::{Names, credentials};
use super::page::{Access, Page};
use super::parts::{
    Question, Typed as Narrowed, confirm, empty, facts, heading, none_left, results, table,
};
use super::posted::Confirmed;
use super::product_change::access_groups;
use super::rows::ROWS;
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;
use super::words::time;

pub(super) fn pages() -> Vec<Page> {
    let read = Access::With(Scope::ProductsRead);
    let write = Access::With(Scope::ProductsWrite);
    let revoking = Access::With(Scope::TokensRevoke);
    vec![
        Page::at("/products").get(read, list),
        Page::at("/products/{id}").get(read, show),
        Page::at("/products/{id}/revoke-tokens")
            .get(revoking, ask_revoke)
            .post(revoking, revoke),
        Page::at("/products/{id}/delete")
            .get(write, ask_delete)
            .post(write, delete),
    ]
}

const LIST: &str = "/console/products";

/// The page of a product.
pub(super) fn address(id: &ProductId) -> String {
    format!("/console/products/{id}")
}

async fn list(
    visitor: Visitor,
    state: web::Data<State>,
    typed: web::Query<Narrowed>,
) -> Result<HttpResponse, Failure> {
    let found = state.database.read(products::list).await?;
    let is_shown = |product: &Product| {
        let scopes = product.scopes.iter();
        typed.admits(scopes.chain([&product.name]).map(String::as_str))
    };
    let rows: Vec<Vec<Markup>> = found
        .iter()
        .filter(|product| is_shown(product))
        .map(|product| {
            vec![
                html! { a href=(address(&product.id)) { (product.name) } },
                html! { @for scope in &product.scopes { code { (scope) } " " } },
                openness(product),
                time(product.created_at),
            ]
        })
        .collect();
    let content = html! {
        (heading("Products", None, &html! {
            @if visitor.may(Scope::ProductsWrite) { a.button href="/console/products/new" { "New product" } }
        }))
        (typed.form(LIST, &html! {}))
        (results(&html! {
            @if rows.is_empty() {
                (none_left(&typed, LIST, "There are no products yet. A product is what people's tokens are for."))
            } @else {
                (table("By name", &["Name", "Scopes", "Open to", "Since"], &rows))
            }
        }))
    };
    Ok(page(&visitor, Section::Products, "Products", &content))
}

fn openness(product: &Product) -> Markup {
    html! {
        @match product.access_groups.len() {
            0 => { "everybody" },
            1 => { "1 group" },
            number => { (number) " groups" },
        }
    }
}

async fn show(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
    typed: web::Query<Narrowed>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let text = Some(typed.text().to_owned()).filter(|text| !text.is_empty());
    let is_narrow = text.is_some();
    let (product, mut instances, groups, keys, names) = state
        .database
        .read(move |connection| {
            let product = rules::find(connection, &id)?;
            let instances = product_instances::list(connection, &id)?;
            let groups = access_groups(connection, &product.access_groups)?;
            let search = Search {
                kinds: vec![SecretKind::ProductCredential],
                product: Some(id.clone()),
                text,
                ..Search::default()
            };
            let keys = newest(connection, &search, None, ROWS)?;
            let names = Names::of(connection, &keys)?;
            Ok::<_, PolicyError>((product, instances, groups, keys, names))
        })
        .await?;
    instances.retain(|instance| {
        let url = instance.url.as_deref().unwrap_or_default();
        typed.admits([instance.name.as_str(), url])
    });
    let has_more = i64::try_from(keys.len()).is_ok_and(|shown| shown == ROWS);
    let place = address(&product.id);
    let may_write = visitor.may(Scope::ProductsWrite);
    let content = html! {
        (heading(&product.name, Some(("/console/products", "Products")), &html! {
            @if may_write { a.button href=(format!("{place}/change")) { "Change" } }
            @if visitor.may(Scope::TokensRevoke) {
                a.button.danger href=(format!("{place}/revoke-tokens")) { "Revoke all tokens" }
            }
            @if may_write { a.button.danger href=(format!("{place}/delete")) { "Delete" } }
        }))
        (facts(&[
            ("Scopes", html! {
                @if product.scopes.is_empty() { span.muted { "none" } }
                @for scope in &product.scopes { code { (scope) } " " }
            }),
            ("Open to", html! {
                @if groups.is_empty() { "everybody" }
                @for (index, group) in groups.iter().enumerate() {
                    @if index > 0 { ", " }
                    a href={ "/console/groups/" (group.id) } { (group.label()) }
                    @if group.is_gone { " (deleted)" }
                }
                @if !groups.is_empty() && groups.iter().all(|group| group.is_gone) { ": nobody" }
            }),
            ("Its tokens", html! {
                a href={ "/console/keys?kind=user-tokens&product=" (product.id) } { "Show people's tokens for it" }
            }),
            ("Since", time(product.created_at)),
        ]))
        (typed.form(&place, &html! {}))
        (results(&html! {
        h2 { "Instances" }
        @if instances.is_empty() && is_narrow { (empty("No instance is called so.", &html! {})) }
        @else { (instance_list(&instances, &place, may_write)) }
        @if may_write { p { a.button href=(format!("{place}/instances/new")) { "New instance" } } }
        h2 { "Credentials" }
        @if keys.is_empty() && is_narrow {
            (empty("No credential is called so.", &html! {}))
        } @else if keys.is_empty() {
            (empty("It has none yet, so that it can ask about no token.", &html! {}))
        } @else {
            (credentials("With which it asks about tokens; the newest first", &keys, &names, visitor.now()))
            @if has_more {
                p { a href={ "/console/keys?kind=product-credentials&product=" (product.id) } { "All of its credentials" } }
            }
        }
        @if may_write { p { a.button href=(format!("{place}/credentials/new")) { "New credential" } } }
        }))
    };
    Ok(page(&visitor, Section::Products, &product.name, &content))
}

fn instance_list(instances: &[Instance], place: &str, may_write: bool) -> Markup {
    let rows: Vec<Vec<Markup>> = instances
        .iter()
        .map(|instance| {
            vec![
                html! { (instance.name) },
                html! { @if let Some(url) = &instance.url { (url) } @else { span.muted { "none" } } },
                time(instance.created_at),
                html! {
                    @if may_write {
                        a href={ (place) "/instances/" (instance.id) "/change" }
                            aria-label={ "Change the instance " (instance.name) } { "Change" }
                        " "
                        a href={ (place) "/instances/" (instance.id) "/delete" }
                            aria-label={ "Delete the instance " (instance.name) } { "Delete" }
                    }
                },
            ]
        })
        .collect();
    if rows.is_empty() {
        return empty(
            "It has none: where it runs at several sites, each can be one.",
            &html! {},
        );
    }
    table(
        "The sites at which it runs",
        &["Name", "URL", "Since", "Actions"],
        &rows,
    )
}

/// So many of each kind, in words.
pub(super) fn listed(counts: &Counts) -> String {
    let parts: Vec<String> = counts
        .iter()
        .map(|(kind, count)| of_kind(kind, *count))
        .collect();
    parts.join(", ")
}

/// What ends, in numbers.
pub(super) fn ending_of(counts: &Counts) -> Markup {
    html! {
        ul.impact {
            li {
                @if counts.is_empty() { "Nothing of it works now, so that nothing ends." }
                @else { "End at once and for good: " strong { (listed(counts)) } "." }
            }
        }
    }
}

async fn ask_revoke(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let (wanted, now) = (id.clone(), visitor.now());
    let (product, counts) = state
        .database
        .read(move |connection| endings::of_tokens_of_product(connection, &wanted, now))
        .await?;
    let question = Question {
        title: &format!("Revoke all tokens for {}", product.name),
        back: (&address(&id), &product.name),
        consequences: html! {
            (ending_of(&counts))
            p { "Tokens that people have for every product go on working, and new ones can be made." }
        },
        fields: typed("product", &product.name),
        button: "Revoke them all",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(
        &visitor,
        Section::Products,
        "Revoke all tokens",
        &content,
    ))
}

async fn revoke(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let place = address(&id);
    let product = state
        .database
        .read_now(|connection| rules::find(connection, &id))?;
    sent.form.check(&product.name)?;
    let of = TokensOf::Product(id);
    sent.visitor
        .admin(Scope::TokensRevoke)
        .write(&state, move |connection, admin| {
            revoke_tokens(connection, &of, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{place}?done=tokens-revoked")))
}

async fn ask_delete(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let (wanted, now) = (id.clone(), visitor.now());
    let (product, counts) = state
        .database
        .read(move |connection| endings::of_product(connection, &wanted, now))
        .await?;
    let question = Question {
        title: &format!("Delete {}", product.name),
        back: (&address(&id), &product.name),
        consequences: ending_of(&counts),
        fields: typed("product", &product.name),
        button: "Delete it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Products, "Delete", &content))
}

async fn delete(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let product = state
        .database
        .read_now(|connection| rules::find(connection, &id))?;
    sent.form.check(&product.name)?;
    sent.visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            ending::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(see_other("/console/products?done=product-deleted"))
}
