//! Why an operation on a resource was refused or failed.

use crate::lifecycle::LifecycleError;
use crate::scim::{ErrorKind, ScimError};
use crate::store::{StoreError, TransactionError};

/// The error of every operation of this room.
#[derive(Debug, thiserror::Error)]
pub enum ProvisioningError {
    /// The request is refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] ScimError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What follows from the change could not be done.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
}

impl ProvisioningError {
    /// 404 for a resource that this directory does not hold.
    #[must_use]
    pub fn not_found(resource_type: &str, id: &str) -> Self {
        ScimError::new(
            ErrorKind::NotFound,
            format!("{resource_type} {id:?} does not exist"),
        )
        .into()
    }
}

impl TransactionError for ProvisioningError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Lifecycle(error) => error.store_error(),
            Self::Refused(_) => None,
        }
    }
}
