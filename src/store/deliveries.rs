//! Notices on their way: one row for each notice and receiver, claimed by one node at a time.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;

use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::id::DeliveryId;
use super::schema::{deliveries, notices};
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

pub use super::delivery_search::{Selection, list, search};

/// The state of what has not arrived yet and is tried again.
pub const PENDING: &str = "pending";
/// The state of what has arrived.
pub const DELIVERED: &str = "delivered";
/// The state of what is not tried again.
pub const FAILED: &str = "failed";
/// The state of what was not sent, because whoever has the address is not to be told of it any more.
pub const WITHHELD: &str = "withheld";
/// All of them, in the order of what becomes of a delivery.
pub const STATES: [&str; 4] = [PENDING, DELIVERED, FAILED, WITHHELD];

/// A notice on its way to one receiver; times are in milliseconds since the epoch.
#[derive(
    Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, QueryableByName, AsChangeset,
)]
#[diesel(table_name = deliveries)]
#[diesel(treat_none_as_null = true)]
pub struct DeliveryRow {
    /// Its identifier.
    pub id: String,
    /// The notice.
    pub notice_id: String,
    /// `webhook` or `mail`.
    pub channel: String,
    /// The webhook's id, or the address.
    pub target: String,
    /// The kind of the notice.
    pub kind: String,
    /// One of [`STATES`].
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// When it was made.
    pub created_at: i64,
    /// When it is tried next.
    pub next_attempt_at: i64,
    /// When it is tried for the last time.
    pub give_up_at: i64,
    /// A node is at it until then.
    pub claimed_until: Option<i64>,
    /// When it arrived.
    pub delivered_at: Option<i64>,
    /// Why it did not arrive when it was last tried.
    pub last_error: Option<String>,
    /// The status of the last answer.
    pub last_status: Option<i32>,
}

/// What is sent together: to a webhook one notice after the other, by mail those of a kind in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, QueryableByName)]
pub struct Group {
    /// `webhook` or `mail`.
    #[diesel(sql_type = Text)]
    pub channel: String,
    /// The webhook's id, or the address.
    #[diesel(sql_type = Text)]
    pub target: String,
    /// The kind of the notices.
    #[diesel(sql_type = Text)]
    pub kind: String,
}

/// How an attempt ended that did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Why.
    pub error: String,
    /// The status of the answer, where there was one.
    pub status: Option<i32>,
}

/// Adds a delivery; one of the same notice to the same receiver stays as it is.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    delivery: &DeliveryRow,
) -> Result<(), StoreError> {
    on_either!(connection, connection => diesel::insert_into(deliveries::table)
        .values(delivery)
        .on_conflict_do_nothing()
        .execute(connection)?);
    Ok(())
}

/// One delivery.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
) -> Result<Option<DeliveryRow>, StoreError> {
    Ok(deliveries::table
        .find(id.as_str())
        .select(DeliveryRow::as_select())
        .first(connection)
        .optional()?)
}

/// What did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undelivered {
    /// How many have failed, and are not tried again.
    pub failed: i64,
    /// How many were tried several times, and are tried again.
    pub retried: i64,
}

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// After how many attempts it is said that something is tried again.
const SEVERAL: i64 = 3;

/// What was given up since an instant, and what is tried once more; at most so many of each are looked at.
///
/// # Errors
/// When the database fails.
pub fn undelivered(
    connection: &mut DatabaseConnection,
    since: Timestamp,
    most: i64,
) -> Result<Undelivered, StoreError> {
    let failed: Vec<Number> = Statement::sql(
        "SELECT COUNT(*) AS number FROM (SELECT next_attempt_at FROM deliveries WHERE state = 'failed' \
         ORDER BY id DESC LIMIT ",
    )
    .integer(most)
    .push(") AS newest WHERE next_attempt_at >= ")
    .integer(since.as_millis())
    .cached()
    .load(connection)?;
    let retried: Vec<Number> = Statement::sql(
        "SELECT COUNT(*) AS number FROM (SELECT attempts FROM deliveries WHERE state = 'pending' \
         ORDER BY next_attempt_at LIMIT ",
    )
    .integer(most)
    .push(") AS next WHERE attempts >= ")
    .integer(SEVERAL)
    .cached()
    .load(connection)?;
    Ok(Undelivered {
        failed: failed.first().map_or(0, |found| found.number),
        retried: retried.first().map_or(0, |found| found.number),
    })
}

/// The deliveries of a notice.
///
/// # Errors
/// When the database fails.
pub fn of_notice(
    connection: &mut DatabaseConnection,
    notice_id: &str,
) -> Result<Vec<DeliveryRow>, StoreError> {
    Ok(deliveries::table
        .filter(deliveries::notice_id.eq(notice_id))
        .order(deliveries::id)
        .select(DeliveryRow::as_select())
        .load(connection)?)
}

