//! Products and the credentials with which they ask about tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use crate::credentials::{NewCredential, issue, keys, products as ending};
use crate::policies::{Scope, networks, products as policy};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{CredentialId, ProductId};
use crate::store::products;

use super::super::problem::Problem;
use super::super::{Endpoint, State};
use super::page::PageQuery;
use super::{Admin, created, page, view};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(Endpoint::at("/products").get(list).post(create))
        .service(
            Endpoint::at("/products/{id}")
                .get(show)
                .patch(update)
                .delete(delete),
        )
        .service(
            Endpoint::at("/products/{id}/credentials")
                .get(list_credentials)
                .post(create_credential),
        )
        .service(Endpoint::at("/products/{id}/credentials/{credential}").delete(revoke_credential));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProduct {
    name: String,
    #[serde(default)]
    scopes: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductChange {
    name: Option<String>,
    scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewProductCredential {
    name: String,
    expires_in_days: Option<i64>,
    #[serde(default)]
    allowed_networks: Vec<String>,
}

async fn list(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    Admin::with(Scope::ProductsRead, &request, &state).await?;
    let found = state.database.read(products::list).await?;
    Ok(page::whole(found.iter().map(view::product).collect()))
}

async fn create(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<NewProduct>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsWrite, &request, &state).await?;
    let body = body.into_inner();
    let product = state
        .database
        .write(move |connection| {
            policy::create(
                connection,
                &body.name,
                &body.scopes,
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
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    Admin::with(Scope::ProductsRead, &request, &state).await?;
    let id = ProductId::new(id.into_inner());
    let product = state
        .database
        .read_now(|connection| policy::find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::product(&product)))
}

async fn update(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<ProductChange>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsWrite, &request, &state).await?;
    let id = ProductId::new(id.into_inner());
    let body = body.into_inner();
    let product = state
        .database
        .write(move |connection| {
            policy::update(
                connection,
                &id,
                body.name.as_deref(),
                body.scopes.as_deref(),
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::product(&product)))
}

async fn delete(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsWrite, &request, &state).await?;
    let id = ProductId::new(id.into_inner());
    state
        .database
        .write(move |connection| ending::delete(connection, &id, &admin.actor, admin.now))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list_credentials(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsRead, &request, &state).await?;
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
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<NewProductCredential>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsWrite, &request, &state).await?;
    let now = admin.now;
    let body = body.into_inner();
    let collection = format!("products/{id}/credentials");
    let new = NewCredential {
        product_id: Some(ProductId::new(id.into_inner())),
        allowed_networks: networks::parse(&body.allowed_networks)?,
        expires_in_days: body.expires_in_days,
        ..NewCredential::new(SecretKind::ProductCredential, &body.name)
    };
    let issued = state
        .database
        .write(move |connection| issue(connection, &new, &admin.actor, admin.now))
        .await?;
    Ok(created(
        &collection,
        issued.credential.id.as_str(),
        view::issued(&issued, now),
    ))
}

async fn revoke_credential(
    request: HttpRequest,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let admin = Admin::with(Scope::ProductsWrite, &request, &state).await?;
    let (product, id) = path.into_inner();
    let id = CredentialId::new(id);
    let kind = SecretKind::ProductCredential;
    state
        .database
        .write(move |connection| {
            let credential = keys::find(connection, kind, &id)?;
            if credential.product_id.as_ref().map(ProductId::as_str) != Some(product.as_str()) {
                return Err(crate::credentials::CredentialError::NotFound("credential"));
            }
            keys::revoke(
                connection,
                kind,
                &id,
                "revoked_by_admin",
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
