//! Receipts of deprovisionings: what each one ended, for an auditor.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::ResourceId;
use super::schema::receipts;

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

/// A page of receipts before an id, newest first; of one person where one is named.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    person: Option<&ResourceId>,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<ReceiptRow>, StoreError> {
    let mut query = receipts::table
        .order(receipts::id.desc())
        .limit(limit)
        .select(ReceiptRow::as_select())
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(receipts::person_id.eq(person.as_str().to_owned()));
    }
    if let Some(before) = before {
        query = query.filter(receipts::id.lt(before.to_owned()));
    }
    Ok(query.load(connection)?)
}
