//! Roles: granted to a person, or to the members of a mapped group.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::connection::on_either;
use super::error::StoreError;
use super::id::{DirectoryId, ResourceId, RoleMappingId};
use super::schema::{role_assignments, role_mappings};
use super::sql::Statement;

/// A role granted to a person.
#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
pub struct Assignment {
    /// The person.
    pub person_id: String,
    /// The role's name.
    pub role: String,
    /// When, in milliseconds since the epoch.
    pub granted_at: i64,
    /// The person who granted it.
    pub granted_by: Option<String>,
}

/// A role granted to the members of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// Its identifier.
    pub id: RoleMappingId,
    /// The group's directory.
    pub directory_id: DirectoryId,
    /// The group.
    pub group_id: ResourceId,
    /// The role's name.
    pub role: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// The person who made it.
    pub created_by: Option<ResourceId>,
}

#[derive(QueryableByName)]
struct RoleRow {
    #[diesel(sql_type = Text)]
    role: String,
}

/// `UNION` drops what was found before, so that groups which contain each other end the recursion.
const ROLES_OF: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT group_id FROM memberships WHERE member_id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT role FROM role_assignments WHERE person_id = ?
UNION SELECT p.role FROM role_mappings p JOIN ancestors a ON a.id = p.group_id
ORDER BY role";

/// The roles that a person has now, by assignment or by membership.
///
/// # Errors
/// When the database fails.
pub fn roles_of(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<RoleRow> =
        Statement::fixed(ROLES_OF, &[person.as_str(), person.as_str()]).load(connection)?;
    Ok(rows.into_iter().map(|row| row.role).collect())
}

/// A role that a person has by a group.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ByGroup {
    /// The role's name.
    #[diesel(sql_type = Text)]
    pub role: String,
    /// The group that is mapped to it; the person is in it, or in one within it.
    #[diesel(sql_type = Text)]
    pub group_id: String,
    /// What the group is called.
    #[diesel(sql_type = Nullable<Text>)]
    pub group_name: Option<String>,
}

const BY_GROUPS: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT group_id FROM memberships WHERE member_id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT p.role, p.group_id, r.display_name AS group_name
FROM role_mappings p JOIN ancestors a ON a.id = p.group_id JOIN resources r ON r.id = p.group_id
ORDER BY p.role, r.display_name, p.group_id";

