//! A database for one server: a file, or a database of its own in the PostgreSQL that the tests are given.

use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use portcullis::store::DatabaseUrl;
use uuid::Uuid;

/// The PostgreSQL server of the tests, with a role that may create databases.
const POSTGRES_VARIABLE: &str = "PORTCULLIS_TEST_POSTGRES_URL";

/// The databases on which Portcullis gives the same answers (promise P15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// Both of them, for tests that compare.
pub fn databases() -> [DatabaseKind; 2] {
    [DatabaseKind::Sqlite, DatabaseKind::Postgres]
}

/// An empty database, removed when dropped.
pub struct TestDatabase {
    /// A directory that is removed with it.
    pub directory: PathBuf,
    /// Where it is.
    pub url: DatabaseUrl,
    on_postgres: Option<OnPostgres>,
}

/// The database of this name, and the server that it is on.
struct OnPostgres {
    server: String,
    name: String,
}

impl TestDatabase {
    pub fn create(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Sqlite => {
                let (_, directory) = named_directory();
                let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
                Self {
                    directory,
                    url,
                    on_postgres: None,
                }
            }
            DatabaseKind::Postgres => Self::create_on(&postgres_url()),
        }
    }

    /// On this PostgreSQL server, which must outlive it or be gone by then.
    pub fn create_on(server: &str) -> Self {
        let (name, directory) = named_directory();
        execute(server, &format!("CREATE DATABASE {name}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self {
            directory,
            url: DatabaseUrl::Postgres(with_database(server, &name)),
            on_postgres: Some(OnPostgres {
                server: server.to_owned(),
                name,
            }),
        }
    }

    /// The same database on another server, of which this one has a replica there.
    pub fn on_replica(&self, server: &str) -> Option<String> {
        let on_postgres = self.on_postgres.as_ref()?;
        Some(with_database(server, &on_postgres.name))
    }
}

/// A name that nothing has yet, and a directory of that name.
fn named_directory() -> (String, PathBuf) {
    let name = format!("portcullis_test_{}", Uuid::now_v7().simple());
    let directory = std::env::temp_dir().join(&name);
    std::fs::create_dir(&directory).expect("a temporary directory can be made");
    (name, directory)
}

impl TestDatabase {
    /// Which of the two it is.
    pub fn kind(&self) -> DatabaseKind {
        match self.on_postgres {
            Some(_) => DatabaseKind::Postgres,
            None => DatabaseKind::Sqlite,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(OnPostgres { server, name }) = &self.on_postgres {
            // With a server of the test's own, it goes anyway.
            let _ = execute(
                server,
                &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            );
        }
        // What is left of a temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// The PostgreSQL server of the tests.
pub fn postgres_url() -> String {
    std::env::var(POSTGRES_VARIABLE)
        .unwrap_or_else(|_| panic!("{POSTGRES_VARIABLE} is not set: run the tests by scripts/test"))
}

/// The same URL with another database.
fn with_database(url: &str, name: &str) -> String {
    let (address, options) = url
        .split_once('?')
        .map_or((url, None), |(address, options)| (address, Some(options)));
    let server = address
        .rsplit_once('/')
        .map(|(server, _)| server)
        .filter(|server| !server.ends_with('/'))
        .unwrap_or(address);
    match options {
        Some(options) => format!("{server}/{name}?{options}"),
        None => format!("{server}/{name}"),
    }
}

fn execute(server: &str, statement: &str) -> Result<(), String> {
    PgConnection::establish(server)
        .map_err(|error| error.to_string())?
        .batch_execute(statement)
        .map_err(|error| error.to_string())
}
