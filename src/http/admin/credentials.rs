//! Credentials of every kind in one list, the newest first or what expires soonest, narrowed as the console narrows
//! them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock::Timestamp;
use crate::credentials::Credential;
use crate::credentials::view::CredentialView;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::credentials::{ExpiryPlace, Search, Standing, newest_within, soonest_to_expire};
use crate::store::id::{CredentialId, DirectoryId, ProductId, ResourceId, ServiceAccountId};
use crate::store::walk::{STEPS, Walked};

use super::super::State;
use super::super::openapi::Operation;
use super::super::problem::{Problem, ProblemKind};
use super::page::PageQuery;
use super::{Admin, AdminEndpoint, view};

/// The kinds that are listed, each with the scope of those who may see it.
const KINDS: [(SecretKind, Scope); 6] = [
    (SecretKind::ScimKey, Scope::ScimKeysRead),
    (SecretKind::AdminKey, Scope::ApiKeysRead),
    (SecretKind::UserToken, Scope::UsersRead),
    (SecretKind::ServiceAccountToken, Scope::ServiceAccountsRead),
    (SecretKind::ServiceAccountKey, Scope::ServiceAccountsRead),
    (SecretKind::ProductCredential, Scope::ProductsRead),
];

/// The kinds that somebody with these rights may see.
pub(super) fn seen_by(rights: &Rights) -> Vec<SecretKind> {
    KINDS
        .into_iter()
        .filter(|(_, scope)| rights.include(*scope))
        .map(|(kind, _)| kind)
        .collect()
}

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![AdminEndpoint::at("/credentials").get(
        Scope::ScimKeysRead,
        list,
        Operation::new("List keys and tokens of every kind, newest first")
            .explained(
                "Those of the kinds that the caller may see; sessions and links are not among them. With \
                 `expires_before` or `expires_since` what expires soonest comes first. A page that is narrowed by \
                 state, text, age or use may hold few or none, and name the next all the same: so many of each kind \
                 were looked through.",
            )
            .lists::<CredentialView>(),
    )]
}

/// What the list is narrowed by.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub(in super::super) struct Narrowed {
    /// Of this kind only, such as `scim_key`
    pub(in super::super) kind: Option<String>,
    /// Of those only that stand so: `active`, `rotated`, `expired`, `revoked` or `orphaned`
    pub(in super::super) state: Option<String>,
    /// Whose name contains this, or whose secret begins with it
    pub(in super::super) search: Option<String>,
    /// Bound to this directory only
    pub(in super::super) directory_id: Option<String>,
    /// Of this product only
    pub(in super::super) product_id: Option<String>,
    /// Of this service account only
    pub(in super::super) service_account_id: Option<String>,
    /// Of this person only
    pub(in super::super) owner_id: Option<String>,
    /// Made by this person only
    pub(in super::super) creator_id: Option<String>,
    /// Made before this only, as RFC 3339
    pub(in super::super) made_before: Option<String>,
    /// Expiring at this time or later only, as RFC 3339; the soonest first
    pub(in super::super) expires_since: Option<String>,
    /// Expiring before this only, as RFC 3339; the soonest first
    pub(in super::super) expires_before: Option<String>,
    /// Not used since this only, as RFC 3339
    pub(in super::super) unused_since: Option<String>,
}

