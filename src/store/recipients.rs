//! Who is told by mail: people as they are now.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::ResourceId;
use super::sql::Statement;

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

/// `UNION` drops what was found before, so that groups which contain each other end the recursion.
const HOLDERS: &str = "WITH RECURSIVE holders (id) AS (
    SELECT m.member_id FROM memberships m JOIN role_mappings p ON p.group_id = m.group_id WHERE p.role IN (?, ?)
    UNION SELECT m.member_id FROM memberships m JOIN holders h ON m.group_id = h.id)
SELECT id, directory_id, document FROM resources
WHERE resource_type = 'User' AND active AND (id IN (SELECT id FROM holders)
    OR id IN (SELECT person_id FROM role_assignments WHERE role IN (?, ?)))
ORDER BY id";

/// The active people who have one of two roles, by whatever way.
///
/// # Errors
/// When the database fails.
pub fn with_either_role(
    connection: &mut DatabaseConnection,
    [one, other]: [&str; 2],
) -> Result<Vec<Recipient>, StoreError> {
    Statement::fixed(HOLDERS, &[one, other, one, other]).load(connection)
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
