//! Service accounts, and the tokens with which they authenticate.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::credentials::service_accounts::{
    self as rules, NewServiceAccount, ServiceAccountChange, working_credentials,
};
use crate::credentials::view::CredentialView;
use crate::credentials::{CredentialError, NewCredential};
use crate::policies::{Rights, Scope, networks};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{InstanceId, ProductId, ResourceId, ServiceAccountId};
use crate::store::service_accounts::{self as accounts, ServiceAccount};
use crate::store::{DatabaseConnection, TransactionError};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::keys::{Rotation, issue_within_rights};
use super::one_credential::OneCredential;
use super::page::PageQuery;
use super::service_account_keys::check_right_to_give;
use super::view::{IssuedView, ServiceAccountView};
use super::{Admin, AdminEndpoint, OptionalJson, created, view};

const KIND: SecretKind = SecretKind::ServiceAccountToken;
const READ: Scope = Scope::ServiceAccountsRead;
const WRITE: Scope = Scope::ServiceAccountsWrite;

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/service-accounts")
            .get(
                READ,
                list,
                Operation::new("List service accounts").lists::<ServiceAccountView>(),
            )
            .post(
                WRITE,
                create,
                Operation::new("Make a service account")
                    .creates::<ServiceAccountView>()
                    .refuses(&[404, 409]),
            ),
        AdminEndpoint::at("/service-accounts/{id}")
            .get(
                READ,
                show,
                Operation::new("Show a service account").shows::<ServiceAccountView>(),
            )
            .patch(
                WRITE,
                update,
                Operation::new("Change a service account")
                    .shows::<ServiceAccountView>()
                    .refuses(&[409]),
            )
            .delete(
                WRITE,
                delete,
                Operation::new("Delete a service account")
                    .explained("Its credentials are revoked.")
                    .ends(),
            ),
        AdminEndpoint::at("/service-accounts/{id}/disable").post(
            WRITE,
            disable,
            Operation::new("Disable a service account")
                .orphans_may()
                .explained("Its credentials work no more until it is enabled.")
                .shows::<ServiceAccountView>(),
        ),
        AdminEndpoint::at("/service-accounts/{id}/enable").post(
            WRITE,
            enable,
            Operation::new("Enable a service account")
                .shows::<ServiceAccountView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/service-accounts/{id}/adopt").post(
            WRITE,
            adopt,
            Operation::new("Answer for a service account, or let somebody else")
                .shows::<ServiceAccountView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/service-accounts/{id}/tokens")
            .get(
                READ,
                list_tokens,
                Operation::new("List the tokens of a service account").lists::<CredentialView>(),
            )
            .post(
                WRITE,
                create_token,
                Operation::new("Make a token of a service account")
                    .explained(
                        "For a product, or with scopes of the admin interface among the caller's.",
                    )
                    .creates::<IssuedView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/service-accounts/{id}/tokens/{token}")
            .get(
                READ,
                show_token,
                Operation::new("Show a token").shows::<CredentialView>(),
            )
            .delete(
                WRITE,
                revoke_token,
                Operation::new("Revoke a token").orphans_may().ends(),
            ),
        AdminEndpoint::at("/service-accounts/{id}/tokens/{token}/rotate").post(
            WRITE,
            rotate_token,
            Operation::new("Make a successor of a token")
                .creates::<IssuedView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/service-accounts/{id}/tokens/{token}/adopt").post(
            WRITE,
            adopt_token,
            Operation::new("Answer for a token whose maker has left")
                .shows::<CredentialView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Accounts {
    /// Only those that nobody answers for
    #[serde(default)]
    orphaned: bool,
    /// Only those whose name contains this, in capitals or not
    name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewServiceAccount)]
struct NewAccount {
    name: String,
    /// What it is for.
    purpose: String,
    /// The person who answers for it; whoever calls, or has made the key that calls, where nothing is said.
    owner_id: Option<ResourceId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServiceAccountChange)]
struct AccountChange {
    name: Option<String>,
    purpose: Option<String>,
    owner_id: Option<ResourceId>,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ServiceAccountAdoption)]
struct Adoption {
    /// The person who answers for it; whoever calls, or has made the key that calls, where nothing is said.
    owner_id: Option<ResourceId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewServiceAccountToken)]
struct NewToken {
    name: String,
    product_id: Option<ProductId>,
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    allowed_networks: Vec<String>,
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    query: web::Query<Accounts>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let Accounts { orphaned, name } = query.into_inner();
    let selection = accounts::Selection {
        orphaned,
        text: name,
    };
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            accounts::list(connection, &selection, place.cursor(), place.fetch())
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |account| account.id.to_string(),
        view::service_account,
    )))
}

