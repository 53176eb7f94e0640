//! All SQL, and nothing else: connections, the writer, migrations, one file per table family and the
//! compiler from filter to SQL. Functions take a connection and the directory they are confined to.
//!
//! No rules live here and no protocol; whether something may happen is decided in the rooms above.
//! [`Database`] is the way in, [`DatabaseConnection`] what every function takes.

pub mod audit_chain;
pub mod audit_events;
pub mod audit_search;
pub mod backup;
pub mod connection;
pub mod creation;
pub mod credentials;
pub mod database;
pub mod deleted_people;
pub mod deliveries;
mod delivery_search;
pub mod deprovisioning_counts;
pub mod directories;
pub mod error;
pub mod expiring;
pub mod figures;
pub mod filter;
mod functions;
pub mod health;
pub mod id;
pub mod layout;
pub mod memberships;
pub mod migrate;
pub mod notices;
pub mod orphans;
pub mod passwords;
pub mod policies;
mod pool;
pub mod product_instances;
pub mod products;
pub mod query;
pub mod receipts;
pub mod recipients;
pub mod registered_keys;
pub mod replica;
pub mod resource_counts;
pub mod resource_search;
pub mod resources;
pub mod roles;
mod schema;
pub mod scim_requests;
pub mod sealed_values;
pub mod second_factors;
pub mod sent_notices;
pub mod service_accounts;
pub mod session_confirmations;
pub mod settings;
pub mod side_values;
pub mod signing_keys;
mod sql;
pub mod table_layout;
#[cfg(test)]
mod temporary;
pub mod used_assertions;
pub mod walk;
pub mod webhooks;
mod writer;

pub use connection::{DatabaseConnection, DatabaseUrl, SqlDialect, stop_connecting};
pub use database::{Database, Freshness, savepoint, snapshot};
pub use error::{StoreError, TransactionError};
pub use pool::PoolLoad;
pub use writer::WriterMeter;
