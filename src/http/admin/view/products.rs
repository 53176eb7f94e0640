//! Products and the sites at which they run.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::store::id::{InstanceId, ProductId, ResourceId};
use crate::store::product_instances::Instance;
use crate::store::products::Product;

/// A product.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductView {
    id: ProductId,
    name: String,
    /// What tokens for it may be limited to.
    scopes: Vec<String>,
    /// Whose members may have tokens for it; everybody where there are none.
    access_groups: Vec<ResourceId>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A product.
#[must_use]
pub fn product(product: &Product) -> ProductView {
    ProductView {
        id: product.id.clone(),
        name: product.name.clone(),
        scopes: product.scopes.clone(),
        access_groups: product.access_groups.clone(),
        created_at: product.created_at,
        modified_at: product.modified_at,
    }
}

/// An instance of a product.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProductInstance)]
pub struct InstanceView {
    id: InstanceId,
    product_id: ProductId,
    name: String,
    #[schema(required)]
    url: Option<String>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// An instance of a product.
#[must_use]
pub fn instance(instance: &Instance) -> InstanceView {
    InstanceView {
        id: instance.id.clone(),
        product_id: instance.product_id.clone(),
        name: instance.name.clone(),
        url: instance.url.clone(),
        created_at: instance.created_at,
        modified_at: instance.modified_at,
    }
}
