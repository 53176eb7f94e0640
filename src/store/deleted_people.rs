//! People who were deleted and can be recovered for a time: their document and columns, and the groups that they
//! were in. Nothing that authenticates them is here.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::resources::Resource;
use super::schema::deleted_people;
use super::service_accounts::escaped;

/// A person who was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedPerson {
    /// The person as they were.
    pub resource: Resource,
    /// The groups that they were in by themselves.
    pub groups: Vec<ResourceId>,
    /// When they were deleted.
    pub deleted_at: Timestamp,
    /// By what kind of credential.
    pub actor_kind: String,
    /// By which credential.
    pub actor_credential_id: Option<String>,
    /// By whom.
    pub actor_name: Option<String>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = deleted_people)]
struct Row {
    id: String,
    directory_id: String,
    resource_type: String,
    user_name: Option<String>,
    external_id: Option<String>,
    display_name: Option<String>,
    active: bool,
    version: i64,
    created_at: i64,
    modified_at: i64,
    document: String,
    group_ids: String,
    deleted_at: i64,
    actor_kind: String,
    actor_credential_id: Option<String>,
    actor_name: Option<String>,
}

impl Row {
    fn of(person: &DeletedPerson) -> Self {
        let resource = &person.resource;
        Self {
            id: resource.id.to_string(),
            directory_id: resource.directory_id.to_string(),
            resource_type: resource.resource_type.clone(),
            user_name: resource.user_name.clone(),
            external_id: resource.external_id.clone(),
            display_name: resource.display_name.clone(),
            active: resource.active,
            version: resource.version,
            created_at: resource.created_at.as_millis(),
            modified_at: resource.modified_at.as_millis(),
            document: resource.document.clone(),
            group_ids: serde_json::json!(person.groups).to_string(),
            deleted_at: person.deleted_at.as_millis(),
            actor_kind: person.actor_kind.clone(),
            actor_credential_id: person.actor_credential_id.clone(),
            actor_name: person.actor_name.clone(),
        }
    }

    fn read(self) -> Result<DeletedPerson, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt {
            what: "deleted person",
        };
        Ok(DeletedPerson {
            groups: serde_json::from_str(&self.group_ids).map_err(|_| CORRUPT)?,
            resource: Resource {
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
            },
            deleted_at: Timestamp::from_millis(self.deleted_at),
            actor_kind: self.actor_kind,
            actor_credential_id: self.actor_credential_id,
            actor_name: self.actor_name,
        })
    }
}

/// Keeps a person who is being deleted, in place of whoever was kept under their identifier: that one is there must
/// keep nobody from leaving.
///
/// # Errors
/// When the database fails.
pub fn insert(
    connection: &mut DatabaseConnection,
    person: &DeletedPerson,
) -> Result<(), StoreError> {
    delete(connection, &person.resource.id)?;
    on_either!(connection, connection => diesel::insert_into(deleted_people::table)
        .values(Row::of(person))
        .execute(connection)?);
    Ok(())
}

/// Whether somebody is kept under this identifier, of whatever directory.
///
/// # Errors
/// When the database fails.
pub fn is_kept(connection: &mut DatabaseConnection, id: &ResourceId) -> Result<bool, StoreError> {
    let found: Option<String> = deleted_people::table
        .find(id.as_str())
        .select(deleted_people::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// One of those who were deleted at an instant or later.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    since: Timestamp,
) -> Result<Option<DeletedPerson>, StoreError> {
    let found: Option<Row> = deleted_people::table
        .find(id.as_str())
        .filter(deleted_people::deleted_at.ge(since.as_millis()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    found.map(Row::read).transpose()
}

/// The same, whom nobody else takes until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn find_for_update(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
    since: Timestamp,
) -> Result<Option<DeletedPerson>, StoreError> {
    let query = deleted_people::table
        .find(id.as_str())
        .filter(deleted_people::deleted_at.ge(since.as_millis()));
    match connection {
        DatabaseConnection::Sqlite(connection) => {
            query.select(Row::as_select()).first(connection).optional()
        }
        DatabaseConnection::Postgres(connection) => query
            .select(Row::as_select())
            .for_update()
            .first(connection)
            .optional(),
    }?
    .map(Row::read)
    .transpose()
}

/// Which of the deleted are listed: those that are all of what is said here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those of this directory.
    pub directory: Option<DirectoryId>,
    /// Those whose user name or display name begins with this, in capitals or not.
    pub text: Option<String>,
}

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case; on SQLite of ASCII alone.
    fn lower(text: Nullable<Text>) -> Nullable<Text>;
}

/// A page of those who were deleted at an instant or later, after an id, in the order of their ids. They are few, and
/// looked through one by one where a name is looked for.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    selection: &Selection,
    since: Timestamp,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<DeletedPerson>, StoreError> {
    let mut query = deleted_people::table
        .filter(deleted_people::deleted_at.ge(since.as_millis()))
        .order(deleted_people::id)
        .limit(limit)
        .select(Row::as_select())
        .into_boxed();
    if let Some(directory) = &selection.directory {
        query = query.filter(deleted_people::directory_id.eq(directory.as_str()));
    }
    if let Some(text) = &selection.text {
        let begins = |text: &str| format!("{}%", escaped(text));
        let (folded, typed) = (begins(&text.to_lowercase()), begins(text));
        // As it was typed too: what SQLite does not put in lower case is found so.
        let user_name = lower(deleted_people::user_name)
            .like(folded.clone())
            .escape('\\')
            .or(deleted_people::user_name.like(typed.clone()).escape('\\'));
        let display_name = lower(deleted_people::display_name)
            .like(folded)
            .escape('\\')
            .or(deleted_people::display_name.like(typed).escape('\\'));
        query = query.filter(user_name.or(display_name).assume_not_null());
    }
    if let Some(after) = after {
        query = query.filter(deleted_people::id.gt(after));
    }
    query.load(connection)?.into_iter().map(Row::read).collect()
}

/// Forgets one.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &ResourceId) -> Result<(), StoreError> {
    diesel::delete(deleted_people::table.find(id.as_str())).execute(connection)?;
    Ok(())
}

/// Whether anybody was deleted before an instant.
///
/// # Errors
/// When the database fails.
pub fn has_before(
    connection: &mut DatabaseConnection,
    before: Timestamp,
) -> Result<bool, StoreError> {
    let found: Option<String> = deleted_people::table
        .filter(deleted_people::deleted_at.lt(before.as_millis()))
        .select(deleted_people::id)
        .first(connection)
        .optional()?;
    Ok(found.is_some())
}

/// Forgets those who were deleted before an instant, and says how many.
///
/// # Errors
/// When the database fails.
pub fn delete_before(
    connection: &mut DatabaseConnection,
    before: Timestamp,
) -> Result<usize, StoreError> {
    Ok(diesel::delete(
        deleted_people::table.filter(deleted_people::deleted_at.lt(before.as_millis())),
    )
    .execute(connection)?)
}

/// Forgets everybody of a directory.
///
/// # Errors
/// When the database fails.
pub fn delete_of_directory(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<(), StoreError> {
    diesel::delete(
        deleted_people::table.filter(deleted_people::directory_id.eq(directory.as_str())),
    )
    .execute(connection)?;
    Ok(())
}
