//! Joining, changing and leaving: the one door through which resources are written, and everything that
//! follows from it in the same transaction. When somebody leaves, what authenticates them is revoked, their
//! sessions end, the keys they made are flagged as orphaned, and it is audited, receipted and told.
//!
//! No other room writes resources, `active`, memberships, or takes a role away. [`create`], [`update`] and
//! [`delete`] are the door; [`Cause`] says why.

pub mod alarm;
mod deprovision;
mod directories;
mod impact;
mod membership;
mod owners;
pub mod recovery;
mod resources;
mod resting;
mod rights;

pub use deprovision::{Reason, repeat_deactivation};
pub use directories::{create_directory, remove_directory, update_directory};
pub use impact::{
    Impact, RoleLoss, impact_of_leaving, impact_of_removing, impact_of_unassigning,
    impact_of_unmapping,
};
pub use membership::MemberChange;
pub use owners::refuse_last_owner;
pub use resources::{Change, create, create_at_once, delete, update};
pub use resting::{GivingGroup, Returning, RoleByGroups, impact_of_returning, roles_by_groups};
pub use rights::{unassign_role, unmap_group};

use crate::audit::Actor;
use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::store::side_values::ResourceWriteError;
use crate::store::{StoreError, TransactionError};

/// The resource type whose resources are people.
pub const USER: &str = "User";
/// The resource type whose resources have members.
pub const GROUP: &str = "Group";

/// Why and when a change is made.
#[derive(Debug, Clone)]
pub struct Cause {
    /// By whom.
    pub actor: Actor,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it takes effect.
    pub now: Timestamp,
}

/// Why a change could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    /// Another resource has a value that must be unique.
    #[error("another resource has the same {attribute}")]
    Conflict {
        /// The path of the attribute.
        attribute: String,
    },
    /// The rules do not allow it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ResourceWriteError> for LifecycleError {
    fn from(error: ResourceWriteError) -> Self {
        match error {
            ResourceWriteError::Conflict { attribute } => Self::Conflict { attribute },
            ResourceWriteError::Store(error) => Self::Store(error),
        }
    }
}

impl TransactionError for LifecycleError {
    fn store_error(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Policy(error) => error.store_error(),
            Self::Conflict { .. } => None,
        }
    }
}
