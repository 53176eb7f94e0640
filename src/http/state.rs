//! What every handler needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::config::{self, MasterKey, Settings};
use crate::credentials::LastUse;
use crate::gate::{Bounds, FairGate, Gate};
use crate::notices::delivery::Channels;
use crate::notices::observed::Observed;
use crate::policies::rate_limits::RateLimits;
use crate::provisioning::people::Surroundings;
use crate::provisioning::{Context, Limits};
use crate::scim::schema::Registry;
use crate::sealed::Sealer;
use crate::store::directories::Directory;
use crate::store::id::CredentialId;
use crate::store::{Database, StoreError};

use super::leaks::REPORTS;
use super::metrics::Metrics;
use super::problem::Problem;
use super::scim::RequestLog;
use super::throttle::Throttle;

/// How many may follow the audit events at once.
const FOLLOWERS: usize = 16;
/// How many passwords are hashed at once.
const HASHES_AT_ONCE: usize = 4;
/// How many may wait for that, and how long.
const HASHING: Bounds = Bounds {
    waiting: 128,
    patience: Duration::from_secs(10),
};

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
    /// Encrypts what is stored and has to be read back.
    pub sealer: Arc<Sealer>,
    /// The uses of credentials that have not been written yet.
    pub last_use: Arc<LastUse>,
    /// The SCIM requests that have not been written yet.
    pub request_log: Arc<RequestLog>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bounds of SCIM operations.
    pub limits: Arc<Limits>,
    /// Attributes inside multi-valued attributes that have an index.
    pub indexed_attributes: Arc<Vec<String>>,
    /// Counts failed sign-ins.
    pub throttle: Arc<Throttle>,
    /// How many may follow the audit events at once.
    pub(super) followers: Arc<Semaphore>,
    /// The audit chain is verified once at a time.
    pub(super) verifying: Arc<Semaphore>,
    /// Whether the server is going to stop.
    draining: Arc<AtomicBool>,
    /// Whether answers without an end have to end.
    stopping: Arc<AtomicBool>,
    /// Counts requests by credential.
    pub rate_limits: Arc<RateLimits>,
    /// The ways that notices leave.
    pub channels: Channels,
    /// What is seen at the door and has to be told.
    pub observed: Arc<Observed>,
    /// Counts reports of leaked secrets.
    pub(super) reports: Arc<Throttle>,
    /// How many passwords may be hashed at once: each takes its share of memory and time.
    pub(super) hashing: Gate,
    /// How many answers may be sent piece by piece at once. Each keeps a connection while its client reads, and
    /// slow readers must leave some for everybody else's credentials to be checked with. One credential has half.
    pub(super) streaming: Arc<FairGate<CredentialId>>,
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
        let previous = settings.previous_master_key.as_ref();
        let sealer = Arc::new(Sealer::new(master_key, previous));
        let streams = usize::try_from(database.connections() / 2).unwrap_or_default();
        let waiting_for_streams = Bounds {
            waiting: settings.limits.max_waiting,
            patience: Duration::from_millis(settings.limits.database_wait_ms.into()),
        };
        Self {
            base_url: base_url.into(),
            scim_base_url: format!("{base_url}/scim/v2").into(),
            cursor_key: master_key.derive("cursor").as_slice().into(),
            channels: Channels::new(&settings, Arc::clone(&sealer), base_url),
            observed: Arc::default(),
            sealer,
            last_use: Arc::default(),
            request_log: Arc::default(),
            metrics: Arc::new(Metrics::new(&registry, clock.now())),
            database,
            registry,
            limits: Arc::new(limits(&settings.limits)),
            indexed_attributes: Arc::new(settings.indexed_attributes.clone()),
            rate_limits: Arc::new(RateLimits::new(&settings.limits, clock.clone())),
            throttle: Arc::new(Throttle::new(settings.limits.sign_in_attempts)),
            followers: Arc::new(Semaphore::new(FOLLOWERS)),
            verifying: Arc::new(Semaphore::new(1)),
            draining: Arc::default(),
            stopping: Arc::default(),
            reports: Arc::new(Throttle::of("leaks", "reports of leaked secrets", REPORTS)),
            hashing: Gate::new(HASHES_AT_ONCE, HASHING),
            streaming: Arc::new(FairGate::new(streams.max(1), waiting_for_streams)),
            clock,
            settings,
        }
    }

    /// No further requests are to be sent here.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Answers without an end are to end.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether answers without an end have to end.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// What the operations on people are told.
    #[must_use]
    pub fn surroundings(&self) -> Surroundings {
        Surroundings {
            registry: Arc::clone(&self.registry),
            limits: Arc::clone(&self.limits),
            indexed_attributes: Arc::clone(&self.indexed_attributes),
            base_url: Arc::clone(&self.scim_base_url),
            cursor_key: Arc::clone(&self.cursor_key),
            clock: self.clock.clone(),
        }
    }

    /// The surroundings of an operation on the resources of a directory.
    #[must_use]
    pub fn context(&self, directory: Directory, actor: Actor, requested_at: Timestamp) -> Context {
        self.surroundings().context(directory, actor, requested_at)
    }

    /// Hashes a password, or compares one with its hash, on a thread that may block.
    pub(super) async fn hashing<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let busy = || Problem::from(StoreError::Busy);
        let _place = self.hashing.enter().await.map_err(|_| busy())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| busy())
    }
}

/// The bounds as the SCIM operations take them.
#[must_use]
pub fn limits(limits: &config::Limits) -> Limits {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    Limits {
        default_page_size: size(limits.default_page_size),
        max_page_size: size(limits.max_page_size),
        max_patch_operations: size(limits.max_patch_operations),
        max_bulk_operations: size(limits.max_bulk_operations),
        max_bulk_payload: size(limits.max_bulk_payload),
        max_members_in_answer: i64::from(limits.max_members_in_answer),
        statement_time_limit_millis: u64::from(limits.statement_time_limit_ms),
        cursor_timeout_seconds: i64::from(limits.cursor_timeout),
    }
}
