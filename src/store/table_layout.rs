//! Whether the tables of a SQLite file are those that the migrations make, and nothing is there beside them.
//!
//! A file from elsewhere is data, but its triggers, views, defaults and generated columns are statements that would
//! run here.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel_migrations::MigrationHarness;

use super::DatabaseConnection;
use super::error::StoreError;
use super::functions;
use super::migrate::{SQLITE, migration_error};

/// One entry of SQLite's own table of what there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
struct Entry {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    table_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    sql: Option<String>,
}

/// What a SQLite file has that the migrations it names do not make, or lacks of what they make, as `kind name`; of
/// another kind of database nothing.
///
/// # Errors
/// When the file cannot be read, or the migrations cannot be run in memory.
pub fn differences(
    connection: &mut DatabaseConnection,
    applied: &[String],
) -> Result<Vec<String>, StoreError> {
    let DatabaseConnection::Sqlite(connection) = connection else {
        return Ok(Vec::new());
    };
    let found = entries(connection)?;
    let expected = entries(&mut of_migrations(applied)?)?;
    let named: BTreeSet<String> = found
        .symmetric_difference(&expected)
        .map(|entry| format!("{} {}", entry.kind, entry.name))
        .collect();
    Ok(named.into_iter().collect())
}

/// The table in which migrations are noted.
const NOTES: &str = "__diesel_schema_migrations";

/// Whether what a SQLite file has under the name of the table of migrations is something else: to read that would run
/// a statement of the file.
///
/// # Errors
/// When the file cannot be read.
pub fn has_foreign_notes(connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
    let DatabaseConnection::Sqlite(connection) = connection else {
        return Ok(false);
    };
    let notes = |entries: BTreeSet<Entry>| -> Vec<Entry> {
        let mut entries: Vec<Entry> = entries.into_iter().collect();
        entries.retain(|entry| entry.name == NOTES || entry.table_name == NOTES);
        entries
    };
    let found = notes(entries(connection)?);
    Ok(!found.is_empty() && found != notes(entries(&mut of_migrations(&[])?)?))
}

/// A database in memory that has had these migrations and no others.
fn of_migrations(applied: &[String]) -> Result<SqliteConnection, StoreError> {
    let mut connection = SqliteConnection::establish(":memory:")?;
    functions::register(&mut connection)?;
    // Makes the table in which they are noted.
    connection.applied_migrations().map_err(migration_error)?;
    let known: Vec<Box<dyn Migration<Sqlite>>> = SQLITE.migrations().map_err(migration_error)?;
    for migration in &known {
        if applied.contains(&migration.name().version().to_string()) {
            connection
                .run_migration(migration)
                .map_err(migration_error)?;
        }
    }
    Ok(connection)
}

/// All there is, but for the statistics that SQLite may have gathered for itself.
fn entries(connection: &mut SqliteConnection) -> Result<BTreeSet<Entry>, StoreError> {
    const QUERY: &str = "SELECT name, type AS kind, tbl_name AS table_name, sql FROM sqlite_master
        WHERE sql IS NOT 'CREATE TABLE sqlite_stat1(tbl,idx,stat)'
            AND sql IS NOT 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'";
    let entries: Vec<Entry> = diesel::sql_query(QUERY).load(connection)?;
    Ok(entries.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use diesel::connection::SimpleConnection;

    use super::*;

    fn migrated() -> (DatabaseConnection, Vec<String>) {
        let versions: Vec<Box<dyn Migration<Sqlite>>> = SQLITE.migrations().unwrap();
        let versions: Vec<String> = versions
            .iter()
            .map(|migration| migration.name().version().to_string())
            .collect();
        let connection = of_migrations(&versions).unwrap();
        (DatabaseConnection::Sqlite(connection), versions)
    }

    #[test]
    fn what_the_migrations_make_does_not_differ_whatever_was_gathered_about_it() {
        let (mut connection, versions) = migrated();
        assert_eq!(differences(&mut connection, &versions).unwrap(), [""; 0]);
        connection.batch_execute("ANALYZE").unwrap();
        assert_eq!(differences(&mut connection, &versions).unwrap(), [""; 0]);
    }

    #[test]
    fn whatever_was_added_changed_or_removed_is_named() {
        for (statements, expected) in [
            (
                "CREATE TRIGGER t AFTER INSERT ON settings BEGIN DELETE FROM audit_events; END",
                "trigger t",
            ),
            ("CREATE VIEW v AS SELECT 1", "view v"),
            (
                "ALTER TABLE settings ADD COLUMN x TEXT DEFAULT 'x'",
                "table settings",
            ),
            ("DROP TABLE sent_notices", "table sent_notices"),
        ] {
            let (mut connection, versions) = migrated();
            connection.batch_execute(statements).unwrap();
            let found = differences(&mut connection, &versions).unwrap();
            assert!(
                found.contains(&expected.to_owned()),
                "{statements}: {found:?}"
            );
        }
    }
}
