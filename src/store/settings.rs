//! Settings of the deployment that live in the database: one text per name.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::schema::settings;
use crate::clock::Timestamp;

/// The value of a setting.
///
/// # Errors
/// When the database fails.
pub fn find(connection: &mut DatabaseConnection, name: &str) -> Result<Option<String>, StoreError> {
    Ok(settings::table
        .find(name)
        .select(settings::value)
        .first(connection)
        .optional()?)
}

/// Sets a setting, whatever it was.
///
/// # Errors
/// When the database fails.
pub fn set(connection: &mut DatabaseConnection, name: &str, value: &str) -> Result<(), StoreError> {
    let row = (settings::name.eq(name), settings::value.eq(value));
    on_either!(connection, connection => diesel::insert_into(settings::table)
        .values(row)
        .on_conflict(settings::name)
        .do_update()
        .set(settings::value.eq(value))
        .execute(connection))?;
    Ok(())
}

/// Takes a setting away.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, name: &str) -> Result<(), StoreError> {
    diesel::delete(settings::table.find(name)).execute(connection)?;
    Ok(())
}

/// Sets a setting that has no value yet; one that has keeps it (two nodes may start at once).
///
/// # Errors
/// When the database fails.
pub fn set_once(
    connection: &mut DatabaseConnection,
    name: &str,
    value: &str,
) -> Result<(), StoreError> {
    let row = (settings::name.eq(name), settings::value.eq(value));
    match connection {
        DatabaseConnection::Sqlite(connection) => diesel::insert_into(settings::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
        DatabaseConnection::Postgres(connection) => diesel::insert_into(settings::table)
            .values(row)
            .on_conflict_do_nothing()
            .execute(connection)?,
    };
    Ok(())
}

/// Writes something that nobody reads, and takes most of it away again: what is left over on a full disk does not
/// do for that.
///
/// # Errors
/// When it is not.
pub fn probe(connection: &mut DatabaseConnection, now: Timestamp) -> Result<(), StoreError> {
    const NAME: &str = "write_probe";
    const BYTES: usize = 64 * 1024;
    set(connection, NAME, &"x".repeat(BYTES))?;
    set(connection, NAME, &now.to_rfc3339())
}
