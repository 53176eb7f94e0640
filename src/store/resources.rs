//! Resources: one canonical document each and the columns that are looked up. The same write keeps the
//! counts and the side values true.

use std::collections::HashMap;

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::schema::{directories, resources};
use super::side_values::{ResourceWriteError, SideValues};
use super::{creation, resource_counts, side_values};

/// The type whose resources have a `userName`; the index of it begins with the type.
const PERSON: &str = "User";

/// A stored resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its identifier.
    pub id: ResourceId,
    /// The directory that holds it.
    pub directory_id: DirectoryId,
    /// The name of its resource type.
    pub resource_type: String,
    /// `userName` as it was written; unique within directory and type whatever the case.
    pub user_name: Option<String>,
    /// `externalId`; unique within directory and type.
    pub external_id: Option<String>,
    /// `displayName`.
    pub display_name: Option<String>,
    /// Whether it is active; true of what knows no such thing.
    pub active: bool,
    /// Counts its changes, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// The canonical document, without `id`, `meta`, and what is computed.
    pub document: String,
}

impl Resource {
    /// How a list of members or an audit event calls it.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.display_name.as_deref().or(self.user_name.as_deref())
    }
}

#[derive(Queryable, Selectable, QueryableByName, Insertable)]
#[diesel(table_name = resources, treat_none_as_default_value = false)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) directory_id: String,
    pub(super) resource_type: String,
    pub(super) user_name: Option<String>,
    pub(super) user_name_folded: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) display_name_folded: Option<String>,
    pub(super) active: bool,
    pub(super) version: i64,
    pub(super) created_at: i64,
    pub(super) modified_at: i64,
    pub(super) document: String,
}

impl Row {
    pub(super) fn of(resource: &Resource) -> Self {
        let fold = |text: &Option<String>| text.as_deref().map(str::to_lowercase);
        Self {
            id: resource.id.to_string(),
            directory_id: resource.directory_id.to_string(),
            resource_type: resource.resource_type.clone(),
            user_name: resource.user_name.clone(),
            user_name_folded: fold(&resource.user_name),
            external_id: resource.external_id.clone(),
            display_name: resource.display_name.clone(),
            display_name_folded: fold(&resource.display_name),
            active: resource.active,
            version: resource.version,
            created_at: resource.created_at.as_millis(),
            modified_at: resource.modified_at.as_millis(),
            document: resource.document.clone(),
        }
    }

    /// What an index is made of and a change can change.
    fn names(&self) -> [&Option<String>; 3] {
        [&self.user_name, &self.external_id, &self.display_name]
    }

    pub(super) fn read(self) -> Resource {
        Resource {
            id: ResourceId::new(self.id),
            directory_id: DirectoryId::new(self.directory_id),
            resource_type: self.resource_type,
            user_name: self.user_name,
            external_id: self.external_id,
            display_name: self.display_name,
            active: self.active,
            version: self.version,
            created_at: Timestamp::from_millis(self.created_at),
            modified_at: Timestamp::from_millis(self.modified_at),
            document: self.document,
        }
    }
}

/// One resource of a directory.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
    id: &str,
) -> Result<Option<Resource>, StoreError> {
    let row = on_either!(connection, connection => resources::table
        .find(id)
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type))
        .select(Row::as_select())
        .first(connection))
    .optional()?;
    Ok(row.map(Row::read))
}

/// Like [`find`], and holds off every other change to it until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn find_for_update(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
    id: &str,
) -> Result<Option<Resource>, StoreError> {
    let query = resources::table
        .find(id)
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type));
    let row = match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_update()
            .first(connection)
            .optional(),
    }?;
    Ok(row.map(Row::read))
}

/// A resource of whatever directory, for the owners and creators of credentials.
///
/// # Errors
/// When the database fails.
pub fn find_any(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Option<Resource>, StoreError> {
    Ok(resources::table
        .find(id.as_str())
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read))
}

/// What resources are called: their display names, or else their user names.
///
/// # Errors
/// When the database fails.
pub fn labels(
    connection: &mut DatabaseConnection,
    ids: &[ResourceId],
) -> Result<HashMap<ResourceId, String>, StoreError> {
    let mut labels = HashMap::new();
    for some in ids.chunks(CHUNK) {
        let rows: Vec<(String, Option<String>, Option<String>)> = resources::table
            .filter(resources::id.eq_any(some.iter().map(ResourceId::as_str)))
            .select((resources::id, resources::display_name, resources::user_name))
            .load(connection)?;
        labels.extend(
            rows.into_iter()
                .filter_map(|(id, display_name, user_name)| {
                    Some((ResourceId::new(id), display_name.or(user_name)?))
                }),
        );
    }
    Ok(labels)
}

