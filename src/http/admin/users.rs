//! People of every directory: find, deprovision, reactivate, their tokens; and the making of local ones.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::credentials::view::CredentialView;
use crate::credentials::{Issued, keys, passwords, second_factor};
use crate::lifecycle::{LifecycleError, USER};
use crate::policies::roles::roles_of;
use crate::policies::{PolicyError, Role, Scope};
use crate::provisioning::people::{self, NewPerson};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{CredentialId, ResourceId};
use crate::store::receipts::ReceiptRow;
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, Freshness, receipts};

use super::super::State;
use super::super::account::second_factor::{StandingView, shown};
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::listed::Narrowed;
use super::page::PageQuery;
use super::revocation::RevokedView;
use super::view::{PasswordLinkView, ReceiptView, UserView, UserWithRolesView};
use super::{Admin, AdminEndpoint, created, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::UsersRead, Scope::UsersWrite);
    vec![
        AdminEndpoint::at("/users")
            .get(read, list, Operation::new("List people")
                    .explained(
                        "In the order in which they came; those that `search` finds in the order of what begins so.",
                    )
                    .lists::<UserView>()
                    .refuses(&[422]))
            .post(
                write,
                create,
                Operation::new("Make a person in the local directory").orphans_may()
                    .explained("Those of other directories come from their identity providers.")
                    .creates::<UserView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/users/{id}").get(
            read,
            show,
            Operation::new("Show a person and their roles").shows::<UserWithRolesView>(),
        ),
        AdminEndpoint::at("/users/{id}/deprovision").post(
            write,
            deprovision,
            Operation::new("Deprovision a person").orphans_may()
                .explained(
                    "Their tokens are revoked, their sessions end, and what they have made for others is flagged.",
                )
                .shows::<ReceiptView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/users/{id}/reactivate").post(
            write,
            reactivate,
            Operation::new("Reactivate a person")
                .explained("Nothing that was revoked works again.")
                .shows::<UserView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/users/{id}/tokens").get(
            read,
            list_tokens,
            Operation::new("List the API tokens of a person").lists::<CredentialView>(),
        ),
        AdminEndpoint::at("/users/{id}/tokens/{token}").delete(
            Scope::TokensRevoke,
            revoke_token,
            Operation::new("Revoke an API token of a person").orphans_may().ends(),
        ),
        AdminEndpoint::at("/users/{id}/revoke-tokens").post(
            Scope::TokensRevoke,
            revoke_tokens,
            Operation::new("Revoke all API tokens of a person").orphans_may().shows::<RevokedView>(),
        ),
        AdminEndpoint::at("/users/{id}/second-factor")
            .get(
                read,
                show_second_factor,
                Operation::new("Show whether a person has a second factor").shows::<StandingView>(),
            )
            .delete(
                write,
                reset_second_factor,
                Operation::new("Reset the second factor of a person").ends(),
            ),
        AdminEndpoint::at("/users/{id}/password-link").post(
            write,
            create_password_link,
            Operation::new("Make a one-time link with which a person sets a password")
                .creates::<PasswordLinkView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, IntoParams)]
struct Filter {
    /// Of those only whose user name begins with this, whatever its case
    user_name: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    user_name: String,
    display_name: Option<String>,
    email: Option<String>,
}

