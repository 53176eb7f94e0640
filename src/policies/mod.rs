//! What may be done by whom and for how long: authentication policies, roles, scopes, lifetimes, products.
//!
//! Nothing here authenticates anybody; `credentials` does, and asks here.

pub mod authentication;
pub mod instances;
pub mod lifetime;
pub mod networks;
pub mod products;
pub mod rate_limits;
pub mod rights;
pub mod roles;
pub mod scopes;

pub use rights::Rights;
pub use roles::Role;
pub use scopes::Scope;

use crate::store::{StoreError, TransactionError};

/// Why something is not allowed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// A value that is not acceptable; the text names it and says what would be.
    #[error("{0}")]
    Invalid(String),
    /// The thing does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// The change contradicts the present state.
    #[error("{0}")]
    Conflict(String),
    /// The actor's rights do not reach that far.
    #[error("{0}")]
    Forbidden(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TransactionError for PolicyError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            _ => None,
        }
    }
}
