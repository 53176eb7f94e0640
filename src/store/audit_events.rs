//! Audit events, and which of them one asks for. They are added here and listed in `audit_search`; the database itself
//! refuses to change or remove them.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::schema::{audit_events, audit_pending};
use super::sql::Statement;

/// A recorded event; times are in milliseconds since the epoch, `detail` is the text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = audit_events, treat_none_as_default_value = false)]
pub struct AuditEventRow {
    /// Its identifier; later ones sort after earlier ones.
    pub id: String,
    /// When.
    pub at: i64,
    /// What was done.
    pub action: String,
    /// In which directory.
    pub directory_id: Option<String>,
    /// By what kind of credential, or `command_line`, or `system`.
    pub actor_kind: String,
    /// By which credential.
    pub actor_credential_id: Option<String>,
    /// By whom.
    pub actor_person_id: Option<String>,
    /// What they were called.
    pub actor_name: Option<String>,
    /// What kind of thing was changed.
    pub target_type: Option<String>,
    /// Which one.
    pub target_id: Option<String>,
    /// What it was called.
    pub target_name: Option<String>,
    /// `success` or `refused`.
    pub outcome: String,
    /// From which address.
    pub source_ip: Option<String>,
    /// More about it.
    pub detail: String,
}

/// Which events a list holds: those that are all of what is said here.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those about this thing.
    pub target_id: Option<String>,
    /// Those of this action.
    pub action: Option<String>,
    /// Those in this directory.
    pub directory_id: Option<String>,
    /// Those by this person.
    pub actor_person_id: Option<String>,
    /// Those by this person or about them.
    pub person_id: Option<String>,
    /// Those by this credential or about it.
    pub credential_id: Option<String>,
    /// Those with this outcome.
    pub outcome: Option<String>,
    /// Those at this instant or later.
    pub since: Option<Timestamp>,
    /// Those before this instant.
    pub until: Option<Timestamp>,
}

impl Selection {
    /// As conditions on the table `audit_events`, each with `AND` before it.
    pub(super) fn conditions(&self) -> Statement {
        let equal = [
            ("target_id", &self.target_id),
            ("action", &self.action),
            ("directory_id", &self.directory_id),
            ("actor_person_id", &self.actor_person_id),
            ("outcome", &self.outcome),
        ];
        let either = [
            ("actor_person_id", &self.person_id),
            ("actor_credential_id", &self.credential_id),
        ];
        let bounds = [(">=", self.since), ("<", self.until)];
        let mut conditions = Statement::default();
        for (column, value) in equal {
            if let Some(value) = value {
                conditions = conditions
                    .push(format!(" AND audit_events.{column} = "))
                    .text(value);
            }
        }
        for (column, value) in either {
            if let Some(value) = value {
                conditions = conditions
                    .push(format!(" AND (audit_events.{column} = "))
                    .text(value)
                    .push(" OR audit_events.target_id = ")
                    .text(value)
                    .push(")");
            }
        }
        for (comparison, at) in bounds {
            if let Some(at) = at {
                conditions = conditions
                    .push(format!(" AND audit_events.at {comparison} "))
                    .integer(at.as_millis());
            }
        }
        conditions
    }
}

/// Adds an event, which waits to be chained.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    event: &AuditEventRow,
) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(_) = connection {
        let statement = Statement::sql("WITH ").append(adding(event, ""));
        statement.cached().execute(connection)?;
        return Ok(());
    }
    let statement = diesel::insert_into(audit_events::table).values(event);
    on_either!(connection, connection => statement.execute(connection))?;
    let statement = diesel::insert_into(audit_pending::table)
        .values(audit_pending::event_id.eq(event.id.as_str()));
    on_either!(connection, connection => statement.execute(connection))?;
    Ok(())
}

/// The event and its wait in one statement of PostgreSQL or as the end of one, as often as there are rows `from`
/// something: each statement is a message there and back.
pub(super) fn adding(event: &AuditEventRow, from: &str) -> Statement {
    let texts = [
        Some(event.action.as_str()),
        event.directory_id.as_deref(),
        Some(event.actor_kind.as_str()),
        event.actor_credential_id.as_deref(),
        event.actor_person_id.as_deref(),
        event.actor_name.as_deref(),
        event.target_type.as_deref(),
        event.target_id.as_deref(),
        event.target_name.as_deref(),
        Some(event.outcome.as_str()),
        event.source_ip.as_deref(),
        Some(event.detail.as_str()),
    ];
    let begun = Statement::sql(
        "event AS (INSERT INTO audit_events (id, at, action, directory_id, actor_kind, \
         actor_credential_id, actor_person_id, actor_name, target_type, target_id, target_name, outcome, \
         source_ip, detail) SELECT ",
    )
    .text(event.id.as_str())
    .push(", ")
    .integer(event.at);
    texts
        .into_iter()
        .fold(begun, |statement, text| {
            statement.push(", ").optional_text(text)
        })
        .push(from)
        .push(" RETURNING id) INSERT INTO audit_pending (event_id) SELECT id FROM event")
}
