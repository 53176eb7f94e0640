//! Credentials of every kind in one list, the newest first, narrowed as the console narrows them.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::clock::Timestamp;
use crate::credentials::Credential;
use crate::credentials::view::CredentialView;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::credentials::{Search, Standing, newest};
use crate::store::id::{ProductId, ResourceId, ServiceAccountId};

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

pub(super) fn endpoints() -> Vec<AdminEndpoint> {
    vec![AdminEndpoint::at("/credentials").get(
        Scope::ScimKeysRead,
        list,
        Operation::new("List keys and tokens of every kind, newest first")
            .explained("Those of the kinds that the caller may see; sessions and links are not among them.")
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
            product: text(&self.product_id).map(ProductId::new),
            service_account: text(&self.service_account_id).map(ServiceAccountId::new),
            made_before: instant("made_before", &self.made_before)?,
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
        .read(move |connection| newest(connection, &search, place.cursor(), place.fetch()))
        .await?;
    Ok(HttpResponse::Ok().json(window.page(
        found,
        |credential: &Credential| credential.id.to_string(),
        |credential| view::credential(credential, admin.now),
    )))
}
