//! One's own: signing in and out, one's API tokens, and the password through a one-time link.

pub(super) mod second_factor;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::second_factor::{Outstanding, asked_of};
use crate::credentials::sessions::{self, Candidate, usable_roles};
use crate::credentials::view::CredentialView;
use crate::credentials::{
    CredentialError, Issued, NewCredential, Owner, Verified, issue, keys, passwords, verify,
};
use crate::policies::roles::scopes_of;
use crate::policies::{Role, Scope, networks};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::DatabaseConnection;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{CredentialId, DirectoryId, InstanceId, ProductId, ResourceId};

use super::State;
use super::admin::keys::Rotation;
use super::admin::optional_json::OptionalJson;
use super::admin::page::PageQuery;
use super::admin::view::{self, IssuedView, UserView};
use super::caller::{
    AuthenticationFailure, Caller, authenticate, authenticate_half_way, source_ip,
};
use super::openapi::{ApiEndpoint, Caller as Callers, Operation};
use super::problem::{Problem, ProblemKind};
use super::throttle::Attempt;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    let own = |summary| Operation::new(summary).of(Callers::Person);
    let mut endpoints = vec![
        ApiEndpoint::at("/session")
            .get(
                show_session,
                own("Show one's session").shows::<SessionView>(),
            )
            .post(
                sign_in,
                Operation::new("Sign in")
                    .explained(
                        "Where `second_factor` is `code_required` or `enrolment_required`, the session counts nowhere \
                         but where that is shown.",
                    )
                    .answers_with::<StartedView>(201, "The session has begun")
                    .refuses(&[401, 429, 503]),
            )
            .delete(sign_out, own("Sign out").ends()),
        ApiEndpoint::at("/tokens")
            .get(
                list_tokens,
                own("List one's API tokens").lists::<CredentialView>(),
            )
            .post(
                create_token,
                own("Make an API token for a product")
                    .answers_with::<IssuedView>(201, "It was made")
                    .refuses(&[404, 409]),
            ),
        ApiEndpoint::at("/tokens/{id}").delete(
            revoke_token,
            own("Revoke one of one's API tokens").ends(),
        ),
        ApiEndpoint::at("/tokens/{id}/rotate").post(
            rotate_token,
            own("Make the successor of one of one's API tokens")
                .explained(
                    "It has the same rights. The old one goes on working for `overlap_hours` after the first use of \
                     the new one, 24 where nothing is said, and never beyond its own end.",
                )
                .answers_with::<IssuedView>(201, "It was made")
                .refuses(&[404, 409]),
        ),
        ApiEndpoint::at("/password").post(
            set_password,
            Operation::new("Set one's password with a one-time link")
                .ends()
                .refuses(&[403, 404, 409, 503]),
        ),
    ];
    endpoints.extend(second_factor::endpoints());
    endpoints
}

/// A signed-in person.
#[derive(Clone)]
pub(super) struct Person {
    /// Who they are.
    pub(super) id: ResourceId,
    /// What they show of it.
    pub(super) caller: Caller,
}

impl Person {
    async fn of(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate(request, state).await?)
    }

    /// One whose session may have to pass the second factor yet.
    async fn half_way(request: &HttpRequest, state: &State) -> Result<Self, Problem> {
        Self::from(authenticate_half_way(request, state).await?)
    }

    /// The person of a caller, who must have a session.
    pub(super) fn from(caller: Caller) -> Result<Self, Problem> {
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

/// What a person signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// The name of their directory; the local one where there is none.
    pub(super) directory: Option<String>,
    /// Their `userName`.
    pub(super) user_name: String,
    /// Their password.
    pub(super) password: String,
}

/// What a person asks for who wants an API token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUserToken)]
pub(super) struct NewToken {
    /// What they call it.
    pub(super) name: String,
    /// The product that it is for.
    pub(super) product_id: Option<ProductId>,
    /// The instances of the product that it is limited to.
    #[serde(default)]
    pub(super) instance_ids: Vec<InstanceId>,
    /// What it may be used for.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Where it may be used from.
    #[serde(default)]
    pub(super) allowed_networks: Vec<String>,
    /// How long it lives.
    #[schema(minimum = 1, maximum = 365)]
    pub(super) expires_in_days: Option<i64>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The secret of the link.
    link: String,
    password: String,
}

async fn sign_in(
    request: HttpRequest,
    state: web::Data<State>,
    body: web::Json<SignIn>,
) -> Result<HttpResponse, Problem> {
    let shown = open_session(&request, &state, body.into_inner(), started).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(shown))
}

