//! Passwords: one Argon2id hash a person, who set it, and the roles that it may open.

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
    /// Names of the roles that may be used by whoever signs in with it.
    pub roles: Vec<String>,
}

/// The password of a person.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Option<StoredPassword>, StoreError> {
    let row: Option<(String, String, String)> = passwords::table
        .find(person.as_str())
        .select((passwords::hash, passwords::set_by, passwords::roles))
        .first(connection)
        .optional()?;
    let Some((hash, set_by, roles)) = row else {
        return Ok(None);
    };
    Ok(Some(StoredPassword {
        hash,
        // What is not known to be the person's own is trusted less.
        set_by: if set_by == SetBy::Person.name() {
            SetBy::Person
        } else {
            SetBy::IdentityProvider
        },
        roles: serde_json::from_str(&roles).map_err(|_| StoreError::Corrupt {
            what: "list of a password's roles",
        })?,
    }))
}

/// Sets the password of a person.
///
/// # Errors
/// When the database fails.
pub fn set(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    password: &StoredPassword,
    now: Timestamp,
) -> Result<(), StoreError> {
    let roles = serde_json::Value::from(password.roles.clone()).to_string();
    let columns = (
        passwords::hash.eq(password.hash.as_str()),
        passwords::set_at.eq(now.as_millis()),
        passwords::set_by.eq(password.set_by.name()),
        passwords::roles.eq(roles.as_str()),
    );
    on_either!(connection, connection => diesel::insert_into(passwords::table)
        .values((passwords::person_id.eq(person.as_str()), columns))
        .on_conflict(passwords::person_id)
        .do_update()
        .set(columns)
        .execute(connection)?);
    Ok(())
}

/// Removes every password, and counts them.
///
/// # Errors
/// When the database fails.
pub fn delete_all(connection: &mut DatabaseConnection) -> Result<usize, StoreError> {
    Ok(diesel::delete(passwords::table).execute(connection)?)
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
