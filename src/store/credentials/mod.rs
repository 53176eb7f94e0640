//! Credentials: everything that can authenticate is one row of one table, so that what ends all of a
//! person's is one statement and no kind can be forgotten.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use ipnet::IpNet;

mod ending;
mod found;
mod held;
mod holders;
mod idle;
mod impact;
mod search;
pub(in crate::store) mod turns;
mod uses;

pub use ending::{
    Counts, adopt_of_account, clear_orphan, flag_orphans_of, flag_orphans_of_account, revoke,
    revoke_all_of, revoke_kinds, revoke_kinds_of, revoke_links_made_by, revoke_of_account,
    revoke_of_directory, revoke_of_instance, revoke_of_product, set_creator,
    take_those_of_directory,
};
pub use found::{Account, Found, Owner, find_by_id_with_owner, find_with_owner, hold_with_owner};
pub use held::{
    Orphan, Usage, count_tokens_held, orphans, revoke_tokens_held, revoke_tokens_of_directory,
    revoke_tokens_of_product, shorten_tokens_held, usages,
};
pub use holders::{Holder, count_working_of};
pub use idle::{Idle, claim_idle, revoke_idle, revoke_orphans};
pub use impact::{
    Whose, count_all_of, count_bound, count_kinds_of, count_links_made_by, would_be_orphans,
};
pub use search::{ExpiryPlace, Search, Standing, newest, newest_within, soonest_to_expire};
pub use uses::{Use, record_use, record_use_soon, record_uses};

use crate::clock::Timestamp;
use crate::secret::{HashedSecret, PlainSecret, SecretKind};

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::{CredentialId, DirectoryId, InstanceId, ProductId, ResourceId, ServiceAccountId};
use super::schema::credentials;

/// Who made a credential, as they were called then: it stays known after they have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creator {
    /// The person.
    pub id: ResourceId,
    /// Their `userName` then.
    pub user_name: Option<String>,
    /// Their `displayName` then.
    pub display_name: Option<String>,
}

/// A credential, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its identifier.
    pub id: CredentialId,
    /// What it is for.
    pub kind: SecretKind,
    /// The part of its secret that may be shown.
    pub prefix: String,
    /// What its maker calls it.
    pub name: String,
    /// The directory it is bound to: of a SCIM key.
    pub directory_id: Option<DirectoryId>,
    /// The person it authenticates.
    pub owner_id: Option<ResourceId>,
    /// The product it belongs to, or is limited to.
    pub product_id: Option<ProductId>,
    /// The service account it authenticates.
    pub service_account_id: Option<ServiceAccountId>,
    /// The instances of the product that it is limited to; each where there are none.
    pub instance_ids: Vec<InstanceId>,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Where it may be used from; anywhere where there are none.
    pub allowed_networks: Vec<IpNet>,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom; `None` for the command line.
    pub created_by: Option<Creator>,
    /// When it stops working.
    pub expires_at: Timestamp,
    /// When it stops working unless it is used before: of a session.
    pub idle_expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// From where.
    pub last_used_ip: Option<String>,
    /// The one that it replaces.
    pub predecessor_id: Option<CredentialId>,
    /// The one that replaces it.
    pub successor_id: Option<CredentialId>,
    /// How long it goes on working after the first use of its successor.
    pub overlap_hours: Option<i64>,
    /// When it stops working because its successor has been used.
    pub retires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// When its maker left it behind.
    pub orphaned_at: Option<Timestamp>,
    /// Why.
    pub orphaned_reason: Option<String>,
    /// How many requests a second it may make, where that is not the rate of its kind; 0 for no bound.
    pub requests_per_second: Option<u32>,
    /// When it passed the second factor: of a session.
    pub second_factor_at: Option<Timestamp>,
}

impl Credential {
    /// A new one of nobody, with no scopes and no limits but its expiry; the rest is added to it.
    #[must_use]
    pub fn new(
        secret: &PlainSecret,
        name: String,
        created_by: Option<Creator>,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        let (kind, prefix) = (secret.kind(), secret.public_prefix());
        Self::of_kind(kind, prefix, name, created_by, created_at, expires_at)
    }

    /// The same, of a kind and with the part that may be shown.
    #[must_use]
    pub fn of_kind(
        kind: SecretKind,
        prefix: String,
        name: String,
        created_by: Option<Creator>,
        created_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id: CredentialId::generate(),
            kind,
            prefix,
            name,
            directory_id: None,
            owner_id: None,
            product_id: None,
            service_account_id: None,
            instance_ids: Vec::new(),
            scopes: Vec::new(),
            allowed_networks: Vec::new(),
            created_at,
            created_by,
            expires_at,
            idle_expires_at: None,
            last_used_at: None,
            last_used_ip: None,
            predecessor_id: None,
            successor_id: None,
            overlap_hours: None,
            retires_at: None,
            revoked_at: None,
            revoked_reason: None,
            orphaned_at: None,
            orphaned_reason: None,
            requests_per_second: None,
            second_factor_at: None,
        }
    }
}

