//! The instances of products: the sites at which each runs.

use diesel::prelude::*;

use crate::clock::Timestamp;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::{InstanceId, ProductId};
use super::schema::product_instances;

/// A site at which a product runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its identifier.
    pub id: InstanceId,
    /// The product.
    pub product_id: ProductId,
    /// Its name, unique within the product whatever the case.
    pub name: String,
    /// Where it is.
    pub url: Option<String>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// Columns in the order of the table.
type Columns = (String, String, String, String, Option<String>, i64, i64);

fn read((id, product_id, name, _, url, created_at, modified_at): Columns) -> Instance {
    Instance {
        id: InstanceId::new(id),
        product_id: ProductId::new(product_id),
        name,
        url,
        created_at: Timestamp::from_millis(created_at),
        modified_at: Timestamp::from_millis(modified_at),
    }
}

/// Adds one.
///
/// # Errors
/// A unique violation where the product has one of that name; when the database fails.
pub fn insert(connection: &mut DatabaseConnection, instance: &Instance) -> Result<(), StoreError> {
    diesel::insert_into(product_instances::table)
        .values((
            product_instances::id.eq(instance.id.as_str()),
            product_instances::product_id.eq(instance.product_id.as_str()),
            product_instances::name.eq(&instance.name),
            product_instances::name_folded.eq(instance.name.to_lowercase()),
            product_instances::url.eq(instance.url.as_deref()),
            product_instances::created_at.eq(instance.created_at.as_millis()),
            product_instances::modified_at.eq(instance.modified_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(())
}

/// Changes name and URL.
///
/// # Errors
/// A unique violation where the product has one of that name; when the database fails.
pub fn update(connection: &mut DatabaseConnection, instance: &Instance) -> Result<(), StoreError> {
    diesel::update(product_instances::table.find(instance.id.as_str()))
        .set((
            product_instances::name.eq(&instance.name),
            product_instances::name_folded.eq(instance.name.to_lowercase()),
            product_instances::url.eq(instance.url.as_deref()),
            product_instances::modified_at.eq(instance.modified_at.as_millis()),
        ))
        .execute(connection)?;
    Ok(())
}

/// One instance of a product.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    id: &InstanceId,
) -> Result<Option<Instance>, StoreError> {
    Ok(product_instances::table
        .find(id.as_str())
        .filter(product_instances::product_id.eq(product.as_str()))
        .first::<Columns>(connection)
        .optional()?
        .map(read))
}

/// The instances of a product, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    product: &ProductId,
) -> Result<Vec<Instance>, StoreError> {
    let found: Vec<Columns> = product_instances::table
        .filter(product_instances::product_id.eq(product.as_str()))
        .order(product_instances::id)
        .load(connection)?;
    Ok(found.into_iter().map(read).collect())
}

/// Removes one; what was limited to it is revoked by the functions of credentials.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &InstanceId) -> Result<(), StoreError> {
    diesel::delete(product_instances::table.find(id.as_str())).execute(connection)?;
    Ok(())
}

/// Removes all of a product.
///
/// # Errors
/// When the database fails.
pub fn delete_of_product(
    connection: &mut DatabaseConnection,
    product: &ProductId,
) -> Result<(), StoreError> {
    diesel::delete(
        product_instances::table.filter(product_instances::product_id.eq(product.as_str())),
    )
    .execute(connection)?;
    Ok(())
}
