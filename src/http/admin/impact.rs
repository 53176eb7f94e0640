//! What a deprovisioning, the loss of a role or the removal of a directory would end, and what a reactivation would bring
//! back; nothing is written.

use actix_web::{HttpResponse, web};

use crate::lifecycle::{self, Impact, LifecycleError};
use crate::policies::{Role, Scope};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::id::{DirectoryId, ResourceId, RoleMappingId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::policy_view::{ImpactView, ReactivationImpactView};
use super::{Admin, AdminEndpoint, policy_view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/users/{id}/impact").get(
            Scope::UsersRead,
            of_leaving,
            Operation::new("Show what deprovisioning a person would end").shows::<ImpactView>(),
        ),
        AdminEndpoint::at("/users/{id}/reactivate/impact").get(
            Scope::UsersRead,
            of_returning,
            Operation::new("Show what reactivating a person would bring back")
                .explained("The roles that their groups give rest while they are inactive.")
                .shows::<ReactivationImpactView>(),
        ),
        AdminEndpoint::at("/roles/assignments/{user}/{role}/impact").get(
            Scope::RolesRead,
            of_unassigning,
            Operation::new("Show what taking a role from a person would end").shows::<ImpactView>(),
        ),
        AdminEndpoint::at("/roles/mappings/{id}/impact").get(
            Scope::RolesRead,
            of_unmapping,
            Operation::new("Show what taking a role from a group would end").shows::<ImpactView>(),
        ),
        AdminEndpoint::at("/directories/{id}/impact").get(
            Scope::DirectoriesRead,
            of_removing,
            Operation::new("Show what removing a directory would end").shows::<ImpactView>(),
        ),
    ]
}

/// Of the keys, those are listed that the caller may see.
async fn answer(
    admin: Admin,
    state: web::Data<State>,
    ask: impl FnOnce(&mut DatabaseConnection) -> Result<Impact, LifecycleError> + Send + 'static,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let impact = state.database.read(ask).await?;
    let shown = policy_view::impact(&impact, now, |kind| {
        admin.rights.include(match kind {
            SecretKind::ScimKey => Scope::ScimKeysRead,
            SecretKind::ProductCredential => Scope::ProductsRead,
            SecretKind::AdminKey => Scope::ApiKeysRead,
            _ => Scope::ServiceAccountsRead,
        })
    });
    Ok(HttpResponse::Ok().json(shown))
}

async fn of_leaving(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (ResourceId::new(id.into_inner()), admin.now);
    answer(admin, state, move |connection| {
        lifecycle::impact_of_leaving(connection, &id, now)
    })
    .await
}

async fn of_returning(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let returning = state
        .database
        .read(move |connection| lifecycle::impact_of_returning(connection, &id))
        .await?;
    Ok(HttpResponse::Ok().json(policy_view::reactivation(&returning)))
}

async fn of_unassigning(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (user, role) = path.into_inner();
    let (user, role, now) = (ResourceId::new(user), Role::from_name(&role)?, admin.now);
    answer(admin, state, move |connection| {
        lifecycle::impact_of_unassigning(connection, &user, role, now)
    })
    .await
}

async fn of_unmapping(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (RoleMappingId::new(id.into_inner()), admin.now);
    answer(admin, state, move |connection| {
        lifecycle::impact_of_unmapping(connection, &id, now)
    })
    .await
}

async fn of_removing(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, now) = (DirectoryId::new(id.into_inner()), admin.now);
    answer(admin, state, move |connection| {
        lifecycle::impact_of_removing(connection, &id, now)
    })
    .await
}
