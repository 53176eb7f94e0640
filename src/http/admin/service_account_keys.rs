//! The public keys of service accounts: register, list, show, adopt, revoke.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::credentials::public_keys::PublicKey;
use crate::credentials::registered_keys::{self, Registered};
use crate::credentials::{
    Credential, CredentialError, NewCredential, keys as credential_keys, service_accounts,
};
use crate::policies::{PolicyError, Rights, Scope, networks};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{CredentialId, DirectoryId, InstanceId, ProductId, ServiceAccountId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::keys::check_rights;
use super::one_credential::OneCredential;
use super::page::PageQuery;
use super::view::RegisteredKeyView;
use super::{Admin, AdminEndpoint, created, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    let (read, write) = (Scope::ServiceAccountsRead, Scope::ServiceAccountsWrite);
    vec![
        AdminEndpoint::at("/service-accounts/{id}/keys")
            .get(
                read,
                list,
                Operation::new("List the public keys of a service account")
                    .lists::<RegisteredKeyView>(),
            )
            .post(
                write,
                register,
                Operation::new("Register a public key of a service account")
                    .explained(
                        "As exactly one of `jwk`, `jwks` and `pem`. A set is registered whole or not at all, and \
                         answered as a list. A key for a directory needs `scim-keys:write` too.",
                    )
                    .creates_one_or_several::<RegisteredKeyView>()
                    .refuses(&[409]),
            ),
        AdminEndpoint::at("/service-accounts/{id}/keys/{key_id}")
            .get(
                read,
                show,
                Operation::new("Show a public key").shows::<RegisteredKeyView>(),
            )
            .delete(
                write,
                revoke,
                Operation::new("Revoke a public key").orphans_may()
                    .explained("And with it every access token that was issued for it.")
                    .ends(),
            ),
        AdminEndpoint::at("/service-accounts/{id}/keys/{key_id}/adopt").post(
            write,
            adopt,
            Operation::new("Answer for a public key whose registrant has left")
                .explained("A key for a directory needs `scim-keys:write` too.")
                .shows::<RegisteredKeyView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewServiceAccountKey)]
struct NewKey {
    name: String,
    /// RFC 7517 section 4.
    #[schema(value_type = Option<Object>)]
    jwk: Option<Value>,
    /// RFC 7517 section 5.
    #[schema(value_type = Option<Object>)]
    jwks: Option<Value>,
    pem: Option<String>,
    /// What access tokens for it may do.
    #[serde(default)]
    scopes: Vec<String>,
    directory_id: Option<DirectoryId>,
    product_id: Option<ProductId>,
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    allowed_networks: Vec<String>,
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
}

impl NewKey {
    fn public_keys(&self) -> Result<Vec<PublicKey>, CredentialError> {
        match (&self.jwk, &self.jwks, &self.pem) {
            (Some(jwk), None, None) => Ok(vec![PublicKey::from_jwk(jwk)?]),
            (None, Some(set), None) => PublicKey::from_key_set(set),
            (None, None, Some(pem)) => Ok(vec![PublicKey::from_pem(pem)?]),
            _ => Err(CredentialError::Invalid(
                "give the public key as exactly one of jwk, jwks and pem".to_owned(),
            )),
        }
    }

    fn credential(self, account: ServiceAccountId) -> Result<NewCredential, Problem> {
        Ok(NewCredential {
            service_account_id: Some(account),
            scopes: self.scopes,
            directory_id: self.directory_id,
            product_id: self.product_id,
            instance_ids: self.instance_ids,
            allowed_networks: networks::parse(&self.allowed_networks)?,
            expires_in_days: self.expires_in_days,
            ..NewCredential::new(SecretKind::ServiceAccountKey, &self.name)
        })
    }
}

/// A set is registered whole or not at all, and answered as a list.
async fn register(
    admin: Admin,
    state: web::Data<State>,
    account: web::Path<String>,
    body: web::Json<NewKey>,
) -> Result<HttpResponse, Problem> {
    let account = account.into_inner();
    let body = body.into_inner();
    let is_set = body.jwks.is_some();
    let keys = body.public_keys()?;
    let new = body.credential(ServiceAccountId::new(account.clone()))?;
    let now = admin.now;
    let made = admin
        .write(&state, move |connection, admin| {
            register_within_rights(connection, &new, &keys, admin)
        })
        .await?;
    let shown = |one: &Registered| view::registered_key(one, now);
    match made.as_slice() {
        [one] if !is_set => Ok(created(
            &format!("service-accounts/{account}/keys"),
            one.credential.id.as_str(),
            shown(one),
        )),
        several => {
            let items: Vec<_> = several.iter().map(shown).collect();
            Ok(HttpResponse::Created().json(json!({"items": items, "next_cursor": null})))
        }
    }
}

/// Registers keys whose rights are among the caller's.
pub(in super::super) fn register_within_rights(
    connection: &mut DatabaseConnection,
    new: &NewCredential,
    keys: &[PublicKey],
    admin: &Admin,
) -> Result<Vec<Registered>, CredentialError> {
    let mut made = Vec::with_capacity(keys.len());
    for key in keys {
        let registered = registered_keys::register(connection, new, key, &admin.actor, admin.now)?;
        check_right_to_give(connection, &registered.credential, &admin.rights)?;
        made.push(registered);
    }
    Ok(made)
}

/// Whoever holds the key speaks SCIM to its directory, so it is given only by who may give SCIM keys.
pub(super) fn check_right_to_give(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    rights: &Rights,
) -> Result<(), CredentialError> {
    if credential.directory_id.is_some() && !rights.include(Scope::ScimKeysWrite) {
        return Err(PolicyError::Forbidden(format!(
            "a key for a directory is a SCIM key: this needs {} too",
            Scope::ScimKeysWrite.name()
        ))
        .into());
    }
    check_rights(connection, credential, rights)
}

async fn list(
    admin: Admin,
    state: web::Data<State>,
    account: web::Path<String>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let account = ServiceAccountId::new(account.into_inner());
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| {
            service_accounts::find(connection, &account)?;
            let selection = Selection {
                kinds: vec![SecretKind::ServiceAccountKey],
                service_account: Some(account.clone()),
                ..Selection::default()
            };
            let found = table::list(connection, &selection, place.cursor(), place.fetch())?;
            registered_keys::with_keys(connection, found)
        })
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |one| one.credential.id.to_string(),
        |one| view::registered_key(one, admin.now),
    )))
}

