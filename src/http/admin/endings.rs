//! What an action would end or change, in numbers, where no lifecycle is involved: asked before it is done, over the
//! interface and in the console alike. Nothing is written. What a leaver leaves is in `impact`.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::second_factor::{self, ResetImpact};
use crate::credentials::{CredentialError, open_sessions, service_accounts};
use crate::lifecycle::{LifecycleError, USER, recovery};
use crate::policies::{PolicyError, Role, Scope, instances, products};
use crate::secret::SecretKind;
use crate::store::credentials::{
    Counts, Holder, Whose, count_kinds_of, count_tokens_held, count_working_of,
};
use crate::store::deleted_people::DeletedPerson;
use crate::store::directories::Directory;
use crate::store::id::{
    DirectoryId, InstanceId, PolicyId, ProductId, ResourceId, ServiceAccountId,
};
use crate::store::product_instances::Instance;
use crate::store::products::Product;
use crate::store::resources::Resource;
use crate::store::service_accounts::ServiceAccount;
use crate::store::{DatabaseConnection, StoreError, policies, receipts};
use crate::store::{audit_events, audit_search};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::{Admin, AdminEndpoint, directories, groups, users};

/// Sessions and records are counted so far.
pub(in super::super) const MANY: i64 = open_sessions::MANY;

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/users/{id}/revoke-tokens/impact").get(
            Scope::UsersRead,
            tokens_of_person,
            Operation::new("Show what revoking a person's API tokens would end")
                .explained("Those that have expired are among them.")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/users/{id}/sessions/impact").get(
            Scope::SessionsRead,
            sessions_of_person,
            Operation::new("Show how many sessions ending all of a person's would end")
                .explained("They are counted up to 1000.")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/users/{id}/second-factor/impact").get(
            Scope::UsersRead,
            second_factor_of_person,
            Operation::new("Show what resetting the second factor of a person would end")
                .explained("Sessions are counted up to 1000. Whoever has no second factor is answered 404.")
                .shows::<ResetView>(),
        ),
        AdminEndpoint::at("/directories/{id}/revoke-tokens/impact").get(
            Scope::DirectoriesRead,
            tokens_of_directory,
            Operation::new("Show what revoking all API tokens of a directory would end")
                .explained("Those that have expired are among them.")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/policies/{id}/revoke-tokens/impact").get(
            Scope::PoliciesRead,
            tokens_of_policy,
            Operation::new(
                "Show what revoking the API tokens of everybody a policy holds for would end",
            )
            .explained("Those that the policy blocks are among them.")
            .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/products/{id}/impact").get(
            Scope::ProductsRead,
            product,
            Operation::new("Show what deleting a product would end").shows::<EndingView>(),
        ),
        AdminEndpoint::at("/products/{id}/revoke-tokens/impact").get(
            Scope::ProductsRead,
            tokens_of_product,
            Operation::new("Show what revoking the API tokens for a product would end")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/products/{id}/instances/{instance}/impact").get(
            Scope::ProductsRead,
            instance,
            Operation::new("Show what deleting an instance of a product would end")
                .explained("What is for other instances too goes on working there.")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/service-accounts/{id}/impact").get(
            Scope::ServiceAccountsRead,
            account,
            Operation::new("Show what disabling or deleting a service account would end")
                .explained("It is also what is adopted with it.")
                .shows::<EndingView>(),
        ),
        AdminEndpoint::at("/deleted-users/{id}/impact").get(
            Scope::UsersRead,
            forgetting,
            Operation::new("Show what forgetting a deleted person would leave on record")
                .shows::<ForgettingView>(),
        ),
        AdminEndpoint::at("/roles/mappings/preview").post(
            Scope::RolesRead,
            preview_mapping,
            Operation::new("Show how many people mapping a group to a role would give it to")
                .shows::<MappingPreviewView>()
                .refuses(&[404]),
        ),
    ]
}

/// What would end.
#[derive(Serialize, ToSchema)]
#[schema(as = Ending)]
struct EndingView {
    /// What would be revoked, by kind; sessions end.
    #[schema(value_type = BTreeMap<String, i64>)]
    revoked: Counts,
}

/// What would end with a second factor.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondFactorReset)]
struct ResetView {
    /// What would be revoked, by kind: all sessions end.
    #[schema(value_type = BTreeMap<String, i64>)]
    revoked: Counts,
    /// How many recovery codes that are left would count no more.
    recovery_codes: i64,
    /// Whether their policy would ask them to set up another at their next sign-in.
    required: bool,
}

