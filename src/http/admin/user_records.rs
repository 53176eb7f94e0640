//! What hangs on one person beyond what a list shows: their whole document, and where they are signed in.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::credentials::CredentialError;
use crate::credentials::open_sessions::{self, OpenSessions};
use crate::credentials::sessions;
use crate::lifecycle::USER;
use crate::policies::{PolicyError, Scope};
use crate::provisioning::people::Surroundings;
use crate::scim::projection::Projection;
use crate::store::id::{CredentialId, ResourceId};
use crate::store::resources::Resource;
use crate::store::{DatabaseConnection, StoreError, directories};

use super::super::State;
use super::super::account::sessions::{EndedView, From, OpenSessionView, open_session_view};
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::page::{Page, PageQuery};
use super::users::find;
use super::{Admin, AdminEndpoint};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/users/{id}/document").get(
            Scope::UsersRead,
            show_document,
            Operation::new("Show the whole SCIM document of a person")
                .explained("As their identity provider reads it, with their groups.")
                .shows::<DocumentView>(),
        ),
        AdminEndpoint::at("/users/{id}/sessions")
            .get(
                Scope::SessionsRead,
                list_sessions,
                Operation::new("List where a person is signed in, newest first")
                    .explained("The sessions that have not ended.")
                    .lists::<OpenSessionView>(),
            )
            .delete(
                Scope::TokensRevoke,
                end_sessions,
                Operation::new("End all sessions of a person")
                    .orphans_may()
                    .explained("They stay active, and may sign in again.")
                    .shows::<EndedView>(),
            ),
        AdminEndpoint::at("/users/{id}/sessions/{session}")
            .get(
                Scope::SessionsRead,
                show_session,
                Operation::new("Show one session of a person")
                    .explained("404 where it has ended.")
                    .shows::<OpenSessionView>(),
            )
            .delete(
                Scope::TokensRevoke,
                end_session,
                Operation::new("End one session of a person")
                    .orphans_may()
                    .ends(),
            ),
    ]
}

/// A SCIM resource (RFC 7643).
#[derive(Serialize, ToSchema)]
#[schema(as = UserDocument, value_type = Object)]
struct DocumentView(Value);

/// The document of a person as it is read over SCIM.
///
/// # Errors
/// When the database fails.
pub(in super::super) fn document(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    person: &Resource,
    actor: &Actor,
    now: Timestamp,
) -> Result<Value, StoreError> {
    let gone = StoreError::Corrupt {
        what: "directory of a person",
    };
    let directory = directories::find(connection, &person.directory_id)?.ok_or(gone)?;
    let context = surroundings.context(directory, actor.clone(), now);
    let unknown = StoreError::Corrupt {
        what: "resource type of a person",
    };
    let kind = context
        .registry
        .resource_type(USER)
        .cloned()
        .ok_or(unknown)?;
    let text = context.representation(connection, &kind, &Projection::default(), person)?;
    serde_json::from_str(&text).map_err(|_| StoreError::Corrupt {
        what: "document of a person",
    })
}

async fn show_document(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let surroundings = state.surroundings();
    let shown = state
        .database
        .read(move |connection| {
            let person = find(connection, &id)?;
            let found = document(connection, &surroundings, &person, &admin.actor, admin.now)?;
            Ok::<_, PolicyError>(DocumentView(found))
        })
        .await?;
    Ok(HttpResponse::Ok().json(shown))
}

async fn list_sessions(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
    from: web::Query<From>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let id = ResourceId::new(id.into_inner());
    let address = from.into_inner().address;
    let window = query.window(&state.settings.limits)?;
    let present = admin.credential_id;
    let found = state
        .database
        .read(move |connection| {
            find(connection, &id)?;
            let (cursor, fetch) = (window.cursor(), window.fetch());
            let address = address.as_deref();
            let open =
                open_sessions::list_open_from(connection, &id, address, cursor, fetch, admin.now)?;
            Ok::<_, PolicyError>(open)
        })
        .await?;
    let OpenSessions { sessions, next } = found;
    let items = sessions
        .into_iter()
        .map(|session| open_session_view(session, &present))
        .collect();
    Ok(HttpResponse::Ok().json(Page {
        items,
        next_cursor: next,
    }))
}

async fn show_session(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, session) = path.into_inner();
    let (id, session) = (ResourceId::new(id), CredentialId::new(session));
    let (found, ended) = state.database.read_now(|connection| {
        find(connection, &id)?;
        open_sessions::find_of(connection, &id, &session, admin.now)
    })?;
    if ended.is_some() {
        return Err(CredentialError::NotFound("session").into());
    }
    Ok(HttpResponse::Ok().json(open_session_view(found, &admin.credential_id)))
}

async fn end_session(
    admin: Admin,
    state: web::Data<State>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, session) = path.into_inner();
    let (id, session) = (ResourceId::new(id), CredentialId::new(session));
    end_session_by(admin, &state, id, session).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Ends one session of a person.
pub(in super::super) async fn end_session_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
    session: CredentialId,
) -> Result<(), Problem> {
    admin
        .write(state, move |connection, admin| {
            sessions::end_by_admin(connection, &id, &session, &admin.actor, admin.now)
        })
        .await
}

async fn end_sessions(
    admin: Admin,
    state: web::Data<State>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let ended = end_sessions_by(admin, &state, ResourceId::new(id.into_inner())).await?;
    Ok(HttpResponse::Ok().json(EndedView { ended }))
}

/// Ends all sessions of a person, and counts them.
pub(in super::super) async fn end_sessions_by(
    admin: Admin,
    state: &State,
    id: ResourceId,
) -> Result<usize, Problem> {
    admin
        .write(state, move |connection, admin| {
            find(connection, &id)?;
            sessions::end_all_by_admin(connection, &id, &admin.actor, admin.now)
        })
        .await
}
