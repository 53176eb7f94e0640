//! The end of a product: its credentials, and the tokens that are for it alone, end with it.

use crate::audit::{Action, Actor};
use crate::clock::Timestamp;
use crate::policies::products::{find, record};
use crate::store::credentials::{self as table, Counts};
use crate::store::id::ProductId;
use crate::store::{DatabaseConnection, products};

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
    products::delete(connection, id)?;
    record(connection, Action::ProductDeleted, &product, actor, now)?;
    Ok(revoked)
}
