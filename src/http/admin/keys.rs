//! SCIM keys and admin API keys: create, list, show, rotate, adopt, revoke. Orphans of every kind are in `orphans`.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::credentials::keys::KeyChange;
use crate::credentials::view::CredentialView;
use crate::credentials::{Credential, CredentialError, Issued, NewCredential, issue};
use crate::policies::rate_limits::Rate;
use crate::policies::{Rights, Role, Scope, networks};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{CredentialId, DirectoryId};
use crate::store::roles;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::directories::find as find_directory;
use super::one_credential::OneCredential;
use super::page::PageQuery;
use super::view::IssuedView;
use super::{Admin, AdminEndpoint, OptionalJson, created, view};

/// An orphaned key ends no SCIM key: without its synchronisation nobody would leave a directory any more.
fn revoking(collection: &str) -> Operation {
    let operation = Operation::new("Revoke a key")
        .explained("It is kept for the record.")
        .ends();
    if collection == SCIM_KEYS.name {
        operation
    } else {
        operation.orphans_may()
    }
}

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let mut endpoints = vec![
        AdminEndpoint::at("/directories/{id}/scim-keys")
            .get(
                Scope::ScimKeysRead,
                list_of_directory,
                Operation::new("List the SCIM keys of a directory").lists::<CredentialView>(),
            )
            .post(
                Scope::ScimKeysWrite,
                create_scim_key,
                Operation::new("Make a SCIM key")
                    .creates::<IssuedView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/scim-keys").get(
            Scope::ScimKeysRead,
            list_scim_keys,
            Operation::new("List the SCIM keys of all directories").lists::<CredentialView>(),
        ),
        AdminEndpoint::at("/api-keys")
            .get(
                Scope::ApiKeysRead,
                list_api_keys,
                Operation::new("List admin API keys").lists::<CredentialView>(),
            )
            .post(
                Scope::ApiKeysWrite,
                create_api_key,
                Operation::new("Make an admin API key")
                    .explained("Its scopes are among the caller's.")
                    .creates::<IssuedView>()
                    .refuses(&[409]),
            ),
    ];
    for Collection {
        name, read, write, ..
    } in [SCIM_KEYS, API_KEYS]
    {
        let one = format!("/{{keys:{name}}}/{{id}}");
        endpoints.push(
            AdminEndpoint::at(&one)
                .get(
                    read,
                    show,
                    Operation::new("Show a key").shows::<CredentialView>(),
                )
                .patch(
                    write,
                    update,
                    Operation::new("Change a key")
                        .shows::<CredentialView>()
                        .refuses(&[409]),
                )
                .delete(write, revoke, revoking(name)),
        );
        endpoints.push(AdminEndpoint::at(&format!("{one}/rotate")).post(
            write,
            rotate,
            Operation::new("Make a successor of a key")
                .explained("The key works on until the overlap ends, counted from its successor's first use.")
                .creates::<IssuedView>()
                .refuses(&[409]),
        ));
        endpoints.push(
            AdminEndpoint::at(&format!("{one}/adopt")).post(
                write,
                adopt,
                Operation::new("Answer for a key whose maker has left")
                    .shows::<CredentialView>()
                    .refuses(&[409]),
            ),
        );
    }
    endpoints
}

/// What is known of each of the two collections.
#[derive(Clone, Copy)]
struct Collection {
    name: &'static str,
    kind: SecretKind,
    read: Scope,
    write: Scope,
}

const SCIM_KEYS: Collection = Collection {
    name: "scim-keys",
    kind: SecretKind::ScimKey,
    read: Scope::ScimKeysRead,
    write: Scope::ScimKeysWrite,
};
const API_KEYS: Collection = Collection {
    name: "api-keys",
    kind: SecretKind::AdminKey,
    read: Scope::ApiKeysRead,
    write: Scope::ApiKeysWrite,
};

