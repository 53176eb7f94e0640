//! One's own: signing in and out, one's API tokens, and the password through a one-time link.

pub(super) mod second_factor;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::second_factor::{Outstanding, asked_of};
use crate::credentials::sessions::{self, Candidate, usable_roles};
use crate::credentials::{
    CredentialError, Issued, NewCredential, Owner, Verified, issue, keys, passwords, verify,
};
use crate::policies::roles::scopes_of;
use crate::policies::{Role, Scope, networks};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::DatabaseConnection;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{CredentialId, InstanceId, ProductId, ResourceId};

use super::admin::page::PageQuery;
use super::admin::view;
use super::caller::{
    AuthenticationFailure, Caller, authenticate, authenticate_half_way, source_ip,
};
use super::problem::{Problem, ProblemKind};
use super::throttle::Attempt;
use super::{Endpoint, State};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(
            Endpoint::at("/session")
                .get(show_session)
                .post(sign_in)
                .delete(sign_out),
        )
        .service(Endpoint::at("/tokens").get(list_tokens).post(create_token))
        .service(Endpoint::at("/tokens/{id}").delete(revoke_token))
        .service(Endpoint::at("/password").post(set_password))
        .configure(second_factor::configure);
}

/// A signed-in person.
struct Person {
    id: ResourceId,
    caller: Caller,
}

