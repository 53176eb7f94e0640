//! How many resources of each type a directory holds: kept by the write that changes it.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::DirectoryId;
use super::resources::Resource;
use super::schema::{resource_counts, resources};
use super::sql::Statement;

/// How many resources of a type a directory holds, from the maintained counts.
///
/// # Errors
/// When the database fails.
pub fn count(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
) -> Result<i64, StoreError> {
    let stripes: Vec<i64> = resource_counts::table
        .filter(resource_counts::directory_id.eq(directory.as_str()))
        .filter(resource_counts::resource_type.eq(resource_type))
        .select(resource_counts::count)
        .load(connection)?;
    Ok(stripes.iter().sum())
}

/// The same counted row by row, to check the maintained counts against.
///
/// # Errors
/// When the database fails.
pub fn count_rows(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
) -> Result<i64, StoreError> {
    Ok(resources::table
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type))
        .count()
        .get_result(connection)?)
}

/// The rows among which a count is divided, since writers of PostgreSQL hold one until they have committed.
const STRIPES: u32 = 64;

/// Counts resources that come (1) or go (-1).
///
/// # Errors
/// When the database fails.
pub(super) fn add(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    change: i64,
) -> Result<(), StoreError> {
    adding(resource, change, "").cached().execute(connection)?;
    Ok(())
}

/// The statement that counts, as often as there are rows `from` something.
pub(super) fn adding(resource: &Resource, change: i64, from: &str) -> Statement {
    let stripe = crc32fast::hash(resource.id.as_str().as_bytes()) % STRIPES;
    Statement::sql(
        "INSERT INTO resource_counts (directory_id, resource_type, stripe, count) SELECT ",
    )
    .text(resource.directory_id.as_str())
    .push(", ")
    .text(resource.resource_type.as_str())
    .push(", ")
    .integer(stripe.into())
    .push(", ")
    .integer(change)
    .push(format!("{from} WHERE TRUE "))
    .push(
        "ON CONFLICT (directory_id, resource_type, stripe) \
         DO UPDATE SET count = resource_counts.count + excluded.count",
    )
}

/// Forgets the counts of a directory.
///
/// # Errors
/// When the database fails.
pub(super) fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    diesel::delete(
        resource_counts::table.filter(resource_counts::directory_id.eq(directory.as_str())),
    )
    .execute(connection)?;
    Ok(())
}
