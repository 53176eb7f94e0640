//! A new resource on PostgreSQL. Each statement is a message there and back, so what belongs together goes in one.
//! SQLite, where statements are calls, has several (see [`super::resources::insert`]).

use crate::clock::Timestamp;

use super::audit_events::{self, AuditEventRow};
use super::credentials::turns::entering;
use super::id::CredentialId;
use super::resources::{Resource, Row, conflict};
use super::side_values::{ResourceWriteError, SideValues};
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect, resource_counts};

/// Adds the row, what is looked up of it and the count. Values that must be unique are another statement, since their
/// conflict is to be told from this one's.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where a value must be unique and is not; when the database fails.
pub(super) fn insert(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    let statement = Statement::sql("WITH ")
        .append(row(resource, ""))
        .push(", ")
        .append(indexed(resource, side))
        .push(" ")
        .append(resource_counts::adding(resource, 1, " FROM resource"));
    statement.cached().run(connection).map_err(conflict)?;
    Ok(())
}

/// Whether [`insert_under`] can add a resource with these values.
#[must_use]
pub fn takes_one_statement(dialect: SqlDialect, side: &SideValues) -> bool {
    dialect == SqlDialect::Postgres && side.unique.is_empty()
}

/// Adds all that with its audit event, if the caller's key is nobody's and has not ended, and says whether: one
/// statement, and so a transaction by itself. The key is held in it as `hold_with_owner` holds it: whoever revokes it
/// meanwhile waits, and if they were first, nothing is added.
///
/// Never adds anything where [`takes_one_statement`] says no: SQLite, and values that must be unique, take several.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where a value must be unique and is not; when the database fails.
pub fn insert_under(
    connection: &mut DatabaseConnection,
    key: &CredentialId,
    now: Timestamp,
    resource: &Resource,
    side: &SideValues,
    event: &AuditEventRow,
) -> Result<bool, ResourceWriteError> {
    if !takes_one_statement(connection.dialect(), side) {
        return Ok(false);
    }
    let statement = Statement::sql("WITH ")
        .append(held(key, now))
        .push(", ")
        .append(row(resource, " FROM held"))
        .push(", ")
        .append(indexed(resource, side))
        .push(", counted AS (")
        .append(resource_counts::adding(resource, 1, " FROM resource"))
        .push("), ")
        .append(audit_events::adding(event, " FROM resource"));
    let waiting_events = statement.cached().run(connection).map_err(conflict)?;
    Ok(waiting_events > 0)
}

/// The key, if it stands: no row otherwise.
fn held(key: &CredentialId, now: Timestamp) -> Statement {
    let now = now.as_millis();
    Statement::sql("held AS (SELECT id FROM credentials WHERE id = ")
        .text(key.as_str())
        .push(" AND owner_id IS NULL AND service_account_id IS NULL AND revoked_at IS NULL AND expires_at > ")
        .integer(now)
        .push(" AND COALESCE(retires_at > ")
        .integer(now)
        .push(", TRUE) AND COALESCE(idle_expires_at > ")
        .integer(now)
        .push(", TRUE) AND ")
        .append(entering(key))
        .push(" FOR SHARE)")
}

/// The row, as often as there are rows `from` something.
fn row(resource: &Resource, from: &str) -> Statement {
    let row = Row::of(resource);
    let texts = [
        Some(row.id),
        Some(row.directory_id),
        Some(row.resource_type),
        row.user_name,
        row.user_name_folded,
        row.external_id,
        row.display_name,
        row.display_name_folded,
        Some(row.document),
    ];
    let numbers = [row.version, row.created_at, row.modified_at];
    let begun = Statement::sql(
        "resource AS (INSERT INTO resources (active, version, created_at, modified_at, id, \
         directory_id, resource_type, user_name, user_name_folded, external_id, display_name, \
         display_name_folded, document) SELECT 1 = ",
    )
    .integer(i64::from(row.active));
    let numbered = numbers.into_iter().fold(begun, |statement, number| {
        statement.push(", ").integer(number)
    });
    texts
        .into_iter()
        .fold(numbered, |statement, text| {
            statement.push(", ").optional_text(text.as_deref())
        })
        .push(from)
        .push(" RETURNING id)")
}

/// What is looked up of the row, whatever its number.
fn indexed(resource: &Resource, side: &SideValues) -> Statement {
    Statement::sql(
        "indexed AS (INSERT INTO indexed_values (resource_id, attribute, value, directory_id, \
         resource_type) SELECT resource.id, given ->> 0, given ->> 1, ",
    )
    .text(resource.directory_id.as_str())
    .push(", ")
    .text(resource.resource_type.as_str())
    .push(" FROM resource CROSS JOIN json_array_elements(CAST(")
    .text(serde_json::json!(side.indexed).to_string())
    .push(" AS JSON)) AS given)")
}
