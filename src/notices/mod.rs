//! Notices: put into the outbox in the transaction of what they tell of, so that none is lost, and delivered
//! from there to webhooks and by mail, at least once.
//!
//! [`queue`] and [`put`] are the ways in; [`NoticeKind`] is the catalogue. [`outbox`] makes a delivery for each
//! receiver, [`delivery`] brings them there. [`expiry`] and [`observed`] notice what no single change tells.
//! Nothing here decides what may be done; the rooms above do, and tell.

pub mod delivery;
pub mod expiry;
mod kind;
pub mod mail;
mod message;
pub mod networks;
pub mod observed;
pub mod outbox;
pub mod redelivery;
pub mod signature;
pub mod webhook_sender;
pub mod webhooks;

use serde_json::{Map, Value};

pub use kind::{Audience, NoticeKind};

use crate::clock::Timestamp;
use crate::sealed::SealError;
use crate::secret::RandomError;
use crate::store::id::{DirectoryId, NoticeId, ResourceId};
use crate::store::notices::{self, NoticeRow};
use crate::store::{DatabaseConnection, StoreError, TransactionError};

/// Why something about notices could not be done.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// A value that is not acceptable; the text names it and says what would be.
    #[error("{0}")]
    Invalid(String),
    /// The thing does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The change contradicts the present state.
    #[error("{0}")]
    Conflict(String),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A webhook's secret could not be sealed or opened.
    #[error("a webhook's secret cannot be used")]
    Seal(#[from] SealError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError for NoticeError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}

/// Something to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// What it tells of.
    pub kind: NoticeKind,
    /// In which directory.
    pub directory: Option<DirectoryId>,
    /// The person whose credential it is.
    pub person: Option<ResourceId>,
    /// One line for people.
    pub subject: String,
    /// More about it. The member `what_to_do` is a list of sentences for whoever is told.
    pub detail: Map<String, Value>,
}

impl Notice {
    /// A notice of this kind; the subject is one line for people.
    pub fn new(kind: NoticeKind, subject: impl Into<String>) -> Self {
        Self {
            kind,
            directory: None,
            person: None,
            subject: subject.into(),
            detail: Map::new(),
        }
    }

    /// In this directory.
    #[must_use]
    pub fn within(mut self, directory: Option<&DirectoryId>) -> Self {
        self.directory = directory.cloned();
        self
    }

    /// Concerning this person.
    #[must_use]
    pub fn of(mut self, person: Option<&ResourceId>) -> Self {
        self.person = person.cloned();
        self
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }

    fn row(self, now: Timestamp) -> NoticeRow {
        NoticeRow {
            id: NoticeId::generate().to_string(),
            at: now.as_millis(),
            kind: self.kind.name().to_owned(),
            directory_id: self.directory.map(|id| id.to_string()),
            subject: self.subject,
            detail: Value::Object(self.detail).to_string(),
            read_at: None,
            delivered_at: None,
            attempts: 0,
            person_id: self.person.map(|id| id.to_string()),
            distributed_at: None,
        }
    }
}

/// Puts a notice into the outbox; it leaves if and only if the transaction is kept.
///
/// # Errors
/// When the database fails.
pub fn put(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    notice: Notice,
) -> Result<(), StoreError> {
    notices::insert(connection, &notice.row(now))
}

/// Puts a notice for admins into the outbox; it leaves if and only if the transaction is kept.
///
/// # Errors
/// When the database fails.
pub fn queue(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    kind: NoticeKind,
    directory: Option<&DirectoryId>,
    subject: String,
    detail: Map<String, Value>,
) -> Result<(), StoreError> {
    let notice = Notice {
        detail,
        ..Notice::new(kind, subject).within(directory)
    };
    put(connection, now, notice)
}
