//! Pooled connections, for which nobody waits while their server is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::r2d2::{HandleError, Pool, PooledConnection};

use super::connection::{ConnectionManager, ConnectionPool, DatabaseUrl};
use super::error::StoreError;
use crate::gate::{Bounds, Gate, Place};

/// How long a caller waits for a pooled connection.
const WAIT: Duration = Duration::from_secs(5);
/// One in so many is kept for look-ups on the threads that answer requests, which wait for nothing else.
const KEPT: u32 = 8;
/// After how long it looks whether there is anything to wait for.
const LOOK: Duration = Duration::from_millis(50);

/// The connections to one server; cloning is cheap.
#[derive(Clone)]
pub struct Connections {
    pool: ConnectionPool,
    /// Whether the server could not be reached when last a connection was made.
    is_away: Arc<AtomicBool>,
    /// Before those who take one on a thread of their own.
    gate: Gate,
}

/// How busy a pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLoad {
    /// Connections at most.
    pub at_most: u32,
    /// Connections that are in use.
    pub in_use: u32,
    /// Connections that are open and free.
    pub idle: u32,
    /// Who waits for one.
    pub waiting: u32,
    /// How many were turned away since the process has begun.
    pub turned_away: u64,
}

/// Who wait for a connection at most, and how long, where nothing else is said.
pub const BOUNDS: Bounds = Bounds {
    waiting: 512,
    patience: WAIT,
};

/// Notes that a server cannot be reached, so that nobody waits for it: threads are few.
#[derive(Debug)]
struct NoteAbsence(Arc<AtomicBool>);

impl HandleError<StoreError> for NoteAbsence {
    fn handle_error(&self, error: StoreError) {
        if !self.0.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the database cannot be reached");
        }
    }
}

impl Connections {
    /// At most so many; none is made before it is wanted.
    ///
    /// # Errors
    /// When the pool cannot be made.
    pub fn to(url: DatabaseUrl, at_most: u32) -> Result<Self, StoreError> {
        let is_away = Arc::<AtomicBool>::default();
        let pool = Pool::builder()
            .error_handler(Box::new(NoteAbsence(Arc::clone(&is_away))))
            .max_size(at_most)
            // None in reserve: the pool would make one in the background behind each short command.
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(WAIT)
            .build(ConnectionManager::new(url))?;
        Ok(Self {
            gate: gate(at_most, BOUNDS),
            pool,
            is_away,
        })
    }

    /// With other bounds for those who wait.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.gate = gate(self.at_most(), bounds);
        self
    }

    /// Waits until there is one to be taken, for those who then take it on a thread of their own.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where too many wait already, or it took too long.
    pub async fn admit(&self) -> Result<Place, StoreError> {
        self.gate.enter().await.map_err(|_| StoreError::Busy)
    }

    /// How busy it is.
    #[must_use]
    pub fn load(&self) -> PoolLoad {
        let state = self.pool.state();
        PoolLoad {
            at_most: self.at_most(),
            in_use: state.connections.saturating_sub(state.idle_connections),
            idle: state.idle_connections,
            waiting: self.gate.waiting(),
            turned_away: self.gate.turned_away(),
        }
    }

    /// How many there are at most.
    #[must_use]
    pub fn at_most(&self) -> u32 {
        self.pool.max_size()
    }

    /// How many there are.
    #[cfg(test)]
    pub fn count(&self) -> u32 {
        self.pool.state().connections
    }

    /// One that is free, or comes free in time; an error at once where the server is away.
    ///
    /// # Errors
    /// [`StoreError::Pool`].
    pub fn take(&self) -> Result<PooledConnection<ConnectionManager>, StoreError> {
        let begun = Instant::now();
        loop {
            let error = match self.pool.get_timeout(LOOK) {
                Ok(connection) => {
                    self.is_away.store(false, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(error) => error,
            };
            let is_over = begun.elapsed() >= WAIT;
            let has_none = self.pool.state().connections == 0;
            if is_over && has_none {
                self.is_away.store(true, Ordering::Relaxed);
            }
            if is_over || has_none && self.is_away.load(Ordering::Relaxed) {
                return Err(error.into());
            }
        }
    }
}

fn gate(connections: u32, bounds: Bounds) -> Gate {
    let kept = match connections {
        1 => 0,
        connections => connections.div_ceil(KEPT),
    };
    let places = usize::try_from(connections.saturating_sub(kept)).unwrap_or(1);
    Gate::new(places, bounds)
}
