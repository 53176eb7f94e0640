//! How many people of a directory were deprovisioned of late, and when its admins were alarmed about it.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::schema::{deprovisioning_counts, mass_alarms};

/// The rows among which the count of each span of time is divided, so that leavers do not queue for one.
const STRIPES: u32 = 16;
/// The spans of time that are counted.
const SPAN_MILLIS: i64 = 300_000;

/// Counts one more person who leaves now.
///
/// # Errors
/// When the database fails.
pub fn add(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    person: &ResourceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let stripe = crc32fast::hash(person.as_str().as_bytes()) % STRIPES;
    let row = (
        deprovisioning_counts::directory_id.eq(directory.as_str()),
        deprovisioning_counts::span.eq(now.as_millis().div_euclid(SPAN_MILLIS)),
        deprovisioning_counts::stripe.eq(i32::try_from(stripe).unwrap_or_default()),
        deprovisioning_counts::count.eq(1_i64),
    );
    on_either!(connection, connection => diesel::insert_into(deprovisioning_counts::table)
        .values(row)
        .on_conflict((
            deprovisioning_counts::directory_id,
            deprovisioning_counts::span,
            deprovisioning_counts::stripe,
        ))
        .do_update()
        .set(deprovisioning_counts::count.eq(deprovisioning_counts::count + 1_i64))
        .execute(connection)?);
    Ok(())
}

/// How many have left since an instant, to the span of time.
///
/// # Errors
/// When the database fails.
pub fn count_since(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    since: Timestamp,
) -> Result<i64, StoreError> {
    let counts: Vec<i64> = deprovisioning_counts::table
        .filter(deprovisioning_counts::directory_id.eq(directory.as_str()))
        .filter(deprovisioning_counts::span.gt(since.as_millis().div_euclid(SPAN_MILLIS)))
        .select(deprovisioning_counts::count)
        .load(connection)?;
    Ok(counts.iter().sum())
}

/// Whether anything is counted at all.
///
/// # Errors
/// When the database fails.
pub fn has_any(connection: &mut DatabaseConnection) -> Result<bool, StoreError> {
    let first: Option<i64> = deprovisioning_counts::table
        .select(deprovisioning_counts::count)
        .first(connection)
        .optional()?;
    Ok(first.is_some())
}

/// The directories that somebody has left since an instant.
///
/// # Errors
/// When the database fails.
pub fn directories_since(
    connection: &mut DatabaseConnection,
    since: Timestamp,
) -> Result<Vec<DirectoryId>, StoreError> {
    let ids: Vec<String> = deprovisioning_counts::table
        .filter(deprovisioning_counts::span.gt(since.as_millis().div_euclid(SPAN_MILLIS)))
        .select(deprovisioning_counts::directory_id)
        .distinct()
        .load(connection)?;
    Ok(ids.into_iter().map(DirectoryId::new).collect())
}

/// Notes that a directory's admins are alarmed now; false where they have been since an instant, and nobody has seen
/// to it.
///
/// # Errors
/// When the database fails.
pub fn alarm(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    since: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        mass_alarms::directory_id.eq(directory.as_str()),
        mass_alarms::alarmed_at.eq(now.as_millis()),
    );
    let inserted = on_either!(connection, connection => diesel::insert_into(mass_alarms::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(connection)?);
    if inserted > 0 {
        return Ok(true);
    }
    let updated = diesel::update(
        mass_alarms::table.find(directory.as_str()).filter(
            mass_alarms::alarmed_at
                .le(since.as_millis())
                .or(mass_alarms::lifted_at.is_not_null()),
        ),
    )
    .set((
        mass_alarms::alarmed_at.eq(now.as_millis()),
        mass_alarms::lifted_at.eq(None::<i64>),
    ))
    .execute(connection)?;
    Ok(updated > 0)
}

/// The last alarm about a directory; times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = mass_alarms)]
pub struct Alarm {
    /// Which directory.
    pub directory_id: String,
    /// When its admins were alarmed.
    pub alarmed_at: i64,
    /// When an admin has lifted it; it is raised until then.
    pub lifted_at: Option<i64>,
}

/// The last alarm about a directory.
///
/// # Errors
/// When the database fails.
pub fn last_alarm(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<Option<Alarm>, StoreError> {
    Ok(mass_alarms::table
        .find(directory.as_str())
        .select(Alarm::as_select())
        .first(connection)
        .optional()?)
}

/// The alarms that nobody has lifted, the newest first.
///
/// # Errors
/// When the database fails.
pub fn raised(connection: &mut DatabaseConnection) -> Result<Vec<Alarm>, StoreError> {
    Ok(mass_alarms::table
        .filter(mass_alarms::lifted_at.is_null())
        .order((mass_alarms::alarmed_at.desc(), mass_alarms::directory_id))
        .select(Alarm::as_select())
        .load(connection)?)
}

/// Lifts the alarm about a directory that was raised then; false where that is not the one that is raised. Those who
/// have left until now are counted no more.
///
/// # Errors
/// When the database fails.
pub fn lift(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    alarmed_at: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    // The counts before the alarm, as whoever leaves takes them.
    let counted = deprovisioning_counts::directory_id.eq(directory.as_str());
    diesel::delete(deprovisioning_counts::table.filter(counted)).execute(connection)?;
    let raised = mass_alarms::table
        .find(directory.as_str())
        .filter(mass_alarms::alarmed_at.eq(alarmed_at.as_millis()))
        .filter(mass_alarms::lifted_at.is_null());
    let lifted = diesel::update(raised)
        .set(mass_alarms::lifted_at.eq(now.as_millis()))
        .execute(connection)?;
    Ok(lifted > 0)
}

/// Forgets what was counted before an instant.
///
/// # Errors
/// When the database fails.
pub fn prune(connection: &mut DatabaseConnection, before: Timestamp) -> Result<(), StoreError> {
    diesel::delete(
        deprovisioning_counts::table
            .filter(deprovisioning_counts::span.lt(before.as_millis().div_euclid(SPAN_MILLIS))),
    )
    .execute(connection)?;
    Ok(())
}

/// Forgets a directory.
///
/// # Errors
/// When the database fails.
pub fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    let id = directory.as_str();
    diesel::delete(deprovisioning_counts::table.filter(deprovisioning_counts::directory_id.eq(id)))
        .execute(connection)?;
    diesel::delete(mass_alarms::table.find(id)).execute(connection)?;
    Ok(())
}
