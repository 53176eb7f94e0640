//! For units: a SQLite database that is gone with its value, and how SQLite would run a statement in it.

use std::path::PathBuf;

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::sql::Statement;
use super::{Database, DatabaseUrl};

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

pub struct Temporary {
    directory: PathBuf,
    pub database: Database,
}

impl Temporary {
    pub fn create() -> Self {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&directory).unwrap();
        let url = DatabaseUrl::Sqlite(directory.join("portcullis.sqlite"));
        let database = Database::migrate_and_open(url, 1).unwrap();
        Self {
            directory,
            database,
        }
    }

    /// The steps in which the statement would be run.
    pub fn plan(&self, statement: Statement) -> Vec<String> {
        let explained = Statement::sql("EXPLAIN QUERY PLAN ").append(statement);
        let steps: Vec<Step> = self
            .database
            .read_now(|connection| explained.load(connection))
            .unwrap();
        steps.into_iter().map(|step| step.detail).collect()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What is left of it is in the directory for what is temporary.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