#[derive(Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = credentials, treat_none_as_default_value = false)]
struct Row {
    id: String,
    kind: String,
    prefix: String,
    name: String,
    directory_id: Option<String>,
    owner_id: Option<String>,
    product_id: Option<String>,
    scopes: String,
    allowed_networks: String,
    created_at: i64,
    creator_id: Option<String>,
    creator_user_name: Option<String>,
    creator_display_name: Option<String>,
    expires_at: i64,
    idle_expires_at: Option<i64>,
    last_used_at: Option<i64>,
    last_used_ip: Option<String>,
    predecessor_id: Option<String>,
    successor_id: Option<String>,
    overlap_hours: Option<i64>,
    retires_at: Option<i64>,
    revoked_at: Option<i64>,
    revoked_reason: Option<String>,
    orphaned_at: Option<i64>,
    orphaned_reason: Option<String>,
    service_account_id: Option<String>,
    instance_ids: String,
    requests_per_second: Option<i32>,
    second_factor_at: Option<i64>,
}

impl Row {
    fn of(credential: &Credential) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        let creator = credential.created_by.as_ref();
        Self {
            id: credential.id.to_string(),
            kind: credential.kind.name().to_owned(),
            prefix: credential.prefix.clone(),
            name: credential.name.clone(),
            directory_id: credential.directory_id.as_ref().map(ToString::to_string),
            owner_id: credential.owner_id.as_ref().map(ToString::to_string),
            product_id: credential.product_id.as_ref().map(ToString::to_string),
            scopes: serde_json::json!(credential.scopes).to_string(),
            allowed_networks: serde_json::json!(credential.allowed_networks).to_string(),
            created_at: credential.created_at.as_millis(),
            creator_id: creator.map(|creator| creator.id.to_string()),
            creator_user_name: creator.and_then(|creator| creator.user_name.clone()),
            creator_display_name: creator.and_then(|creator| creator.display_name.clone()),
            expires_at: credential.expires_at.as_millis(),
            idle_expires_at: millis(credential.idle_expires_at),
            last_used_at: millis(credential.last_used_at),
            last_used_ip: credential.last_used_ip.clone(),
            predecessor_id: credential.predecessor_id.as_ref().map(ToString::to_string),
            successor_id: credential.successor_id.as_ref().map(ToString::to_string),
            overlap_hours: credential.overlap_hours,
            retires_at: millis(credential.retires_at),
            revoked_at: millis(credential.revoked_at),
            revoked_reason: credential.revoked_reason.clone(),
            orphaned_at: millis(credential.orphaned_at),
            orphaned_reason: credential.orphaned_reason.clone(),
            second_factor_at: millis(credential.second_factor_at),
            service_account_id: (credential.service_account_id.as_ref()).map(ToString::to_string),
            instance_ids: serde_json::json!(credential.instance_ids).to_string(),
            requests_per_second: stored_rate(credential.requests_per_second),
        }
    }

    fn read(self) -> Result<Credential, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt { what: "credential" };
        let at = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Credential {
            id: CredentialId::new(self.id),
            kind: SecretKind::from_name(&self.kind).ok_or(CORRUPT)?,
            prefix: self.prefix,
            name: self.name,
            directory_id: self.directory_id.map(DirectoryId::new),
            owner_id: self.owner_id.map(ResourceId::new),
            product_id: self.product_id.map(ProductId::new),
            service_account_id: self.service_account_id.map(ServiceAccountId::new),
            instance_ids: serde_json::from_str(&self.instance_ids).map_err(|_| CORRUPT)?,
            scopes: serde_json::from_str(&self.scopes).map_err(|_| CORRUPT)?,
            allowed_networks: serde_json::from_str(&self.allowed_networks).map_err(|_| CORRUPT)?,
            created_at: Timestamp::from_millis(self.created_at),
            created_by: self.creator_id.map(|id| Creator {
                id: ResourceId::new(id),
                user_name: self.creator_user_name,
                display_name: self.creator_display_name,
            }),
            expires_at: Timestamp::from_millis(self.expires_at),
            idle_expires_at: at(self.idle_expires_at),
            last_used_at: at(self.last_used_at),
            last_used_ip: self.last_used_ip,
            predecessor_id: self.predecessor_id.map(CredentialId::new),
            successor_id: self.successor_id.map(CredentialId::new),
            overlap_hours: self.overlap_hours,
            retires_at: at(self.retires_at),
            revoked_at: at(self.revoked_at),
            revoked_reason: self.revoked_reason,
            orphaned_at: at(self.orphaned_at),
            orphaned_reason: self.orphaned_reason,
            requests_per_second: self
                .requests_per_second
                .and_then(|rate| rate.try_into().ok()),
            second_factor_at: at(self.second_factor_at),
        })
    }
}

fn stored_rate(rate: Option<u32>) -> Option<i32> {
    rate.map(|rate| i32::try_from(rate).unwrap_or(i32::MAX))
}

