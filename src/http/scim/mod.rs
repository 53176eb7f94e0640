//! The SCIM interface (RFC 7644): from HTTP to the operations of `provisioning`, and back.
//!
//! One dispatcher serves every path, since the endpoints come from the resource types that are loaded. What
//! an answer looks like is in [`answer`], what is read of a request in [`request`].

mod answer;
mod bulk;
mod discovery;
pub mod json;
mod list;
mod log;
mod request;
mod resource;
mod stream;

use std::sync::Arc;
use std::time::Instant;

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::credentials::Credential;
use crate::credentials::registered_keys::SCIM_SCOPE;
use crate::provisioning::{Context, Creation, ProvisioningError, Written};
use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::{ErrorKind, ScimError};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::directories;
use crate::store::id::{CredentialId, DirectoryId, ResourceId};

use super::State;
use super::caller::{Caller, Undone, authenticate, stand_within, verify_again};
use super::metrics::Shape;
pub use answer::MEDIA_TYPE;
pub(super) use answer::scim_error as error_answer;
use answer::{Failure, error_response};
pub use log::RequestLog;
use request::Target;

/// Under which name the OpenAPI document keeps the schema of an error.
pub const SCIM_ERROR: &str = "ScimError";

/// Mounts the interface into the scope `/scim/v2`.
pub fn configure(config: &mut web::ServiceConfig) {
    config.default_service(web::to(serve));
}

/// What was done, for the log.
#[derive(Default)]
struct Done {
    named: Vec<String>,
    leniencies: Vec<Leniency>,
}

/// One request that is let in.
struct Exchange {
    request: HttpRequest,
    state: State,
    context: Context,
    /// What the caller has shown.
    credential: CredentialId,
    /// Whether that is a SCIM key, which belongs to nobody.
    is_with_key: bool,
    /// The person who calls for themselves; `None` for an identity provider.
    person: Option<ResourceId>,
    done: Done,
}

impl Exchange {
    /// Runs a transaction for the caller, whose credential must stand in it.
    async fn write<T: Send + 'static>(
        &self,
        body: impl Fn(&mut DatabaseConnection) -> Result<T, ProvisioningError> + Send + 'static,
    ) -> Result<T, Failure> {
        let (credential, clock) = (self.credential.clone(), self.state.clock.clone());
        let written = self.state.database.write(move |connection| {
            stand_within(connection, &credential, None, clock.now()).map_err(Undone::Caller)?;
            body(connection).map_err(Undone::Body)
        });
        written.await.map_err(|undone| match undone {
            Undone::Caller(failure) => Failure::Ended(failure),
            Undone::Body(error) => error.into(),
        })
    }

    /// Creates a resource by one statement, where that can be; `None` where nothing was created.
    async fn create_at_once(&self, creation: &Creation) -> Result<Option<Written>, Failure> {
        let database = &self.state.database;
        if !self.is_with_key || !creation.takes_one_statement(database.dialect()) {
            return Ok(None);
        }
        let (creation, context) = (creation.clone(), self.context.clone());
        let key = self.credential.clone();
        let created = database
            .write_statement(move |connection| creation.store_at_once(connection, &context, &key));
        Ok(created.await?)
    }

    /// Notes for the log what was written.
    fn note(&mut self, written: &Written, leniencies: &Leniencies) {
        self.done.named.clone_from(&written.named);
        self.done.leniencies = leniencies.used().collect();
    }

    /// Whether the caller's credential still stands, now that the body is there: nobody keeps it by holding a
    /// body back.
    fn check_again(&self) -> Result<(), Failure> {
        verify_again(&self.request, &self.state).map_err(Failure::Ended)?;
        Ok(())
    }
}

async fn serve(request: HttpRequest, body: web::Payload, state: web::Data<State>) -> HttpResponse {
    let started = Instant::now();
    let state = State::clone(&state);
    let target = Target::of(&request, &state.registry);
    if let Ok(target) = &target {
        note_route(&request, &state, target);
    }
    let caller = match authenticate(&request, &state).await {
        Ok(caller) => caller,
        Err(failure) => return answer::unauthorized(failure),
    };
    let mut exchange = match admit(request, state, &caller) {
        Ok(exchange) => exchange,
        Err(failure) => return error_response(failure),
    };
    let outcome = match target {
        Ok(target) => dispatch(&mut exchange, target, body).await,
        Err(error) => Err(error.into()),
    };
    let (response, scim_type) = match outcome {
        Ok(response) => (response, None),
        Err(failure) => {
            let scim_type = failure.scim_type();
            (error_response(failure), scim_type)
        }
    };
    log::note(
        &exchange,
        &caller,
        response.status(),
        scim_type,
        started.elapsed(),
    );
    response
}

