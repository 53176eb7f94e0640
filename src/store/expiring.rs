//! Which credentials come to their end, and have not been told of yet.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::CredentialId;
use super::sql::Statement;

/// A stretch of time that credentials may expire in, and what is told of those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// They expire after this.
    pub after: Timestamp,
    /// And at this, or before.
    pub until: Timestamp,
    /// Only those that were made longer before their end than this: whoever makes a key for a week knows that
    /// it lasts a week.
    pub lifetime_millis: i64,
    /// Under which kind, in `sent_notices`, it is noted that it was told.
    pub kind: &'static str,
    /// And under which threshold.
    pub threshold: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Credentials that expire in a stretch of time, are neither revoked nor replaced, and have not been told of.
/// Sessions and one-time links end all the time.
///
/// # Errors
/// When the database fails.
pub fn untold(
    connection: &mut DatabaseConnection,
    stretch: Stretch,
    limit: i64,
) -> Result<Vec<CredentialId>, StoreError> {
    let found: Vec<Found> = Statement::sql(
        "SELECT id FROM credentials WHERE revoked_at IS NULL AND successor_id IS NULL \
         AND kind NOT IN ('session', 'password_link') AND expires_at > ",
    )
    .integer(stretch.after.as_millis())
    .push(" AND expires_at <= ")
    .integer(stretch.until.as_millis())
    .push(" AND created_at < expires_at - ")
    .integer(stretch.lifetime_millis)
    .push(
        " AND NOT EXISTS (SELECT 1 FROM sent_notices s WHERE s.subject_id = credentials.id AND s.kind = ",
    )
    .text(stretch.kind)
    .push(" AND s.threshold = ")
    .text(stretch.threshold.to_string())
    .push(") ORDER BY id LIMIT ")
    .integer(limit)
    .cached()
    .load(connection)?;
    Ok(found
        .into_iter()
        .map(|found| CredentialId::new(found.id))
        .collect())
}
