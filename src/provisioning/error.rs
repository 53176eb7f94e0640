//! Why an operation on a resource was refused or failed.

use uuid::Uuid;

use crate::credentials::CredentialError;
use crate::lifecycle::LifecycleError;
use crate::scim::{ErrorKind, ScimError};
use crate::store::{StoreError, TransactionError};

/// The longest id that an error repeats, in bytes.
const LONGEST_SHOWN: usize = 64;

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
    /// The password could not be set.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl ProvisioningError {
    /// The answer to give, where the request is to blame; the cause otherwise.
    ///
    /// # Errors
    /// The error itself, where it is ours.
    pub fn into_refusal(self) -> Result<ScimError, Self> {
        match self {
            Self::Refused(error) => Ok(error),
            Self::Lifecycle(LifecycleError::Conflict { attribute }) => Ok(ScimError::new(
                ErrorKind::Uniqueness,
                format!("another resource has the same {attribute}"),
            )),
            Self::Lifecycle(LifecycleError::Policy(error)) if error.store_error().is_none() => {
                Ok(ScimError::new(ErrorKind::Conflict, error.to_string()))
            }
            Self::Store(StoreError::TimeLimit) => Ok(ScimError::new(
                ErrorKind::TooMany,
                "the query takes longer than it may: filter by an indexed attribute, or by less",
            )),
            other => Err(other),
        }
    }

    /// Refuses what no id can be, before a database sees it: PostgreSQL takes no text with U+0000.
    ///
    /// # Errors
    /// 404.
    pub(super) fn unless_id(resource_type: &str, id: &str) -> Result<(), Self> {
        match Uuid::try_parse(id) {
            Ok(_) => Ok(()),
            Err(_) => Err(Self::not_found(resource_type, id)),
        }
    }

    /// 404 for a resource that this directory does not hold.
    #[must_use]
    pub fn not_found(resource_type: &str, id: &str) -> Self {
        let detail = if id.len() <= LONGEST_SHOWN {
            format!("{resource_type} {id:?} does not exist")
        } else {
            format!("there is no such {resource_type}")
        };
        ScimError::new(ErrorKind::NotFound, detail).into()
    }
}

impl TransactionError for ProvisioningError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Lifecycle(error) => error.store_error(),
            Self::Credential(error) => error.store_error(),
            Self::Refused(_) => None,
        }
    }
}
