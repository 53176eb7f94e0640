//! The recent SCIM requests of each directory, and how often each leniency was needed.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::DirectoryId;
use super::schema::{leniency_counts, scim_requests};

/// How many requests of a directory are kept.
const KEPT: i64 = 1000;

/// A logged request, without personal data beyond identifiers. Times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = scim_requests)]
pub struct ScimRequestRow {
    /// Its identifier.
    pub id: String,
    /// The directory.
    pub directory_id: String,
    /// When it came in.
    pub at: i64,
    /// The key that it was made with.
    pub credential_id: String,
    /// The method.
    pub method: String,
    /// The path, and the query with its values taken out.
    pub path: String,
    /// The status of the answer.
    pub status: i32,
    /// `success`, or the `scimType` of the error.
    pub outcome: String,
    /// The attributes that it named, as a JSON array.
    pub changed: String,
    /// The leniencies that it needed, as a JSON array.
    pub leniencies: String,
    /// How long the answer took, in microseconds.
    pub duration_micros: i64,
}

/// Adds requests, and counts the leniencies that they needed.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    requests: &[ScimRequestRow],
) -> Result<(), StoreError> {
    for request in requests {
        let statement = diesel::insert_into(scim_requests::table).values(request);
        on_either!(connection, connection => statement.execute(connection))?;
    }
    Ok(())
}

/// Drops all but the newest of a directory.
///
/// # Errors
/// When the database fails.
pub fn prune(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    let oldest_kept: Option<String> = scim_requests::table
        .filter(scim_requests::directory_id.eq(directory.as_str()))
        .order(scim_requests::id.desc())
        .offset(KEPT - 1)
        .limit(1)
        .select(scim_requests::id)
        .first(connection)
        .optional()?;
    if let Some(oldest_kept) = oldest_kept {
        diesel::delete(
            scim_requests::table
                .filter(scim_requests::directory_id.eq(directory.as_str()))
                .filter(scim_requests::id.lt(oldest_kept)),
        )
        .execute(connection)?;
    }
    Ok(())
}

/// A page of requests before an id, newest first; only those that were refused or failed, where that is said.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    only_failed: bool,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<ScimRequestRow>, StoreError> {
    let mut query = scim_requests::table
        .filter(scim_requests::directory_id.eq(directory.as_str().to_owned()))
        .order(scim_requests::id.desc())
        .limit(limit)
        .select(ScimRequestRow::as_select())
        .into_boxed();
    if only_failed {
        query = query.filter(scim_requests::status.ge(400));
    }
    if let Some(before) = before {
        query = query.filter(scim_requests::id.lt(before.to_owned()));
    }
    Ok(query.load(connection)?)
}

/// Counts uses of leniencies.
///
/// # Errors
/// When the database fails.
pub fn count_leniencies(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    uses: &[(String, i64)],
    now: Timestamp,
) -> Result<(), StoreError> {
    for (leniency, times) in uses {
        let row = (
            leniency_counts::directory_id.eq(directory.as_str()),
            leniency_counts::leniency.eq(leniency),
            leniency_counts::count.eq(*times),
            leniency_counts::last_at.eq(now.as_millis()),
        );
        on_either!(connection, connection => diesel::insert_into(leniency_counts::table)
            .values(row)
            .on_conflict((leniency_counts::directory_id, leniency_counts::leniency))
            .do_update()
            .set((
                leniency_counts::count.eq(leniency_counts::count + *times),
                leniency_counts::last_at.eq(now.as_millis()),
            ))
            .execute(connection)?);
    }
    Ok(())
}

/// The leniencies that a directory needed: name, how often, and when last in milliseconds since the epoch.
///
/// # Errors
/// When the database fails.
pub fn list_leniencies(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    Ok(leniency_counts::table
        .filter(leniency_counts::directory_id.eq(directory.as_str()))
        .order(leniency_counts::leniency)
        .select((
            leniency_counts::leniency,
            leniency_counts::count,
            leniency_counts::last_at,
        ))
        .load(connection)?)
}

/// Removes what was kept of a directory.
///
/// # Errors
/// When the database fails.
pub fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    let id = directory.as_str();
    diesel::delete(scim_requests::table.filter(scim_requests::directory_id.eq(id)))
        .execute(connection)?;
    diesel::delete(leniency_counts::table.filter(leniency_counts::directory_id.eq(id)))
        .execute(connection)?;
    Ok(())
}
