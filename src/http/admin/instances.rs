//! The instances of a product: the sites at which it runs.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::credentials::products as ending;
use crate::policies::instances::{self as policy, UrlChange};
use crate::policies::{Scope, products};
use crate::store::id::{InstanceId, ProductId};
use crate::store::product_instances;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::view::InstanceView;
use super::{Admin, AdminEndpoint, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::ProductsRead, Scope::ProductsWrite);
    vec![
        AdminEndpoint::at("/products/{id}/instances")
            .get(
                read,
                list,
                Operation::new("List the instances of a product").lists::<InstanceView>(),
            )
            .post(
                write,
                create,
                Operation::new("Register an instance of a product")
                    .creates::<InstanceView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/products/{id}/instances/{instance}")
            .get(
                read,
                show,
                Operation::new("Show an instance").shows::<InstanceView>(),
            )
            .patch(
                write,
                update,
                Operation::new("Change an instance")
                    .shows::<InstanceView>()
                    .refuses(&[409]),
            )
            .delete(
                write,
                delete,
                Operation::new("Delete an instance")
                    .explained("The credentials that are bound to it are revoked.")
                    .ends(),
            ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInstance {
    name: String,
    url: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct InstanceChange {
    name: Option<String>,
    /// Null takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    url: UrlChange,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<UrlChange, D::Error> {
    Option::<String>::deserialize(deserializer).map(UrlChange::from)
}

fn place(path: web::Path<(String, String)>) -> (ProductId, InstanceId) {
    let (product, instance) = path.into_inner();
    (ProductId::new(product), InstanceId::new(instance))
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    product: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let product = ProductId::new(product.into_inner());
    let found = state
        .database
        .read(move |connection| {
            products::find(connection, &product)?;
            let found = product_instances::list(connection, &product)?;
            Ok::<_, crate::policies::PolicyError>(found)
        })
        .await?;
    Ok(page::whole(found.iter().map(view::instance).collect()))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    product: web::Path<String>,
    body: web::Json<NewInstance>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let collection = format!("products/{product}/instances");
    let product = ProductId::new(product.into_inner());
    let instance = admin
        .write(&state, move |connection, admin| {
            policy::create(
                connection,
                &product,
                &body.name,
                body.url.as_deref(),
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(created(
        &collection,
        instance.id.as_str(),
        view::instance(&instance),
    ))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (product, id) = place(path);
    let instance = state
        .database
        .read_now(|connection| policy::find(connection, &product, &id))?;
    Ok(HttpResponse::Ok().json(view::instance(&instance)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    body: web::Json<InstanceChange>,
) -> Result<HttpResponse, Problem> {
    let (product, id) = place(path);
    let InstanceChange { name, url } = body.into_inner();
    let change = policy::InstanceChange { name, url };
    let instance = admin
        .write(&state, move |connection, admin| {
            let (actor, now) = (&admin.actor, admin.now);
            policy::update(connection, &product, &id, &change, actor, now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::instance(&instance)))
}

async fn delete(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (product, id) = place(path);
    admin
        .write(&state, move |connection, admin| {
            ending::delete_instance(connection, &product, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
