//! The end of a product or of one of its instances: its credentials, and the tokens that are for it alone, end
//! with it.

use crate::audit::{Action, Actor};
use crate::clock::Timestamp;
use crate::policies::instances;
use crate::policies::products::{find, record};
use crate::store::credentials::{self as table, Counts};
use crate::store::id::{InstanceId, ProductId};
use crate::store::{DatabaseConnection, product_instances, products};

use super::CredentialError;

/// Deletes a product, revokes what belonged to it, and counts that.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    id: &ProductId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Counts, CredentialError> {
    let product = find(connection, id)?;
    let revoked = table::revoke_of_product(connection, id, "product_deleted", now)?;
    product_instances::delete_of_product(connection, id)?;
    products::delete(connection, id)?;
    record(connection, Action::ProductDeleted, &product, actor, now)?;
    Ok(revoked)
}

/// Deletes an instance, revokes what is limited to it alone, and counts that. What is limited to others too goes
/// on working there.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn delete_instance(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    id: &InstanceId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Counts, CredentialError> {
    let instance = instances::find(connection, product, id)?;
    let revoked =
        table::revoke_of_instance(connection, product, id, "product_instance_deleted", now)?;
    product_instances::delete(connection, id)?;
    instances::record(connection, Action::InstanceDeleted, &instance, actor, now)?;
    Ok(revoked)
}
