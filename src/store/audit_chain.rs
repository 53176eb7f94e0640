//! The chain of audit events, the events that wait for it, and the anchors where it begins after retention
//! has removed what was before. What the hashes are made of is `audit`'s.

use std::collections::HashMap;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::DatabaseConnection;
use super::audit_events::{AuditEventRow, Selection};
use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::schema::{audit_anchors, audit_chain, audit_events, audit_pending};
use super::sql::Statement;

/// The key of PostgreSQL's advisory lock; any number of our own.
const LOCK_KEY: i64 = 0x6175_6469_7463_6861;

/// One position of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_chain)]
pub struct ChainRow {
    /// From 1, in the order in which events became visible.
    pub position: i64,
    /// The event.
    pub event_id: String,
    /// The hash of the position before.
    pub previous_hash: String,
    /// The event's own hash.
    pub digest: String,
    /// The hash of all of these.
    pub hash: String,
}

/// Where the chain begins after a removal.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_anchors)]
pub struct AnchorRow {
    /// The last position that was removed.
    pub position: i64,
    /// Its hash.
    pub hash: String,
    /// All that was removed happened before, in milliseconds since the epoch.
    pub removed_before: i64,
    /// When it was removed.
    pub made_at: i64,
    /// The hash of all of these.
    pub seal: String,
}

/// An event with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ChainedEvent {
    /// Its position.
    #[diesel(sql_type = BigInt)]
    pub position: i64,
    /// The hash of its position.
    #[diesel(sql_type = Text)]
    pub hash: String,
    /// The event.
    #[diesel(embed)]
    pub event: AuditEventRow,
}

/// An event, and its place in the chain where it has one yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedEvent {
    /// The event.
    pub event: AuditEventRow,
    /// Its place.
    pub place: Option<ChainRow>,
}

/// One event.
///
/// # Errors
/// When the database fails.
pub fn find_event(
    connection: &mut DatabaseConnection,
    id: &str,
) -> Result<Option<PlacedEvent>, StoreError> {
    let event = audit_events::table
        .find(id)
        .select(AuditEventRow::as_select())
        .first(connection)
        .optional()?;
    let Some(event) = event else {
        return Ok(None);
    };
    let place = audit_chain::table
        .filter(audit_chain::event_id.eq(id))
        .select(ChainRow::as_select())
        .first(connection)
        .optional()?;
    Ok(Some(PlacedEvent { event, place }))
}

/// Holds off everybody else who changes the chain, until the transaction ends. SQLite has one writer anyway.
///
/// # Errors
/// When the database fails.
pub fn lock(connection: &mut DatabaseConnection) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(connection) = connection {
        diesel::sql_query("SELECT pg_advisory_xact_lock($1)")
            .bind::<BigInt, _>(LOCK_KEY)
            .execute(connection)?;
    }
    Ok(())
}

/// Whether events wait to be chained.
///
/// # Errors
/// When the database fails.
pub fn has_pending(connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
    let first: Option<String> = audit_pending::table
        .select(audit_pending::event_id)
        .first(connection)
        .optional()?;
    Ok(first.is_some())
}

/// How many events wait to be chained.
///
/// # Errors
/// When the database fails.
pub fn count_pending(connection: &mut DatabaseConnection) -> Result<i64, StoreError> {
    Ok(audit_pending::table.count().get_result(connection)?)
}

/// The first of the events that wait to be chained, oldest first.
///
/// # Errors
/// When the database fails.
pub fn pending(
    connection: &mut DatabaseConnection,
    limit: i64,
) -> Result<Vec<AuditEventRow>, StoreError> {
    let waiting: Vec<String> = audit_pending::table
        .order(audit_pending::event_id)
        .limit(limit)
        .select(audit_pending::event_id)
        .load(connection)?;
    // By their ids: PostgreSQL would merge a join of the two tables, through every event that there ever was.
    let mut events = events_with(connection, &waiting)?;
    events.sort_unstable_by(|left, right| left.id.cmp(&right.id));
    Ok(events)
}

/// The last position of the chain.
///
/// # Errors
/// When the database fails.
pub fn last(connection: &mut DatabaseConnection) -> Result<Option<ChainRow>, StoreError> {
    Ok(audit_chain::table
        .order(audit_chain::position.desc())
        .select(ChainRow::as_select())
        .first(connection)
        .optional()?)
}

/// The newest anchor.
///
/// # Errors
/// When the database fails.
pub fn newest_anchor(connection: &mut DatabaseConnection) -> Result<Option<AnchorRow>, StoreError> {
    Ok(audit_anchors::table
        .order(audit_anchors::position.desc())
        .select(AnchorRow::as_select())
        .first(connection)
        .optional()?)
}

/// Adds positions to the chain; their events wait no more.
///
/// # Errors
/// When the database fails.
pub fn append(connection: &mut DatabaseConnection, rows: &[ChainRow]) -> Result<(), StoreError> {
    for some in rows.chunks(CHUNK) {
        on_either!(connection, connection => diesel::insert_into(audit_chain::table)
            .values(some)
            .execute(connection)?);
        let ids = some.iter().map(|row| row.event_id.as_str());
        diesel::delete(audit_pending::table.filter(audit_pending::event_id.eq_any(ids)))
            .execute(connection)?;
    }
    Ok(())
}

