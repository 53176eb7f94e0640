//! Passwords: one Argon2id hash a person, and who set it.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::ResourceId;
use super::schema::passwords;

/// Who set a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBy {
    /// The person, through a one-time link.
    Person,
    /// The identity provider, over SCIM. Such a password never opens an admin's session.
    IdentityProvider,
}

impl SetBy {
    fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::IdentityProvider => "identity_provider",
        }
    }
}

/// A stored password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// The Argon2id hash as a PHC string.
    pub hash: String,
    /// Who set it.
    pub set_by: SetBy,
}

/// The password of a person.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Option<StoredPassword>, StoreError> {
    let row: Option<(String, String)> = passwords::table
        .find(person.as_str())
        .select((passwords::hash, passwords::set_by))
        .first(connection)
        .optional()?;
    Ok(row.map(|(hash, set_by)| StoredPassword {
        hash,
        // What is not known to be the person's own is trusted less.
        set_by: if set_by == SetBy::Person.name() {
            SetBy::Person
        } else {
            SetBy::IdentityProvider
        },
    }))
}

/// Sets the password of a person.
///
/// # Errors
/// When the database fails.
pub fn set(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    hash: &str,
    set_by: SetBy,
    now: Timestamp,
) -> Result<(), StoreError> {
    let columns = (
        passwords::hash.eq(hash),
        passwords::set_at.eq(now.as_millis()),
        passwords::set_by.eq(set_by.name()),
    );
    on_either!(connection, connection => diesel::insert_into(passwords::table)
        .values((passwords::person_id.eq(person.as_str()), columns))
        .on_conflict(passwords::person_id)
        .do_update()
        .set(columns)
        .execute(connection)?);
    Ok(())
}

/// Removes the password of a person; false where there was none.
///
/// # Errors
/// When the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<bool, StoreError> {
    Ok(diesel::delete(passwords::table.find(person.as_str())).execute(connection)? > 0)
}