async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewAccount>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let new = NewServiceAccount {
        name: body.name,
        purpose: body.purpose,
        owner: body.owner_id,
    };
    let domain = state.settings.service_account_domain.clone();
    let account = admin
        .write(&state, move |connection, admin| {
            rules::create(connection, &new, &domain, &admin.actor, admin.now)
        })
        .await?;
    Ok(created(
        "service-accounts",
        account.id.as_str(),
        view::service_account(&account),
    ))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ServiceAccountId::new(id.into_inner());
    let account = state
        .database
        .read_now(|connection| rules::find(connection, &id))?;
    Ok(HttpResponse::Ok().json(view::service_account(&account)))
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<AccountChange>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let change = ServiceAccountChange {
        name: body.name,
        purpose: body.purpose,
        owner: body.owner_id,
    };
    let id = ServiceAccountId::new(id.into_inner());
    let account = admin
        .write(&state, move |connection, admin| {
            update_within_rights(connection, &id, &change, admin)
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::service_account(&account)))
}

/// Changes an account; whoever is to answer for it gets nothing that the caller has not.
pub(in super::super) fn update_within_rights(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    change: &ServiceAccountChange,
    admin: &Admin,
) -> Result<ServiceAccount, CredentialError> {
    if change.owner.is_some() {
        check_reach(connection, id, &admin.rights)?;
    }
    rules::update(connection, id, change, &admin.actor, admin.now)
}

async fn disable(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    changed(admin, &state, id, move |connection, admin, id| {
        rules::disable(connection, id, &admin.actor, admin.now)
    })
    .await
}

async fn enable(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    changed(admin, &state, id, move |connection, admin, id| {
        rules::enable(connection, id, &admin.actor, admin.now)
    })
    .await
}

async fn adopt(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    OptionalJson(adoption): OptionalJson<Adoption>,
) -> Result<HttpResponse, Problem> {
    let id = ServiceAccountId::new(id.into_inner());
    let account = adopt_by(admin, &state, id, adoption.owner_id).await?;
    Ok(HttpResponse::Ok().json(view::service_account(&account)))
}

/// Answers for an account that can do nothing that the caller cannot.
pub(in super::super) async fn adopt_by(
    admin: Admin,
    state: &State,
    id: ServiceAccountId,
    owner: Option<ResourceId>,
) -> Result<ServiceAccount, Problem> {
    admin
        .write(state, move |connection, admin| {
            check_reach(connection, &id, &admin.rights)?;
            rules::adopt(connection, &id, owner.as_ref(), &admin.actor, admin.now)
        })
        .await
}

async fn delete(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ServiceAccountId::new(id.into_inner());
    admin
        .write(&state, move |connection, admin| {
            rules::delete(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Changes an account and shows it.
async fn changed<E>(
    admin: Admin,
    state: &State,
    id: web::Path<String>,
    change: impl Fn(&mut DatabaseConnection, &Admin, &ServiceAccountId) -> Result<ServiceAccount, E>
    + Send
    + 'static,
) -> Result<HttpResponse, Problem>
where
    E: TransactionError,
    Problem: From<E>,
{
    let id = ServiceAccountId::new(id.into_inner());
    let account = admin
        .write(state, move |connection, admin| {
            change(connection, admin, &id)
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::service_account(&account)))
}

async fn list_tokens(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = ServiceAccountId::new(id.into_inner());
    state
        .database
        .read_now(|connection| rules::find(connection, &id))?;
    let selection = Selection {
        kinds: vec![KIND],
        service_account: Some(id),
        ..Selection::default()
    };
    super::keys::list(&state, &query, selection, &admin).await
}

async fn create_token(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    body: web::Json<NewToken>,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let body = body.into_inner();
    let collection = format!("service-accounts/{id}/tokens");
    let new = NewCredential {
        service_account_id: Some(ServiceAccountId::new(id.into_inner())),
        product_id: body.product_id,
        instance_ids: body.instance_ids,
        scopes: body.scopes,
        allowed_networks: networks::parse(&body.allowed_networks)?,
        expires_in_days: body.expires_in_days,
        ..NewCredential::new(KIND, &body.name)
    };
    let issued = issue_within_rights(&state, new, admin).await?;
    Ok(created(
        &collection,
        issued.credential.id.as_str(),
        view::issued(&issued, now),
    ))
}

async fn show_token(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_account(path.into_inner()).show(&admin, &state)
}

async fn rotate_token(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_account(path.into_inner())
        .rotate(admin, &state, rotation)
        .await
}

async fn adopt_token(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_account(path.into_inner())
        .adopt(admin, &state)
        .await
}

async fn revoke_token(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    OneCredential::of_account(path.into_inner())
        .revoke(admin, &state)
        .await
}

/// Whoever takes an account over must be entitled to what it can do.
fn check_reach(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    rights: &Rights,
) -> Result<(), CredentialError> {
    for credential in working_credentials(connection, id)? {
        check_right_to_give(connection, &credential, rights)?;
    }
    Ok(())
}
