//! Who is told by mail: people as they are now.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::error::StoreError;
use super::id::ResourceId;
use super::memberships::{members_of_each, members_of_found};
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

/// The active people who have one of two roles, by whatever way.
///
/// # Errors
/// When the database fails.
pub fn with_either_role(
    connection: &mut DatabaseConnection,
    [one, other]: [&str; 2],
) -> Result<Vec<Recipient>, StoreError> {
    let dialect = connection.dialect();
    let roles = || {
        Statement::sql("role IN (")
            .text(one)
            .push(", ")
            .text(other)
            .push(")")
    };
    // `UNION` drops what was found before, so that groups which contain each other end the recursion.
    let holders = Statement::sql(format!(
        "WITH RECURSIVE holders (id, kind) AS (SELECT m.member_id, m.member_type FROM {} WHERE ",
        members_of_each(dialect, "role_mappings p", "m.group_id = p.group_id"),
    ))
    .append(roles())
    .push(format!(
        " UNION SELECT m.member_id, m.member_type FROM {}) SELECT id, directory_id, document FROM resources \
         WHERE resource_type = 'User' AND active AND ",
        members_of_found(dialect, "holders"),
    ));
    let granted = Statement::sql("SELECT person_id FROM role_assignments WHERE ").append(roles());
    let held = match dialect {
        SqlDialect::Sqlite => holders
            .push("(id IN (SELECT id FROM holders) OR id IN (")
            .append(granted)
            .push("))"),
        // PostgreSQL reads everybody where alternatives are looked for.
        SqlDialect::Postgres => holders
            .push("id = ANY (ARRAY(SELECT id FROM holders UNION ")
            .append(granted)
            .push("))"),
    };
    held.push(" ORDER BY id").cached().load(connection)
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
