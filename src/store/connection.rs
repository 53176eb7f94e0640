//! One connection type over both databases, its opening and its pool.

use std::fmt;
use std::path::PathBuf;
use std::sync::{PoisonError, RwLock, TryLockError};
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::r2d2::{ManageConnection, Pool, R2D2Connection};

use super::error::StoreError;
use super::functions;

pub use multi::DatabaseConnection;

mod multi {
    use diesel::prelude::*;

    /// A connection to either database. No other room knows which it is.
    #[derive(diesel::MultiConnection)]
    pub enum DatabaseConnection {
        /// The embedded database.
        Sqlite(SqliteConnection),
        /// PostgreSQL, or what speaks its protocol.
        Postgres(PgConnection),
    }
}

impl DatabaseConnection {
    /// The SQL dialect spoken here.
    #[must_use]
    pub fn dialect(&self) -> SqlDialect {
        match self {
            Self::Sqlite(_) => SqlDialect::Sqlite,
            Self::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// After an error: where the server has gone away, marks the connection so that the pool drops it and
    /// makes another. The driver itself only notices connections that were lost inside a transaction.
    pub(super) fn abandon_if_lost(&mut self) {
        if let Self::Postgres(connection) = self
            && connection.ping().is_err()
        {
            AnsiTransactionManager::transaction_manager_status_mut(connection).set_in_error();
        }
    }
}

/// The SQL dialects that differ where diesel does not hide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlDialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL connection URL.
    Postgres(String),
}

impl DatabaseUrl {
    /// Reads `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// [`StoreError::Address`] for anything else.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if let Some(path) = text.strip_prefix("sqlite:").filter(|path| !path.is_empty()) {
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(StoreError::Address(text.to_owned()))
    }

    /// The SQL dialect spoken there.
    #[must_use]
    pub fn dialect(&self) -> SqlDialect {
        match self {
            Self::Sqlite(_) => SqlDialect::Sqlite,
            Self::Postgres(_) => SqlDialect::Postgres,
        }
    }

    /// Opens a connection and prepares it.
    ///
    /// # Errors
    /// When the database cannot be reached or refuses the settings.
    pub fn connect(&self) -> Result<DatabaseConnection, StoreError> {
        match self {
            Self::Sqlite(path) => {
                let mut connection = SqliteConnection::establish(&path.to_string_lossy())?;
                connection.batch_execute(SQLITE_SETTINGS)?;
                functions::register(&mut connection)?;
                Ok(DatabaseConnection::Sqlite(connection))
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::establish(url)?;
                connection.batch_execute(POSTGRES_SETTINGS)?;
                Ok(DatabaseConnection::Postgres(connection))
            }
        }
    }
}

/// Without the password.
impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(_) => formatter.write_str("postgres://…"),
        }
    }
}

/// `synchronous=FULL` in WAL mode: a commit is on disk before it is answered. The file is not mapped: each connection
/// would map it anew, and the memory of a server would grow with its directories.
const SQLITE_SETTINGS: &str = "PRAGMA busy_timeout = 10000;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
PRAGMA trusted_schema = OFF;
PRAGMA cache_size = -4096;
PRAGMA mmap_size = 0;
PRAGMA wal_autocheckpoint = 4000;
PRAGMA temp_store = MEMORY;";

/// `synchronous_commit=on` whatever the server's default: what was answered is on disk. Compiling our short statements
/// takes the server longer than running them.
const POSTGRES_SETTINGS: &str = "SET synchronous_commit = on;
SET standard_conforming_strings = on;
SET TIME ZONE 'UTC';
SET client_min_messages = warning;
SET jit = off;";

/// Makes connections for the pool.
#[derive(Debug, Clone)]
pub struct ConnectionManager {
    url: DatabaseUrl,
}

impl ConnectionManager {
    /// For this database.
    #[must_use]
    pub fn new(url: DatabaseUrl) -> Self {
        Self { url }
    }
}

impl ManageConnection for ConnectionManager {
    type Connection = DatabaseConnection;
    type Error = StoreError;

    fn connect(&self) -> Result<DatabaseConnection, StoreError> {
        let _connecting = CONNECTING.read().unwrap_or_else(PoisonError::into_inner);
        self.url.connect()
    }

    fn is_valid(&self, connection: &mut DatabaseConnection) -> Result<(), StoreError> {
        connection.ping().map_err(StoreError::from)
    }

    fn has_broken(&self, connection: &mut DatabaseConnection) -> bool {
        connection.is_broken()
    }
}

/// Held for reading while a pool's thread makes a connection.
static CONNECTING: RwLock<()> = RwLock::new(());
/// How long the end of the process waits for a server that does not answer.
const CONNECTING_WAIT: Duration = Duration::from_secs(5);

/// To be called right before the process ends: waits for connections that are being made, and lets no pool
/// begin another. OpenSSL, which libpq uses, tears itself down when the process exits, and a thread that is
/// still inside of it then crashes the process, whatever it has achieved.
pub fn stop_connecting() {
    let deadline = Instant::now() + CONNECTING_WAIT;
    loop {
        match CONNECTING.try_write() {
            Ok(guard) => return std::mem::forget(guard),
            Err(TryLockError::Poisoned(error)) => return std::mem::forget(error.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(TryLockError::WouldBlock) => return,
        }
    }
}

/// A pool of connections.
pub type ConnectionPool = Pool<ConnectionManager>;

/// How many rows one statement names at most; both databases bound the number of parameters.
pub(super) const CHUNK: usize = 500;

/// Runs the same statement on whichever database it is: for what diesel does not offer on both at once, and for
/// what every request does. Diesel knows a statement by its type where it knows the connection's, and writes its
/// text anew each time where that is either.
macro_rules! on_either {
    ($connection:expr, $inner:ident => $body:expr) => {
        match $connection {
            $crate::store::DatabaseConnection::Sqlite($inner) => $body,
            $crate::store::DatabaseConnection::Postgres($inner) => $body,
        }
    };
}
pub(super) use on_either;
