//! Products and the credentials with which they ask about tokens.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::credentials::view::CredentialView;
use crate::credentials::{NewCredential, products as ending};
use crate::policies::{Scope, networks, products as policy};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{InstanceId, ProductId, ResourceId};
use crate::store::products;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::keys::{Rotation, issue_within_rights};
use super::one_credential::OneCredential;
use super::page::PageQuery;
use super::view::{IssuedView, ProductView};
use super::{Admin, AdminEndpoint, OptionalJson, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::ProductsRead, Scope::ProductsWrite);
    vec![
        AdminEndpoint::at("/products")
            .get(
                read,
                list,
                Operation::new("List products").lists::<ProductView>(),
            )
            .post(
                write,
                create,
                Operation::new("Register a product")
                    .creates::<ProductView>()
                    .refuses(&[404, 409]),
            ),
        AdminEndpoint::at("/products/{id}")
            .get(
                read,
                show,
                Operation::new("Show a product").shows::<ProductView>(),
            )
            .patch(
                write,
                update,
                Operation::new("Change a product")
                    .shows::<ProductView>()
                    .refuses(&[409]),
            )
            .delete(
                write,
                delete,
                Operation::new("Delete a product")
                    .explained("Its credentials and the tokens for it are revoked.")
                    .ends(),
            ),
        AdminEndpoint::at("/products/{id}/credentials")
            .get(
                read,
                list_credentials,
                Operation::new("List the credentials of a product").lists::<CredentialView>(),
            )
            .post(
                write,
                create_credential,
                Operation::new("Make a credential with which a product asks about tokens")
                    .creates::<IssuedView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/products/{id}/credentials/{credential}")
            .get(
                read,
                show_credential,
                Operation::new("Show a credential of a product").shows::<CredentialView>(),
            )
            .delete(
                write,
                revoke_credential,
                Operation::new("Revoke a credential of a product")
                    .orphans_may()
                    .ends(),
            ),
        AdminEndpoint::at("/products/{id}/credentials/{credential}/rotate").post(
            write,
            rotate_credential,
            Operation::new("Make a successor of a credential of a product")
                .creates::<IssuedView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/products/{id}/credentials/{credential}/adopt").post(
            write,
            adopt_credential,
            Operation::new("Answer for a credential whose maker has left")
                .shows::<CredentialView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    name: String,
    /// What tokens for it may be limited to.
    #[serde(default)]
    scopes: Vec<String>,
    /// Whose members may have tokens for it; everybody where there are none.
    #[serde(default)]
    access_groups: Vec<ResourceId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProductChange {
    name: Option<String>,
    scopes: Option<Vec<String>>,
    access_groups: Option<Vec<ResourceId>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewProductCredential {
    name: String,
    /// The instance that asks with it, where it is one's own.
    instance_id: Option<InstanceId>,
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
    #[serde(default)]
    allowed_networks: Vec<String>,
}

async fn list(_: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let found = state.database.read(products::list).await?;
    Ok(page::whole(found.iter().map(view::product).collect()))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewProduct>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let product = admin
        .write(&state, move |connection, admin| {
            policy::create(
                connection,
                &body.name,
                &body.scopes,
                &body.access_groups,
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(created(
        "products",
        product.id.as_str(),
        view::product(&product),
    ))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    let product = state
        .database
        .read_now(|connection| policy::find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::product(&product)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<ProductChange>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    let body = body.into_inner();
    let change = policy::ProductChange {
        name: body.name,
        scopes: body.scopes,
        access_groups: body.access_groups,
    };
    let product = admin
        .write(&state, move |connection, admin| {
            policy::update(connection, &id, &change, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::product(&product)))
}

async fn delete(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    admin
        .write(&state, move |connection, admin| {
            ending::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list_credentials(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    state
        .database
        .read_now(|connection| policy::find(connection, &id))?;
    let selection = Selection {
        kinds: vec![SecretKind::ProductCredential],
        product: Some(id),
        ..Selection::default()
    };
    super::keys::list(&state, &query, selection, &admin).await
}

async fn create_credential(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<NewProductCredential>,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let body = body.into_inner();
    let collection = format!("products/{id}/credentials");
    let new = NewCredential {
        product_id: Some(ProductId::new(id.into_inner())),
        instance_ids: body.instance_id.into_iter().collect(),
        allowed_networks: networks::parse(&body.allowed_networks)?,
        expires_in_days: body.expires_in_days,
        ..NewCredential::new(SecretKind::ProductCredential, &body.name)
    };
    let issued = issue_within_rights(&state, new, admin).await?;
    Ok(created(
        &collection,
        issued.credential.id.as_str(),
        view::issued(&issued, now),
    ))
}

async fn show_credential(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_product(path.into_inner()).show(&admin, &state)
}

async fn rotate_credential(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_product(path.into_inner())
        .rotate(admin, &state, rotation)
        .await
}

async fn adopt_credential(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_product(path.into_inner())
        .adopt(admin, &state)
        .await
}

async fn revoke_credential(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_product(path.into_inner())
        .revoke(admin, &state)
        .await
}
