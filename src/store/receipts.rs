//! Receipts of deprovisionings: what each one ended, for an auditor.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::clock::Timestamp;

use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::schema::receipts;
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

/// A receipt; times are in milliseconds since the epoch, `revoked` and `orphaned` the text of JSON objects
/// that count by kind of credential.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = receipts)]
pub struct ReceiptRow {
    /// Its identifier.
    pub id: String,
    /// The person's directory.
    pub directory_id: Option<String>,
    /// Who was deprovisioned.
    pub person_id: String,
    /// What they were called.
    pub user_name: Option<String>,
    /// What they were called.
    pub display_name: Option<String>,
    /// `deactivated`, `deleted`, `role_lost` or `directory_removed`.
    pub reason: String,
    /// When the request came in.
    pub requested_at: i64,
    /// When it took effect.
    pub effective_at: i64,
    /// By what kind of credential.
    pub actor_kind: String,
    /// By which credential.
    pub actor_credential_id: Option<String>,
    /// By whom.
    pub actor_name: Option<String>,
    /// How much was revoked and ended.
    pub revoked: String,
    /// How much was flagged.
    pub orphaned: String,
}

/// Adds a receipt.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &mut DatabaseConnection, receipt: &ReceiptRow) -> Result<(), StoreError> {
    diesel::insert_into(receipts::table)
        .values(receipt)
        .execute(connection)?;
    Ok(())
}

/// Which receipts a list holds: those that are all of what is said here.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those of this person.
    pub person: Option<ResourceId>,
    /// Those of people of this directory.
    pub directory: Option<DirectoryId>,
    /// Those that took effect at this instant or later.
    pub since: Option<Timestamp>,
    /// Those that took effect before this instant.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// Those of one person.
    #[must_use]
    pub fn of(person: &ResourceId) -> Self {
        Self {
            person: Some(person.clone()),
            ..Self::default()
        }
    }
}

/// One receipt.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &str,
) -> Result<Option<ReceiptRow>, StoreError> {
    Ok(receipts::table
        .find(id)
        .select(ReceiptRow::as_select())
        .first(connection)
        .optional()?)
}

/// A page of receipts before an id, newest first: by when they took effect, as the indexes of all of them and of
/// those of a directory have them.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<ReceiptRow>, StoreError> {
    let mut query = receipts::table
        .order((receipts::effective_at.desc(), receipts::id.desc()))
        .limit(limit)
        .select(ReceiptRow::as_select())
        .into_boxed();
    if let Some(person) = &selection.person {
        query = query.filter(receipts::person_id.eq(person.as_str().to_owned()));
    }
    if let Some(directory) = &selection.directory {
        query = query.filter(receipts::directory_id.eq(directory.as_str().to_owned()));
    }
    if let Some(since) = selection.since {
        query = query.filter(receipts::effective_at.ge(since.as_millis()));
    }
    if let Some(until) = selection.until {
        query = query.filter(receipts::effective_at.lt(until.as_millis()));
    }
    if let Some(before) = before {
        let Some(last) = find(connection, before)? else {
            return Ok(Vec::new());
        };
        // The first condition is where the walk begins.
        query = query
            .filter(receipts::effective_at.le(last.effective_at))
            .filter(
                receipts::effective_at
                    .lt(last.effective_at)
                    .or(receipts::id.lt(last.id)),
            );
    }
    Ok(query.load(connection)?)
}

/// What leavers have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, QueryableByName)]
pub struct Leavers {
    /// How many have left, each counted once.
    #[diesel(sql_type = BigInt)]
    pub people: i64,
    /// How many API tokens were revoked with that.
    #[diesel(sql_type = BigInt)]
    pub user_tokens: i64,
}

/// Who has left at this instant or later. Whoever has only lost a role is none of them: they stay.
///
/// # Errors
/// When the database fails.
pub fn leavers_since(
    connection: &mut DatabaseConnection,
    since: Timestamp,
) -> Result<Leavers, StoreError> {
    let tokens = match connection.dialect() {
        SqlDialect::Sqlite => "json_extract(revoked, '$.user_token')",
        SqlDialect::Postgres => "CAST(CAST(revoked AS JSON) ->> 'user_token' AS BIGINT)",
    };
    let found: Vec<Leavers> = Statement::sql("SELECT COUNT(DISTINCT person_id) AS people, ")
        .push(format!(
            "CAST(COALESCE(SUM({tokens}), 0) AS BIGINT) AS user_tokens FROM receipts WHERE effective_at >= "
        ))
        .integer(since.as_millis())
        .push(" AND reason <> 'role_lost'")
        .load(connection)?;
    Ok(found.into_iter().next().unwrap_or(Leavers {
        people: 0,
        user_tokens: 0,
    }))
}