impl Narrowed {
    /// What somebody with these rights looks for.
    ///
    /// # Errors
    /// 400 for a kind, a state or a time that is none.
    pub(in super::super) fn search(
        &self,
        rights: &Rights,
        now: Timestamp,
    ) -> Result<Search, Problem> {
        let text = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim).unwrap_or_default();
            Some(text.to_owned()).filter(|text| !text.is_empty())
        };
        let wanted = text(&self.kind);
        let is_kind = |name: &str| KINDS.iter().any(|(kind, _)| kind.name() == name);
        if let Some(name) = wanted.as_deref().filter(|name| !is_kind(name)) {
            return Err(not_understood("kind", name));
        }
        let kinds = KINDS
            .into_iter()
            .filter(|(kind, scope)| {
                rights.include(*scope) && wanted.as_deref().is_none_or(|name| name == kind.name())
            })
            .map(|(kind, _)| kind);
        let standing = match text(&self.state).as_deref() {
            None => None,
            Some("active") => Some(Standing::Active),
            Some("rotated") => Some(Standing::Rotated),
            Some("expired") => Some(Standing::Expired),
            Some("revoked") => Some(Standing::Revoked),
            Some("orphaned") => Some(Standing::Orphaned),
            Some(other) => return Err(not_understood("state", other)),
        };
        let instant = |name: &str, given: &Option<String>| match text(given) {
            None => Ok(None),
            Some(given) => Timestamp::parse_rfc3339(&given)
                .map(Some)
                .ok_or_else(|| not_understood(name, &given)),
        };
        Ok(Search {
            kinds: kinds.collect(),
            standing: standing.map(|standing| (standing, now)),
            owner: text(&self.owner_id).map(ResourceId::new),
            creator: text(&self.creator_id).map(ResourceId::new),
            directory: text(&self.directory_id).map(DirectoryId::new),
            product: text(&self.product_id).map(ProductId::new),
            service_account: text(&self.service_account_id).map(ServiceAccountId::new),
            made_before: instant("made_before", &self.made_before)?,
            expires_since: instant("expires_since", &self.expires_since)?,
            expires_before: instant("expires_before", &self.expires_before)?,
            unused_since: instant("unused_since", &self.unused_since)?,
            text: text(&self.search),
            ..Search::default()
        })
    }
}

fn not_understood(name: &str, value: &str) -> Problem {
    Problem::new(
        ProblemKind::InvalidRequest,
        format!("{name} is {value:?}, which there is not"),
    )
}

/// One of the list, and the cursor with which the list goes on after it.
pub(in super::super) struct Listed {
    /// The key or token.
    pub(in super::super) credential: Credential,
    /// What follows is asked for with this.
    pub(in super::super) cursor: String,
}

/// So many of what is looked for, after a cursor: the newest first, or what expires soonest where it is narrowed by
/// that.
///
/// # Errors
/// 400 for a cursor that is none of such a list; when the database fails.
pub(in super::super) fn listed(
    connection: &mut DatabaseConnection,
    search: &Search,
    cursor: Option<&str>,
    fetch: i64,
) -> Result<Walked<Listed, String>, Problem> {
    if search.expires_since.is_none() && search.expires_before.is_none() {
        let walked = newest_within(connection, search, cursor, fetch, STEPS)?;
        let listed = walked.found.into_iter().map(|credential| Listed {
            cursor: credential.id.to_string(),
            credential,
        });
        return Ok(Walked {
            found: listed.collect(),
            stopped_at: walked.stopped_at.map(|id| id.to_string()),
        });
    }
    let after = cursor.map(place_of).transpose()?;
    let walked = soonest_to_expire(connection, search, after.as_ref(), fetch, STEPS)?;
    let place = |at: Timestamp, id: &CredentialId| format!("{}.{id}", at.as_millis());
    let listed = walked.found.into_iter().map(|credential| Listed {
        cursor: place(credential.expires_at, &credential.id),
        credential,
    });
    Ok(Walked {
        found: listed.collect(),
        stopped_at: walked
            .stopped_at
            .map(|stop| place(stop.expires_at, &stop.id)),
    })
}

/// The place in what expires soonest that a cursor names.
fn place_of(cursor: &str) -> Result<ExpiryPlace, Problem> {
    let parts = cursor.split_once('.');
    let place = parts.and_then(|(millis, id)| {
        Some(ExpiryPlace {
            expires_at: Timestamp::from_millis(millis.parse().ok()?),
            id: CredentialId::try_from(id.to_owned()).ok()?,
        })
    });
    place.ok_or_else(|| {
        Problem::new(
            ProblemKind::InvalidRequest,
            "cursor is none of this list: begin it anew",
        )
    })
}

async fn list(
    admin: Admin,
    state: web::Data<State>,
    narrowed: web::Query<Narrowed>,
    query: web::Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    let search = narrowed.search(&admin.rights, admin.now)?;
    let window = query.window(&state.settings.limits)?;
    let place = window.clone();
    let found = state
        .database
        .read(move |connection| listed(connection, &search, place.cursor(), place.fetch()))
        .await?;
    Ok(HttpResponse::Ok().json(window.page_of_walk(
        found.found,
        found.stopped_at,
        |one: &Listed| one.cursor.clone(),
        |one| view::credential(&one.credential, admin.now),
    )))
}
