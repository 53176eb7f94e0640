//! What every handler needs.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{MasterKey, Settings};
use crate::credentials::LastUse;
use crate::scim::schema::Registry;
use crate::store::Database;

use super::metrics::Metrics;

/// Shared by all workers; cloning is cheap.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub database: Database,
    /// Schemas and resource types.
    pub registry: Arc<Registry>,
    /// The settings.
    pub settings: Arc<Settings>,
    /// Tells the time.
    pub clock: Clock,
    /// The URL that clients use, without a slash at its end.
    pub base_url: Arc<str>,
    /// The base URL of the SCIM interface, without a slash at its end.
    pub scim_base_url: Arc<str>,
    /// The key that cursors are signed with.
    pub cursor_key: Arc<[u8]>,
    /// The uses of credentials that have not been written yet.
    pub last_use: Arc<LastUse>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl State {
    /// For a database that has been migrated. `base_url` is without a slash at its end.
    #[must_use]
    pub fn new(
        database: Database,
        registry: Arc<Registry>,
        settings: Arc<Settings>,
        clock: Clock,
        master_key: &MasterKey,
        base_url: &str,
    ) -> Self {
        Self {
            database,
            registry,
            settings,
            clock,
            base_url: base_url.into(),
            scim_base_url: format!("{base_url}/scim/v2").into(),
            cursor_key: master_key.derive("cursor").as_slice().into(),
            last_use: Arc::default(),
            metrics: Arc::default(),
        }
    }
}
