//! Revoking all API tokens of a policy's people, of a product, of a directory.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::credentials::bulk::{TokensOf, revoke_tokens};
use crate::policies::Scope;
use crate::store::id::{DirectoryId, PolicyId, ProductId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::{Admin, AdminEndpoint};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/policies/{id}/revoke-tokens").post(
            Scope::PoliciesWrite,
            of_policy,
            Operation::new("Revoke the API tokens of everybody a policy holds for")
                .orphans_may()
                .shows::<RevokedView>(),
        ),
        AdminEndpoint::at("/products/{id}/revoke-tokens").post(
            Scope::TokensRevoke,
            of_product,
            Operation::new("Revoke the API tokens for a product")
                .orphans_may()
                .shows::<RevokedView>(),
        ),
        AdminEndpoint::at("/directories/{id}/revoke-tokens").post(
            Scope::TokensRevoke,
            of_directory,
            Operation::new("Revoke the API tokens of everybody in a directory")
                .orphans_may()
                .shows::<RevokedView>(),
        ),
    ]
}

/// How many tokens were revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = RevokedTokens)]
pub(super) struct RevokedView {
    pub(super) revoked: i64,
}

async fn revoke(
    admin: Admin,
    state: web::Data<State>,
    of: TokensOf,
) -> Result<HttpResponse, Problem> {
    let revoked = revoke_by(admin, &state, of).await?;
    let revoked = i64::try_from(revoked).unwrap_or(i64::MAX);
    Ok(HttpResponse::Ok().json(RevokedView { revoked }))
}

/// Revokes all of them, and counts them.
pub(in super::super) async fn revoke_by(
    admin: Admin,
    state: &State,
    of: TokensOf,
) -> Result<usize, Problem> {
    let revoked = admin
        .write(state, move |connection, admin| {
            revoke_tokens(connection, &of, &admin.actor, admin.now)
        })
        .await?;
    Ok(revoked)
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
