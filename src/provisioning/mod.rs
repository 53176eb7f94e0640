//! The SCIM operations on stored resources: create, read, replace, patch, delete, query, bulk. No SQL and no
//! HTTP; what follows from a change is `lifecycle`'s.
//!
//! This and `lifecycle` are where attribute names have a meaning. [`Context`] is what every operation knows;
//! writes run inside the caller's transaction and give [`Written`].

mod bulk;
mod columns;
mod context;
mod error;
pub mod many_people;
mod members;
mod password;
pub mod people;
mod query;
mod read;
mod representation;
pub mod transfer;
mod write;

pub use bulk::{Bulk, BulkOutcome};
pub use columns::layout;
pub use context::{Context, Expected, Limits, entity_tag};
pub use error::ProvisioningError;
pub use password::Passwords;
pub use query::Query;
pub use read::read;
pub use representation::Output;
pub use write::{Creation, Payload, Written, create, delete, patch, replace, set_active};