/// Like [`find_any`], and holds off changes to it, but not other readers, until the transaction ends: what
/// is decided by its state stays true until it is committed.
///
/// # Errors
/// When the database fails.
pub fn lock_shared(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Option<Resource>, StoreError> {
    let query = resources::table.find(id.as_str());
    let row = match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_share()
            .first(connection)
            .optional(),
    }?;
    Ok(row.map(Row::read))
}

/// Locks rows against every other change, in the order of their ids so that two of these do not wait for
/// each other.
///
/// # Errors
/// When the database fails.
pub fn lock_all(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    ids: &[ResourceId],
) -> Result<(), StoreError> {
    let DatabaseConnection::Postgres(connection) = connection else {
        return Ok(());
    };
    resources::table
        .filter(resources::id.eq_any(ids.iter().map(ResourceId::as_str)))
        .filter(resources::directory_id.eq(directory.as_str()))
        .order(resources::id)
        .select(resources::id)
        .for_update()
        .load::<String>(connection)?;
    Ok(())
}

/// The person with this `userName`, whatever its case.
///
/// # Errors
/// When the database fails.
pub fn find_by_user_name(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    user_name: &str,
) -> Result<Option<Resource>, StoreError> {
    Ok(resources::table
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(PERSON))
        .filter(resources::user_name_folded.eq(user_name.to_lowercase()))
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read))
}

/// The resource of a type with this `externalId`.
///
/// # Errors
/// When the database fails.
pub fn find_by_external_id(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
    external_id: &str,
) -> Result<Option<Resource>, StoreError> {
    Ok(resources::table
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type))
        .filter(resources::external_id.eq(external_id))
        .select(Row::as_select())
        .first(connection)
        .optional()?
        .map(Row::read))
}

/// The resources of a type with this `displayName`, letter for letter, the oldest first.
///
/// # Errors
/// When the database fails.
pub fn named_exactly(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
    display_name: &str,
) -> Result<Vec<Resource>, StoreError> {
    let rows = resources::table
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type))
        .filter(resources::display_name_folded.eq(display_name.to_lowercase()))
        .filter(resources::display_name.eq(display_name))
        .order(resources::id)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// A page of one type's resources after an id, in the order of their ids; with a `user_name` only those
/// whose folded user name begins with it.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    directory: Option<&DirectoryId>,
    resource_type: &str,
    user_name: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    let mut query = resources::table
        .filter(resources::resource_type.eq(resource_type.to_owned()))
        .order(resources::id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(directory) = directory {
        query = query.filter(resources::directory_id.eq(directory.as_str().to_owned()));
    }
    if let Some(user_name) = user_name {
        // The index begins with the directory.
        if directory.is_none() {
            let all = directories::table.select(directories::id);
            query = query.filter(resources::directory_id.eq_any(all));
        }
        let folded = user_name.to_lowercase();
        if let Some(end) = super::sql::after_prefix(&folded) {
            query = query.filter(resources::user_name_folded.lt(end));
        }
        query = query.filter(resources::user_name_folded.ge(folded));
    }
    if let Some(after) = after {
        query = query.filter(resources::id.gt(after.to_owned()));
    }
    Ok(query.load(connection)?.into_iter().map(Row::read).collect())
}

/// The resources of a type that are called so, whatever the case, the oldest first.
///
/// # Errors
/// When the database fails.
pub fn called(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    resource_type: &str,
    display_name: &str,
    limit: i64,
) -> Result<Vec<Resource>, StoreError> {
    let rows = resources::table
        .filter(resources::directory_id.eq(directory.as_str()))
        .filter(resources::resource_type.eq(resource_type))
        .filter(resources::display_name_folded.eq(display_name.to_lowercase()))
        .order(resources::id)
        .limit(limit)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Row::read).collect())
}

/// Those of these resources that there are, in no order.
///
/// # Errors
/// When the database fails.
pub fn find_all(
    connection: &mut DatabaseConnection,
    ids: &[ResourceId],
) -> Result<Vec<Resource>, StoreError> {
    let mut found = Vec::with_capacity(ids.len());
    for some in ids.chunks(CHUNK) {
        let rows = resources::table
            .filter(resources::id.eq_any(some.iter().map(ResourceId::as_str)))
            .select(Row::as_select())
            .load(connection)?;
        found.extend(rows.into_iter().map(Row::read));
    }
    Ok(found)
}

