//! The admin interface: JSON in `snake_case`, lists as `{"items", "next_cursor"}`, errors as problem+json.
//!
//! Each method of an [`AdminEndpoint`] names the scope it needs; its handler calls one function of a room below
//! inside one transaction. [`Admin`] is the caller with their rights; default is that they have none.
//! [`routes`] lists what there is.

pub(super) mod alarms;
pub(super) mod audit;
pub(super) mod credentials;
pub(super) mod deleted_users;
pub(super) mod deliveries;
pub(super) mod directories;
pub(super) mod endings;
mod endpoint;
pub(super) mod groups;
mod impact;
mod instances;
pub(super) mod keys;
pub(super) mod listed;
pub(super) mod many_deleted;
mod notices;
pub(super) mod one_credential;
pub(super) mod optional_json;
pub(super) mod orphans;
pub(super) mod overview;
pub mod page;
pub(super) mod policies;
mod policy_bodies;
pub mod policy_view;
mod products;
mod records;
pub(super) mod revocation;
pub(super) mod roles;
pub(super) mod service_account_keys;
pub(super) mod service_accounts;
mod signing_keys;
pub(super) mod user_records;
pub(super) mod users;
pub mod view;
pub(super) mod webhooks;

use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::sessions::usable_roles;
use crate::credentials::{CredentialError, Verified, is_answered_for};
use crate::lifecycle::Cause;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::id::CredentialId;
use crate::store::{DatabaseConnection, TransactionError};

use super::State;
use super::caller::{Undone, authenticate, insufficient_scope, stand_within, verify_again};
use super::openapi::{Argument, Mounted};
use super::problem::{Problem, ProblemKind};
use endpoint::{AdminEndpoint, Needs};
use optional_json::OptionalJson;

pub use endpoint::AdminRoute;
pub(super) use endpoint::Needed;

fn endpoints() -> Vec<AdminEndpoint> {
    let modules = [
        overview::endpoints,
        directories::endpoints,
        // Before what is named by an identifier: `impact` and `preview` are none.
        endings::endpoints,
        alarms::endpoints,
        audit::endpoints,
        // Before those of one: `recover` and `forget` are no identifiers.
        many_deleted::endpoints,
        deleted_users::endpoints,
        keys::endpoints,
        orphans::endpoints,
        credentials::endpoints,
        users::endpoints,
        user_records::endpoints,
        groups::endpoints,
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
        deliveries::endpoints,
    ];
    modules
        .into_iter()
        .flat_map(|endpoints| endpoints())
        .collect()
}

/// What is said of every operation, by its path below `/admin/v1`.
pub(super) fn operations() -> Vec<Mounted> {
    let endpoints = endpoints();
    let operations = endpoints.iter().flat_map(AdminEndpoint::operations);
    operations.cloned().collect()
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
#[derive(Clone)]
pub(super) struct Admin {
    /// Who acts.
    pub(super) actor: Actor,
    /// What they may do.
    pub(super) rights: Rights,
    /// When they asked.
    pub(super) now: Timestamp,
    /// What they show.
    pub(super) credential_id: CredentialId,
    /// Its scopes, as far as they hold for this request: an access token may have fewer than its key.
    pub(super) scopes: Vec<String>,
    /// What they must have, still when something is changed.
    pub(super) needed: Needed,
}

impl Admin {
    /// The caller, where they have what is needed.
    async fn with(needed: Needed, request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        let caller = authenticate(request, state).await?;
        let rights = state
            .database
            .read_now(|connection| rights_with(needed, connection, &caller.verified))?;
        Ok(Self {
            actor: caller.actor,
            rights,
            now: caller.requested_at,
            credential_id: caller.verified.credential.id,
            scopes: caller.verified.credential.scopes,
            needed,
        })
    }

    /// Whether the caller of a request that goes on for long still has what is needed.
    fn still_with(needed: Needed, request: &HttpRequest, state: &State) -> Result<(), Problem> {
        let verified = verify_again(request, state)?;
        state
            .database
            .read_now(|connection| rights_with(needed, connection, &verified))?;
        Ok(())
    }

    /// Runs a transaction for the caller: the one way in which this interface changes anything. Within it their
    /// credential is held and their rights are read anew.
    pub(super) async fn write<T, E>(
        self,
        state: &State,
        body: impl Fn(&mut DatabaseConnection, &Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Problem>
    where
        T: Send + 'static,
        E: TransactionError,
        Problem: From<E>,
    {
        let clock = state.clock.clone();
        let written = state.database.write(move |connection| {
            let admin = self
                .present(connection, clock.now())
                .map_err(Undone::Caller)?;
            body(connection, &admin).map_err(Undone::Body)
        });
        written.await.map_err(|failure| match failure {
            Undone::Caller(problem) => problem,
            Undone::Body(error) => error.into(),
        })
    }

    /// The same caller with the rights that they have now, who keeps their credential until the transaction ends.
    fn present(
        &self,
        connection: &mut DatabaseConnection,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        let owner = self.actor.person_id.as_ref();
        let mut verified = stand_within(connection, &self.credential_id, owner, now)?;
        let scopes = &mut verified.credential.scopes;
        scopes.retain(|scope| self.scopes.contains(scope));
        Ok(Self {
            rights: rights_with(self.needed, connection, &verified)?,
            ..self.clone()
        })
    }

    /// Why and when a change is made, for what follows from it.
    pub(super) fn cause(&self) -> Cause {
        Cause {
            actor: self.actor.clone(),
            requested_at: self.now,
            now: self.now,
        }
    }
}

/// Who calls is said by the scope.
impl Argument for Admin {}

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let needed = request
                .app_data::<Needs>()
                .and_then(|needs| needs.of(request.method()));
            match (needed, request.app_data::<web::Data<State>>()) {
                (Some(needed), Some(state)) => Self::with(needed, &request, state).await,
                // What names no scope is nobody's.
                _ => Err(Problem::new(
                    ProblemKind::Forbidden,
                    "this is not part of the admin interface",
                )),
            }
        })
    }
}

pub(super) fn rights_with(
    needed: Needed,
    connection: &mut DatabaseConnection,
    verified: &Verified,
) -> Result<Rights, Problem> {
    let rights = rights(connection, verified)?;
    if !rights.include(needed.scope) {
        return Err(insufficient(needed.scope));
    }
    let key = &verified.credential;
    if !needed.orphans_may && verified.owner.is_none() && !is_answered_for(connection, key)? {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            "an orphaned key reads, makes people and takes access away, and does nothing else: somebody who is there \
             must adopt it first",
        ));
    }
    Ok(rights)
}

fn insufficient(scope: Scope) -> Problem {
    let problem = Problem::new(
        ProblemKind::InsufficientScope,
        format!("this needs the scope {}", scope.name()),
    );
    match insufficient_scope(scope.name()) {
        Some(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        None => problem,
    }
}

/// What whoever shows this credential may do.
pub(super) fn rights(
    connection: &mut DatabaseConnection,
    verified: &Verified,
) -> Result<Rights, CredentialError> {
    let credential = &verified.credential;
    match (credential.kind, &verified.owner) {
        (SecretKind::AdminKey, _) => Ok(Rights::of_key(&credential.scopes)),
        // The scopes of a token for a product are that product's, whatever they are called.
        (SecretKind::ServiceAccountToken | SecretKind::ServiceAccountKey, _)
            if credential.product_id.is_none() =>
        {
            Ok(Rights::of_key(&credential.scopes))
        }
        (SecretKind::Session, Some(person)) => {
            Ok(Rights::of_roles(&usable_roles(connection, &person.id)?))
        }
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
