//! Lists, the newest first, of rows that no index has in that order: put together from walks down several parts of an
//! index, or looked through for so many rows and no further.
//!
//! What is here makes statements; the tables that they are of are named by who asks.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::DatabaseConnection;
use super::error::StoreError;
use super::sql::Statement;

/// How many rows are looked through at most for one page of a list that is narrowed by what no index has.
pub const STEPS: i64 = 20_000;

/// What was found, and how far it was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walked<T, Place> {
    /// So many at most as were asked for.
    pub found: Vec<T>,
    /// Where the walk has stopped before it came to its end or to as many as were asked for: what is beyond is looked
    /// for from there.
    pub stopped_at: Option<Place>,
}

#[derive(QueryableByName)]
struct KindRow {
    #[diesel(sql_type = Text)]
    kind: String,
}

/// The kinds that a table has rows of, by an index that begins with `kind` and has the rows of this condition: a step
/// for each kind, however many rows there are.
pub(super) fn kinds(
    connection: &mut DatabaseConnection,
    table: &'static str,
    condition: &'static str,
) -> Result<Vec<String>, StoreError> {
    let rows: Vec<KindRow> = Statement::sql(format!(
        "WITH RECURSIVE kinds (kind) AS (SELECT MIN(kind) FROM {table} WHERE {condition} UNION ALL \
         SELECT (SELECT MIN(further.kind) FROM {table} further WHERE {condition} AND further.kind > kinds.kind) \
         FROM kinds WHERE kinds.kind IS NOT NULL) SELECT kind FROM kinds WHERE kind IS NOT NULL"
    ))
    .cached()
    .load(connection)?;
    Ok(rows.into_iter().map(|row| row.kind).collect())
}

/// The newest rows of a table that are of one of these parts, each of which is a condition that an index answers in
/// the order of identifiers; so many at most.
pub(super) fn newest_of(table: &'static str, parts: Vec<Statement>, limit: i64) -> Statement {
    let mut union = Statement::sql("SELECT * FROM (");
    if parts.is_empty() {
        union = union.push(format!("SELECT * FROM {table} WHERE FALSE"));
    }
    for (number, part) in parts.into_iter().enumerate() {
        if number > 0 {
            union = union.push(" UNION ALL ");
        }
        union = union
            .push(format!("SELECT * FROM (SELECT * FROM {table} WHERE "))
            .append(part)
            .push(" ORDER BY id DESC LIMIT ")
            .integer(limit)
            .push(format!(") AS part_{number}"));
    }
    union
        .push(") AS found ORDER BY id DESC LIMIT ")
        .integer(limit)
}