/// Lets in SCIM keys, and access tokens with the scope `scim`, to their directory, and signed-in people to themselves.
fn admit(request: HttpRequest, state: State, caller: &Caller) -> Result<Exchange, Failure> {
    let credential = &caller.verified.credential;
    let bound = || caller.verified.directory.clone().ok_or_else(removed);
    let (directory, person) = match (credential.kind, &caller.verified.owner) {
        (SecretKind::ScimKey, _) => (bound()?, None),
        (SecretKind::ServiceAccountKey, _) if has_scim_scope(credential) => {
            if credential.directory_id.is_none() {
                return Err(Failure::Scope);
            }
            (bound()?, None)
        }
        (SecretKind::Session, Some(owner)) => (
            find_directory(&state, &owner.directory_id)?,
            Some(owner.id.clone()),
        ),
        _ => return Err(Failure::Scope),
    };
    let context = state.context(directory, caller.actor.clone(), caller.requested_at);
    Ok(Exchange {
        request,
        state,
        context,
        credential: credential.id.clone(),
        is_with_key: credential.kind == SecretKind::ScimKey,
        person,
        done: Done::default(),
    })
}

fn has_scim_scope(credential: &Credential) -> bool {
    credential.scopes.iter().any(|scope| scope == SCIM_SCOPE)
}

fn find_directory(state: &State, id: &DirectoryId) -> Result<directories::Directory, Failure> {
    let found = state
        .database
        .read_now(|connection| directories::find(connection, id))?;
    found.ok_or_else(removed)
}

fn removed() -> Failure {
    ScimError::new(ErrorKind::Forbidden, "the directory has been removed").into()
}

async fn dispatch(
    exchange: &mut Exchange,
    target: Target,
    body: web::Payload,
) -> Result<HttpResponse, Failure> {
    if exchange.person.is_some() && !target.is_open_to_people() {
        return Err(ScimError::new(
            ErrorKind::Forbidden,
            "a signed-in person reaches /Me and the discovery endpoints only",
        )
        .into());
    }
    request::check_accept(&exchange.request)?;
    let method = exchange.request.method().clone();
    let is_get = method == Method::GET || method == Method::HEAD;
    match target {
        Target::ServiceProviderConfig | Target::Schemas(_) | Target::ResourceTypes(_) => {
            offers(is_get, "GET")?;
            discovery::answer(exchange, &target)
        }
        Target::Bulk => {
            offers(method == Method::POST, "POST")?;
            bulk::answer(exchange, body).await
        }
        Target::Me => {
            offers(is_get, "GET")?;
            resource::me(exchange).await
        }
        Target::Root => {
            offers(is_get, "GET")?;
            list::query(exchange, "", all_types(exchange)).await
        }
        Target::Search(kind) => {
            offers(method == Method::POST, "POST")?;
            let (endpoint, kinds) = match kind {
                Some(kind) => (kind.endpoint.clone(), vec![kind]),
                None => (String::new(), all_types(exchange)),
            };
            list::search(exchange, &endpoint, kinds, body).await
        }
        Target::Collection(kind) if is_get => {
            let endpoint = kind.endpoint.clone();
            list::query(exchange, &endpoint, vec![kind]).await
        }
        Target::Collection(kind) => {
            offers(method == Method::POST, "GET, POST")?;
            resource::create(exchange, &kind, body).await
        }
        Target::Resource(kind, id) => match method {
            Method::GET | Method::HEAD => resource::read(exchange, &kind, &id).await,
            Method::PUT => resource::replace(exchange, &kind, &id, body).await,
            Method::PATCH => resource::patch(exchange, &kind, &id, body).await,
            Method::DELETE => resource::delete(exchange, &kind, &id).await,
            _ => Err(Failure::Method("GET, PUT, PATCH, DELETE")),
        },
    }
}

/// Which route it is that the request is counted and logged under, also where it is refused.
fn note_route(request: &HttpRequest, state: &State, target: &Target) {
    let (endpoint, shape) = match target {
        Target::Root => return,
        Target::ServiceProviderConfig => ("ServiceProviderConfig", Shape::Collection),
        Target::Schemas(_) => ("Schemas", Shape::Collection),
        Target::ResourceTypes(_) => ("ResourceTypes", Shape::Collection),
        Target::Bulk => ("Bulk", Shape::Collection),
        Target::Me => ("Me", Shape::Collection),
        Target::Search(None) => (".search", Shape::Search),
        Target::Search(Some(kind)) => (kind.endpoint.as_str(), Shape::Search),
        Target::Collection(kind) => (kind.endpoint.as_str(), Shape::Collection),
        Target::Resource(kind, _) => (kind.endpoint.as_str(), Shape::Resource),
    };
    state.metrics.routes.is_scim(request, endpoint, shape);
}

fn offers(is_offered: bool, methods: &'static str) -> Result<(), Failure> {
    if is_offered {
        Ok(())
    } else {
        Err(Failure::Method(methods))
    }
}

fn all_types(exchange: &Exchange) -> Vec<Arc<crate::scim::schema::ResourceType>> {
    exchange.context.registry.resource_types().to_vec()
}
