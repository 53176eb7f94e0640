//! The instances of a product, and the credentials with which it asks about tokens.

use actix_web::{HttpResponse, web};
use maud::{Markup, html};
use serde::Deserialize;

use crate::credentials::{NewCredential, products as ending};
use crate::policies::instances::{self as rules, InstanceChange};
use crate::policies::{PolicyError, Scope, networks, products};
use crate::secret::SecretKind;
use crate::store::id::{InstanceId, ProductId};
use crate::store::product_instances;

use super::super::State;
use super::super::admin::endings;
use super::super::admin::keys::issue_within_rights;
use super::answer::{Failure, see_other};
use super::frame::{Section, page};
use super::new_key::{common_fields, separated};
use super::one_key::new_key_page;
use super::page::{Access, Page};
use super::parts::{
    Question, confirm, confirmation, field, field_with_hint, form, heading, select,
};
use super::posted::{Confirmed, Posted};
use super::products::{address, ending_of};
use super::typed_name::{Typed, typed};
use super::visitor::Visitor;

pub(super) fn pages() -> Vec<Page> {
    let write = Access::With(Scope::ProductsWrite);
    vec![
        Page::at("/products/{id}/instances/new")
            .get(write, show_new_instance)
            .post(write, create_instance),
        Page::at("/products/{id}/instances/{instance}/change")
            .get(write, show_instance_change)
            .post(write, change_instance),
        Page::at("/products/{id}/instances/{instance}/delete")
            .get(write, ask_delete_instance)
            .post(write, delete_instance),
        Page::at("/products/{id}/credentials/new")
            .get(write, show_new_credential)
            .post(write, create_credential),
    ]
}

async fn show_new_instance(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let product = state
        .database
        .read_now(|connection| products::find(connection, &id))?;
    let place = address(&id);
    let content = html! {
        (heading("New instance", Some((&place, &product.name)), &html! {}))
        (form(&visitor, &format!("{place}/instances/new"), &html! {
            (instance_fields("", None))
            button.primary { "Make the instance" }
        }))
    };
    Ok(page(&visitor, Section::Products, "New instance", &content))
}

fn instance_fields(name: &str, url: Option<&str>) -> Markup {
    html! {
        (field_with_hint("Name", "The site at which it runs, such as Berlin.", &html! {
            input name="name" value=(name) maxlength="200" required autocomplete="off";
        }))
        (field_with_hint("URL", "Where people find it; it may be left out.", &html! {
            input type="url" name="url" value=(url.unwrap_or_default()) autocomplete="off" spellcheck="false";
        }))
    }
}

#[derive(Deserialize)]
struct WantedInstance {
    name: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    url: Option<String>,
}

async fn create_instance(
    sent: Posted<WantedInstance>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let place = address(&id);
    let new = sent.form;
    sent.visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            let (url, actor) = (new.url.as_deref(), &admin.actor);
            rules::create(connection, &id, &new.name, url, actor, admin.now)
        })
        .await?;
    Ok(see_other(&format!("{place}?done=instance-made")))
}

async fn show_instance_change(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (product, instance) = path.into_inner();
    let (product, instance) = (ProductId::new(product), InstanceId::new(instance));
    let found = state
        .database
        .read_now(|connection| rules::find(connection, &product, &instance))?;
    let place = address(&product);
    let title = format!("Change {}", found.name);
    let content = html! {
        (heading(&title, Some((&place, "Back to the product")), &html! {}))
        (form(&visitor, &format!("{place}/instances/{instance}/change"), &html! {
            (instance_fields(&found.name, found.url.as_deref()))
            div.buttons {
                button.primary { "Change it" }
                a.button href=(place) { "Cancel" }
            }
        }))
    };
    Ok(page(&visitor, Section::Products, &title, &content))
}

async fn change_instance(
    sent: Posted<WantedInstance>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (product, instance) = path.into_inner();
    let (product, instance) = (ProductId::new(product), InstanceId::new(instance));
    let place = address(&product);
    let change = InstanceChange {
        name: Some(sent.form.name),
        url: sent.form.url.into(),
    };
    sent.visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            rules::update(connection, &product, &instance, &change, actor, now)
        })
        .await?;
    Ok(see_other(&format!("{place}?done=instance-changed")))
}

async fn ask_delete_instance(
    visitor: Visitor,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (product, instance) = path.into_inner();
    let (product, instance) = (ProductId::new(product), InstanceId::new(instance));
    let (of, now) = (product.clone(), visitor.now());
    let (found, counts) = state
        .database
        .read(move |connection| endings::of_instance(connection, &of, &instance, now))
        .await?;
    let question = Question {
        title: &format!("Delete {}", found.name),
        back: (&address(&product), "Back to the product"),
        consequences: html! {
            (ending_of(&counts))
            p { "What is for other instances too goes on working there." }
        },
        fields: typed("instance", &found.name),
        button: "Delete it",
        is_dangerous: true,
    };
    let content = confirm(&visitor, visitor.asked(&state)?, &question);
    Ok(page(&visitor, Section::Products, "Delete", &content))
}

async fn delete_instance(
    sent: Confirmed<Typed>,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Failure> {
    let (product, instance) = path.into_inner();
    let (product, instance) = (ProductId::new(product), InstanceId::new(instance));
    let place = address(&product);
    let found = state
        .database
        .read_now(|connection| rules::find(connection, &product, &instance))?;
    sent.form.check(&found.name)?;
    sent.visitor
        .admin(Scope::ProductsWrite)
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            ending::delete_instance(connection, &product, &instance, actor, now)
        })
        .await?;
    Ok(see_other(&format!("{place}?done=instance-deleted")))
}

async fn show_new_credential(
    visitor: Visitor,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let id = ProductId::new(id.into_inner());
    let (product, instances) = state.database.read_now(|connection| {
        let product = products::find(connection, &id)?;
        let instances = product_instances::list(connection, &id)?;
        Ok::<_, PolicyError>((product, instances))
    })?;
    let mut options = vec![("", "Every instance")];
    options.extend(
        instances
            .iter()
            .map(|instance| (instance.id.as_str(), instance.name.as_str())),
    );
    let place = address(&id);
    let asked = visitor.asked(&state)?;
    let content = html! {
        (heading("New product credential", Some((&place, &product.name)), &html! {}))
        (form(&visitor, &format!("{place}/credentials/new"), &html! {
            (common_fields("Introspection"))
            @if options.len() > 1 { (field("It asks for", &select("instance", "", &options))) }
            (confirmation(asked))
            button.primary { "Make the credential" }
        }))
    };
    Ok(page(
        &visitor,
        Section::Products,
        "New product credential",
        &content,
    ))
}

#[derive(Deserialize)]
struct WantedCredential {
    name: String,
    #[serde(default, deserialize_with = "serde_html_form::de::empty_as_none")]
    instance: Option<InstanceId>,
    expires_in_days: i64,
    #[serde(default)]
    allowed_networks: String,
}

async fn create_credential(
    sent: Confirmed<WantedCredential>,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (visitor, wanted) = (sent.visitor, sent.form);
    let allowed_networks = networks::parse(&separated(&wanted.allowed_networks))?;
    let new = NewCredential {
        product_id: Some(ProductId::new(id.into_inner())),
        instance_ids: wanted.instance.into_iter().collect(),
        allowed_networks,
        expires_in_days: Some(wanted.expires_in_days),
        ..NewCredential::new(SecretKind::ProductCredential, &wanted.name)
    };
    let issued = issue_within_rights(&state, new, visitor.admin(Scope::ProductsWrite)).await?;
    new_key_page(&visitor, Section::Products, &issued)
}
