//! The password, through a one-time link.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::credentials::{passwords, verify};
use crate::secret::{PlainSecret, SecretKind};

use super::super::State;
use super::super::caller::{AuthenticationFailure, source_ip};
use super::super::openapi::{ApiEndpoint, Operation};
use super::super::problem::{Problem, ProblemKind};

pub(super) fn endpoints() -> Vec<ApiEndpoint> {
    vec![
        ApiEndpoint::at("/password").post(
            set_password,
            Operation::new("Set one's password with a one-time link")
                .ends()
                .refuses(&[403, 404, 409, 503]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The secret of the link.
    link: String,
    password: String,
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
pub(in super::super) async fn set_password_by_link(
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