fn collection(name: &str) -> Collection {
    if name == API_KEYS.name {
        API_KEYS
    } else {
        SCIM_KEYS
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewKey {
    name: String,
    /// A year where nothing is said.
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
    /// From where it may be used, such as `192.0.2.0/24`; from everywhere where there are none.
    #[serde(default)]
    allowed_networks: Vec<String>,
    /// Of an admin API key.
    #[serde(default)]
    scopes: Vec<String>,
    /// That of its kind where nothing is said; 0 is no bound.
    requests_per_second: Option<u32>,
}

/// A member that is null sets back; one that is absent changes nothing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyChange)]
struct Change {
    name: Option<String>,
    allowed_networks: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    requests_per_second: Option<Rate>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Rate>, D::Error> {
    let own = Option::deserialize(deserializer)?;
    Ok(Some(own.map_or(Rate::OfKind, Rate::Own)))
}

impl NewKey {
    fn credential(self, kind: SecretKind) -> Result<NewCredential, Problem> {
        Ok(NewCredential {
            scopes: self.scopes,
            allowed_networks: networks::parse(&self.allowed_networks)?,
            expires_in_days: self.expires_in_days,
            requests_per_second: self.requests_per_second,
            ..NewCredential::new(kind, &self.name)
        })
    }
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyRotation)]
pub(in super::super) struct Rotation {
    /// 24 where nothing is said.
    pub(in super::super) overlap_hours: Option<i64>,
    #[schema(minimum = 1, maximum = 365)]
    pub(in super::super) expires_in_days: Option<i64>,
}

async fn create_scim_key(
    admin: Admin,
    state: web::Data<State>,
    directory: web::Path<String>,
    body: web::Json<NewKey>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    if !body.scopes.is_empty() {
        return Err(Problem::invalid_value("a SCIM key has no scopes"));
    }
    let new = NewCredential {
        directory_id: Some(DirectoryId::new(directory.into_inner())),
        ..body.credential(SecretKind::ScimKey)?
    };
    issue_key(&state, SCIM_KEYS, new, admin).await
}

async fn create_api_key(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<NewKey>,
) -> Result<HttpResponse, Problem> {
    let new = body.into_inner().credential(SecretKind::AdminKey)?;
    issue_key(&state, API_KEYS, new, admin).await
}

async fn issue_key(
    state: &State,
    collection: Collection,
    new: NewCredential,
    admin: Admin,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let issued = issue_within_rights(state, new, admin).await?;
    Ok(created(
        collection.name,
        issued.credential.id.as_str(),
        view::issued(&issued, now),
    ))
}

/// Issues a key whose rights are among the caller's.
pub(in super::super) async fn issue_within_rights(
    state: &State,
    new: NewCredential,
    admin: Admin,
) -> Result<Issued, Problem> {
    let issued = admin
        .write(state, move |connection, admin| {
            let issued = issue(connection, &new, &admin.actor, admin.now)?;
            check_rights(connection, &issued.credential, &admin.rights)?;
            Ok::<_, CredentialError>(issued)
        })
        .await?;
    Ok(issued)
}

async fn list_of_directory(
    admin: Admin,
    state: web::Data<State>,
    directory: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let directory = DirectoryId::new(directory.into_inner());
    let wanted = directory.clone();
    let selection = Selection {
        kinds: vec![SecretKind::ScimKey],
        directory: Some(directory),
        ..Selection::default()
    };
    state
        .database
        .read_now(|connection| find_directory(connection, &wanted))?;
    list(&state, &query, selection, &admin).await
}

async fn list_scim_keys(
    admin: Admin,
    state: web::Data<State>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    list(&state, &query, of_kind(SecretKind::ScimKey), &admin).await
}

async fn list_api_keys(
    admin: Admin,
    state: web::Data<State>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    list(&state, &query, of_kind(SecretKind::AdminKey), &admin).await
}

fn of_kind(kind: SecretKind) -> Selection {
    Selection {
        kinds: vec![kind],
        ..Selection::default()
    }
}

/// A page of credentials.
pub(super) async fn list(
    state: &State,
    query: &PageQuery,
    selection: Selection,
    admin: &Admin,
) -> Result<HttpResponse, Problem> {
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| table::list(connection, &selection, place.cursor(), place.fetch()))
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |credential| credential.id.to_string(),
        |credential| view::credential(credential, admin.now),
    )))
}

/// Whoever has a key has its rights, so they must be among the caller's. A SCIM key decides who is in a group
/// that is mapped to a role.
pub(super) fn check_rights(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    rights: &Rights,
) -> Result<(), CredentialError> {
    // What opens a directory or a product gives no right here.
    if credential.directory_id.is_none() && credential.product_id.is_none() {
        rights.check_key(&credential.scopes)?;
    }
    if let Some(directory) = &credential.directory_id {
        for mapping in roles::list_mappings(connection, Some(directory))? {
            rights.check_roles(&[Role::from_name(&mapping.role)?])?;
        }
    }
    Ok(())
}

async fn update(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    body: web::Json<Change>,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let body = body.into_inner();
    let change = KeyChange {
        name: body.name,
        allowed_networks: body
            .allowed_networks
            .map(|texts| networks::parse(&texts))
            .transpose()?,
        requests_per_second: body.requests_per_second,
    };
    let key = one(path).change_by(admin, &state, change).await?;
    Ok(HttpResponse::Ok().json(view::credential(&key, now)))
}

fn one(path: web::Path<(String, String)>) -> OneCredential {
    let (name, id) = path.into_inner();
    OneCredential::of_kind(collection(&name).kind, CredentialId::new(id))
}

async fn show(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    one(path).show(&admin, &state)
}

async fn rotate(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    one(path).rotate(admin, &state, rotation).await
}

async fn adopt(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    one(path).adopt(admin, &state).await
}

async fn revoke(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    one(path).revoke(admin, &state).await
}
