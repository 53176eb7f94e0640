//! The outbox of notices: written with the change that they tell of.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::error::StoreError;
use super::schema::notices;

/// A notice; times are in milliseconds since the epoch, `detail` is the text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = notices)]
pub struct NoticeRow {
    /// Its identifier, by which receivers drop repeats.
    pub id: String,
    /// When what it tells of happened.
    pub at: i64,
    /// What it tells of.
    pub kind: String,
    /// In which directory.
    pub directory_id: Option<String>,
    /// One line for people.
    pub subject: String,
    /// More about it.
    pub detail: String,
    /// When an admin read it.
    pub read_at: Option<i64>,
    /// When it was delivered.
    pub delivered_at: Option<i64>,
    /// How often delivery was tried.
    pub attempts: i32,
}

/// Adds a notice.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &mut DatabaseConnection, notice: &NoticeRow) -> Result<(), StoreError> {
    diesel::insert_into(notices::table)
        .values(notice)
        .execute(connection)?;
    Ok(())
}

/// A page of notices before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut query = notices::table
        .order(notices::id.desc())
        .limit(limit)
        .select(NoticeRow::as_select())
        .into_boxed();
    if let Some(before) = before {
        query = query.filter(notices::id.lt(before.to_owned()));
    }
    Ok(query.load(connection)?)
}

/// Marks a notice as read; false where there is none.
///
/// # Errors
/// When the database fails.
pub fn mark_read(
    connection: &mut DatabaseConnection,
    id: &str,
    now_millis: i64,
) -> Result<bool, StoreError> {
    Ok(diesel::update(notices::table.find(id))
        .set(notices::read_at.eq(now_millis))
        .execute(connection)?
        > 0)
}