/// Opens a session for whoever shows the right password, and tells of it within the same transaction. Failures are
/// counted and recorded.
pub(super) async fn open_session<T: Send + 'static>(
    request: &HttpRequest,
    state: &State,
    sign_in: SignIn,
    tell: impl Fn(&mut DatabaseConnection, &Candidate, &Issued, Timestamp) -> Result<T, CredentialError>
    + Send
    + 'static,
) -> Result<T, Problem> {
    let now = state.clock.now();
    let address = source_ip(request, state);
    let attempt = Attempt::new(sign_in.directory.as_deref(), &sign_in.user_name, address);
    state.throttle.admit(&attempt, now).inspect_err(|_| {
        state.metrics.count_sign_in_failure("too_many");
        let name = &sign_in.user_name;
        state.observed.note_throttled(name, now, address);
    })?;
    let actor = Actor::anonymous(address);
    let candidate = state.database.read_now(|connection| {
        sessions::candidate(connection, sign_in.directory.as_deref(), &sign_in.user_name)
    })?;
    let password = sign_in.password;
    let hash = candidate.password.as_ref().map(|known| known.hash.clone());
    let is_right = state
        .hashing(move || passwords::is_password(&password, hash.as_deref()))
        .await?;
    if !is_right {
        return Err(refused(state, candidate, sign_in.user_name, actor).await);
    }
    let (wanted, visitor) = (candidate.clone(), actor.clone());
    let session = state
        .database
        .write(move |connection| {
            let issued = sessions::open(connection, &wanted, &visitor, now)?;
            tell(connection, &wanted, &issued, now)
        })
        .await;
    match session {
        Ok(told) => {
            state.throttle.forget(&attempt);
            Ok(told)
        }
        Err(CredentialError::Forbidden(_)) => {
            Err(refused(state, candidate, sign_in.user_name, actor).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// The same answer whatever was wrong.
async fn refused(state: &State, candidate: Candidate, user_name: String, actor: Actor) -> Problem {
    state.metrics.count_sign_in_failure("refused");
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

/// A session that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = StartedSession)]
struct StartedView {
    id: CredentialId,
    /// Shown this once.
    token: String,
    expires_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(required)]
    idle_expires_at: Option<Timestamp>,
    #[schema(required)]
    user: Option<UserView>,
    #[schema(value_type = Vec<Role>)]
    roles: Vec<&'static str>,
    /// `not_required`, `code_required` or `enrolment_required`.
    second_factor: &'static str,
}

/// A session that goes on.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    id: CredentialId,
    created_at: Timestamp,
    expires_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(required)]
    idle_expires_at: Option<Timestamp>,
    /// When the second factor was passed.
    #[schema(required)]
    second_factor_at: Option<Timestamp>,
    #[schema(required)]
    user: Option<OwnerView>,
    #[schema(value_type = Vec<Role>)]
    roles: Vec<&'static str>,
    /// What the roles allow in the admin interface.
    scopes: Vec<&'static str>,
}

/// Whose a session is.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionOwner)]
struct OwnerView {
    id: ResourceId,
    directory_id: DirectoryId,
    #[schema(required)]
    user_name: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
}

fn started(
    connection: &mut DatabaseConnection,
    candidate: &Candidate,
    issued: &Issued,
    now: Timestamp,
) -> Result<StartedView, CredentialError> {
    let session = &issued.credential;
    let asked = match &session.owner_id {
        Some(person) => asked_of(connection, person, now)?,
        None => None,
    };
    let roles = match &session.owner_id {
        Some(person) => usable_roles(connection, person)?,
        None => Vec::new(),
    };
    Ok(StartedView {
        id: session.id.clone(),
        token: issued.secret.expose().to_owned(),
        expires_at: session.expires_at,
        idle_expires_at: session.idle_expires_at,
        user: candidate.person.as_ref().map(view::user),
        roles: role_names(&roles),
        second_factor: asked.map_or("not_required", Outstanding::name),
    })
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
    let scopes: Vec<&'static str> = scopes_of(&roles).into_iter().map(Scope::name).collect();
    Ok(HttpResponse::Ok().json(SessionView {
        id: credential.id.clone(),
        created_at: credential.created_at,
        expires_at: credential.expires_at,
        idle_expires_at: credential.idle_expires_at,
        second_factor_at: credential.second_factor_at,
        user: owner.as_ref().map(owner_view),
        roles: role_names(&roles),
        scopes,
    }))
}

fn owner_view(owner: &Owner) -> OwnerView {
    OwnerView {
        id: owner.id.clone(),
        directory_id: owner.directory_id.clone(),
        user_name: owner.user_name.clone(),
        display_name: owner.display_name.clone(),
    }
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
    let now = person.caller.requested_at;
    let issued = issue_token(&state, person, body.into_inner()).await?;
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(view::issued(&issued, now)))
}

/// Issues an API token of a person, within what their policy allows.
pub(super) async fn issue_token(
    state: &State,
    person: Person,
    wanted: NewToken,
) -> Result<Issued, Problem> {
    let new = NewCredential {
        owner_id: Some(person.id),
        product_id: wanted.product_id,
        instance_ids: wanted.instance_ids,
        scopes: wanted.scopes,
        allowed_networks: networks::parse(&wanted.allowed_networks)?,
        expires_in_days: wanted.expires_in_days,
        ..NewCredential::new(SecretKind::UserToken, &wanted.name)
    };
    let caller = person.caller;
    let now = caller.requested_at;
    let issued = state
        .database
        .write(move |connection| issue(connection, &new, &caller.actor, now))
        .await?;
    Ok(issued)
}

async fn rotate_token(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let now = person.caller.requested_at;
    let id = CredentialId::new(id.into_inner());
    let issued = state
        .database
        .write(move |connection| {
            keys::rotate_token(
                connection,
                &person.id,
                &id,
                rotation.overlap_hours,
                rotation.expires_in_days,
                &person.caller.actor,
                now,
            )
        })
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
    revoke_own_token(&state, person, CredentialId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Revokes a token that is the person's own.
pub(super) async fn revoke_own_token(
    state: &State,
    person: Person,
    id: CredentialId,
) -> Result<(), Problem> {
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
    Ok(())
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
