//! Values of resources that are looked up or must be unique, beside the documents that hold them.

use diesel::prelude::*;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::{StoreError, TransactionError};
use super::id::{DirectoryId, ResourceId};
use super::resources::Resource;
use super::schema::{indexed_values, unique_values};

/// The values of one resource that go to side tables, as attribute path and folded value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideValues {
    /// Values that are looked up.
    pub indexed: Vec<(String, String)>,
    /// Values that no other resource of the directory and type may have.
    pub unique: Vec<(String, String)>,
}

/// Why a resource could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ResourceWriteError {
    /// Another resource has a value that must be unique.
    #[error("another resource has the same {attribute}")]
    Conflict {
        /// The path of the attribute.
        attribute: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for ResourceWriteError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

impl TransactionError for ResourceWriteError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Conflict { .. } => None,
        }
    }
}

/// Adds the values of a new resource that are looked up.
///
/// # Errors
/// When the database fails.
pub(super) fn add_indexed(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    for (attribute, value) in &side.indexed {
        let statement = diesel::insert_into(indexed_values::table).values((
            indexed_values::resource_id.eq(resource.id.as_str()),
            indexed_values::attribute.eq(attribute),
            indexed_values::value.eq(value),
            indexed_values::directory_id.eq(resource.directory_id.as_str()),
            indexed_values::resource_type.eq(&resource.resource_type),
        ));
        on_either!(connection, connection => statement.execute(connection))?;
    }
    Ok(())
}

/// Adds the values of a new resource that no other may have.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where another has one of them; when the database fails.
pub(super) fn add_unique(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    for (attribute, value) in &side.unique {
        let statement = diesel::insert_into(unique_values::table).values((
            unique_values::directory_id.eq(resource.directory_id.as_str()),
            unique_values::resource_type.eq(&resource.resource_type),
            unique_values::attribute.eq(attribute),
            unique_values::value.eq(value),
            unique_values::resource_id.eq(resource.id.as_str()),
        ));
        on_either!(connection, connection => statement.execute(connection)).map_err(|error| {
            match StoreError::from(error) {
                error if error.unique_violation().is_some() => ResourceWriteError::Conflict {
                    attribute: attribute.clone(),
                },
                error => error.into(),
            }
        })?;
    }
    Ok(())
}

/// Rewrites the side values where they have changed: most changes leave them alone.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where a value must be unique and is not; when the database fails.
pub(super) fn replace(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    let id = resource.id.as_str();
    let query = indexed_values::table
        .filter(indexed_values::resource_id.eq(id))
        .select((indexed_values::attribute, indexed_values::value));
    let indexed: Vec<(String, String)> =
        on_either!(connection, connection => query.load(connection))?;
    let query = unique_values::table
        .filter(unique_values::resource_id.eq(id))
        .select((unique_values::attribute, unique_values::value));
    let unique: Vec<(String, String)> =
        on_either!(connection, connection => query.load(connection))?;
    if same(&indexed, &side.indexed) && same(&unique, &side.unique) {
        return Ok(());
    }
    delete(connection, &resource.id)?;
    add_indexed(connection, resource, side)?;
    add_unique(connection, resource, side)
}

fn same(left: &[(String, String)], right: &[(String, String)]) -> bool {
    left.len() == right.len() && left.iter().all(|value| right.contains(value))
}

/// Removes the side values of a resource.
///
/// # Errors
/// When the database fails.
pub(super) fn delete(
    connection: &mut DatabaseConnection,
    resource: &ResourceId,
) -> Result<(), StoreError> {
    let id = resource.as_str();
    diesel::delete(indexed_values::table.filter(indexed_values::resource_id.eq(id)))
        .execute(connection)?;
    diesel::delete(unique_values::table.filter(unique_values::resource_id.eq(id)))
        .execute(connection)?;
    Ok(())
}

/// Removes the side values of a directory's resources.
///
/// # Errors
/// When the database fails.
pub(super) fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    let id = directory.as_str();
    diesel::delete(indexed_values::table.filter(indexed_values::directory_id.eq(id)))
        .execute(connection)?;
    diesel::delete(unique_values::table.filter(unique_values::directory_id.eq(id)))
        .execute(connection)?;
    Ok(())
}
