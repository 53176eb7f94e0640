//! The embedded migrations, applied under a lock so that several nodes may start at once.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connection::{DatabaseConnection, DatabaseUrl};
use super::error::StoreError;

pub(super) const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The key of PostgreSQL's advisory lock; any number of our own.
const LOCK_KEY: i64 = 0x706f_7274_6375_6c6c;
const LOCK_PAUSE: Duration = Duration::from_millis(100);

/// The migrations that make an index beside writers, which is no transaction, each with its index: what breaks off
/// leaves the index behind, and the next start would find its name taken.
const BESIDE_WRITERS: [(&str, &str); 10] = [
    ("00000000000015", "deliveries_failed"),
    ("00000000000016", "credentials_by_expiry"),
    ("00000000000017", "receipts_by_time"),
    ("00000000000018", "notices_by_kind"),
    ("00000000000019", "notices_unread"),
    ("00000000000020", "deliveries_by_kind"),
    ("00000000000021", "deleted_people_by_user_name"),
    ("00000000000022", "deleted_people_by_display_name"),
    ("00000000000023", "credentials_by_product"),
    ("00000000000026", "deliveries_withheld"),
];

/// Applies what is pending and gives the versions applied now.
///
/// # Errors
/// When a migration fails, or when the database was migrated by a newer release than this one.
pub fn run(url: &DatabaseUrl) -> Result<Vec<String>, StoreError> {
    match url.connect()? {
        DatabaseConnection::Sqlite(mut connection) => {
            connection.immediate_transaction(|connection| {
                refuse_newer(connection, &SQLITE)?;
                apply(connection, SQLITE)
            })
        }
        DatabaseConnection::Postgres(mut connection) => {
            lock(&mut connection)?;
            let applied = refuse_newer(&mut connection, &POSTGRES)
                .and_then(|()| apply_to_postgres(&mut connection));
            connection.batch_execute(&format!("SELECT pg_advisory_unlock({LOCK_KEY})"))?;
            applied
        }
    }
}

/// Waits for whoever else migrates. Between one question and the next nothing is open: an index that is made beside
/// writers waits for all that began before it, and would wait for those who wait for it.
fn lock(connection: &mut PgConnection) -> Result<(), StoreError> {
    let question = sql::<Bool>(&format!("SELECT pg_try_advisory_lock({LOCK_KEY})"));
    while !question.clone().get_result::<bool>(connection)? {
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(())
}

/// Whether every migration of this release has been applied.
///
/// # Errors
/// When the database cannot be asked.
pub fn is_current(connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
    let pending = match connection {
        DatabaseConnection::Sqlite(connection) => connection.has_pending_migration(SQLITE),
        DatabaseConnection::Postgres(connection) => connection.has_pending_migration(POSTGRES),
    };
    pending.map(|pending| !pending).map_err(migration_error)
}

/// How the tables of a database compare with those of this release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationState {
    /// The versions that have been applied, oldest first.
    pub applied: Vec<String>,
    /// What of this release has not been applied.
    pub pending: Vec<String>,
    /// What has been applied that this release does not know: a newer one has.
    pub unknown: Vec<String>,
}

/// Compares them; changes nothing but the table in which migrations are noted, where that is missing.
///
/// # Errors
/// When the database cannot be asked.
pub fn state(connection: &mut DatabaseConnection) -> Result<MigrationState, StoreError> {
    match connection {
        DatabaseConnection::Sqlite(connection) => compare(connection, &SQLITE),
        DatabaseConnection::Postgres(connection) => compare(connection, &POSTGRES),
    }
}

fn compare<DB, C>(
    connection: &mut C,
    source: &EmbeddedMigrations,
) -> Result<MigrationState, StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(migration_error)?;
    let known: Vec<String> = known
        .iter()
        .map(|migration| migration.name().version().to_string())
        .collect();
    let applied = connection.applied_migrations().map_err(migration_error)?;
    let mut applied: Vec<String> = applied.iter().map(ToString::to_string).collect();
    applied.sort();
    let without = |all: &[String], others: &[String]| -> Vec<String> {
        let left = all.iter().filter(|version| !others.contains(version));
        left.cloned().collect()
    };
    Ok(MigrationState {
        pending: without(&known, &applied),
        unknown: without(&applied, &known),
        applied,
    })
}

fn apply<DB, C>(connection: &mut C, source: EmbeddedMigrations) -> Result<Vec<String>, StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let applied = connection
        .run_pending_migrations(source)
        .map_err(migration_error)?;
    Ok(applied.iter().map(ToString::to_string).collect())
}

/// Applies them one after the other; what one of them left behind when it broke off is removed before.
fn apply_to_postgres(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let pending = connection
        .pending_migrations(POSTGRES)
        .map_err(migration_error)?;
    let mut applied = Vec::with_capacity(pending.len());
    for migration in pending {
        let version = migration.name().version().to_string();
        let left = BESIDE_WRITERS.iter().find(|(known, _)| *known == version);
        if let Some((_, index)) = left {
            connection.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {index}"))?;
        }
        connection
            .run_migration(&migration)
            .map_err(migration_error)?;
        applied.push(version);
    }
    Ok(applied)
}

/// A database that a newer release has migrated may hold what this one would destroy.
fn refuse_newer<DB, C>(connection: &mut C, source: &EmbeddedMigrations) -> Result<(), StoreError>
where
    DB: diesel::backend::Backend,
    C: MigrationHarness<DB>,
    EmbeddedMigrations: MigrationSource<DB>,
{
    let known: Vec<Box<dyn Migration<DB>>> = source.migrations().map_err(migration_error)?;
    let known: Vec<MigrationVersion<'_>> = known
        .iter()
        .map(|migration| migration.name().version())
        .collect();
    let applied = connection.applied_migrations().map_err(migration_error)?;
    match applied.iter().find(|version| !known.contains(version)) {
        Some(version) => Err(StoreError::Migration(format!(
            "the database was migrated to version {version} by a newer release; install that release"
        ))),
        None => Ok(()),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the form that map_err asks for"
)]
pub(super) fn migration_error(error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    StoreError::Migration(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_migration_that_makes_an_index_beside_writers_is_known_with_it() {
        let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres");
        let mut found: Vec<(String, String)> = Vec::new();
        for entry in std::fs::read_dir(migrations).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(path.join("up.sql")).unwrap();
            for (_, made) in text
                .match_indices("INDEX CONCURRENTLY ")
                .map(|(at, begin)| {
                    let rest = &text[at + begin.len()..];
                    (at, rest.split(' ').next().unwrap().to_owned())
                })
            {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let (version, _) = name.split_once('_').unwrap();
                found.push((version.to_owned(), made));
            }
        }
        found.sort();
        let known = BESIDE_WRITERS.map(|(version, index)| (version.to_owned(), index.to_owned()));
        assert_eq!(found, known);
    }

    #[test]
    fn sqlite_is_migrated_once_and_then_current() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let url = DatabaseUrl::Sqlite(directory.join("portcullis.db"));
        assert!(!run(&url).unwrap().is_empty());
        assert!(run(&url).unwrap().is_empty());
        assert!(is_current(&mut url.connect().unwrap()).unwrap());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
