//! Audit events. They are added and read; the database itself refuses to change or remove them.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::error::StoreError;
use super::schema::audit_events;

/// A recorded event; times are in milliseconds since the epoch, `detail` is the text of a JSON object.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
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

/// Which events a list holds.
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
}

/// Adds an event.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    event: &AuditEventRow,
) -> Result<(), StoreError> {
    diesel::insert_into(audit_events::table)
        .values(event)
        .execute(connection)?;
    Ok(())
}

/// A page of events before an id, newest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<AuditEventRow>, StoreError> {
    let mut query = audit_events::table
        .order(audit_events::id.desc())
        .limit(limit)
        .select(AuditEventRow::as_select())
        .into_boxed();
    if let Some(target) = &selection.target_id {
        query = query.filter(audit_events::target_id.eq(target.clone()));
    }
    if let Some(action) = &selection.action {
        query = query.filter(audit_events::action.eq(action.clone()));
    }
    if let Some(directory) = &selection.directory_id {
        query = query.filter(audit_events::directory_id.eq(directory.clone()));
    }
    if let Some(person) = &selection.actor_person_id {
        query = query.filter(audit_events::actor_person_id.eq(person.clone()));
    }
    if let Some(before) = before {
        query = query.filter(audit_events::id.lt(before.to_owned()));
    }
    Ok(query.load(connection)?)
}
