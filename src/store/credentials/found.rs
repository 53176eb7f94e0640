//! The look-up of every request: a credential by its secret, with whom it authenticates and what it is bound to.

use diesel::prelude::*;

use crate::secret::HashedSecret;
use crate::store::DatabaseConnection;
use crate::store::connection::on_either;
use crate::store::directories::{self, Directory};
use crate::store::error::StoreError;
use crate::store::id::{CredentialId, DirectoryId, ResourceId, ServiceAccountId};
use crate::store::schema::{
    credentials, directories as directories_table, resources, service_accounts,
};
use crate::store::sql::Statement;

use super::{Credential, Row, turns};

/// The columns of a [`Row`] by name: a prepared statement for all of a table fails once the table has one more.
const COLUMNS: &str = "id, kind, prefix, name, directory_id, owner_id, product_id, scopes, allowed_networks, \
    created_at, creator_id, creator_user_name, creator_display_name, expires_at, idle_expires_at, last_used_at, \
    last_used_ip, predecessor_id, successor_id, overlap_hours, retires_at, revoked_at, revoked_reason, orphaned_at, \
    orphaned_reason, service_account_id, instance_ids, requests_per_second, second_factor_at";

/// The person that a credential authenticates, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The person.
    pub id: ResourceId,
    /// Their directory.
    pub directory_id: DirectoryId,
    /// Their `userName`.
    pub user_name: Option<String>,
    /// Their `displayName`.
    pub display_name: Option<String>,
    /// Whether they may do anything at all.
    pub active: bool,
}

/// The service account that a credential authenticates, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account.
    pub id: ServiceAccountId,
    /// What it is called.
    pub name: String,
    /// The address that was made up for it.
    pub address: String,
    /// Whether it may do anything at all.
    pub active: bool,
}

/// A credential, and whom it authenticates, as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The credential.
    pub credential: Credential,
    /// The person, for kinds that have one.
    pub owner: Option<Owner>,
    /// The service account, for kinds that have one.
    pub service_account: Option<Account>,
    /// The directory that it is bound to, for kinds that are.
    pub directory: Option<Directory>,
}

/// A person's columns beside a credential's.
type OwnerColumns = (String, String, Option<String>, Option<String>, bool);

/// An account's columns beside a credential's.
type AccountColumns = (String, String, String, bool);

type Columns = (
    Row,
    Option<OwnerColumns>,
    Option<AccountColumns>,
    Option<directories::Row>,
);

/// Selects one credential together with whom it authenticates.
macro_rules! with_owner {
    ($condition:expr) => {
        credentials::table
            .left_join(resources::table.on(resources::id.nullable().eq(credentials::owner_id)))
            .left_join(
                service_accounts::table.on(service_accounts::id
                    .nullable()
                    .eq(credentials::service_account_id)),
            )
            .left_join(
                directories_table::table.on(directories_table::id
                    .nullable()
                    .eq(credentials::directory_id)),
            )
            .filter($condition)
            .select((
                Row::as_select(),
                (
                    resources::id,
                    resources::directory_id,
                    resources::user_name,
                    resources::display_name,
                    resources::active,
                )
                    .nullable(),
                (
                    service_accounts::id,
                    service_accounts::name,
                    service_accounts::address,
                    service_accounts::active,
                )
                    .nullable(),
                Option::<directories::Row>::as_select(),
            ))
    };
}

/// The credential with this secret, and the person or service account that it authenticates: the one look-up
/// of every request.
///
/// # Errors
/// When the database fails.
pub fn find_with_owner(
    connection: &mut DatabaseConnection,
    secret: &HashedSecret,
) -> Result<Option<Found>, StoreError> {
    on_either!(connection, connection => with_owner!(credentials::hash.eq(secret.as_bytes()))
        .first(connection))
    .optional()?
    .map(read_found)
    .transpose()
}

/// The same of a credential that something names which was issued from it.
///
/// # Errors
/// When the database fails.
pub fn find_by_id_with_owner(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<Option<Found>, StoreError> {
    on_either!(connection, connection => with_owner!(credentials::id.eq(id.as_str()))
        .first(connection))
    .optional()?
    .map(read_found)
    .transpose()
}

fn read_found((row, owner, account, directory): Columns) -> Result<Found, StoreError> {
    let owner = owner.map(
        |(id, directory_id, user_name, display_name, active)| Owner {
            id: ResourceId::new(id),
            directory_id: DirectoryId::new(directory_id),
            user_name,
            display_name,
            active,
        },
    );
    let service_account = account.map(|(id, name, address, active)| Account {
        id: ServiceAccountId::new(id),
        name,
        address,
        active,
    });
    Ok(Found {
        credential: row.read()?,
        owner,
        service_account,
        directory: directory.map(directories::Row::read).transpose()?,
    })
}

/// The same, which stays as it is until the transaction ends; others may hold it too.
///
/// # Errors
/// When the database fails.
pub fn hold_with_owner(
    connection: &mut DatabaseConnection,
    id: &CredentialId,
) -> Result<Option<Found>, StoreError> {
    let row: Option<Row> = match connection {
        // SQLite writes one transaction at a time.
        DatabaseConnection::Sqlite(sqlite) => credentials::table
            .find(id.as_str())
            .select(Row::as_select())
            .first(sqlite)
            .optional()?,
        DatabaseConnection::Postgres(_) => Statement::sql("SELECT ")
            .push(COLUMNS)
            .push(" FROM credentials WHERE id = ")
            .text(id.as_str())
            .push(" AND ")
            .append(turns::entering(id))
            .push(" FOR SHARE")
            .cached()
            .load(connection)?
            .pop(),
    };
    let Some(credential) = row.map(Row::read).transpose()? else {
        return Ok(None);
    };
    if credential.owner_id.is_some() || credential.service_account_id.is_some() {
        return find_by_id_with_owner(connection, id);
    }
    Ok(Some(Found {
        credential,
        owner: None,
        service_account: None,
        directory: None,
    }))
}
