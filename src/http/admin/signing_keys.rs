//! The keys that access tokens are signed with: list, rotate.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::credentials::signing_keys;
use crate::policies::Scope;

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::view::SigningKeyView;
use super::{Admin, AdminEndpoint, OptionalJson, created, page, view};

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/signing-keys").get(
            Scope::SigningKeysRead,
            list,
            Operation::new("List the keys that access tokens are signed with")
                .lists::<SigningKeyView>(),
        ),
        AdminEndpoint::at("/signing-keys/rotate").post(
            Scope::SigningKeysWrite,
            rotate,
            Operation::new("Rotate the keys that access tokens are signed with")
                .creates::<SigningKeyView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SigningKeyRotation)]
struct Rotation {
    /// The present keys end now, and with them every access token that they signed.
    #[serde(default)]
    compromised: bool,
}

/// There is one every few weeks, so that all fit on one page.
async fn list(admin: Admin, state: web::Data<State>) -> Result<HttpResponse, Problem> {
    let keys = state.database.read_now(signing_keys::list)?;
    let items: Vec<_> = keys
        .iter()
        .map(|key| view::signing_key(key, admin.now))
        .collect();
    Ok(page::whole(items))
}

async fn rotate(
    admin: Admin,
    state: web::Data<State>,
    OptionalJson(rotation): OptionalJson<Rotation>,
) -> Result<HttpResponse, Problem> {
    let (sealer, now) = (state.sealer.clone(), admin.now);
    let key = admin
        .write(&state, move |connection, admin| {
            signing_keys::rotate(
                connection,
                &sealer,
                rotation.compromised,
                &admin.actor,
                admin.now,
            )
        })
        .await?;
    Ok(created(
        "signing-keys",
        key.id.as_str(),
        view::signing_key(&key, now),
    ))
}
