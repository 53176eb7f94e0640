//! What the service manager is told (`sd_notify(3)`): that the server is ready, reloads, stops, and is alive. Nothing
//! happens where there is none that listens.

use std::time::Duration;

use sd_notify::NotifyState;

use super::pulse::Pulse;
use crate::store::Database;

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
