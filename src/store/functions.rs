//! SQL functions that SQLite lacks, so that both databases give the same answers.

use diesel::prelude::*;
use diesel::sql_types::{Nullable, Text};

use super::error::StoreError;

#[diesel::declare_sql_function]
extern "SQL" {
    /// Lower case by the Unicode rules; SQLite's own `lower` knows ASCII only.
    fn fold(text: Nullable<Text>) -> Nullable<Text>;
}

/// Adds the functions to a connection.
///
/// # Errors
/// When SQLite refuses.
pub fn register(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    fold_utils::register_impl(connection, |text: Option<String>| {
        text.map(|text| text.to_lowercase())
    })?;
    Ok(())
}
