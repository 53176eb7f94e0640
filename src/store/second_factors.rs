//! Second factors: one authenticator a person, its secret sealed, and the hashes of their recovery codes.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::sealed::Sealed;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::ResourceId;
use super::schema::{recovery_codes, second_factors};

/// A person's authenticator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// What codes are made from.
    pub secret: Sealed,
    /// When a code of it was shown first; until then it does not count.
    pub confirmed_at: Option<Timestamp>,
    /// The time step of the last code that was taken.
    pub last_step: Option<i64>,
}

/// The authenticator of a person; holds off every other change to it until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn find_for_update(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Option<SecondFactor>, StoreError> {
    let query = second_factors::table.find(person.as_str()).select((
        second_factors::secret,
        second_factors::confirmed_at,
        second_factors::last_step,
    ));
    let row: Option<(String, Option<i64>, Option<i64>)> = match connection {
        DatabaseConnection::Sqlite(connection) => query.first(connection).optional(),
        DatabaseConnection::Postgres(connection) => query.for_update().first(connection).optional(),
    }?;
    Ok(row.map(|(secret, confirmed_at, last_step)| SecondFactor {
        secret: Sealed::from_stored(secret),
        confirmed_at: confirmed_at.map(Timestamp::from_millis),
        last_step,
    }))
}

/// Whether a person has an authenticator, confirmed or not.
///
/// # Errors
/// When the database fails.
pub fn exists(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<bool, StoreError> {
    let theirs = second_factors::table.find(person.as_str());
    Ok(diesel::select(diesel::dsl::exists(theirs)).get_result(connection)?)
}

/// When a person's authenticator was confirmed; `None` where there is none that counts.
///
/// # Errors
/// When the database fails.
pub fn confirmed_at(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Option<Timestamp>, StoreError> {
    let confirmed: Option<Option<i64>> = second_factors::table
        .find(person.as_str())
        .select(second_factors::confirmed_at)
        .first(connection)
        .optional()?;
    Ok(confirmed.flatten().map(Timestamp::from_millis))
}

/// Gives a person a new authenticator, which has to be confirmed; one that was not confirmed is replaced.
///
/// # Errors
/// When the database fails.
pub fn begin(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    secret: &Sealed,
    now: Timestamp,
) -> Result<(), StoreError> {
    let columns = (
        second_factors::secret.eq(secret.as_str()),
        second_factors::created_at.eq(now.as_millis()),
        second_factors::confirmed_at.eq(None::<i64>),
        second_factors::last_step.eq(None::<i64>),
    );
    on_either!(connection, connection => diesel::insert_into(second_factors::table)
        .values((second_factors::person_id.eq(person.as_str()), columns))
        .on_conflict(second_factors::person_id)
        .do_update()
        .set(columns)
        .execute(connection)?);
    Ok(())
}

/// Notes that the authenticator counts from now on.
///
/// # Errors
/// When the database fails.
pub fn confirm(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(second_factors::table.find(person.as_str()))
        .set(second_factors::confirmed_at.eq(now.as_millis()))
        .execute(connection)?;
    Ok(())
}

/// Notes the time step of a code that was taken; false where that or a later one was taken before.
///
/// # Errors
/// When the database fails.
pub fn use_step(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    step: i64,
) -> Result<bool, StoreError> {
    let is_new = second_factors::last_step
        .is_null()
        .or(second_factors::last_step.lt(step));
    let used = diesel::update(second_factors::table.find(person.as_str()).filter(is_new))
        .set(second_factors::last_step.eq(step))
        .execute(connection)?;
    Ok(used > 0)
}

/// Removes the authenticator of a person with all recovery codes; false where there was none.
///
/// # Errors
/// When the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<bool, StoreError> {
    delete_recovery_codes(connection, person)?;
    Ok(diesel::delete(second_factors::table.find(person.as_str())).execute(connection)? > 0)
}

/// Gives a person these recovery codes in place of all earlier ones.
///
/// # Errors
/// When the database fails.
pub fn set_recovery_codes(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    hashes: &[String],
) -> Result<(), StoreError> {
    delete_recovery_codes(connection, person)?;
    for hash in hashes {
        diesel::insert_into(recovery_codes::table)
            .values((
                recovery_codes::person_id.eq(person.as_str()),
                recovery_codes::hash.eq(hash.as_str()),
            ))
            .execute(connection)?;
    }
    Ok(())
}

/// Uses a recovery code up; false where there is none, or it was used before.
///
/// # Errors
/// When the database fails.
pub fn use_recovery_code(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let used = diesel::update(
        recovery_codes::table
            .find((person.as_str(), hash))
            .filter(recovery_codes::used_at.is_null()),
    )
    .set(recovery_codes::used_at.eq(now.as_millis()))
    .execute(connection)?;
    Ok(used > 0)
}

/// How many recovery codes a person has left.
///
/// # Errors
/// When the database fails.
pub fn count_recovery_codes(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<i64, StoreError> {
    Ok(recovery_codes::table
        .filter(recovery_codes::person_id.eq(person.as_str()))
        .filter(recovery_codes::used_at.is_null())
        .count()
        .get_result(connection)?)
}

fn delete_recovery_codes(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<(), StoreError> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::person_id.eq(person.as_str())))
        .execute(connection)?;
    Ok(())
}
