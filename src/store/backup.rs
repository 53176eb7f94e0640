//! Copies of a SQLite database: taken while others write, marked, looked at, and made ready to be served from.

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::error::StoreError;
use super::functions;
use super::{settings, sql::Statement};

/// The setting in a copy that tells when it was taken.
const TAKEN_AT: &str = "backup_taken_at";
/// The setting in a restored database that tells when it was restored, and from a copy of when.
const RESTORED: &str = "restored";

/// What may stand in the path of a URI as it is.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.');

/// Copies all of a database, as it is at one moment, into a file that is there and empty. Others read and write
/// meanwhile; what they commit after the beginning is not in the copy. Their write-ahead log cannot be taken over
/// into the database until the copy is done, and grows by what they write.
///
/// # Errors
/// When the database cannot be read or the file not be written; the file is then of no use.
pub fn copy_into(connection: &mut DatabaseConnection, file: &Path) -> Result<(), StoreError> {
    Statement::sql("VACUUM INTO ")
        .text(file.to_string_lossy())
        .execute(connection)?;
    Ok(())
}

/// Notes in a copy when it was taken, and makes it one file with nothing beside it.
///
/// # Errors
/// When it cannot be written.
pub fn mark(file: &Path, taken_at: Timestamp) -> Result<(), StoreError> {
    let mut connection = SqliteConnection::establish(&file.to_string_lossy())?;
    connection.batch_execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;")?;
    let mut connection = DatabaseConnection::Sqlite(connection);
    settings::set(&mut connection, TAKEN_AT, &taken_at.as_millis().to_string())
}

/// When the copy was taken that a connection reads; none where it was not taken by [`copy_into`].
///
/// # Errors
/// When the database fails.
pub fn taken_at(connection: &mut DatabaseConnection) -> Result<Option<Timestamp>, StoreError> {
    let text = settings::find(connection, TAKEN_AT)?;
    Ok(text
        .and_then(|text| text.parse().ok())
        .map(Timestamp::from_millis))
}

/// Opens a copy to read it, and changes nothing, not even beside it.
///
/// # Errors
/// When it cannot be opened.
pub fn open_unchanged(file: &Path) -> Result<DatabaseConnection, StoreError> {
    let path = file.to_string_lossy();
    let path = utf8_percent_encode(&path, PATH);
    let mut connection = SqliteConnection::establish(&format!("file:{path}?mode=ro&immutable=1"))?;
    connection.batch_execute("PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY;")?;
    functions::register(&mut connection)?;
    Ok(DatabaseConnection::Sqlite(connection))
}

/// Makes a database one file again, with nothing beside it; to be called on its only connection, last.
///
/// # Errors
/// When it cannot be written.
pub fn settle(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if let DatabaseConnection::Sqlite(connection) = connection {
        connection.batch_execute("PRAGMA journal_mode = DELETE;")?;
    }
    Ok(())
}

/// How much there is of what matters.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Contents {
    /// Resources of every type and directory.
    #[diesel(sql_type = BigInt)]
    pub resources: i64,
    /// Credentials, also those that have ended.
    #[diesel(sql_type = BigInt)]
    pub credentials: i64,
    /// Audit events.
    #[diesel(sql_type = BigInt)]
    pub audit_events: i64,
}

/// Counts it.
///
/// # Errors
/// When the database fails.
pub fn contents(connection: &mut DatabaseConnection) -> Result<Contents, StoreError> {
    let mut rows: Vec<Contents> = Statement::sql(
        "SELECT (SELECT COUNT(*) FROM resources) AS resources, \
         (SELECT COUNT(*) FROM credentials) AS credentials, \
         (SELECT COUNT(*) FROM audit_events) AS audit_events",
    )
    .load(connection)?;
    rows.pop().ok_or(StoreError::Corrupt { what: "count" })
}

/// A restoration, as the restored database remembers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoration {
    /// When it was.
    pub restored_at: Timestamp,
    /// When the copy was taken, where that is known.
    pub taken_at: Option<Timestamp>,
}

/// Remembers a restoration, and that the database is a backup no more.
///
/// # Errors
/// When the database fails.
pub fn remember(
    connection: &mut DatabaseConnection,
    restoration: &Restoration,
) -> Result<(), StoreError> {
    let taken_at = restoration.taken_at.map(Timestamp::to_rfc3339);
    let text = format!(
        "{} {}",
        restoration.restored_at.to_rfc3339(),
        taken_at.as_deref().unwrap_or("-")
    );
    settings::delete(connection, TAKEN_AT)?;
    settings::set(connection, RESTORED, &text)
}

/// The last restoration, where there was one.
///
/// # Errors
/// When the database fails.
pub fn restoration(connection: &mut DatabaseConnection) -> Result<Option<Restoration>, StoreError> {
    let text = settings::find(connection, RESTORED)?;
    Ok(text.as_deref().and_then(|text| {
        let (restored_at, taken_at) = text.split_once(' ')?;
        Some(Restoration {
            restored_at: Timestamp::parse_rfc3339(restored_at)?,
            taken_at: Timestamp::parse_rfc3339(taken_at),
        })
    }))
}

/// When the newest audit event happened: nothing later is known there.
///
/// # Errors
/// When the database fails.
pub fn newest_event(connection: &mut DatabaseConnection) -> Result<Option<Timestamp>, StoreError> {
    #[derive(QueryableByName)]
    struct Newest {
        #[diesel(sql_type = BigInt)]
        at: i64,
    }
    let rows: Vec<Newest> =
        Statement::sql("SELECT at FROM audit_events ORDER BY at DESC LIMIT 1").load(connection)?;
    let newest = rows.into_iter().next();
    Ok(newest.map(|row| Timestamp::from_millis(row.at)))
}
