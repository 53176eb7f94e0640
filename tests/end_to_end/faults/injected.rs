//! Faults that happen inside the database, not beside it: a change of a row that the database refuses, a commit
//! that it refuses, and a connection or a writer that is lost before a statement. The server is the one that
//! is shipped; triggers refuse, and diesel's instrumentation tells when a statement is about to be sent.
//!
//! No test lives here.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, RwLock};

use diesel::RunQueryDsl;
use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection, set_default_instrumentation,
};
use diesel::sql_types::{BigInt, Text};
use portcullis::store::{DatabaseConnection, DatabaseUrl, migrate};

use crate::server::DatabaseKind;

/// What says that a message is from here.
pub const MARK: &str = "an injected fault";
/// What an answer to a request may change beside what was asked for: when a credential was last used.
const OF_NO_INTEREST: [&str; 3] = ["last_used_at", "last_used_ip", "idle_expires_at"];
/// Longer than any connection lives on that was told to end, in milliseconds.
const PATIENCE: u32 = 10_000;

/// What is to go wrong, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The next commit of a transaction that changes anything is refused.
    Commit,
    /// The n-th change of a row from now on is refused.
    Row(u64),
    /// Before the n-th statement from now on, PostgreSQL loses the connection; on SQLite, where a statement
    /// of the writer counts, the writer ends in the middle of the transaction.
    Statement(u64),
}

/// One database in which things can go wrong.
pub struct Faults {
    name: String,
    watched: Arc<Watched>,
    control: Arc<Mutex<DatabaseConnection>>,
    dump: String,
}

/// What the instrumentation of a database's connections knows.
struct Watched {
    kind: DatabaseKind,
    /// Statements until the fault; none is armed at 0.
    remaining: AtomicU64,
    has_struck: AtomicBool,
    control: Arc<Mutex<DatabaseConnection>>,
}

/// The databases that are watched, by the address that connections are made with.
static WATCHED: RwLock<BTreeMap<String, Arc<Watched>>> = RwLock::new(BTreeMap::new());
static INSTRUMENT: Once = Once::new();

#[derive(diesel::QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    text: String,
}

