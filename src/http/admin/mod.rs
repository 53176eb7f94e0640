//! The admin interface: JSON in `snake_case`, lists as `{"items", "next_cursor"}`, errors as problem+json.
//!
//! Each method of an [`AdminEndpoint`] names the scope it needs; its handler calls one function of a room below
//! inside one transaction. [`Admin`] is the caller with their rights; default is that they have none.
//! [`routes`] lists what there is.

mod audit;
mod deleted_users;
mod directories;
mod endpoint;
mod impact;
mod instances;
mod keys;
mod notices;
pub mod page;
mod policies;
pub mod policy_view;
mod products;
mod records;
mod revocation;
mod roles;
mod service_account_keys;
mod service_accounts;
mod signing_keys;
mod users;
pub mod view;
mod webhooks;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::sessions::usable_roles;
use crate::credentials::{CredentialError, Verified};
use crate::lifecycle::Cause;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;

use super::State;
use super::caller::{authenticate, insufficient_scope, verify_again};
use super::problem::{Problem, ProblemKind};
use endpoint::{AdminEndpoint, Scopes};

pub use endpoint::AdminRoute;

fn endpoints() -> Vec<AdminEndpoint> {
    let modules = [
        directories::endpoints,
        audit::endpoints,
        deleted_users::endpoints,
        keys::endpoints,
        users::endpoints,
        roles::endpoints,
        products::endpoints,
        policies::endpoints,
        revocation::endpoints,
        impact::endpoints,
        instances::endpoints,
        service_accounts::endpoints,
        records::endpoints,
        service_account_keys::endpoints,
        signing_keys::endpoints,
        notices::endpoints,
        webhooks::endpoints,
    ];
    modules
        .into_iter()
        .flat_map(|endpoints| endpoints())
        .collect()
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    for endpoint in endpoints() {
        config.service(endpoint);
    }
}

/// Every method and path of the admin interface, with the scope that it needs.
#[must_use]
pub fn routes() -> Vec<AdminRoute> {
    endpoints().iter().flat_map(AdminEndpoint::routes).collect()
}

/// A caller of the admin interface, who has the scope that the method of the path needs.
struct Admin {
    actor: Actor,
    rights: Rights,
    now: Timestamp,
}

impl Admin {
    /// The caller, where they have this scope.
    async fn with(scope: Scope, request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        let caller = authenticate(request, state).await?;
        let rights = rights_with(scope, &caller.verified, state)?;
        Ok(Self {
            actor: caller.actor,
            rights,
            now: caller.requested_at,
        })
    }

    /// Whether the caller of a request that goes on for long still has this scope.
    fn still_with(scope: Scope, request: &HttpRequest, state: &State) -> Result<(), Problem> {
        let verified = verify_again(request, state)?;
        rights_with(scope, &verified, state)?;
        Ok(())
    }

    /// Why and when a change is made, for what follows from it.
    fn cause(&self) -> Cause {
        Cause {
            actor: self.actor.clone(),
            requested_at: self.now,
            now: self.now,
        }
    }
}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let scope = request
                .app_data::<Scopes>()
                .and_then(|scopes| scopes.of(request.method()));
            match (scope, request.app_data::<web::Data<State>>()) {
                (Some(scope), Some(state)) => Self::with(scope, &request, state).await,
                // What names no scope is nobody's.
                _ => Err(Problem::new(
                    ProblemKind::Forbidden,
                    "this is not part of the admin interface",
                )),
            }
        })
    }
}

/// A body that may be left out.
fn optional_body<T: Default + DeserializeOwned>(
    body: Result<web::Bytes, actix_web::Error>,
) -> Result<T, Problem> {
    match body {
        Err(_) => Err(Problem::new(
            ProblemKind::PayloadTooLarge,
            "the body could not be read, or is too long",
        )),
        Ok(body) if body.is_empty() => Ok(T::default()),
        Ok(body) => serde_json::from_slice(&body).map_err(|error| Problem::not_taken(&error)),
    }
}

fn rights_with(scope: Scope, verified: &Verified, state: &State) -> Result<Rights, Problem> {
    let rights = rights(verified, state)?;
    if rights.include(scope) {
        return Ok(rights);
    }
    let problem = Problem::new(
        ProblemKind::InsufficientScope,
        format!("this needs the scope {}", scope.name()),
    );
    Err(match insufficient_scope(scope.name()) {
        Some(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        None => problem,
    })
}

fn rights(verified: &Verified, state: &State) -> Result<Rights, CredentialError> {
    let credential = &verified.credential;
    match (credential.kind, &verified.owner) {
        (SecretKind::AdminKey, _) => Ok(Rights::of_key(&credential.scopes)),
        // The scopes of a token for a product are that product's, whatever they are called.
        (SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey, _)
            if credential.product_id.is_none() =>
        {
            Ok(Rights::of_key(&credential.scopes))
        }
        (SecretKind::Session, Some(person)) => state
            .database
            .read_now(|connection| usable_roles(connection, &person.id))
            .map(|roles| Rights::of_roles(&roles)),
        _ => Ok(Rights::of_roles(&[])),
    }
}

/// 201 with the address of what was made.
fn created(collection: &str, id: &str, body: impl Serialize) -> HttpResponse {
    let mut response = HttpResponse::Created().json(body);
    if let Ok(location) = HeaderValue::from_str(&format!("/admin/v1/{collection}/{id}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    // It may show a secret.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
