//! People who were deleted and can be recovered for a time: their document and columns, and the groups that they
//! were in. Nothing that authenticates them is here.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::connection::{CHUNK, on_either};
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId};
use super::resource_search::{Place, each_once, in_order, places, range};
use super::resources::Resource;
use super::schema::deleted_people;
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

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

/// A page of those who were deleted at an instant or later, of one directory where one is named, after an id, in the
/// order of their ids.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    directory: Option<&DirectoryId>,
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
    if let Some(directory) = directory {
        query = query.filter(deleted_people::directory_id.eq(directory.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(deleted_people::id.gt(after));
    }
    query.load(connection)?.into_iter().map(Row::read).collect()
}

/// The same of those whose user name or display name begins so, after a place, in the order of what begins so. Capitals
/// and small letters are the same where they are of ASCII.
///
/// # Errors
/// When the database fails.
pub fn beginning(
    connection: &mut DatabaseConnection,
    directory: Option<&DirectoryId>,
    text: &str,
    since: Timestamp,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<(DeletedPerson, Place)>, StoreError> {
    let begins = text.to_ascii_lowercase();
    each_once(
        connection,
        after,
        limit,
        |connection, after, fetch| {
            let dialect = connection.dialect();
            let statement = matching(dialect, directory, &begins, since, after, fetch);
            places(connection, statement)
        },
        |connection, matches| with_keys(connection, &begins, matches),
    )
}

fn matching(
    dialect: SqlDialect,
    directory: Option<&DirectoryId>,
    begins: &str,
    since: Timestamp,
    after: Option<&Place>,
    limit: usize,
) -> Statement {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // SQLite leaves the index of names for that of a column without a sign before it.
    let beside = match dialect {
        SqlDialect::Sqlite => "+",
        SqlDialect::Postgres => "",
    };
    let part = |column: &str| {
        let folded = format!("lower({column})");
        let mut part = Statement::sql(format!(
            "SELECT {folded} AS matched, id FROM deleted_people WHERE {column} IS NOT NULL AND {beside}deleted_at >= "
        ))
        .integer(since.as_millis());
        if let Some(directory) = directory {
            part = part
                .push(format!(" AND {beside}directory_id = "))
                .text(directory.as_str());
        }
        part.append(range(&folded, "id", begins, after, limit))
    };
    in_order(vec![part("user_name"), part("display_name")], limit)
}

/// Those that were found, each with the least of what begins so.
fn with_keys(
    connection: &mut DatabaseConnection,
    begins: &str,
    matches: &[Place],
) -> Result<HashMap<String, (DeletedPerson, String)>, StoreError> {
    let ids: HashSet<&str> = matches.iter().map(|place| place.id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut known = HashMap::new();
    for some in ids.chunks(CHUNK) {
        let rows: Vec<Row> = deleted_people::table
            .filter(deleted_people::id.eq_any(some.iter().copied()))
            .select(Row::as_select())
            .load(connection)?;
        for row in rows {
            let names = [row.user_name.as_deref(), row.display_name.as_deref()];
            let keys = names.into_iter().flatten().map(str::to_ascii_lowercase);
            if let Some(least) = keys.filter(|key| key.starts_with(begins)).min() {
                known.insert(row.id.clone(), (row.read()?, least));
            }
        }
    }
    Ok(known)
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
