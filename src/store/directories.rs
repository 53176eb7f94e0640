//! Directories: one for each identity provider, and a local one for people without.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::scim::leniency::Dialect;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::DirectoryId;
use super::schema::directories;

/// Who fills a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectoryKind {
    /// Admins, by hand. It takes no SCIM keys.
    Local,
    /// An identity provider, over SCIM.
    Scim,
}

impl DirectoryKind {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Local, Self::Scim];

    /// The name under which it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Scim => "scim",
        }
    }
}

/// A directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Its identifier.
    pub id: DirectoryId,
    /// Its name, unique in the deployment whatever the case.
    pub name: String,
    /// Who fills it.
    pub kind: DirectoryKind,
    /// Which deviations of its identity provider are forgiven.
    pub dialect: Dialect,
    /// Whether the identity provider may set passwords.
    pub password_allowed: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = directories)]
pub(super) struct Row {
    id: String,
    name: String,
    name_folded: String,
    kind: String,
    dialect: String,
    password_allowed: bool,
    created_at: i64,
    modified_at: i64,
}

impl Row {
    fn of(directory: &Directory) -> Self {
        Self {
            id: directory.id.to_string(),
            name: directory.name.clone(),
            name_folded: directory.name.to_lowercase(),
            kind: directory.kind.name().to_owned(),
            dialect: directory.dialect.name().to_owned(),
            password_allowed: directory.password_allowed,
            created_at: directory.created_at.as_millis(),
            modified_at: directory.modified_at.as_millis(),
        }
    }

    pub(super) fn read(self) -> Result<Directory, StoreError> {
        let kind = match self.kind.as_str() {
            "local" => DirectoryKind::Local,
            "scim" => DirectoryKind::Scim,
            _ => return Err(StoreError::Corrupt { what: "directory" }),
        };
        Ok(Directory {
            id: DirectoryId::new(self.id),
            name: self.name,
            kind,
            dialect: Dialect::from_name(&self.dialect)
                .ok_or(StoreError::Corrupt { what: "dialect" })?,
            password_allowed: self.password_allowed,
            created_at: Timestamp::from_millis(self.created_at),
            modified_at: Timestamp::from_millis(self.modified_at),
        })
    }
}

/// One directory.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
) -> Result<Option<Directory>, StoreError> {
    on_either!(connection, connection => directories::table
        .find(id.as_str())
        .select(Row::as_select())
        .first(connection))
    .optional()?
    .map(Row::read)
    .transpose()
}

/// One directory by its name, whatever the case.
///
/// # Errors
/// When the database fails.
pub fn find_by_name(
    connection: &mut DatabaseConnection,
    name: &str,
) -> Result<Option<Directory>, StoreError> {
    directories::table
        .filter(directories::name_folded.eq(name.to_lowercase()))
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read)
        .transpose()
}

/// All of them, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<Directory>, StoreError> {
    directories::table
        .order(directories::id)
        .select(Row::as_select())
        .load(connection)?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// Adds one.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    directory: &Directory,
) -> Result<(), StoreError> {
    diesel::insert_into(directories::table)
        .values(Row::of(directory))
        .execute(connection)?;
    Ok(())
}

/// Changes name, dialect and whether passwords are allowed.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    directory: &Directory,
) -> Result<(), StoreError> {
    let row = Row::of(directory);
    diesel::update(directories::table.find(directory.id.as_str()))
        .set((
            directories::name.eq(row.name),
            directories::name_folded.eq(row.name_folded),
            directories::dialect.eq(row.dialect),
            directories::password_allowed.eq(row.password_allowed),
            directories::modified_at.eq(row.modified_at),
        ))
        .execute(connection)?;
    Ok(())
}

/// Removes one; what it held is removed by the functions of the other tables.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &DirectoryId) -> Result<(), StoreError> {
    diesel::delete(directories::table.find(id.as_str())).execute(connection)?;
    Ok(())
}