#[derive(diesel::QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl Faults {
    /// Migrates the database and prepares it. From now on, connections to it are watched.
    pub fn prepare(kind: DatabaseKind, url: &DatabaseUrl) -> Self {
        migrate::run(url).expect("the database can be migrated");
        let mut control = url.connect().expect("the database can be reached");
        let tables = tables(&mut control);
        execute(&mut control, PLAN);
        for table in tables.keys() {
            execute(&mut control, &triggers(kind, table));
        }
        let control = Arc::new(Mutex::new(control));
        let watched = Arc::new(Watched {
            kind,
            remaining: AtomicU64::new(0),
            has_struck: AtomicBool::new(false),
            control: Arc::clone(&control),
        });
        let name = match url {
            DatabaseUrl::Sqlite(path) => path.to_string_lossy().into_owned(),
            DatabaseUrl::Postgres(url) => url.clone(),
        };
        INSTRUMENT.call_once(|| {
            set_default_instrumentation(|| Some(Box::new(Watch::default())))
                .expect("nobody panicked");
        });
        WATCHED
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.clone(), Arc::clone(&watched));
        Self {
            name,
            watched,
            control,
            dump: dump_of(kind, &tables),
        }
    }

    pub fn arm(&self, fault: Fault) {
        let (rows, at_commit, statements) = match fault {
            Fault::Commit => (-1, 1, 0),
            Fault::Row(number) => (i64::try_from(number).expect("few"), 0, 0),
            Fault::Statement(number) => (-1, 0, number),
        };
        self.plan(rows, at_commit);
        self.watched.has_struck.store(false, Ordering::SeqCst);
        self.watched.remaining.store(statements, Ordering::SeqCst);
    }

    /// Nothing goes wrong any more; whether a statement's turn had come.
    pub fn disarm(&self) -> bool {
        self.watched.remaining.store(0, Ordering::SeqCst);
        self.watched.has_struck.load(Ordering::SeqCst)
    }

    /// Ends the plan for rows, and tells how many changes it would have let pass yet.
    pub fn rows_left(&self) -> i64 {
        let left = self.read("SELECT CAST(remaining AS BIGINT) AS number FROM fault_plan");
        self.plan(-1, 0);
        left
    }

    /// Every row of every table, in an order that does not depend on the database.
    pub fn dump(&self) -> Vec<String> {
        let mut control = self.control.lock().expect("nobody panicked");
        let lines: Vec<Line> = match &mut *control {
            DatabaseConnection::Sqlite(connection) => {
                diesel::sql_query(&self.dump).load(connection)
            }
            DatabaseConnection::Postgres(connection) => {
                diesel::sql_query(&self.dump).load(connection)
            }
        }
        .expect("the tables can be read");
        let mut lines: Vec<String> = lines.into_iter().map(|line| line.text).collect();
        lines.sort();
        lines
    }

    fn plan(&self, rows: i64, at_commit: i64) {
        let mut control = self.control.lock().expect("nobody panicked");
        let plan = format!("UPDATE fault_plan SET remaining = {rows}, at_commit = {at_commit};");
        execute(&mut control, &plan);
    }

    fn read(&self, query: &str) -> i64 {
        let mut control = self.control.lock().expect("nobody panicked");
        let number: Number = match &mut *control {
            DatabaseConnection::Sqlite(connection) => {
                diesel::sql_query(query).get_result(connection)
            }
            DatabaseConnection::Postgres(connection) => {
                diesel::sql_query(query).get_result(connection)
            }
        }
        .expect("the plan can be read");
        number.number
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        WATCHED
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.name);
    }
}

/// The instrumentation of one connection, whosever it is.
#[derive(Default)]
struct Watch {
    of: Option<Arc<Watched>>,
    /// Whether SQLite's writer is in a transaction here.
    is_writing: bool,
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartEstablishConnection { url, .. } => {
                let watched = WATCHED.read().unwrap_or_else(PoisonError::into_inner);
                self.of = watched.get(url).cloned();
            }
            InstrumentationEvent::StartQuery { query, .. } => {
                if let Some(watched) = &self.of {
                    let is_writing = &mut self.is_writing;
                    watched.before_statement(&query.to_string(), is_writing);
                }
            }
            _ => {}
        }
    }
}

impl Watched {
    fn before_statement(&self, statement: &str, is_writing: &mut bool) {
        let counts = match self.kind {
            DatabaseKind::Postgres => !statement.starts_with("SET synchronous_commit"),
            // What fails at the commit is another fault: the writer is not inside of anybody's work there.
            DatabaseKind::Sqlite => {
                let is_between = ["BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"].contains(&statement);
                if is_between {
                    *is_writing = statement.starts_with("BEGIN");
                }
                *is_writing && !is_between
            }
        };
        if counts && self.is_the_turn() {
            self.has_struck.store(true, Ordering::SeqCst);
            match self.kind {
                DatabaseKind::Postgres => self.end_connections(),
                // Without the message that a panic prints.
                DatabaseKind::Sqlite => resume_unwind(Box::new(MARK)),
            }
        }
    }

    fn is_the_turn(&self) -> bool {
        let count = |left: u64| left.checked_sub(1);
        let before = self
            .remaining
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, count);
        before == Ok(1)
    }

    /// As an operator's `pg_terminate_backend` does, or a firewall.
    fn end_connections(&self) {
        let mut control = self.control.lock().expect("nobody panicked");
        execute(
            &mut control,
            &format!(
                "SELECT pg_terminate_backend(pid, {PATIENCE}) FROM pg_stat_activity
                 WHERE datname = current_database() AND backend_type = 'client backend'
                 AND pid <> pg_backend_pid();"
            ),
        );
    }
}

