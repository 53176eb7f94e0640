//! What a database says of itself: whether its files are whole, and whether its settings keep what is promised.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::DatabaseConnection;
use super::error::StoreError;

/// The settings of a PostgreSQL server that durability and correctness hang on.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ServerSettings {
    /// Whether what is committed is forced to the disk: `on` or `off`.
    #[diesel(sql_type = Text)]
    pub fsync: String,
    /// Whether half-written pages can be mended after a crash: `on` or `off`.
    #[diesel(sql_type = Text)]
    pub full_page_writes: String,
    /// Whether a commit waits for the disk, on a connection that sets nothing.
    #[diesel(sql_type = Text)]
    pub default_synchronous_commit: String,
    /// The same on this connection, which has set it.
    #[diesel(sql_type = Text)]
    pub synchronous_commit: String,
    /// The encoding of the database.
    #[diesel(sql_type = Text)]
    pub encoding: String,
    /// How many connections it takes.
    #[diesel(sql_type = BigInt)]
    pub max_connections: i64,
    /// What time it is there, in milliseconds since the epoch.
    #[diesel(sql_type = BigInt)]
    pub now_millis: i64,
}

/// Asks a server; none where it is not PostgreSQL.
///
/// # Errors
/// When it cannot be asked.
pub fn server_settings(
    connection: &mut DatabaseConnection,
) -> Result<Option<ServerSettings>, StoreError> {
    let DatabaseConnection::Postgres(connection) = connection else {
        return Ok(None);
    };
    let query = "SELECT current_setting('fsync') AS fsync,
        current_setting('full_page_writes') AS full_page_writes,
        (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit') AS default_synchronous_commit,
        current_setting('synchronous_commit') AS synchronous_commit,
        current_setting('server_encoding') AS encoding,
        current_setting('max_connections')::bigint AS max_connections,
        (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint AS now_millis";
    Ok(Some(diesel::sql_query(query).get_result(connection)?))
}

/// How many bytes a SQLite database has; none where it is PostgreSQL.
///
/// # Errors
/// When it cannot be asked.
pub fn sqlite_size(connection: &mut DatabaseConnection) -> Result<Option<i64>, StoreError> {
    #[derive(QueryableByName)]
    struct Size {
        #[diesel(sql_type = BigInt)]
        bytes: i64,
    }
    let DatabaseConnection::Sqlite(connection) = connection else {
        return Ok(None);
    };
    let query =
        "SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()";
    let size: Size = diesel::sql_query(query).get_result(connection)?;
    Ok(Some(size.bytes))
}

/// Reads all of a SQLite database and gives what is wrong with it, a few lines at most; also what refers to
/// something that is not there. Indexes are held against their tables only where it is to be thorough, which
/// takes several times as long.
///
/// # Errors
/// When it cannot be read at all.
pub fn sqlite_damage(
    connection: &mut DatabaseConnection,
    thorough: bool,
) -> Result<Vec<String>, StoreError> {
    #[derive(QueryableByName)]
    struct Line {
        #[diesel(sql_type = Text)]
        line: String,
    }
    let DatabaseConnection::Sqlite(connection) = connection else {
        return Ok(Vec::new());
    };
    let query = if thorough {
        "SELECT integrity_check AS line FROM pragma_integrity_check LIMIT 5"
    } else {
        "SELECT quick_check AS line FROM pragma_quick_check LIMIT 5"
    };
    let mut lines: Vec<Line> = diesel::sql_query(query).load(connection)?;
    lines.retain(|found| found.line != "ok");
    let query = "SELECT \"table\" || ' refers to a row of ' || parent || ' that is not there' AS line \
        FROM pragma_foreign_key_check() LIMIT 5";
    let unreferred: Vec<Line> = diesel::sql_query(query).load(connection)?;
    Ok(lines
        .into_iter()
        .chain(unreferred)
        .map(|found| found.line)
        .collect())
}
