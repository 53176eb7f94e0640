//! What the service manager is told (`sd_notify(3)`): that the server is ready, reloads, stops, and is alive. Nothing
//! happens where there is none that listens.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::store::Database;

/// How often each worker shows that it is alive.
const BEAT: Duration = Duration::from_millis(500);

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "the service manager is not told of the reload"),
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told how the server is");
    }
}

/// Tells a service manager that wants to know, as long as everything moves; runs until it is aborted. A server whose
/// writer or one of whose workers hangs is started anew by it.
pub(super) async fn keep_alive(pulse: Pulse, database: Database) {
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return;
    };
    let mut ticks = tokio::time::interval(interval / 2);
    loop {
        ticks.tick().await;
        let busy_for = database
            .writer()
            .map_or(Duration::ZERO, |writer| writer.busy_for());
        if busy_for < interval && pulse.beats_within(interval) {
            tell(&[NotifyState::Watchdog]);
        } else {
            tracing::error!(?busy_for, "the writer or a worker hangs");
        }
    }
}

/// The signs of life of the workers.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    started: Instant,
    beats: Arc<Mutex<Vec<Weak<AtomicU64>>>>,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            beats: Arc::default(),
        }
    }

    /// Lets the worker on whose thread this is called beat from now on.
    pub(super) fn begin(&self) {
        let beat = self.register();
        let started = self.started;
        actix_web::rt::spawn(async move {
            let mut ticks = tokio::time::interval(BEAT);
            loop {
                ticks.tick().await;
                beat.store(millis_since(started), Ordering::Relaxed);
            }
        });
    }

    fn register(&self) -> Arc<AtomicU64> {
        let beat = Arc::new(AtomicU64::new(millis_since(self.started)));
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.push(Arc::downgrade(&beat));
        beat
    }

    /// Whether each worker that there is has beaten within so long.
    fn beats_within(&self, limit: Duration) -> bool {
        let now = millis_since(self.started);
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.retain(|beat| beat.strong_count() > 0);
        beats.iter().filter_map(Weak::upgrade).all(|beat| {
            let since = now.saturating_sub(beat.load(Ordering::Relaxed));
            Duration::from_millis(since) < limit
        })
    }
}

fn millis_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_hangs_is_noticed_and_one_that_is_gone_is_not_missed() {
        let hour = Duration::from_secs(3_600);
        let pulse = Pulse {
            started: Instant::now().checked_sub(2 * hour).unwrap(),
            beats: Arc::default(),
        };
        assert!(pulse.beats_within(hour));
        let _well = pulse.register();
        assert!(pulse.beats_within(hour));
        let hanging = pulse.register();
        hanging.store(0, Ordering::Relaxed);
        assert!(!pulse.beats_within(hour));
        drop(hanging);
        assert!(pulse.beats_within(hour));
    }
}
