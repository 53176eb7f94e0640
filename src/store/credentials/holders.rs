//! What belongs to a product, to one of its instances or to a service account, and so ends with it.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::clock::Timestamp;
use crate::store::DatabaseConnection;
use crate::store::error::StoreError;
use crate::store::id::{InstanceId, ProductId, ServiceAccountId};
use crate::store::sql::Statement;

use super::Counts;
use super::ending::works_by_any_clock;

/// What credentials belong to.
#[derive(Debug, Clone, Copy)]
pub enum Holder<'a> {
    /// A product.
    Product(&'a ProductId),
    /// An instance of a product, and no other.
    Instance(&'a ProductId, &'a InstanceId),
    /// A service account.
    Account(&'a ServiceAccountId),
}

impl Holder<'_> {
    /// The condition that selects what belongs to it.
    pub(super) fn holds(self) -> Statement {
        match self {
            Self::Product(id) => Statement::sql("product_id = ").text(id.as_str()),
            Self::Instance(product, id) => Statement::sql("product_id = ")
                .text(product.as_str())
                .push(" AND instance_ids = ")
                .text(serde_json::json!([id]).to_string()),
            Self::Account(id) => Statement::sql("service_account_id = ").text(id.as_str()),
        }
    }
}

#[derive(QueryableByName)]
struct KindCount {
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = BigInt)]
    number: i64,
}

/// How many credentials of each kind that belong to it work at an instant by any node's clock, and end with it.
///
/// # Errors
/// When the database fails.
pub fn count_working_of(
    connection: &mut DatabaseConnection,
    holder: Holder<'_>,
    now: Timestamp,
) -> Result<Counts, StoreError> {
    let found: Vec<KindCount> =
        Statement::sql("SELECT kind, COUNT(*) AS number FROM credentials WHERE ")
            .append(works_by_any_clock(now))
            .push(" AND ")
            .append(holder.holds())
            .push(" GROUP BY kind ORDER BY kind")
            .load(connection)?;
    Ok(found
        .into_iter()
        .map(|found| (found.kind, found.number))
        .collect())
}
