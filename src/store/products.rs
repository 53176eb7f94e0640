//! Products: those who ask whether a token is good.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::{ProductId, ResourceId};
use super::schema::products;

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its identifier.
    pub id: ProductId,
    /// Its name, unique in the deployment whatever the case.
    pub name: String,
    /// The scopes that tokens for it may carry.
    pub scopes: Vec<String>,
    /// The groups whose people may have tokens for it; everybody where there are none.
    pub access_groups: Vec<ResourceId>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// Columns in the order of the table.
type Columns = (String, String, String, String, i64, i64, String);

fn read(columns: Columns) -> Result<Product, StoreError> {
    const CORRUPT: StoreError = StoreError::Corrupt { what: "product" };
    let (id, name, _, scopes, created_at, modified_at, access_groups) = columns;
    Ok(Product {
        id: ProductId::new(id),
        name,
        scopes: serde_json::from_str(&scopes).map_err(|_| CORRUPT)?,
        access_groups: serde_json::from_str(&access_groups).map_err(|_| CORRUPT)?,
        created_at: Timestamp::from_millis(created_at),
        modified_at: Timestamp::from_millis(modified_at),
    })
}

/// Adds one.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn insert(connection: &mut DatabaseConnection, product: &Product) -> Result<(), StoreError> {
    diesel::insert_into(products::table)
        .values((
            products::id.eq(product.id.as_str()),
            products::name.eq(&product.name),
            products::name_folded.eq(product.name.to_lowercase()),
            products::scopes.eq(serde_json::json!(product.scopes).to_string()),
            products::access_groups.eq(serde_json::json!(product.access_groups).to_string()),
            products::created_at.eq(product.created_at.as_millis()),
            products::modified_at.eq(product.modified_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Changes name, scopes and access groups.
///
/// # Errors
/// A unique violation where the name is taken; when the database fails.
pub fn update(connection: &mut DatabaseConnection, product: &Product) -> Result<(), StoreError> {
    diesel::update(products::table.find(product.id.as_str()))
        .set((
            products::name.eq(&product.name),
            products::name_folded.eq(product.name.to_lowercase()),
            products::scopes.eq(serde_json::json!(product.scopes).to_string()),
            products::access_groups.eq(serde_json::json!(product.access_groups).to_string()),
            products::modified_at.eq(product.modified_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(())
}

/// One product.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &ProductId,
) -> Result<Option<Product>, StoreError> {
    products::table
        .find(id.as_str())
        .first::<Columns>(connection)
        .optional()?
        .map(read)
        .transpose()
}

/// All of them, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<Product>, StoreError> {
    products::table
        .order(products::id)
        .load::<Columns>(connection)?
        .into_iter()
        .map(read)
        .collect()
}

/// Removes one; what it held is revoked by the functions of credentials.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &ProductId) -> Result<(), StoreError> {
    diesel::delete(products::table.find(id.as_str())).execute(connection)?;
    Ok(())
}
