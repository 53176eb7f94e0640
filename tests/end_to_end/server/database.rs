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
    postgres_name: Option<String>,
}

impl TestDatabase {
    pub fn create(kind: DatabaseKind) -> Self {
        let name = format!("portcullis_test_{}", Uuid::now_v7().simple());
        let directory = std::env::temp_dir().join(&name);
        std::fs::create_dir(&directory).expect("a temporary directory can be made");
        let (url, postgres_name) = match kind {
            DatabaseKind::Sqlite => {
                let file = directory.join("portcullis.sqlite");
                (DatabaseUrl::Sqlite(file), None)
            }
            DatabaseKind::Postgres => {
                execute_on_postgres(&format!("CREATE DATABASE {name}"));
                let url = with_database(&postgres_url(), &name);
                (DatabaseUrl::Postgres(url), Some(name))
            }
        };
        Self {
            directory,
            url,
            postgres_name,
        }
    }
}

impl TestDatabase {
    /// Which of the two it is.
    pub fn kind(&self) -> DatabaseKind {
        match self.postgres_name {
            Some(_) => DatabaseKind::Postgres,
            None => DatabaseKind::Sqlite,
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some(name) = &self.postgres_name {
            execute_on_postgres(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
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

fn execute_on_postgres(statement: &str) {
    PgConnection::establish(&postgres_url())
        .expect("PostgreSQL can be reached")
        .batch_execute(statement)
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}