/// Which credentials a list holds.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Of these kinds; of every kind where there are none.
    pub kinds: Vec<SecretKind>,
    /// Bound to this directory.
    pub directory: Option<DirectoryId>,
    /// Of this person.
    pub owner: Option<ResourceId>,
    /// Of this product.
    pub product: Option<ProductId>,
    /// Of this service account.
    pub service_account: Option<ServiceAccountId>,
    /// Left behind by this person: made by them, or of a service account that they answered for.
    pub left_by: Option<ResourceId>,
    /// Flagged as orphaned and not revoked.
    pub orphaned: bool,
    /// Not revoked, and expiring before this.
    pub expiring_before: Option<Timestamp>,
}

impl Selection {
    /// Whether all of them are of one holder, of whom there is an index: they are few, and are sorted.
    fn is_of_one(&self) -> bool {
        self.owner.is_some()
            || self.left_by.is_some()
            || self.service_account.is_some()
            || self.directory.is_some()
    }
}

/// Adds a credential.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    credential: &Credential,
    secret: &HashedSecret,
) -> Result<(), StoreError> {
    diesel::insert_into(credentials::table)
        .values((Row::of(credential), credentials::hash.eq(secret.as_bytes())))
        .execute(connection)?;
    Ok(())
}

/// One credential.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<Option<Credential>, StoreError> {
    credentials::table
        .find(id.as_str())
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read)
        .transpose()
}

/// Like [`find`], and holds off every other change to it until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn find_for_update(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<Option<Credential>, StoreError> {
    turns::take(connection, id)?;
    let query = credentials::table.find(id.as_str());
    match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_update()
            .first(connection)
            .optional(),
    }?
    .map(Row::read)
    .transpose()
}

/// A page of credentials after an id, in the order of their making.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Credential>, StoreError> {
    let mut query = credentials::table
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    // Those of one are found by the index of them, and not by walking up all that there are.
    query = if selection.is_of_one() {
        query.order(sql::<Text>("(id || '')"))
    } else {
        query.order(credentials::id)
    };
    if !selection.kinds.is_empty() {
        let kinds: Vec<String> = selection
            .kinds
            .iter()
            .map(|kind| kind.name().to_owned())
            .collect();
        query = query.filter(credentials::kind.eq_any(kinds));
    }
    if let Some(directory) = &selection.directory {
        query = query.filter(credentials::directory_id.eq(directory.as_str().to_owned()));
    }
    if let Some(owner) = &selection.owner {
        query = query.filter(credentials::owner_id.eq(owner.as_str().to_owned()));
    }
    if let Some(product) = &selection.product {
        query = query.filter(credentials::product_id.eq(product.as_str().to_owned()));
    }
    if let Some(account) = &selection.service_account {
        query = query.filter(credentials::service_account_id.eq(account.as_str().to_owned()));
    }
    if let Some(leaver) = &selection.left_by {
        query = query.filter(search::left_by(leaver));
    }
    if selection.orphaned {
        query = query
            .filter(credentials::orphaned_at.is_not_null())
            .filter(credentials::revoked_at.is_null());
    }
    if let Some(before) = selection.expiring_before {
        query = query
            .filter(credentials::expires_at.lt(before.as_millis()))
            .filter(credentials::revoked_at.is_null());
    }
    if let Some(after) = after {
        query = query.filter(credentials::id.gt(after.to_owned()));
    }
    query.load(connection)?.into_iter().map(Row::read).collect()
}

/// Changes what a credential is called, where it may be used from, and how often.
///
/// # Errors
/// When the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    credential: &Credential,
) -> Result<(), StoreError> {
    diesel::update(credentials::table.find(credential.id.as_str()))
        .set((
            credentials::name.eq(&credential.name),
            credentials::allowed_networks
                .eq(serde_json::json!(credential.allowed_networks).to_string()),
            credentials::requests_per_second.eq(stored_rate(credential.requests_per_second)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Names the successor of a rotated key, and how long the key goes on working after the first use of it.
///
/// # Errors
/// When the database fails.
pub fn set_successor(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    successor: &CredentialId,
    overlap_hours: i64,
    retires_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    diesel::update(credentials::table.find(id.as_str()))
        .set((
            credentials::successor_id.eq(successor.as_str()),
            credentials::overlap_hours.eq(overlap_hours),
            credentials::retires_at.eq(retires_at.map(Timestamp::as_millis)),
        ))
        .execute(connection)?;
    Ok(())
}

/// Sets when a rotated key retires, unless that is known already.
///
/// # Errors
/// When the database fails.
pub fn retire_at(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    at: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(
        credentials::table
            .find(id.as_str())
            .filter(credentials::retires_at.is_null()),
    )
    .set(credentials::retires_at.eq(at.as_millis()))
    .execute(connection)?;
    Ok(())
}

/// Moves the end of a session's idle time.
///
/// # Errors
/// When the database fails.
pub fn set_idle_expiry(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
    at: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(
        credentials::table
            .find(id.as_str())
            .filter(credentials::revoked_at.is_null()),
    )
    .set(credentials::idle_expires_at.eq(at.as_millis()))
    .execute(connection)?;
    Ok(())
}
