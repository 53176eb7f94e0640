//! Notices to admins: put into the outbox in the transaction of what they tell of, so that none is lost.

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::store::id::{DirectoryId, NoticeId};
use crate::store::notices::{self, NoticeRow};
use crate::store::{DatabaseConnection, StoreError};

/// What a notice tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Keys were left behind by their maker.
    KeysOrphaned,
    /// An admin was deprovisioned.
    AdminDeprovisioned,
    /// The last person with an admin role who was not local was deprovisioned.
    LastAdminDeprovisioned,
    /// A directory was removed.
    DirectoryRemoved,
}

impl NoticeKind {
    /// The stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KeysOrphaned => "keys_orphaned",
            Self::AdminDeprovisioned => "admin_deprovisioned",
            Self::LastAdminDeprovisioned => "last_admin_deprovisioned",
            Self::DirectoryRemoved => "directory_removed",
        }
    }
}

/// Puts a notice into the outbox; it leaves if and only if the transaction is kept.
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
    notices::insert(
        connection,
        &NoticeRow {
            id: NoticeId::generate().to_string(),
            at: now.as_millis(),
            kind: kind.name().to_owned(),
            directory_id: directory.map(ToString::to_string),
            subject,
            detail: Value::Object(detail).to_string(),
            read_at: None,
            delivered_at: None,
            attempts: 0,
        },
    )
}