fn execute(connection: &mut DatabaseConnection, statements: &str) {
    connection
        .batch_execute(statements)
        .unwrap_or_else(|error| panic!("{statements}: {error}"));
}

/// A refused commit is a reference that is checked then, to a row that is not there.
const PLAN: &str =
    "CREATE TABLE fault_plan (remaining BIGINT NOT NULL, at_commit INTEGER NOT NULL);
    INSERT INTO fault_plan VALUES (-1, 0);
    CREATE TABLE fault_parents (id INTEGER PRIMARY KEY);
    CREATE TABLE fault_children (
        parent INTEGER REFERENCES fault_parents (id) DEFERRABLE INITIALLY DEFERRED
    );";

/// Before each change of a row, the plan is asked.
fn triggers(kind: DatabaseKind, table: &str) -> String {
    match kind {
        // FAIL keeps the plan counting, so that a failure that nobody minds is not followed by others.
        DatabaseKind::Sqlite => ["INSERT", "UPDATE", "DELETE"]
            .map(|change| {
                format!(
                    "CREATE TRIGGER fault_{change}_{table} BEFORE {change} ON {table} BEGIN
                        UPDATE fault_plan SET remaining = remaining - 1;
                        SELECT RAISE(FAIL, '{MARK}') FROM fault_plan WHERE remaining = 0;
                        INSERT INTO fault_children SELECT 1 FROM fault_plan WHERE at_commit = 1;
                    END;"
                )
            })
            .concat(),
        DatabaseKind::Postgres => format!(
            "CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                UPDATE fault_plan SET remaining = remaining - 1;
                IF (SELECT remaining FROM fault_plan) = 0 THEN
                    RAISE EXCEPTION '{MARK}';
                END IF;
                INSERT INTO fault_children SELECT 1 FROM fault_plan WHERE at_commit = 1;
                IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
                RETURN NEW;
             END $$;
             CREATE TRIGGER a_fault BEFORE INSERT OR UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION fault();"
        ),
    }
}

/// Our tables with their columns.
fn tables(connection: &mut DatabaseConnection) -> BTreeMap<String, Vec<String>> {
    let lines: Vec<Line> = match connection {
        DatabaseConnection::Sqlite(connection) => diesel::sql_query(
            "SELECT tables.name || ' ' || columns.name AS text
             FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
             AND tables.name NOT LIKE '\\_\\_%' ESCAPE '\\'",
        )
        .load(connection),
        DatabaseConnection::Postgres(connection) => diesel::sql_query(
            "SELECT table_name || ' ' || column_name AS text FROM information_schema.columns
             WHERE table_schema = 'public' AND table_name NOT LIKE '\\_\\_%' ORDER BY ordinal_position",
        )
        .load(connection),
    }
    .expect("the tables can be listed");
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines {
        let (table, column) = line.text.split_once(' ').expect("two names");
        let columns = tables.entry(table.to_owned()).or_default();
        if !OF_NO_INTEREST.contains(&column) {
            columns.push(column.to_owned());
        }
    }
    assert!(tables.contains_key("resources"), "{tables:?}");
    tables
}

/// The query that gives each row as a text that begins with its table.
fn dump_of(kind: DatabaseKind, tables: &BTreeMap<String, Vec<String>>) -> String {
    let queries = tables.iter().map(|(table, columns)| {
        let texts: Vec<String> = columns
            .iter()
            .map(|column| match kind {
                DatabaseKind::Sqlite => format!("quote(\"{column}\")"),
                DatabaseKind::Postgres => format!("quote_nullable(\"{column}\"::text)"),
            })
            .collect();
        let text = texts.join(" || ' | ' || ");
        format!("SELECT '{table}: ' || {text} AS text FROM {table}")
    });
    queries.collect::<Vec<_>>().join(" UNION ALL ")
}