/// When something of a kind last arrived by mail at an address.
///
/// # Errors
/// When the database fails.
pub fn last_mail(
    connection: &mut DatabaseConnection,
    address: &str,
    kind: &str,
) -> Result<Option<i64>, StoreError> {
    let last: Option<Option<i64>> = deliveries::table
        .filter(deliveries::target.eq(address))
        .filter(deliveries::channel.eq("mail"))
        .filter(deliveries::kind.eq(kind))
        .filter(deliveries::state.eq(DELIVERED))
        .order(deliveries::id.desc())
        .select(deliveries::delivered_at)
        .first(connection)
        .optional()?;
    Ok(last.flatten())
}

/// What there is to send now, by mail too or by other channels alone.
///
/// # Errors
/// When the database fails.
pub fn due(
    connection: &mut DatabaseConnection,
    by_mail: bool,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Group>, StoreError> {
    let now = now.as_millis();
    let channels = if by_mail {
        ""
    } else {
        "channel <> 'mail' AND "
    };
    Statement::sql("SELECT channel, target, kind FROM deliveries WHERE ")
        .push(channels)
        .push("state = 'pending' AND next_attempt_at <= ")
        .integer(now)
    .push(" AND (claimed_until IS NULL OR claimed_until <= ")
    .integer(now)
    .push(") GROUP BY channel, target, kind ORDER BY MIN(next_attempt_at), channel, target, kind LIMIT ")
    .integer(limit)
    .cached()
    .load(connection)
}

/// Takes up to so many due deliveries to a webhook, oldest first, for nobody else to take until then.
///
/// # Errors
/// When the database fails.
pub fn claim_of_webhook(
    connection: &mut DatabaseConnection,
    webhook: &str,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let which = Statement::sql("channel = 'webhook' AND target = ")
        .text(webhook)
        .push(" AND next_attempt_at <= ")
        .integer(now.as_millis());
    claim(connection, which, now, until, limit)
}

/// Takes all deliveries of a kind to an address, also those that are not due yet: they go in the same mail.
///
/// # Errors
/// When the database fails.
pub fn claim_of_mail(
    connection: &mut DatabaseConnection,
    address: &str,
    kind: &str,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let which = Statement::sql("channel = 'mail' AND target = ")
        .text(address)
        .push(" AND kind = ")
        .text(kind);
    claim(connection, which, now, until, limit)
}

/// Takes one delivery, whenever it would be due; `None` where another node is at it or it has ended.
///
/// # Errors
/// When the database fails.
pub fn claim_one(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<DeliveryRow>, StoreError> {
    let which = Statement::sql("id = ").text(id.as_str());
    Ok(claim(connection, which, now, until, 1)?.pop())
}

/// On PostgreSQL, rows that another node has taken in a transaction still open are passed over; SQLite has one
/// writer.
fn claim(
    connection: &mut DatabaseConnection,
    which: Statement,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let lock = match connection.dialect() {
        SqlDialect::Sqlite => "",
        SqlDialect::Postgres => " FOR UPDATE SKIP LOCKED",
    };
    let mut claimed: Vec<DeliveryRow> = Statement::sql(
        "WITH due AS MATERIALIZED (SELECT id FROM deliveries WHERE state = 'pending' AND ",
    )
    .append(which)
    .push(" AND (claimed_until IS NULL OR claimed_until <= ")
    .integer(now.as_millis())
    .push(") ORDER BY next_attempt_at, id LIMIT ")
    .integer(limit)
    .push(lock)
    .push(") UPDATE deliveries SET attempts = attempts + 1, claimed_until = ")
    .integer(until.as_millis())
    .push(" WHERE id IN (SELECT id FROM due) RETURNING *")
    .cached()
    .load(connection)?;
    claimed.sort_by(|left, right| left.id.cmp(&right.id));
    Ok(claimed)
}

/// They have arrived; a notice that has arrived wherever it is to is delivered.
///
/// # Errors
/// When the database fails.
pub fn delivered(
    connection: &mut DatabaseConnection,
    claimed: &[DeliveryRow],
    status: Option<i32>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in claimed.chunks(CHUNK) {
        let ids: Vec<String> = chunk.iter().map(|delivery| delivery.id.clone()).collect();
        diesel::update(deliveries::table.filter(deliveries::id.eq_any(ids)))
            .set((
                deliveries::state.eq(DELIVERED),
                deliveries::delivered_at.eq(now.as_millis()),
                deliveries::claimed_until.eq(None::<i64>),
                deliveries::last_error.eq(None::<String>),
                deliveries::last_status.eq(status),
            ))
            .execute(connection)?;
        note_whole(connection, chunk, now)?;
    }
    Ok(())
}

/// Notes which notices of these deliveries have arrived wherever they are to.
fn note_whole(
    connection: &mut DatabaseConnection,
    ended: &[DeliveryRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    let told: Vec<String> = ended.iter().map(|row| row.notice_id.clone()).collect();
    let arrived = deliveries::table
        .filter(deliveries::notice_id.eq(notices::id))
        .filter(deliveries::state.eq(DELIVERED));
    let missing = deliveries::table
        .filter(deliveries::notice_id.eq(notices::id))
        .filter(deliveries::state.ne_all([DELIVERED, WITHHELD]));
    diesel::update(
        notices::table
            .filter(notices::id.eq_any(told))
            .filter(notices::delivered_at.is_null())
            .filter(diesel::dsl::exists(arrived))
            .filter(diesel::dsl::not(diesel::dsl::exists(missing))),
    )
    .set(notices::delivered_at.eq(now.as_millis()))
    .execute(connection)?;
    Ok(())
}

/// They are not sent, for this reason, and not tried again.
///
/// # Errors
/// When the database fails.
pub fn withheld(
    connection: &mut DatabaseConnection,
    claimed: &[DeliveryRow],
    reason: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in claimed.chunks(CHUNK) {
        let ids: Vec<String> = chunk.iter().map(|delivery| delivery.id.clone()).collect();
        // A node that was slower than its claim takes nothing back that another has delivered.
        let rows = deliveries::table
            .filter(deliveries::id.eq_any(ids))
            .filter(deliveries::state.eq(PENDING));
        diesel::update(rows)
            .set((
                deliveries::state.eq(WITHHELD),
                deliveries::claimed_until.eq(None::<i64>),
                deliveries::last_error.eq(reason),
                deliveries::last_status.eq(None::<i32>),
            ))
            .execute(connection)?;
        note_whole(connection, chunk, now)?;
    }
    Ok(())
}

/// It has not arrived and is tried again then, or, without a time, not any more.
///
/// # Errors
/// When the database fails.
pub fn not_delivered(
    connection: &mut DatabaseConnection,
    delivery: &DeliveryRow,
    attempt: &Attempt,
    again_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    // A node that was slower than its claim takes nothing back that another has delivered.
    let row = deliveries::table
        .find(&delivery.id)
        .filter(deliveries::state.eq(PENDING));
    diesel::update(row)
        .set((
            deliveries::state.eq(if again_at.is_some() { PENDING } else { FAILED }),
            deliveries::next_attempt_at
                .eq(again_at.map_or(delivery.next_attempt_at, Timestamp::as_millis)),
            deliveries::claimed_until.eq(None::<i64>),
            deliveries::last_error.eq(&attempt.error),
            deliveries::last_status.eq(attempt.status),
        ))
        .execute(connection)?;
    Ok(())
}

/// Begins a delivery anew, due now, with all its time before it; says whether there was one that is not on its way.
///
/// # Errors
/// When the database fails.
pub fn begin_again(
    connection: &mut DatabaseConnection,
    id: &DeliveryId,
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<bool, StoreError> {
    let ended = deliveries::table
        .find(id.as_str())
        .filter(deliveries::state.ne(PENDING));
    let begun = diesel::update(ended)
        .set((
            deliveries::state.eq(PENDING),
            deliveries::attempts.eq(0),
            deliveries::next_attempt_at.eq(now.as_millis()),
            deliveries::give_up_at.eq(give_up_at.as_millis()),
            deliveries::claimed_until.eq(None::<i64>),
            deliveries::delivered_at.eq(None::<i64>),
        ))
        .execute(connection)?;
    Ok(begun == 1)
}

/// Ends all that is on its way to a webhook.
///
/// # Errors
/// When the database fails.
pub fn fail_pending_of(
    connection: &mut DatabaseConnection,
    target: &str,
    error: &str,
) -> Result<(), StoreError> {
    diesel::update(
        deliveries::table
            .filter(deliveries::target.eq(target))
            .filter(deliveries::state.eq(PENDING)),
    )
    .set((
        deliveries::state.eq(FAILED),
        deliveries::claimed_until.eq(None::<i64>),
        deliveries::last_error.eq(error),
    ))
    .execute(connection)?;
    Ok(())
}

/// Removes the deliveries to a webhook.
///
/// # Errors
/// When the database fails.
pub fn delete_of(connection: &mut DatabaseConnection, target: &str) -> Result<(), StoreError> {
    diesel::delete(deliveries::table.filter(deliveries::target.eq(target))).execute(connection)?;
    Ok(())
}
