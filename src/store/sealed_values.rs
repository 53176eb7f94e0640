//! Every column whose values are sealed under the master key, for when that changes.

use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::sealed::Sealed;

use super::DatabaseConnection;
use super::error::StoreError;
use super::sql::Statement;

/// A column of sealed values.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// The purpose that its values are bound to, beside the identifier of their row.
    pub purpose: &'static str,
    table: &'static str,
    key: &'static str,
    column: &'static str,
    /// The one row of the table that is meant, where the others hold something else.
    row: Option<&'static str>,
}

/// All of them. What is sealed and not named here would be lost with the master key.
pub const COLUMNS: &[SealedColumn] = &[
    SealedColumn {
        purpose: "signing_keys.private_key",
        table: "signing_keys",
        key: "id",
        column: "private_key",
        row: None,
    },
    SealedColumn {
        purpose: "webhooks.secret",
        table: "webhooks",
        key: "id",
        column: "secret",
        row: None,
    },
    SealedColumn {
        purpose: "webhooks.secret",
        table: "webhooks",
        key: "id",
        column: "previous_secret",
        row: None,
    },
    SealedColumn {
        purpose: "second_factor_secret",
        table: "second_factors",
        key: "person_id",
        column: "secret",
        row: None,
    },
    SealedColumn {
        purpose: "audit_chain_key",
        table: "settings",
        key: "name",
        column: "value",
        row: Some("audit_chain_key"),
    },
];

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Text)]
    value: String,
}

/// Some values of a column that do not begin so, with the identifiers of their rows.
///
/// # Errors
/// When the database fails.
pub fn sealed_otherwise(
    connection: &mut DatabaseConnection,
    column: &SealedColumn,
    beginning: &str,
    limit: i64,
) -> Result<Vec<(String, Sealed)>, StoreError> {
    let SealedColumn {
        table,
        key,
        column,
        row,
        ..
    } = column;
    let mut statement = Statement::sql(format!(
        "SELECT {key} AS id, {column} AS value FROM {table} WHERE {column} IS NOT NULL AND {column} NOT LIKE "
    ))
    .text(format!("{beginning}%"));
    if let Some(row) = row {
        statement = statement.push(format!(" AND {key} = ")).text(*row);
    }
    let rows: Vec<Row> = statement
        .push(format!(" ORDER BY {key} LIMIT "))
        .integer(limit)
        .load(connection)?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id, Sealed::from_stored(row.value)))
        .collect())
}

/// Some values of a column, with the identifiers of their rows.
///
/// # Errors
/// When the database fails.
pub fn sample(
    connection: &mut DatabaseConnection,
    column: &SealedColumn,
    limit: i64,
) -> Result<Vec<(String, Sealed)>, StoreError> {
    // No sealed value begins with a space.
    sealed_otherwise(connection, column, " ", limit)
}

/// Puts another value in the place of one; leaves alone what has changed meanwhile.
///
/// # Errors
/// When the database fails.
pub fn replace(
    connection: &mut DatabaseConnection,
    column: &SealedColumn,
    id: &str,
    before: &Sealed,
    after: &Sealed,
) -> Result<bool, StoreError> {
    let SealedColumn {
        table, key, column, ..
    } = column;
    let changed: Vec<Row> = Statement::sql(format!("UPDATE {table} SET {column} = "))
        .text(after.as_str())
        .push(format!(" WHERE {key} = "))
        .text(id)
        .push(format!(" AND {column} = "))
        .text(before.as_str())
        .push(format!(" RETURNING {key} AS id, {column} AS value"))
        .load(connection)?;
    Ok(!changed.is_empty())
}