/// What of a deleted person goes and what stays.
#[derive(Serialize, ToSchema)]
#[schema(as = Forgetting)]
struct ForgettingView {
    /// How many groups they were in, which is forgotten with all that their identity provider has sent of them.
    groups: usize,
    /// How many audit events name them and stay, counted up to 1000.
    audit_events: usize,
    /// How many receipts name them and stay, counted up to 1000.
    receipts: usize,
}

/// A group that might give a role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MappingPreview {
    group_id: ResourceId,
    #[schema(value_type = Role)]
    role: String,
}

/// What mapping a group to a role would do.
#[derive(Serialize, ToSchema)]
#[schema(as = RoleMappingPreview)]
struct MappingPreviewView {
    /// How many active people are in the group, and in groups within it.
    people: usize,
}

/// A person, and how many API tokens of theirs revoking all would end.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_tokens_of_person(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<(Resource, Counts), PolicyError> {
    let person = users::find(connection, id)?;
    let counts = count_kinds_of(connection, Whose::Person(id), &[SecretKind::UserToken])?;
    Ok((person, counts))
}

/// A person, and how many sessions of theirs ending all would end, counted up to [`MANY`].
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_sessions_of_person(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    now: Timestamp,
) -> Result<(Resource, i64), PolicyError> {
    let person = users::find(connection, id)?;
    let count = open_sessions::count_open(connection, id, now)?;
    Ok((person, count))
}

/// A person, and what resetting their second factor would end.
///
/// # Errors
/// [`CredentialError::NotFound`] where there is no such person or second factor; when the database fails.
pub(in super::super) fn of_second_factor(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    now: Timestamp,
) -> Result<(Resource, ResetImpact), CredentialError> {
    let person = users::find(connection, id)?;
    let impact = second_factor::impact_of_reset(connection, id, now)?;
    Ok((person, impact))
}

/// A directory, and how many API tokens of its people revoking all would end.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_tokens_of_directory(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
) -> Result<(Directory, Counts), PolicyError> {
    let directory = directories::find(connection, id)?;
    let counts = count_kinds_of(connection, Whose::PeopleOf(id), &[SecretKind::UserToken])?;
    Ok((directory, counts))
}

/// How many API tokens of the people for whom a policy holds work by any node's clock, but for what blocks them, and
/// end where all are revoked.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_tokens_of_policy(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    now: Timestamp,
) -> Result<Counts, PolicyError> {
    let policy = policies::find(connection, id)?.ok_or(PolicyError::NotFound("policy"))?;
    Ok(count_tokens_held(connection, &policy, now)?)
}

/// A product, and how much that belongs to it works and ends with it.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_product(
    connection: &mut DatabaseConnection,
    id: &ProductId,
    now: Timestamp,
) -> Result<(Product, Counts), PolicyError> {
    let product = products::find(connection, id)?;
    let counts = count_working_of(connection, Holder::Product(id), now)?;
    Ok((product, counts))
}

/// A product, and how many API tokens for it work and end where all are revoked.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_tokens_of_product(
    connection: &mut DatabaseConnection,
    id: &ProductId,
    now: Timestamp,
) -> Result<(Product, Counts), PolicyError> {
    let (product, mut counts) = of_product(connection, id, now)?;
    counts.retain(|kind, _| kind == SecretKind::UserToken.name());
    Ok((product, counts))
}

/// An instance of a product, and how much that is for it alone works and ends with it.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_instance(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    id: &InstanceId,
    now: Timestamp,
) -> Result<(Instance, Counts), PolicyError> {
    let instance = instances::find(connection, product, id)?;
    let counts = count_working_of(connection, Holder::Instance(product, id), now)?;
    Ok((instance, counts))
}

/// A service account, and how much of it works and ends with it.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub(in super::super) fn of_account(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
    now: Timestamp,
) -> Result<(ServiceAccount, Counts), CredentialError> {
    let account = service_accounts::find(connection, id)?;
    let counts = count_working_of(connection, Holder::Account(id), now)?;
    Ok((account, counts))
}

/// What is on record of somebody, and stays, counted up to [`MANY`].
pub(in super::super) struct OnRecord {
    /// How many audit events name them.
    pub(in super::super) events: usize,
    /// How many receipts name them.
    pub(in super::super) receipts: usize,
}

