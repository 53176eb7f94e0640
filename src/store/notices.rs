//! The outbox of notices: written with the change that they tell of.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::{deliveries, notices};
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect, walk};

/// A notice; times are in milliseconds since the epoch, `detail` is the text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, QueryableByName)]
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
    /// When it was delivered to all its receivers.
    pub delivered_at: Option<i64>,
    /// How often delivery was tried.
    pub attempts: i32,
    /// The person whom it concerns beside the admins.
    pub person_id: Option<String>,
    /// When its deliveries were made.
    pub distributed_at: Option<i64>,
}

/// Which notices a list holds, or which are marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of this kind.
    pub kind: Option<String>,
    /// Those that nobody has read.
    pub unread: bool,
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

/// One notice.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &str,
) -> Result<Option<NoticeRow>, StoreError> {
    Ok(notices::table
        .find(id)
        .select(NoticeRow::as_select())
        .first(connection)
        .optional()?)
}

/// These notices, oldest first.
///
/// # Errors
/// When the database fails.
pub fn find_all(
    connection: &mut DatabaseConnection,
    ids: &[String],
) -> Result<Vec<NoticeRow>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(super::connection::CHUNK) {
        found.extend(
            notices::table
                .filter(notices::id.eq_any(chunk.to_vec()))
                .select(NoticeRow::as_select())
                .load(connection)?,
        );
    }
    found.sort_by(|left: &NoticeRow, right| left.id.cmp(&right.id));
    Ok(found)
}

/// A page of notices before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<NoticeRow>, StoreError> {
    searched(connection, selection, before, limit)?.load(connection)
}

fn searched(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Statement, StoreError> {
    // Word for word as the index of them has it.
    const UNREAD: &str = "read_at IS NULL";
    let kinds = match &selection.kind {
        Some(kind) => vec![kind.clone()],
        None if selection.unread => walk::kinds(connection, "notices", UNREAD)?,
        None => Vec::new(),
    };
    let narrowed = |kind: Option<&String>| {
        let mut part = Statement::sql(if selection.unread { UNREAD } else { "TRUE" });
        if let Some(kind) = kind {
            part = part.push(" AND kind = ").text(kind);
        }
        if let Some(before) = before {
            part = part.push(" AND id < ").text(before);
        }
        part
    };
    let parts = if selection.kind.is_none() && !selection.unread {
        vec![narrowed(None)]
    } else {
        kinds.iter().map(|kind| narrowed(Some(kind))).collect()
    };
    Ok(walk::newest_of("notices", parts, limit))
}

/// Marks a notice as read; false where there is none. One that has been read keeps its time.
///
/// # Errors
/// When the database fails.
pub fn mark_read(
    connection: &mut DatabaseConnection,
    id: &str,
    now_millis: i64,
) -> Result<bool, StoreError> {
    let marked = diesel::update(notices::table.find(id).filter(notices::read_at.is_null()))
        .set(notices::read_at.eq(now_millis))
        .execute(connection)?;
    Ok(marked > 0 || find(connection, id)?.is_some())
}

/// Marks all unread notices as read, or those of one kind, and counts them.
///
/// # Errors
/// When the database fails.
pub fn mark_all_read(
    connection: &mut DatabaseConnection,
    kind: Option<&str>,
    now_millis: i64,
) -> Result<usize, StoreError> {
    let unread = notices::table.filter(notices::read_at.is_null());
    let set = notices::read_at.eq(now_millis);
    Ok(match kind {
        Some(kind) => diesel::update(unread.filter(notices::kind.eq(kind)))
            .set(set)
            .execute(connection)?,
        None => diesel::update(unread).set(set).execute(connection)?,
    })
}

/// Whether there is a notice whose deliveries have not been made.
///
/// # Errors
/// When the database fails.
pub fn is_any_to_distribute(connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
    let waiting = notices::table.filter(notices::distributed_at.is_null());
    Ok(diesel::select(diesel::dsl::exists(waiting)).get_result(connection)?)
}

/// Notices whose deliveries have not been made, oldest first; on PostgreSQL those that no other node is at.
///
/// # Errors
/// When the database fails.
pub fn to_distribute(
    connection: &mut DatabaseConnection,
    limit: i64,
) -> Result<Vec<NoticeRow>, StoreError> {
    let lock = match connection.dialect() {
        SqlDialect::Sqlite => "",
        SqlDialect::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    Statement::sql("SELECT * FROM notices WHERE distributed_at IS NULL ORDER BY id LIMIT ")
        .integer(limit)
        .push(lock)
        .cached()
        .load(connection)
}

/// The deliveries of this notice have been made.
///
/// # Errors
/// When the database fails.
pub fn set_distributed(
    connection: &mut DatabaseConnection,
    id: &str,
    now_millis: i64,
) -> Result<(), StoreError> {
    diesel::update(notices::table.find(id))
        .set(notices::distributed_at.eq(now_millis))
        .execute(connection)?;
    Ok(())
}

/// Removes notices of before then with their deliveries, but none that is still on its way; so many at most.
/// Counts them.
///
/// # Errors
/// When the database fails.
pub fn prune(
    connection: &mut DatabaseConnection,
    before_millis: i64,
    limit: i64,
) -> Result<usize, StoreError> {
    let pending = deliveries::table
        .filter(deliveries::notice_id.eq(notices::id))
        .filter(deliveries::state.eq("pending"));
    let old: Vec<String> = notices::table
        .filter(notices::at.lt(before_millis))
        .filter(notices::distributed_at.is_not_null())
        .filter(diesel::dsl::not(diesel::dsl::exists(pending)))
        .order(notices::id)
        .limit(limit)
        .select(notices::id)
        .load(connection)?;
    for chunk in old.chunks(super::connection::CHUNK) {
        diesel::delete(deliveries::table.filter(deliveries::notice_id.eq_any(chunk.to_vec())))
            .execute(connection)?;
        diesel::delete(notices::table.filter(notices::id.eq_any(chunk.to_vec())))
            .execute(connection)?;
    }
    Ok(old.len())
}
