//! What can go wrong between us and the database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// A failure of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Query(#[from] DieselError),
    /// No connection could be made.
    #[error("no connection to the database could be made")]
    Connect(#[from] diesel::ConnectionError),
    /// No connection came free in time.
    #[error("no database connection came free in time")]
    Pool(#[from] diesel::r2d2::PoolError),
    /// The migrations could not be applied.
    #[error("the migrations could not be applied: {0}")]
    Migration(String),
    /// The address of the database is not one that is understood.
    #[error(
        "{0:?} is not a database address: write sqlite:PATH or postgres://user:password@host/database"
    )]
    Address(String),
    /// The writer's queue is full, or it has stopped.
    #[error("the database writer is busy")]
    Busy,
    /// The statement ran longer than it may.
    #[error("the query exceeded its time limit")]
    TimeLimit,
    /// The transaction did not come to its end.
    #[error("the transaction could not be committed")]
    Commit,
    /// The transaction was undone together with others that were to share its commit; it can be run again.
    #[error("the transaction was undone with others that it was to be committed with")]
    Undone,
    /// A stored text could not be read back.
    #[error("a stored {what} could not be read back")]
    Corrupt {
        /// What it was.
        what: &'static str,
    },
}

/// What tells, beside the kinds that there are, that the database cannot be asked now.
const UNAVAILABLE: [&str; 2] = [
    // libpq, asked to send on a connection that it knows to be lost.
    "no connection to the server",
    // A replica that has to remove what a long query still reads.
    "conflict with recovery",
];

/// What SQLite and PostgreSQL say of a full disk, which has room again when somebody has made some.
const FULL: [&str; 2] = ["database or disk is full", "No space left on device"];

impl StoreError {
    /// Whether the disk is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Query(DieselError::DatabaseError(_, information)) => {
                FULL.iter().any(|text| information.message().contains(text))
            }
            _ => false,
        }
    }

    /// Whether running the same transaction again may succeed (PostgreSQL: deadlock, serialization failure).
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Query(DieselError::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => {
                true
            }
            Self::Query(DieselError::DatabaseError(_, information)) => {
                information.message().contains("deadlock detected")
            }
            _ => false,
        }
    }

    /// Whether the database cannot be asked now, and the same may succeed a moment later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Busy
            | Self::Undone
            | Self::Pool(_)
            | Self::Connect(_)
            | Self::Query(DieselError::BrokenTransactionManager) => true,
            Self::Query(DieselError::DatabaseError(kind, information)) => {
                matches!(kind, DatabaseErrorKind::ClosedConnection)
                    || self.is_full()
                    || UNAVAILABLE
                        .iter()
                        .any(|text| information.message().contains(text))
            }
            _ => false,
        }
    }

    /// Whether a unique constraint refused the statement, and which.
    #[must_use]
    pub fn unique_violation(&self) -> Option<&str> {
        match self {
            Self::Query(DieselError::DatabaseError(
                DatabaseErrorKind::UniqueViolation,
                information,
            )) => Some(
                information
                    .constraint_name()
                    .unwrap_or_else(|| information.message()),
            ),
            _ => None,
        }
    }
}

/// The error of a transaction: a room's own, into which the store's can be wrapped and found again.
pub trait TransactionError: From<StoreError> + Send + 'static {
    /// The store's error, where it was the cause.
    fn store_error(&self) -> Option<&StoreError>;
}

impl TransactionError for StoreError {
    fn store_error(&self) -> Option<&StoreError> {
        Some(self)
    }
}
