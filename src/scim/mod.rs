//! The SCIM protocol core (RFC 7643, RFC 7644, RFC 9865): schemas, validation, paths, filters, PATCH,
//! projection, paging and bulk ordering.
//!
//! Pure: no I/O, clock, HTTP or SQL, and no knowledge of what an attribute means; names come from the
//! schema documents. Start with [`schema::Registry`], [`ScimError`] and [`patch`].

pub mod bulk;
pub mod condition;
pub mod cursor;
pub mod discovery;
pub mod error;
pub mod filter;
pub mod leniency;
pub mod list;
pub mod patch;
pub mod path;
pub mod projection;
pub mod resource;
pub mod schema;
mod unqualified;

pub use error::{ErrorKind, ScimError};
