//! The keys that access tokens are signed with, oldest first by generation.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::sealed::Sealed;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::SigningKeyId;
use super::schema::signing_keys;

/// A signing key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// Its identifier, the `kid` of what it signs.
    pub id: SigningKeyId,
    /// Each has the next.
    pub generation: i64,
    /// The algorithm, as JWA names it.
    pub algorithm: String,
    /// The public key as a JWK.
    pub public_jwk: String,
    /// The private key; forgotten once the key signs no more.
    pub private_key: Option<Sealed>,
    /// When it was made, and published.
    pub created_at: Timestamp,
    /// When it signs from.
    pub activates_at: Timestamp,
    /// When it signs no more: its successor does.
    pub retires_at: Option<Timestamp>,
    /// When it is published no more: nothing that it signed is good any longer.
    pub ends_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys)]
struct Row {
    id: String,
    generation: i64,
    algorithm: String,
    public_jwk: String,
    private_key: Option<String>,
    created_at: i64,
    activates_at: i64,
    retires_at: Option<i64>,
    ends_at: Option<i64>,
}

impl Row {
    fn of(key: &SigningKey) -> Self {
        Self {
            id: key.id.to_string(),
            generation: key.generation,
            algorithm: key.algorithm.clone(),
            public_jwk: key.public_jwk.clone(),
            private_key: key.private_key.as_ref().map(|key| key.as_str().to_owned()),
            created_at: key.created_at.as_millis(),
            activates_at: key.activates_at.as_millis(),
            retires_at: key.retires_at.map(Timestamp::as_millis),
            ends_at: key.ends_at.map(Timestamp::as_millis),
        }
    }

    fn read(self) -> SigningKey {
        SigningKey {
            id: SigningKeyId::new(self.id),
            generation: self.generation,
            algorithm: self.algorithm,
            public_jwk: self.public_jwk,
            private_key: self.private_key.map(Sealed::from_stored),
            created_at: Timestamp::from_millis(self.created_at),
            activates_at: Timestamp::from_millis(self.activates_at),
            retires_at: self.retires_at.map(Timestamp::from_millis),
            ends_at: self.ends_at.map(Timestamp::from_millis),
        }
    }
}

/// Adds a key; false where another node has made one of that generation.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &mut DatabaseConnection, key: &SigningKey) -> Result<bool, StoreError> {
    let added = on_either!(connection, connection => diesel::insert_into(signing_keys::table)
        .values(Row::of(key))
        .on_conflict(signing_keys::generation)
        .do_nothing()
        .execute(connection))?;
    Ok(added > 0)
}

/// All keys that there have been.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<SigningKey>, StoreError> {
    let rows: Vec<Row> = signing_keys::table
        .order(signing_keys::generation)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// One key.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &SigningKeyId,
) -> Result<Option<SigningKey>, StoreError> {
    let row: Option<Row> = signing_keys::table
        .find(id.as_str())
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Row::read))
}

/// The keys that are published at an instant: those that sign, will sign, or have signed what is still good.
///
/// # Errors
/// When the database fails.
pub fn published_at(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<SigningKey>, StoreError> {
    let rows: Vec<Row> = signing_keys::table
        .filter(
            signing_keys::ends_at
                .is_null()
                .or(signing_keys::ends_at.gt(now.as_millis())),
        )
        .order(signing_keys::generation)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Says when a key signs no more, and when it is published no more.
///
/// # Errors
/// When the database fails.
pub fn retire(
    connection: &mut DatabaseConnection,
    id: &SigningKeyId,
    retires_at: Timestamp,
    ends_at: Timestamp,
) -> Result<(), StoreError> {
    diesel::update(signing_keys::table.find(id.as_str()))
        .set((
            signing_keys::retires_at.eq(retires_at.as_millis()),
            signing_keys::ends_at.eq(ends_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Forgets the private keys of those that sign no more.
///
/// # Errors
/// When the database fails.
pub fn forget_private_keys(
    connection: &mut DatabaseConnection,
    retired_before: Timestamp,
) -> Result<(), StoreError> {
    let retired = signing_keys::table
        .filter(signing_keys::retires_at.le(retired_before.as_millis()))
        .filter(signing_keys::private_key.is_not_null());
    diesel::update(retired)
        .set(signing_keys::private_key.eq(None::<String>))
        .execute(connection)?;
    Ok(())
}