/// The positions after one, in order.
///
/// # Errors
/// When the database fails.
pub fn page(
    connection: &mut DatabaseConnection,
    after: i64,
    limit: i64,
) -> Result<Vec<ChainRow>, StoreError> {
    Ok(audit_chain::table
        .filter(audit_chain::position.gt(after))
        .order(audit_chain::position)
        .limit(limit)
        .select(ChainRow::as_select())
        .load(connection)?)
}

/// Whether any position has this hash.
///
/// # Errors
/// When the database fails.
pub fn has_hash(connection: &mut DatabaseConnection, hash: &str) -> Result<bool, StoreError> {
    let found: Option<i64> = audit_chain::table
        .filter(audit_chain::hash.eq(hash))
        .select(audit_chain::position)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// The events of some positions, by their ids.
///
/// # Errors
/// When the database fails.
pub fn events_of(
    connection: &mut DatabaseConnection,
    rows: &[ChainRow],
) -> Result<HashMap<String, AuditEventRow>, StoreError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.event_id.as_str()).collect();
    let events = events_with(connection, &ids)?;
    Ok(events
        .into_iter()
        .map(|event| (event.id.clone(), event))
        .collect())
}

/// Those of these events that there are, in no order.
fn events_with(
    connection: &mut DatabaseConnection,
    ids: &[impl AsRef<str>],
) -> Result<Vec<AuditEventRow>, StoreError> {
    let mut events = Vec::with_capacity(ids.len());
    for some in ids.chunks(CHUNK) {
        let found: Vec<AuditEventRow> = audit_events::table
            .filter(audit_events::id.eq_any(some.iter().map(AsRef::as_ref)))
            .select(AuditEventRow::as_select())
            .load(connection)?;
        events.extend(found);
    }
    Ok(events)
}

/// The selected events among the positions after one and up to another, in order.
///
/// # Errors
/// When the database fails.
pub fn events_between(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    after: i64,
    through: i64,
) -> Result<Vec<ChainedEvent>, StoreError> {
    // A cross join, so that SQLite goes through the positions, however few events are selected.
    Statement::sql(
        "SELECT audit_chain.position, audit_chain.hash, audit_events.* \
         FROM audit_chain CROSS JOIN audit_events \
         WHERE audit_events.id = audit_chain.event_id AND audit_chain.position > ",
    )
    .integer(after)
    .push(" AND audit_chain.position <= ")
    .integer(through)
    .append(selection.conditions())
    .push(" ORDER BY audit_chain.position")
    .load(connection)
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

/// Events that neither are in the chain nor wait for it.
///
/// # Errors
/// When the database fails.
pub fn unchained(
    connection: &mut DatabaseConnection,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    ids(
        connection,
        "SELECT id FROM audit_events \
         WHERE NOT EXISTS (SELECT 1 FROM audit_chain WHERE audit_chain.event_id = audit_events.id) \
         AND NOT EXISTS (SELECT 1 FROM audit_pending WHERE audit_pending.event_id = audit_events.id) \
         ORDER BY id LIMIT ",
        limit,
    )
}

/// Events that wait to be chained, and are not there.
///
/// # Errors
/// When the database fails.
pub fn pending_without_event(
    connection: &mut DatabaseConnection,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    ids(
        connection,
        "SELECT event_id AS id FROM audit_pending \
         WHERE NOT EXISTS (SELECT 1 FROM audit_events WHERE audit_events.id = audit_pending.event_id) \
         ORDER BY event_id LIMIT ",
        limit,
    )
}

fn ids(
    connection: &mut DatabaseConnection,
    sql: &str,
    limit: i64,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<IdRow> = Statement::sql(sql).integer(limit).load(connection)?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// A position and when its event happened.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct DatedPosition {
    /// The position.
    #[diesel(sql_type = BigInt)]
    pub position: i64,
    /// Its hash.
    #[diesel(sql_type = Text)]
    pub hash: String,
    /// When, in milliseconds since the epoch.
    #[diesel(sql_type = BigInt)]
    pub at: i64,
}

/// The first positions of the chain whose events are there, in order.
///
/// # Errors
/// When the database fails.
pub fn oldest(
    connection: &mut DatabaseConnection,
    limit: i64,
) -> Result<Vec<DatedPosition>, StoreError> {
    Statement::sql(
        "SELECT audit_chain.position, audit_chain.hash, audit_events.at \
         FROM audit_chain CROSS JOIN audit_events \
         WHERE audit_events.id = audit_chain.event_id ORDER BY audit_chain.position LIMIT ",
    )
    .integer(limit)
    .load(connection)
}

/// Adds an anchor, and removes the positions that it stands for with their events.
///
/// # Errors
/// When the database fails.
pub fn remove_through(
    connection: &mut DatabaseConnection,
    anchor: &AnchorRow,
) -> Result<(), StoreError> {
    diesel::insert_into(audit_anchors::table)
        .values(anchor)
        .execute(connection)?;
    let gone = audit_chain::table
        .filter(audit_chain::position.le(anchor.position))
        .select(audit_chain::event_id);
    diesel::delete(audit_events::table.filter(audit_events::id.eq_any(gone)))
        .execute(connection)?;
    diesel::delete(audit_chain::table.filter(audit_chain::position.le(anchor.position)))
        .execute(connection)?;
    Ok(())
}
