//! What a token that stands allows at a product: where it may be used, and with which scopes. Products and
//! gateways both ask here, so that they are told the same.

use crate::policies::products::{is_open_to, with_implied};
use crate::secret::SecretKind;
use crate::store::id::{InstanceId, ProductId};
use crate::store::{DatabaseConnection, StoreError, products};

use super::{Credential, Verified};

/// Who asks about a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The product.
    pub product: ProductId,
    /// The instance of it, where that is known.
    pub instance: Option<InstanceId>,
}

/// What a token allows there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The scopes, with those that are implied.
    pub scopes: Vec<String>,
}

/// What a token allows at a product; `None` where it is not for it: of another kind, for another product or
/// other instances, or of a person who may not use the product. A token that is limited to instances is for an
/// asker that says which it is.
///
/// # Errors
/// When the database fails.
pub fn access_at(
    connection: &mut DatabaseConnection,
    verified: &Verified,
    asker: &Asker,
) -> Result<Option<Access>, StoreError> {
    let token = &verified.credential;
    if !is_meant_for(token, asker) {
        return Ok(None);
    }
    let Some(product) = products::find(connection, &asker.product)? else {
        return Ok(None);
    };
    if let Some(owner) = &verified.owner
        && !is_open_to(connection, &product, &owner.id)?
    {
        return Ok(None);
    }
    Ok(Some(Access {
        scopes: with_implied(&product, &token.scopes),
    }))
}

fn is_meant_for(token: &Credential, asker: &Asker) -> bool {
    let is_of_kind = match token.kind {
        SecretKind::UserToken => true,
        // One with scopes of the admin interface has no business at a product.
        SecretKind::ServiceAccountToken => token.product_id.is_some() || token.scopes.is_empty(),
        SecretKind::ServiceAccountKey => token.product_id.is_some(),
        _ => false,
    };
    let is_of_product = (token.product_id.as_ref()).is_none_or(|limit| *limit == asker.product);
    let is_of_instance = token.instance_ids.is_empty()
        || (asker.instance.as_ref()).is_some_and(|asking| token.instance_ids.contains(asking));
    is_of_kind && is_of_product && is_of_instance
}