pub(in super::super) fn find(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Resource, PolicyError> {
    resources::find_any(connection, id)?
        .filter(|found| found.resource_type == USER)
        .ok_or(PolicyError::NotFound("user"))
}

async fn list(
    _: Admin,
    state: web::Data<State>,
    narrowed: web::Query<Narrowed>,
    filter: web::Query<Filter>,
    place: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let (narrowed, user_name) = (narrowed.into_inner(), filter.into_inner().user_name);
    let window = place.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read_with(Freshness::MayLag, move |connection| {
            let user_name = user_name.as_deref();
            narrowed.page(connection, USER, user_name, place.cursor(), place.fetch())
        })
        .await?;
    let page = window.page(
        found,
        |one| one.cursor.clone(),
        |one| view::user(&one.resource),
    );
    Ok(HttpResponse::Ok().json(page))
}

/// Makes a local person: those of other directories come from their identity providers.
async fn create(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewUser>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let new = NewPerson {
        user_name: body.user_name,
        display_name: body.display_name,
        email: body.email,
    };
    let surroundings = state.surroundings();
    let user = admin
        .write(&state, move |connection, admin| {
            people::create_local(connection, &surroundings, &new, &admin.cause())
        })
        .await?;
    Ok(created("users", user.id.as_str(), view::user(&user)))
}

async fn show(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let (user, roles) = state
        .database
        .read(move |connection| {
            let user = find(connection, &id)?;
            let roles = roles_of(connection, &id)?;
            Ok::<_, PolicyError>((user, roles))
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::user_with_roles(&user, &roles)))
}

/// Answers with the receipt: what was revoked, ended and flagged.
async fn deprovision(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let receipt = deprovision_by(admin, &state, id).await?;
    Ok(HttpResponse::Ok().json(receipt.as_ref().map(view::receipt)))
}

/// Deprovisions a person, and gives the receipt.
pub(in super::super) async fn deprovision_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
) -> Result<Option<ReceiptRow>, Problem> {
    let surroundings = state.surroundings();
    admin
        .write(state, move |connection, admin| {
            // Nobody but an owner ends an owner.
            let roles = roles_of(connection, &id).map_err(LifecycleError::from)?;
            if roles.contains(&Role::Owner) {
                let check = admin.rights.check_roles(&[Role::Owner]);
                check.map_err(LifecycleError::from)?;
            }
            people::set_active(connection, &surroundings, &id, false, &admin.cause())?;
            let newest = receipts::list(connection, &receipts::Selection::of(&id), None, 1)?;
            Ok::<_, crate::provisioning::ProvisioningError>(newest.into_iter().next())
        })
        .await
}

async fn reactivate(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let surroundings = state.surroundings();
    let user = admin
        .write(&state, move |connection, admin| {
            people::set_active(connection, &surroundings, &id, true, &admin.cause())
        })
        .await?;
    Ok(HttpResponse::Ok().json(view::user(&user)))
}

async fn list_tokens(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    state
        .database
        .read_now(|connection| find(connection, &id))?;
    let selection = Selection {
        kinds: vec![SecretKind::UserToken],
        owner: Some(id),
        ..Selection::default()
    };
    super::keys::list(&state, &query, selection, &admin).await
}

async fn revoke_token(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (user, token) = path.into_inner();
    let (user, token) = (ResourceId::new(user), CredentialId::new(token));
    admin
        .write(&state, move |connection, admin| {
            keys::revoke_token(
                connection,
                &user,
                &token,
                "revoked_by_admin",
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn revoke_tokens(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let counts = admin
        .write(&state, move |connection, admin| {
            find(connection, &id)?;
            keys::revoke_tokens_of(connection, &id, &admin.actor, admin.now)
        })
        .await?;
    let revoked: i64 = counts.values().sum();
    Ok(HttpResponse::Ok().json(RevokedView { revoked }))
}

/// Whoever has the link can sign in as that person, so their rights must be the caller's too.
async fn create_password_link(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let now = admin.now;
    let collection = format!("users/{id}/password-link");
    let issued = password_link_by(admin, &state, id).await?;
    let shown = view::password_link(&issued, &state.base_url, now);
    Ok(created(&collection, issued.credential.id.as_str(), shown))
}

/// Makes a one-time link for somebody whose rights are the caller's too.
pub(in super::super) async fn password_link_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
) -> Result<Issued, Problem> {
    admin
        .write(state, move |connection, admin| {
            find(connection, &id)?;
            admin.rights.check_roles(&roles_of(connection, &id)?)?;
            let roles = admin.rights.grantable_roles();
            passwords::create_link(connection, &id, &roles, &admin.actor, admin.now)
        })
        .await
}

async fn show_second_factor(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let standing = state
        .database
        .read(move |connection| {
            find(connection, &id)?;
            Ok::<_, PolicyError>(second_factor::standing(connection, &id, admin.now)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(shown(&standing)))
}

async fn reset_second_factor(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    reset_second_factor_by(admin, &state, ResourceId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Whoever has the password signs in afterwards, so their rights must be the caller's too.
pub(in super::super) async fn reset_second_factor_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
) -> Result<(), Problem> {
    admin
        .write(state, move |connection, admin| {
            let person = find(connection, &id)?;
            admin.rights.check_roles(&roles_of(connection, &id)?)?;
            second_factor::reset(connection, &person, &admin.actor, admin.now)
        })
        .await
}