async fn show(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (account, id) = place(path);
    let found = state.database.read_now(|connection| {
        let key = find(connection, &account, &id)?;
        registered_keys::with_keys(connection, vec![key])
    })?;
    let found = found
        .first()
        .ok_or(CredentialError::NotFound("credential"))?;
    Ok(HttpResponse::Ok().json(view::registered_key(found, admin.now)))
}

async fn adopt(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (account, id) = place(path);
    let now = admin.now;
    let key = OneCredential::of_account_key(account, id);
    let adopted = admin
        .write(&state, move |connection, admin| {
            let adopted = key.adopt_within(connection, admin)?;
            registered_keys::with_keys(connection, vec![adopted])
        })
        .await?;
    let found = adopted
        .first()
        .ok_or(CredentialError::NotFound("credential"))?;
    Ok(HttpResponse::Ok().json(view::registered_key(found, now)))
}

async fn revoke(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (account, id) = place(path);
    admin
        .write(&state, move |connection, admin| {
            revoke_by(connection, &account, &id, admin)
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes a key of that account.
pub(in super::super) fn revoke_by(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    id: &CredentialId,
    admin: &Admin,
) -> Result<(), CredentialError> {
    let key = find(connection, account, id)?;
    let (actor, now) = (&admin.actor, admin.now);
    credential_keys::revoke(
        connection,
        key.kind,
        &key.id,
        "revoked_by_admin",
        actor,
        now,
    )
}

fn place(path: web::Path<(String, String)>) -> (ServiceAccountId, CredentialId) {
    let (account, id) = path.into_inner();
    (ServiceAccountId::new(account), CredentialId::new(id))
}

/// The key of that account.
pub(in super::super) fn find(
    connection: &mut DatabaseConnection,
    account: &ServiceAccountId,
    id: &CredentialId,
) -> Result<Credential, CredentialError> {
    let key = credential_keys::find(connection, SecretKind::ServiceAccountKey, id)?;
    if key.service_account_id.as_ref() == Some(account) {
        return Ok(key);
    }
    Err(CredentialError::NotFound("credential"))
}
