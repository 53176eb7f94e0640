//! Portcullis: a SCIM 2.0 provisioning server joined to a token authority.
//!
//! When someone leaves, the gate drops: the request that deprovisions a person also ends everything that
//! authenticates them, in one transaction. `docs/ARCHITECTURE.md` shows the rooms and the way through them.

pub mod audit;
pub mod cli;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod gate;
pub mod http;
pub mod legible;
pub mod lifecycle;
pub mod meter;
pub mod notices;
pub mod policies;
pub mod provisioning;
pub mod scim;
pub mod sealed;
pub mod secret;
pub mod store;