/// Adds a resource.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where a value must be unique and is not; when the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    match connection {
        DatabaseConnection::Sqlite(sqlite) => {
            diesel::insert_into(resources::table)
                .values(Row::of(resource))
                .execute(sqlite)
                .map_err(conflict)?;
            side_values::add_indexed(connection, resource, side)?;
            resource_counts::add(connection, resource, 1)?;
        }
        DatabaseConnection::Postgres(_) => creation::insert(connection, resource, side)?,
    }
    side_values::add_unique(connection, resource, side)
}

/// Writes what has changed of a resource. Where only its version and times have, no index is touched.
///
/// # Errors
/// [`ResourceWriteError::Conflict`] where a value must be unique and is not; when the database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    before: &Resource,
    resource: &Resource,
    side: &SideValues,
) -> Result<(), ResourceWriteError> {
    let row = resources::table
        .find(resource.id.as_str())
        .filter(resources::directory_id.eq(resource.directory_id.as_str()));
    let counted = (
        resources::version.eq(resource.version),
        resources::modified_at.eq(resource.modified_at.as_millis()),
    );
    if before.document == resource.document && before.active == resource.active {
        let statement = diesel::update(row).set(counted);
        on_either!(connection, connection => statement.execute(connection))?;
        return Ok(());
    }
    let content = (
        resources::active.eq(resource.active),
        resources::document.eq(&resource.document),
    );
    let columns = Row::of(resource);
    let is_renamed = Row::of(before).names() != columns.names();
    if is_renamed {
        let names = (
            resources::user_name.eq(&columns.user_name),
            resources::user_name_folded.eq(&columns.user_name_folded),
            resources::external_id.eq(&columns.external_id),
            resources::display_name.eq(&columns.display_name),
            resources::display_name_folded.eq(&columns.display_name_folded),
        );
        let statement = diesel::update(row).set((counted, content, names));
        on_either!(connection, connection => statement.execute(connection)).map_err(conflict)?;
    } else {
        let statement = diesel::update(row).set((counted, content));
        on_either!(connection, connection => statement.execute(connection))?;
    }
    side_values::replace(connection, resource, side)
}

/// Counts a change of resources whose documents stay as they are: of groups whose members change.
///
/// # Errors
/// When the database fails.
pub fn touch(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    ids: &[ResourceId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for some in ids.chunks(CHUNK) {
        diesel::update(
            resources::table
                .filter(resources::id.eq_any(some.iter().map(ResourceId::as_str)))
                .filter(resources::directory_id.eq(directory.as_str())),
        )
        .set((
            resources::version.eq(resources::version + 1),
            resources::modified_at.eq(now.as_millis()),
        ))
        .execute(connection)?;
    }
    Ok(())
}

/// Removes a resource and its side values; memberships are removed by [`super::memberships::forget`].
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, resource: &Resource) -> Result<(), StoreError> {
    let id = resource.id.as_str();
    side_values::delete(connection, &resource.id)?;
    let deleted = diesel::delete(
        resources::table
            .find(id)
            .filter(resources::directory_id.eq(resource.directory_id.as_str())),
    )
    .execute(connection)?;
    if deleted > 0 {
        resource_counts::add(connection, resource, -1)?;
    }
    Ok(())
}

/// Removes all resources of a directory; memberships are removed by
/// [`super::memberships::delete_of_directory`].
///
/// # Errors
/// When the database fails.
pub fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    let id = directory.as_str();
    side_values::delete_of_directory(connection, directory)?;
    resource_counts::delete_of_directory(connection, directory)?;
    diesel::delete(resources::table.filter(resources::directory_id.eq(id))).execute(connection)?;
    Ok(())
}

/// Names the attribute whose index refused a row: PostgreSQL tells the index, SQLite its columns.
pub(super) fn conflict(error: diesel::result::Error) -> ResourceWriteError {
    let error = StoreError::from(error);
    let attribute = match error.unique_violation() {
        Some(violated) if violated.contains("user_name") => "userName",
        Some(violated) if violated.contains("external_id") => "externalId",
        Some(_) => "id",
        None => return error.into(),
    };
    ResourceWriteError::Conflict {
        attribute: attribute.to_owned(),
    }
}
