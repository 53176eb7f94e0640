//! What leavers have left behind: keys and tokens of every kind in one list, and many of them adopted, rotated or
//! revoked at once, all of them or none. What is done with one alone is beside where that one is.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::credentials::view::CredentialView;
use crate::credentials::{Credential, CredentialError, Issued, keys, orphans};
use crate::policies::Scope;
use crate::store::DatabaseConnection;
use crate::store::credentials::Selection;
use crate::store::id::{CredentialId, ResourceId};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::Problem;
use super::keys::{Rotation, list};
use super::page::PageQuery;
use super::revocation::RevokedView;
use super::service_account_keys::check_right_to_give;
use super::view::IssuedView;
use super::{Admin, AdminEndpoint, view};

/// Whoever may change keys of some kind; what each key needs is looked at beside it.
pub(in super::super) const WRITE: Scope = Scope::ScimKeysWrite;
pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![
        AdminEndpoint::at("/orphaned-keys").get(
            Scope::ScimKeysRead,
            list_orphans,
            Operation::new("List keys whose makers have left")
                .explained("Those of the kinds that the caller may see.")
                .lists::<CredentialView>(),
        ),
        AdminEndpoint::at("/orphaned-keys/adopt").post(
            WRITE,
            adopt,
            Operation::new("Answer for many keys whose makers have left")
                .explained(
                    "All of them or none. A key of another kind than SCIM keys needs the scope that its own calls \
                     need, too.",
                )
                .shows::<AdoptedView>()
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/orphaned-keys/rotate").post(
            WRITE,
            rotate,
            Operation::new("Make the successors of many keys whose makers have left")
                .explained(
                    "All of them or none. Each key works on until the overlap ends, counted from its successor's \
                     first use; `predecessor_id` says which key a successor is of. A public key has no secret to \
                     replace. A key of another kind than SCIM keys needs the scope that its own calls need, too.",
                )
                .answers_with::<SuccessorsView>(201, "They were made")
                .refuses(&[409]),
        ),
        AdminEndpoint::at("/orphaned-keys/revoke").post(
            WRITE,
            revoke,
            Operation::new("Revoke many keys whose makers have left")
                .explained(
                    "All of them or none. They are kept for the record, and those that were revoked before are \
                     not counted. A key of another kind than SCIM keys needs the scope that its own calls need, too.",
                )
                .shows::<RevokedView>()
                .refuses(&[409]),
        ),
    ]
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChosenKeys)]
struct Chosen {
    /// Which, each an orphan.
    #[schema(min_items = 1, max_items = 100)]
    ids: Vec<CredentialId>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChosenKeysRotation)]
struct ChosenRotation {
    /// Which, each an orphan.
    #[schema(min_items = 1, max_items = 100)]
    ids: Vec<CredentialId>,
    /// 24 where nothing is said.
    overlap_hours: Option<i64>,
    /// Of each successor; a year where nothing is said.
    #[schema(minimum = 1, maximum = 365)]
    expires_in_days: Option<i64>,
}

/// What was adopted, in the order in which it was made.
#[derive(Serialize, ToSchema)]
#[schema(as = AdoptedKeys)]
struct AdoptedView {
    items: Vec<CredentialView>,
}

/// The successors, in the order in which their predecessors were made.
#[derive(Serialize, ToSchema)]
#[schema(as = KeySuccessors)]
struct SuccessorsView {
    items: Vec<IssuedView>,
}

#[derive(Deserialize, IntoParams)]
struct Left {
    /// Those only that this person has left: that they made, or that are of a service account that they answered for
    left_by: Option<String>,
}

/// Orphans of the kinds that the caller may read.
async fn list_orphans(
    admin: Admin,
    state: web::Data<State>,
    left: web::Query<Left>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let selection = Selection {
        left_by: left.into_inner().left_by.map(ResourceId::new),
        ..orphans::seen_by(&admin.rights)
    };
    list(&state, &query, selection, &admin).await
}

async fn adopt(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Chosen>,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let adopted = adopt_by(admin, &state, body.into_inner().ids).await?;
    let items = adopted.iter().map(|key| view::credential(key, now));
    Ok(HttpResponse::Ok().json(AdoptedView {
        items: items.collect(),
    }))
}

async fn rotate(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<ChosenRotation>,
) -> Result<HttpResponse, Problem> {
    let now = admin.now;
    let ChosenRotation {
        ids,
        overlap_hours,
        expires_in_days,
    } = body.into_inner();
    let rotation = Rotation {
        overlap_hours,
        expires_in_days,
    };
    let issued = rotate_by(admin, &state, ids, rotation).await?;
    let items = issued.iter().map(|one| view::issued(one, now));
    Ok(HttpResponse::Created()
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .json(SuccessorsView {
            items: items.collect(),
        }))
}

async fn revoke(
    admin: Admin,
    state: web::Data<State>,
    body: web::Json<Chosen>,
) -> Result<HttpResponse, Problem> {
    let revoked = revoke_by(admin, &state, body.into_inner().ids).await?;
    let revoked = i64::try_from(revoked).unwrap_or(i64::MAX);
    Ok(HttpResponse::Ok().json(RevokedView { revoked }))
}

/// Answers for each of these orphans, or for none.
pub(in super::super) async fn adopt_by(
    admin: Admin,
    state: &State,
    ids: Vec<CredentialId>,
) -> Result<Vec<Credential>, Problem> {
    with_each(admin, state, ids, |connection, key, admin| {
        check_right_to_give(connection, key, &admin.rights)?;
        keys::adopt(connection, key.kind, &key.id, &admin.actor, admin.now)
    })
    .await
}

/// Makes the successor of each of these orphans, or of none.
pub(in super::super) async fn rotate_by(
    admin: Admin,
    state: &State,
    ids: Vec<CredentialId>,
    rotation: Rotation,
) -> Result<Vec<Issued>, Problem> {
    with_each(admin, state, ids, move |connection, key, admin| {
        check_right_to_give(connection, key, &admin.rights)?;
        keys::rotate(
            connection,
            key.kind,
            &key.id,
            rotation.overlap_hours,
            rotation.expires_in_days,
            &admin.actor,
            admin.now,
        )
    })
    .await
}

/// Ends each of these orphans, or none, and counts those that had not ended so before.
pub(in super::super) async fn revoke_by(
    admin: Admin,
    state: &State,
    ids: Vec<CredentialId>,
) -> Result<usize, Problem> {
    admin
        .write(state, move |connection, admin| {
            orphans::revoke(connection, &ids, &admin.rights, &admin.actor, admin.now)
        })
        .await
}

async fn with_each<T: Send + 'static>(
    admin: Admin,
    state: &State,
    ids: Vec<CredentialId>,
    act: impl Fn(&mut DatabaseConnection, &Credential, &Admin) -> Result<T, CredentialError>
    + Send
    + 'static,
) -> Result<Vec<T>, Problem> {
    admin
        .write(state, move |connection, admin| {
            orphans::with_each(connection, &ids, &admin.rights, |connection, key| {
                act(connection, key, admin)
            })
        })
        .await
}
