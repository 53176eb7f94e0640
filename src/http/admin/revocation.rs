//! Revoking all API tokens of a policy's people, of a product, of a directory.

use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::policies::Scope;
use crate::store::id::{DirectoryId, PolicyId, ProductId};

use super::super::State;
use super::super::problem::Problem;
use super::{Admin, AdminEndpoint};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/policies/{id}/revoke-tokens").post(Scope::PoliciesWrite, of_policy),
        AdminEndpoint::at("/products/{id}/revoke-tokens").post(Scope::TokensRevoke, of_product),
        AdminEndpoint::at("/directories/{id}/revoke-tokens")
            .post(Scope::TokensRevoke, of_directory),
    ]
}

async fn revoke(
    admin: Admin,
    state: web::Data<State>,
    of: TokensOf,
) -> Result<HttpResponse, Problem> {
    let revoked = admin
        .write(&state, move |connection, admin| {
            revoke_tokens(connection, &of, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::Ok().json(json!({"revoked": revoked})))
}

async fn of_policy(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = TokensOf::Policy(PolicyId::new(id.into_inner()));
    revoke(admin, state, of).await
}

async fn of_product(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = TokensOf::Product(ProductId::new(id.into_inner()));
    revoke(admin, state, of).await
}

async fn of_directory(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = TokensOf::Directory(DirectoryId::new(id.into_inner()));
    revoke(admin, state, of).await
}
