//! Service accounts: the accounts of programs, each with a person who answers for it.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::credentials::{Account, Creator, Whose};
use super::error::StoreError;
use super::id::{ResourceId, ServiceAccountId};
use super::schema::service_accounts;
use super::sql::Statement;

/// A service account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Its identifier.
    pub id: ServiceAccountId,
    /// Its name, unique in the deployment whatever the case.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// The address that was made up for it. Nothing is ever sent there.
    pub address: String,
    /// Who answers for it, as they were called when they took it on.
    pub owner: Option<Creator>,
    /// Whether it may do anything at all.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// When it was disabled.
    pub disabled_at: Option<Timestamp>,
    /// When its owner left it behind.
    pub orphaned_at: Option<Timestamp>,
    /// Why.
    pub orphaned_reason: Option<String>,
}

/// Which accounts a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those that nobody answers for.
    pub orphaned: bool,
    /// Those whose name contains this, in capitals or not.
    pub text: Option<String>,
}

/// A text that stands for itself in a pattern of LIKE.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

impl From<&ServiceAccount> for Account {
    fn from(account: &ServiceAccount) -> Self {
        Self {
            id: account.id.clone(),
            name: account.name.clone(),
            address: account.address.clone(),
            active: account.active,
        }
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = service_accounts, treat_none_as_null = true)]
struct Row {
    id: String,
    name: String,
    name_folded: String,
    purpose: String,
    address: String,
    owner_id: Option<String>,
    owner_user_name: Option<String>,
    owner_display_name: Option<String>,
    active: bool,
    created_at: i64,
    modified_at: i64,
    disabled_at: Option<i64>,
    orphaned_at: Option<i64>,
    orphaned_reason: Option<String>,
}

impl Row {
    fn of(account: &ServiceAccount) -> Self {
        let owner = account.owner.as_ref();
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            name_folded: account.name.to_lowercase(),
            purpose: account.purpose.clone(),
            address: account.address.clone(),
            owner_id: owner.map(|owner| owner.id.to_string()),
            owner_user_name: owner.and_then(|owner| owner.user_name.clone()),
            owner_display_name: owner.and_then(|owner| owner.display_name.clone()),
            active: account.active,
            created_at: account.created_at.as_millis(),
            modified_at: account.modified_at.as_millis(),
            disabled_at: account.disabled_at.map(Timestamp::as_millis),
            orphaned_at: account.orphaned_at.map(Timestamp::as_millis),
            orphaned_reason: account.orphaned_reason.clone(),
        }
    }

    fn read(self) -> ServiceAccount {
        ServiceAccount {
            id: ServiceAccountId::new(self.id),
            name: self.name,
            purpose: self.purpose,
            address: self.address,
            owner: self.owner_id.map(|id| Creator {
                id: ResourceId::new(id),
                user_name: self.owner_user_name,
                display_name: self.owner_display_name,
            }),
            active: self.active,
            created_at: Timestamp::from_millis(self.created_at),
            modified_at: Timestamp::from_millis(self.modified_at),
            disabled_at: self.disabled_at.map(Timestamp::from_millis),
            orphaned_at: self.orphaned_at.map(Timestamp::from_millis),
            orphaned_reason: self.orphaned_reason,
        }
    }
}

/// Adds one.
///
/// # Errors
/// A unique violation where name or address are taken; when the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    account: &ServiceAccount,
) -> Result<(), StoreError> {
    diesel::insert_into(service_accounts::table)
        .values(Row::of(account))
        .execute(connection)?;
    Ok(())
}

/// Writes an account as it is now. The caller holds it.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    account: &ServiceAccount,
) -> Result<(), StoreError> {
    diesel::update(service_accounts::table.find(account.id.as_str()))
        .set(Row::of(account))
        .execute(connection)?;
    Ok(())
}

/// Removes one; its credentials are revoked by the functions of credentials.
///
/// # Errors
/// When the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<(), StoreError> {
    diesel::delete(service_accounts::table.find(id.as_str())).execute(connection)?;
    Ok(())
}

/// One account.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<Option<ServiceAccount>, StoreError> {
    Ok(service_accounts::table
        .find(id.as_str())
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read))
}

/// One account by its address.
///
/// # Errors
/// When the database fails.
pub fn find_by_address(
    connection: &mut DatabaseConnection,
    address: &str,
) -> Result<Option<ServiceAccount>, StoreError> {
    Ok(service_accounts::table
        .filter(service_accounts::address.eq(address))
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read))
}

/// Like [`find`], and holds off every change to it until the transaction ends; others may hold it so too.
///
/// # Errors
/// When the database fails.
pub fn lock_shared(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<Option<ServiceAccount>, StoreError> {
    let query = service_accounts::table.find(id.as_str());
    let row = match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_share()
            .first(connection)
            .optional(),
    }?;
    Ok(row.map(Row::read))
}

/// Like [`find`], and holds it alone until the transaction ends: to change it.
///
/// # Errors
/// When the database fails.
pub fn find_for_update(
    connection: &mut DatabaseConnection,
    id: &ServiceAccountId,
) -> Result<Option<ServiceAccount>, StoreError> {
    let query = service_accounts::table.find(id.as_str());
    let row = match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_update()
            .first(connection)
            .optional(),
    }?;
    Ok(row.map(Row::read))
}

/// A page of accounts after an id, in the order of their making; the orphaned alone where that is asked.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<ServiceAccount>, StoreError> {
    let mut query = service_accounts::table
        .order(service_accounts::id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if selection.orphaned {
        query = query.filter(service_accounts::orphaned_at.is_not_null());
    }
    if let Some(text) = &selection.text {
        let pattern = format!("%{}%", escaped(&text.to_lowercase()));
        query = query.filter(service_accounts::name_folded.like(pattern).escape('\\'));
    }
    if let Some(after) = after {
        query = query.filter(service_accounts::id.gt(after.to_owned()));
    }
    let found: Vec<Row> = query.load(connection)?;
    Ok(found.into_iter().map(Row::read).collect())
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

/// How many accounts would be flagged as orphaned if these people left.
///
/// # Errors
/// When the database fails.
pub fn count_would_be_orphans(
    connection: &mut DatabaseConnection,
    whose: Whose<'_>,
) -> Result<i64, StoreError> {
    let rows: Vec<IdRow> =
        Statement::sql("SELECT id FROM service_accounts WHERE orphaned_at IS NULL AND ")
            .append(whose.names("owner_id"))
            .load(connection)?;
    Ok(i64::try_from(rows.len()).unwrap_or(i64::MAX))
}

/// Flags the accounts that a person answers for as orphaned, and names those that were not.
///
/// # Errors
/// When the database fails.
pub fn flag_orphans_of(
    connection: &mut DatabaseConnection,
    owner: &ResourceId,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<ServiceAccountId>, StoreError> {
    let rows: Vec<IdRow> = Statement::sql("UPDATE service_accounts SET orphaned_at = ")
        .integer(now.as_millis())
        .push(", orphaned_reason = ")
        .text(reason)
        .push(" WHERE orphaned_at IS NULL AND owner_id = ")
        .text(owner.as_str())
        .push(" RETURNING id")
        .cached()
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| ServiceAccountId::new(row.id))
        .collect())
}
