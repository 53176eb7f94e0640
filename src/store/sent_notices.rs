//! What has been told, so that it is told once: not again after a restart, and not by a second node.

use diesel::QueryableByName;
use diesel::sql_types::Text;

use super::DatabaseConnection;
use super::error::StoreError;
use super::sql::Statement;
use crate::clock::Timestamp;

#[derive(QueryableByName)]
struct Told {
    #[diesel(sql_type = Text)]
    #[expect(dead_code, reason = "that there is a row is the answer")]
    subject_id: String,
}

/// Notes that something is told of a subject now; false where it was told already: ever, or, where `again_after`
/// is given, after that. Whoever gets true is the one to tell it.
///
/// # Errors
/// When the database fails.
pub fn claim(
    connection: &mut DatabaseConnection,
    subject_id: &str,
    kind: &str,
    threshold: &str,
    again_after: Option<Timestamp>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let again_after = again_after.map_or(i64::MIN, Timestamp::as_millis);
    let told: Vec<Told> = Statement::sql("INSERT INTO sent_notices VALUES (")
        .text(subject_id)
        .push(", ")
        .text(kind)
        .push(", ")
        .text(threshold)
        .push(", ")
        .integer(now.as_millis())
        .push(
            ") ON CONFLICT (subject_id, kind, threshold) DO UPDATE SET at = excluded.at \
             WHERE sent_notices.at <= ",
        )
        .integer(again_after)
        .push(" RETURNING subject_id")
        .cached()
        .load(connection)?;
    Ok(!told.is_empty())
}
