//! What the ending of credentials would end: the same conditions, asked and not acted upon.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;
use crate::secret::SecretKind;
use crate::store::DatabaseConnection;
use crate::store::connection::CHUNK;
use crate::store::error::StoreError;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::schema::credentials;
use crate::store::sql::Statement;

use super::ending::{left_by, of_kinds, works_unflagged};
use super::{Counts, Credential, Row};

/// Whose credentials it is asked about.
#[derive(Debug, Clone, Copy)]
pub enum Whose<'a> {
    /// This person's.
    Person(&'a ResourceId),
    /// Those of all people of this directory.
    PeopleOf(&'a DirectoryId),
}

impl Whose<'_> {
    /// The condition that a column names one of them.
    pub(in crate::store) fn names(self, column: &str) -> Statement {
        let column = Statement::sql(column);
        match self {
            Self::Person(id) => column.push(" = ").text(id.as_str()),
            Self::PeopleOf(directory) => column
                .push(" IN (SELECT id FROM resources WHERE directory_id = ")
                .text(directory.as_str())
                .push(")"),
        }
    }
}

#[derive(QueryableByName)]
struct KindCount {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

pub(super) fn count_where(
    connection: &mut DatabaseConnection,
    condition: Statement,
) -> Result<Counts, StoreError> {
    let rows: Vec<KindCount> = Statement::sql(
        "SELECT kind, COUNT(*) AS count FROM credentials WHERE revoked_at IS NULL AND ",
    )
    .append(condition)
    .push(" GROUP BY kind")
    .load(connection)?;
    Ok(rows.into_iter().map(|row| (row.kind, row.count)).collect())
}

/// What revoking everything that authenticates these people would revoke, and with it the links to set a password
/// that they have made for others.
///
/// # Errors
/// When the database fails.
pub fn count_all_of(
    connection: &mut DatabaseConnection,
    whose: Whose<'_>,
) -> Result<Counts, StoreError> {
    let either = Statement::sql("((")
        .append(whose.names("owner_id"))
        .push(") OR (")
        .append(links_made_by(whose))
        .push("))");
    count_where(connection, either)
}

/// What revoking these people's credentials of some kinds would revoke.
///
/// # Errors
/// When the database fails.
pub fn count_kinds_of(
    connection: &mut DatabaseConnection,
    whose: Whose<'_>,
    kinds: &[SecretKind],
) -> Result<Counts, StoreError> {
    let theirs = whose
        .names("owner_id")
        .push(" AND ")
        .append(of_kinds(kinds));
    count_where(connection, theirs)
}

/// What revoking the links to set a password that these people have made for others would revoke.
///
/// # Errors
/// When the database fails.
pub fn count_links_made_by(
    connection: &mut DatabaseConnection,
    whose: Whose<'_>,
) -> Result<Counts, StoreError> {
    count_where(connection, links_made_by(whose))
}

fn links_made_by(whose: Whose<'_>) -> Statement {
    whose
        .names("creator_id")
        .push(" AND ")
        .append(of_kinds(&[SecretKind::PasswordLink]))
}

/// What revoking the keys that are bound to a directory would revoke.
///
/// # Errors
/// When the database fails.
pub fn count_bound(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<Counts, StoreError> {
    let bound = Statement::sql("directory_id = ").text(directory.as_str());
    count_where(connection, bound)
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Text)]
    id: String,
}

/// The keys that would be flagged as orphaned if these people left, in the order of their making: those that
/// they made, and those of the service accounts that they answer for.
///
/// # Errors
/// When the database fails.
pub fn would_be_orphans(
    connection: &mut DatabaseConnection,
    whose: Whose<'_>,
    now: Timestamp,
) -> Result<Vec<Credential>, StoreError> {
    let of_accounts = Statement::sql(
        "service_account_id IN (SELECT id FROM service_accounts WHERE orphaned_at IS NULL AND ",
    )
    .append(whose.names("service_accounts.owner_id"))
    .push(")");
    let rows: Vec<IdRow> = Statement::sql("SELECT id FROM credentials WHERE ")
        .append(works_unflagged(now))
        .push(" AND ((")
        .append(left_by(whose))
        .push(") OR ")
        .append(of_accounts)
        .push(") ORDER BY id")
        .load(connection)?;
    let mut found = Vec::new();
    for some in rows.chunks(CHUNK) {
        let ids: Vec<&str> = some.iter().map(|row| row.id.as_str()).collect();
        let rows: Vec<Row> = credentials::table
            .filter(credentials::id.eq_any(ids))
            .order(credentials::id)
            .select(Row::as_select())
            .load(connection)?;
        for row in rows {
            found.push(row.read()?);
        }
    }
    Ok(found)
}
