//! Signing in and out, and the sessions that one has elsewhere.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::open_sessions;
use crate::credentials::second_factor::{Outstanding, asked_of};
use crate::credentials::sessions::{self, Candidate, usable_roles};
use crate::credentials::{Credential, CredentialError, Issued, Owner, Verified, passwords};
use crate::policies::roles::scopes_of;
use crate::policies::{Role, Scope};
use crate::store::id::{CredentialId, DirectoryId, ResourceId};
use crate::store::{DatabaseConnection, TransactionError as _};

use super::super::State;
use super::super::admin::page::{Page, PageQuery};
use super::super::admin::view::{self, UserView};
use super::super::caller::source_ip;
use super::super::openapi::{ApiEndpoint, Caller, Operation};
use super::super::problem::Problem;
use super::super::throttle::Attempt;
use super::Person;

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    let own = |summary| Operation::new(summary).of(Caller::Person);
    vec![
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
        ApiEndpoint::at("/sessions")
            .get(
                list,
                own("List one's sessions, newest first")
                    .explained("Those that have not ended; a sign-in that lacks its second factor is among them.")
                    .lists::<OpenSessionView>(),
            )
            .delete(
                end_others,
                own("End all of one's sessions but this one").shows::<EndedView>(),
            ),
        ApiEndpoint::at("/sessions/{id}").delete(end, own("End one of one's sessions").ends()),
    ]
}

/// What a person signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct SignIn {
    /// The name of their directory; the local one where there is none.
    pub(in super::super) directory: Option<String>,
    /// Their `userName`.
    pub(in super::super) user_name: String,
    /// Their password.
    pub(in super::super) password: String,
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
pub(in super::super) async fn open_session<T: Send + 'static>(
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
    // Whoever could not be served has shown nothing, and may try as often as before.
    let unserved = |problem: Problem| {
        state.throttle.take_back(&attempt);
        problem
    };
    let candidate = state
        .database
        .read_now(|connection| {
            sessions::candidate(connection, sign_in.directory.as_deref(), &sign_in.user_name)
        })
        .map_err(|error| unserved(error.into()))?;
    let password = sign_in.password;
    let hash = candidate.password.as_ref().map(|known| known.hash.clone());
    let is_right = state
        .hashing(move || passwords::is_password(&password, hash.as_deref()))
        .await
        .map_err(unserved)?;
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
        Err(error) if error.store_error().is_some() => Err(unserved(error.into())),
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

// Ending what has ended is nothing: this alone asks for no session that stands.
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

/// What a list of sessions is narrowed by.
#[derive(Deserialize, IntoParams)]
pub(in super::super) struct From {
    /// Last used from an address only that begins with this
    pub(in super::super) address: Option<String>,
}

/// A session that has not ended.
#[derive(Serialize, ToSchema)]
#[schema(as = OpenSession)]
pub(in super::super) struct OpenSessionView {
    id: CredentialId,
    /// Whether it is the one that asks.
    current: bool,
    created_at: Timestamp,
    #[schema(required)]
    last_used_at: Option<Timestamp>,
    #[schema(required)]
    last_used_ip: Option<String>,
    expires_at: Timestamp,
    /// When it ends unless it is used.
    #[schema(required)]
    idle_expires_at: Option<Timestamp>,
    /// When the second factor was passed.
    #[schema(required)]
    second_factor_at: Option<Timestamp>,
}

/// A session that has not ended, as it is shown to whoever shows the `present` credential.
pub(in super::super) fn open_session_view(
    session: Credential,
    present: &CredentialId,
) -> OpenSessionView {
    OpenSessionView {
        current: session.id == *present,
        id: session.id,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        last_used_ip: session.last_used_ip,
        expires_at: session.expires_at,
        idle_expires_at: session.idle_expires_at,
        second_factor_at: session.second_factor_at,
    }
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
#[schema(as = EndedSessions)]
pub(in super::super) struct EndedView {
    pub(in super::super) ended: usize,
}

async fn list(
    request: HttpRequest,
    state: web::Data<State>,
    from: web::Query<From>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let address = from.into_inner().address;
    let window = query.window(&state.settings.limits)?;
    let present = person.caller.verified.credential.id.clone();
    let found = state
        .database
        .read(move |connection| {
            let now = person.caller.requested_at;
            let (cursor, fetch) = (window.cursor(), window.fetch());
            open_sessions::list_open_from(
                connection,
                &person.id,
                address.as_deref(),
                cursor,
                fetch,
                now,
            )
        })
        .await?;
    let items = found
        .sessions
        .into_iter()
        .map(|session| open_session_view(session, &present))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: found.next,
    }))
}

async fn end(
    request: HttpRequest,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    end_own(&state, &person, CredentialId::new(id.into_inner())).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends a session that is the person's own.
pub(in super::super) async fn end_own(
    state: &State,
    person: &Person,
    id: CredentialId,
) -> Result<(), Problem> {
    person
        .write(state, move |connection, person| {
            let (actor, now) = (&person.caller.actor, person.caller.requested_at);
            sessions::end_own(connection, &person.id, &id, actor, now)
        })
        .await?;
    Ok(())
}

async fn end_others(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, Problem> {
    let person = Person::of(&request, &state).await?;
    let ended = end_all_others(&state, &person).await?;
    Ok(HttpResponse::Ok().json(EndedView { ended }))
}

/// Ends every session of the person but the one that they show.
pub(in super::super) async fn end_all_others(
    state: &State,
    person: &Person,
) -> Result<usize, Problem> {
    let ended = person
        .write(state, |connection, person| {
            let caller = &person.caller;
            sessions::end_others(
                connection,
                &person.id,
                &caller.verified.credential.id,
                &caller.actor,
                caller.requested_at,
            )
        })
        .await?;
    Ok(ended)
}