/// The roles that a person has by membership, with each group that gives one, by role and name.
///
/// # Errors
/// When the database fails.
pub fn by_groups(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<ByGroup>, StoreError> {
    Statement::fixed(BY_GROUPS, &[person.as_str()]).load(connection)
}

/// What is taken away before the roles of a person are counted.
#[derive(Debug, Clone, Copy)]
pub enum Without<'a> {
    /// A granted role, by its name.
    Assignment(&'a str),
    /// A mapping of a group.
    Mapping(&'a RoleMappingId),
}

const ROLES_WITHOUT: &str = "WITH RECURSIVE ancestors (id) AS (
    SELECT group_id FROM memberships WHERE member_id = ?
    UNION SELECT m.group_id FROM memberships m JOIN ancestors a ON m.member_id = a.id)
SELECT role FROM role_assignments WHERE person_id = ? AND role <> ?
UNION SELECT p.role FROM role_mappings p JOIN ancestors a ON a.id = p.group_id WHERE p.id <> ?
ORDER BY role";

/// The roles that a person would have without one assignment or mapping.
///
/// # Errors
/// When the database fails.
pub fn roles_without(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    without: &Without<'_>,
) -> Result<Vec<String>, StoreError> {
    let (role, mapping) = match without {
        Without::Assignment(role) => (*role, ""),
        Without::Mapping(id) => ("", id.as_str()),
    };
    let values = [person.as_str(), person.as_str(), role, mapping];
    let rows: Vec<RoleRow> = Statement::fixed(ROLES_WITHOUT, &values).load(connection)?;
    Ok(rows.into_iter().map(|row| row.role).collect())
}

/// Everybody who was granted a role.
///
/// # Errors
/// When the database fails.
pub fn people_with(
    connection: &mut DatabaseConnection,
    role: &str,
) -> Result<Vec<ResourceId>, StoreError> {
    let ids: Vec<String> = role_assignments::table
        .filter(role_assignments::role.eq(role))
        .order(role_assignments::person_id)
        .select(role_assignments::person_id)
        .load(connection)?;
    Ok(ids.into_iter().map(ResourceId::new).collect())
}

/// Holds off every change to who was granted a role until the transaction ends.
///
/// # Errors
/// When the database fails.
pub fn lock_people_with(connection: &mut DatabaseConnection, role: &str) -> Result<(), StoreError> {
    if let DatabaseConnection::Postgres(connection) = connection {
        let _held: Vec<String> = role_assignments::table
            .filter(role_assignments::role.eq(role))
            .order(role_assignments::person_id)
            .select(role_assignments::person_id)
            .for_update()
            .load(connection)?;
    }
    Ok(())
}

/// Grants a role; false where the person had it by assignment already.
///
/// # Errors
/// When the database fails.
pub fn assign(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    role: &str,
    granted_by: Option<&ResourceId>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = (
        role_assignments::person_id.eq(person.as_str()),
        role_assignments::role.eq(role),
        role_assignments::granted_at.eq(now.as_millis()),
        role_assignments::granted_by.eq(granted_by.map(ResourceId::as_str)),
    );
    let inserted = on_either!(connection, connection => diesel::insert_into(role_assignments::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(connection)?);
    Ok(inserted > 0)
}

/// Takes a granted role away; false where the person had it not by assignment.
///
/// # Errors
/// When the database fails.
pub fn unassign(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    role: &str,
) -> Result<bool, StoreError> {
    Ok(
        diesel::delete(role_assignments::table.find((person.as_str(), role)))
            .execute(connection)?
            > 0,
    )
}

/// Takes all granted roles of a person away and names them.
///
/// # Errors
/// When the database fails.
pub fn delete_of_person(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
) -> Result<Vec<String>, StoreError> {
    Ok(diesel::delete(
        role_assignments::table.filter(role_assignments::person_id.eq(person.as_str())),
    )
    .returning(role_assignments::role)
    .get_results(connection)?)
}

/// All granted roles; of one person where one is named.
///
/// # Errors
/// When the database fails.
pub fn list_assignments(
    connection: &mut DatabaseConnection,
    person: Option<&ResourceId>,
) -> Result<Vec<Assignment>, StoreError> {
    let mut query = role_assignments::table
        .order((role_assignments::granted_at, role_assignments::person_id))
        .into_boxed();
    if let Some(person) = person {
        query = query.filter(role_assignments::person_id.eq(person.as_str().to_owned()));
    }
    Ok(query.load(connection)?)
}

/// Columns in the order of the table.
type MappingColumns = (String, String, String, String, i64, Option<String>);

fn mapping((id, directory, group, role, created_at, created_by): MappingColumns) -> Mapping {
    Mapping {
        id: RoleMappingId::new(id),
        directory_id: DirectoryId::new(directory),
        group_id: ResourceId::new(group),
        role,
        created_at: Timestamp::from_millis(created_at),
        created_by: created_by.map(ResourceId::new),
    }
}

/// Maps a group to a role.
///
/// # Errors
/// A unique violation where the group is mapped to the role already; when the database fails.
pub fn insert_mapping(
    connection: &mut DatabaseConnection,
    mapping: &Mapping,
) -> Result<(), StoreError> {
    diesel::insert_into(role_mappings::table)
        .values((
            role_mappings::id.eq(mapping.id.as_str()),
            role_mappings::directory_id.eq(mapping.directory_id.as_str()),
            role_mappings::group_id.eq(mapping.group_id.as_str()),
            role_mappings::role.eq(mapping.role.as_str()),
            role_mappings::created_at.eq(mapping.created_at.as_millis()),
            role_mappings::created_by.eq(mapping.created_by.as_ref().map(ResourceId::as_str)),
        ))
        .execute(connection)?;
    Ok(())
}

/// All mappings; of one directory where one is named.
///
/// # Errors
/// When the database fails.
pub fn list_mappings(
    connection: &mut DatabaseConnection,
    directory: Option<&DirectoryId>,
) -> Result<Vec<Mapping>, StoreError> {
    let query = role_mappings::table.order(role_mappings::id);
    let rows: Vec<MappingColumns> = match directory {
        None => query.load(connection)?,
        Some(directory) => {
            let query = query.filter(role_mappings::directory_id.eq(directory.as_str()));
            on_either!(connection, connection => query.load(connection))?
        }
    };
    Ok(rows.into_iter().map(mapping).collect())
}

/// One mapping.
///
/// # Errors
/// When the database fails.
pub fn find_mapping(
    connection: &mut DatabaseConnection,
    id: &RoleMappingId,
) -> Result<Option<Mapping>, StoreError> {
    let row: Option<MappingColumns> = role_mappings::table
        .find(id.as_str())
        .first(connection)
        .optional()?;
    Ok(row.map(mapping))
}

/// Removes a mapping.
///
/// # Errors
/// When the database fails.
pub fn delete_mapping(
    connection: &mut DatabaseConnection,
    id: &RoleMappingId,
) -> Result<(), StoreError> {
    diesel::delete(role_mappings::table.find(id.as_str())).execute(connection)?;
    Ok(())
}

/// Removes the mappings of a group that is deleted.
///
/// # Errors
/// When the database fails.
pub fn delete_mappings_of_group(
    connection: &mut DatabaseConnection,
    group: &ResourceId,
) -> Result<(), StoreError> {
    diesel::delete(role_mappings::table.filter(role_mappings::group_id.eq(group.as_str())))
        .execute(connection)?;
    Ok(())
}