/// A deleted person, and what stays on record of them where they are forgotten.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub(in super::super) fn of_forgetting(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    recovery_days: u32,
    now: Timestamp,
) -> Result<(DeletedPerson, OnRecord), LifecycleError> {
    let deleted = recovery::find_deleted(connection, id, recovery_days, now)?;
    let events = audit_events::Selection {
        person_id: Some(id.to_string()),
        ..audit_events::Selection::default()
    };
    let events = audit_search::list(connection, &events, None, MANY)?;
    let receipts = receipts::list(connection, &receipts::Selection::of(id), None, MANY)?;
    let on_record = OnRecord {
        events: events.len(),
        receipts: receipts.len(),
    };
    Ok((deleted, on_record))
}

/// How many active people are in a group, and in groups within it: so many get a role that it comes to give.
///
/// # Errors
/// When the database fails.
pub(in super::super) fn of_mapping(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
) -> Result<usize, StoreError> {
    let within = std::slice::from_ref(group);
    Ok(policies::active_people_within(connection, within, USER)?.len())
}

/// Answers with what a reading says would end.
async fn ending<E>(
    state: &State,
    read: impl FnOnce(&mut DatabaseConnection) -> Result<Counts, E> + Send + 'static,
) -> Result<HttpResponse, Problem>
where
    E: From<StoreError> + Send + 'static,
    Problem: From<E>,
{
    let revoked = state.database.read(read).await?;
    Ok(HttpResponse::Ok().json(EndingView { revoked }))
}

async fn tokens_of_person(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    ending(&state, move |connection| {
        of_tokens_of_person(connection, &id).map(|(_, counts)| counts)
    })
    .await
}

async fn sessions_of_person(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    ending(&state, move |connection| {
        let (_, count) = of_sessions_of_person(connection, &id, admin.now)?;
        Ok::<_, PolicyError>(sessions(count))
    })
    .await
}

/// So many sessions, as the kinds of what ends are counted.
fn sessions(count: i64) -> Counts {
    let counted = (SecretKind::Session.name().to_owned(), count);
    let counts = std::iter::once(counted).filter(|(_, count)| *count > 0);
    counts.collect()
}

async fn second_factor_of_person(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let (_, impact) = state
        .database
        .read(move |connection| of_second_factor(connection, &id, admin.now))
        .await?;
    Ok(HttpResponse::Ok().json(ResetView {
        revoked: sessions(impact.sessions),
        recovery_codes: impact.recovery_codes,
        required: impact.is_required,
    }))
}

async fn tokens_of_directory(
    _: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = DirectoryId::new(id.into_inner());
    ending(&state, move |connection| {
        of_tokens_of_directory(connection, &id).map(|(_, counts)| counts)
    })
    .await
}

async fn tokens_of_policy(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = PolicyId::new(id.into_inner());
    ending(&state, move |connection| {
        of_tokens_of_policy(connection, &id, admin.now)
    })
    .await
}

async fn product(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    ending(&state, move |connection| {
        of_product(connection, &id, admin.now).map(|(_, counts)| counts)
    })
    .await
}

async fn tokens_of_product(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ProductId::new(id.into_inner());
    ending(&state, move |connection| {
        of_tokens_of_product(connection, &id, admin.now).map(|(_, counts)| counts)
    })
    .await
}

async fn account(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ServiceAccountId::new(id.into_inner());
    ending(&state, move |connection| {
        of_account(connection, &id, admin.now).map(|(_, counts)| counts)
    })
    .await
}

async fn instance(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (product, id) = path.into_inner();
    let (product, id) = (ProductId::new(product), InstanceId::new(id));
    ending(&state, move |connection| {
        of_instance(connection, &product, &id, admin.now).map(|(_, counts)| counts)
    })
    .await
}

async fn forgetting(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let (id, days) = (
        ResourceId::new(id.into_inner()),
        state.settings.limits.recovery_days,
    );
    let (deleted, on_record) = state
        .database
        .read(move |connection| of_forgetting(connection, &id, days, admin.now))
        .await?;
    Ok(HttpResponse::Ok().json(ForgettingView {
        groups: deleted.groups.len(),
        audit_events: on_record.events,
        receipts: on_record.receipts,
    }))
}

async fn preview_mapping(
    _: Admin,
    state: web::Data<State>,
    body: web::Json<MappingPreview>,
) -> Result<HttpResponse, Problem> {
    let MappingPreview { group_id, role } = body.into_inner();
    Role::from_name(&role)?;
    let people = state
        .database
        .read(move |connection| {
            groups::find(connection, &group_id)?;
            Ok::<_, PolicyError>(of_mapping(connection, &group_id)?)
        })
        .await?;
    Ok(HttpResponse::Ok().json(MappingPreviewView { people }))
}