impl Person {
    async fn of(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate(request, state).await?)
    }

    /// One whose session may have to pass the second factor yet.
    async fn half_way(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate_half_way(request, state).await?)
    }

    fn from(caller: Caller) -> Result<Self, Problem> {
        match (&caller.verified.credential.kind, &caller.verified.owner) {
            (SecretKind::Session, Some(owner)) => Ok(Self {
                id: owner.id.clone(),
                caller,
            }),
            _ => Err(Problem::new(
                ProblemKind::Forbidden,
                "this is for signed-in people: use the token of a session",
            )),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    directory: Option<String>,
    user_name: String,
    password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    name: String,
    product_id: Option<ProductId>,
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    allowed_networks: Vec<String>,
    expires_in_days: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    link: String,
    password: String,
}

async fn sign_in(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<SignIn>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    let now = state.clock.now();
    let address = source_ip(&request, &state);
    let attempt = Attempt::new(body.directory.as_deref(), &body.user_name, address);
    state
        .throttle
        .admit(&attempt, now)
        .inspect_err(|_| state.observed.note_throttled(&body.user_name, now, address))?;
    let actor = Actor::anonymous(address);
    let candidate = state.database.read_now(|connection| {
        sessions::candidate(connection, body.directory.as_deref(), &body.user_name)
    })?;
    let password = body.password;
    let hash = candidate.password.as_ref().map(|known| known.hash.clone());
    let is_right = state
        .hashing(move || passwords::is_password(&password, hash.as_deref()))
        .await?;
    if !is_right {
        return Err(refused(&state, candidate, body.user_name, actor).await);
    }
    let (wanted, visitor) = (candidate.clone(), actor.clone());
    let session = state
        .database
        .write(move |connection| {
            let issued = sessions::open(connection, &wanted, &visitor, now)?;
            started(connection, &wanted, &issued, now)
        })
        .await;
    match session {
        Ok(shown) => {
            state.throttle.forget(&attempt);
            Ok(HttpResponse::Created()
                .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
                .json(shown))
        }
        Err(CredentialError::Forbidden(_)) => {
            Err(refused(&state, candidate, body.user_name, actor).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// The same answer whatever was wrong.
async fn refused(state: &State, candidate: Candidate, user_name: String, actor: Actor) -> Problem {
    let now = state.clock.now();
    let recorded = state
        .database
        .write(move |connection| {
            sessions::record_refusal(connection, &candidate, &user_name, &actor, now)
        })
        .await;
    match recorded {
        Ok(()) => Problem::sign_in_failed(),
        Err(error) => error.into(),
    }
}

fn started(
    connection: &mut DatabaseConnection,
    candidate: &Candidate,
    issued: &Issued,
    now: Timestamp,
) -> Result<Value, CredentialError> {
    let session = &issued.credential;
    let asked = match &session.owner_id {
        Some(person) => asked_of(connection, person, now)?,
        None => None,
    };
    let roles = match &session.owner_id {
        Some(person) => usable_roles(connection, person)?,
        None => Vec::new(),
    };
    Ok(json!({
        "id": session.id,
        "token": issued.secret.expose(),
        "expires_at": session.expires_at,
        "idle_expires_at": session.idle_expires_at,
        "user": candidate.person.as_ref().map(view::user),
        "roles": role_names(&roles),
        "second_factor": asked.map_or("not_required", Outstanding::name),
    }))
}

fn role_names(roles: &[Role]) -> Vec<&'static str> {
    roles.iter().map(|role| role.name()).collect()
}

async fn show_session(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let roles = state
        .database
        .read_now(|connection| usable_roles(connection, &person.id))?;
    let Verified {
        credential, owner, ..
    } = &person.caller.verified;
    let scopes: Vec<&str> = scopes_of(&roles).into_iter().map(Scope::name).collect();
    Ok(HttpResponse::Ok().json(json!({
        "id": credential.id,
        "created_at": credential.created_at,
        "expires_at": credential.expires_at,
        "idle_expires_at": credential.idle_expires_at,
        "second_factor_at": credential.second_factor_at,
        "user": owner.as_ref().map(owner_view),
        "roles": role_names(&roles),
        "scopes": scopes,
    })))
}

fn owner_view(owner: &Owner) -> Value {
    json!({
        "id": owner.id,
        "directory_id": owner.directory_id,
        "user_name": owner.user_name,
        "display_name": owner.display_name,
    })
}

async fn sign_out(request: HttpRequest, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let caller = Person::half_way(&request, &state).await?.caller;
    state
        .database
        .write(move |connection| {
            sessions::end(
                connection,
                &caller.verified.credential,
                &caller.actor,
                caller.requested_at,
            )
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn list_tokens(
    request: HttpRequest,
    state: web::Data<State>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let selection = Selection {
        kinds: vec![SecretKind::UserToken],
        owner: Some(person.id),
        ..Selection::default()
    };
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| table::list(connection, &selection, place.cursor(), place.fetch()))
        .await?;
    let now = person.caller.requested_at;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |token| token.id.to_string(),
        |token| view::credential(token, now),
    )))
}

async fn create_token(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<NewToken>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let body = body.into_inner();
    let new = NewCredential {
        owner_id: Some(person.id),
        product_id: body.product_id,
        instance_ids: body.instance_ids,
        scopes: body.scopes,
        allowed_networks: networks::parse(&body.allowed_networks)?,
        expires_in_days: body.expires_in_days,
        ..NewCredential::new(SecretKind::UserToken, &body.name)
    };
    let caller = person.caller;
    let now = caller.requested_at;
    let issued = state
        .database
        .write(move |connection| issue(connection, &new, &caller.actor, now))
        .await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(view::issued(&issued, now)))
}

async fn revoke_token(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let id = CredentialId::new(id.into_inner());
    state
        .database
        .write(move |connection| {
            keys::revoke_token(
                connection,
                &person.id,
                &id,
                "revoked_by_owner",
                &person.caller.actor,
                person.caller.requested_at,
            )
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn set_password(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<NewPassword>,
) -> Result<HttpResponse, Problem> {
    let body = body.into_inner();
    set_password_by_link(&request, &state, &body.link, body.password).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets the password of the person a one-time link was made for.
pub(super) async fn set_password_by_link(
    request: &HttpRequest,
    state: &State,
    link: &str,
    password: String,
) -> Result<(), Problem> {
    let now = state.clock.now();
    let address = source_ip(request, state);
    // Hashing is slow: only for a link that works.
    let link = PlainSecret::recognise(link)
        .filter(|link| link.kind() == SecretKind::PasswordLink)
        .ok_or_else(no_link)?;
    let verified = state
        .database
        .read_now(|connection| verify(connection, &link, address, now))
        .map_err(|refusal| match AuthenticationFailure::from(refusal) {
            AuthenticationFailure::Store(error) => error.into(),
            _ => no_link(),
        })?;
    let hashed = state.hashing(move || passwords::hash(&password)).await??;
    // The person acts, though nobody is signed in.
    let actor = verified.actor(address);
    state
        .database
        .write(move |connection| passwords::set_by_link(connection, &link, &hashed, &actor, now))
        .await?;
    Ok(())
}

fn no_link() -> Problem {
    Problem::new(
        ProblemKind::NotFound,
        "the link is not known, has been used, or has expired; ask an admin for a new one",
    )
}
