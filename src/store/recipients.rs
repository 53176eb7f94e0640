//! Who is told by mail: people as they are now.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StoreError;
use super::id::ResourceId;
use super::sql::Statement;
use super::{DatabaseConnection, SqlDialect};

/// A person who may be written to; the address is in the document.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct Recipient {
    /// The person.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// Their directory.
    #[diesel(sql_type = Text)]
    pub directory_id: String,
    /// Their document.
    #[diesel(sql_type = Text)]
    pub document: String,
}

/// `UNION` drops what was found before, so that groups which contain each other end the recursion. With `CROSS JOIN`
/// SQLite begins at the few groups that give a role; otherwise it reads every membership there is.
const HOLDERS: &str = "WITH RECURSIVE holders (id) AS (
    SELECT m.member_id FROM role_mappings p CROSS JOIN memberships m
    WHERE m.group_id = p.group_id AND p.role IN (?, ?)
    UNION SELECT m.member_id FROM holders h CROSS JOIN memberships m WHERE m.group_id = h.id)
SELECT id, directory_id, document FROM resources
WHERE resource_type = 'User' AND active AND (id IN (SELECT id FROM holders)
    OR id IN (SELECT person_id FROM role_assignments WHERE role IN (?, ?)))
ORDER BY id";

/// The same for PostgreSQL, which reads everybody where alternatives are looked for.
const HOLDERS_AS_ARRAY: &str = "WITH RECURSIVE holders (id) AS (
    SELECT m.member_id FROM role_mappings p JOIN memberships m ON m.group_id = p.group_id
    WHERE p.role IN (?, ?)
    UNION SELECT m.member_id FROM holders h JOIN memberships m ON m.group_id = h.id)
SELECT id, directory_id, document FROM resources
WHERE resource_type = 'User' AND active AND id = ANY (ARRAY(
    SELECT id FROM holders UNION SELECT person_id FROM role_assignments WHERE role IN (?, ?)))
ORDER BY id";

/// The active people who have one of two roles, by whatever way.
///
/// # Errors
/// When the database fails.
pub fn with_either_role(
    connection: &mut DatabaseConnection,
    [one, other]: [&str; 2],
) -> Result<Vec<Recipient>, StoreError> {
    let holders = match connection.dialect() {
        SqlDialect::Sqlite => HOLDERS,
        SqlDialect::Postgres => HOLDERS_AS_ARRAY,
    };
    Statement::fixed(holders, &[one, other, one, other]).load(connection)
}

/// A person, where they are active.
///
/// # Errors
/// When the database fails.
pub fn person(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Option<Recipient>, StoreError> {
    let found: Vec<Recipient> = Statement::fixed(
        "SELECT id, directory_id, document FROM resources WHERE id = ? AND active",
        &[id.as_str()],
    )
    .load(connection)?;
    Ok(found.into_iter().next())
}
