//! Looks now and then, and when the process is told to (SIGHUP), whether the certificate's files have changed,
//! and warns before it expires.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::Timestamp;
use crate::http::State;
use crate::http::problem::Chain;

use super::notify;
use super::tls::{Certificates, Look, TlsError, WARNING_DAYS};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Runs until it is aborted. Without a certificate there is nothing to do, but SIGHUP does not end the process.
pub(super) async fn run(certificates: Option<Arc<Certificates>>, state: State) {
    let mut hangups = signal(SignalKind::hangup()).ok();
    let mut ticks = tokio::time::interval(LOOK);
    let mut renewal = certificates.map(|certificates| Renewal::of(certificates, state));
    loop {
        let was_told = tokio::select! {
            _ = ticks.tick() => false,
            Some(()) = next(&mut hangups) => true,
        };
        if was_told {
            notify::reloading();
        }
        if let Some(renewal) = &mut renewal {
            renewal.look(was_told).await;
        }
        if was_told {
            notify::ready();
        }
    }
}

async fn next(hangups: &mut Option<Signal>) -> Option<()> {
    match hangups {
        Some(hangups) => hangups.recv().await,
        None => std::future::pending().await,
    }
}

struct Renewal {
    certificates: Arc<Certificates>,
    state: State,
    /// How often in a row the files could not be served with.
    refusals: u32,
    warned_at: Option<Timestamp>,
}

impl Renewal {
    fn of(certificates: Arc<Certificates>, state: State) -> Self {
        Self {
            certificates,
            state,
            refusals: 0,
            warned_at: None,
        }
    }

    async fn look(&mut self, was_told: bool) {
        let certificates = Arc::clone(&self.certificates);
        // Files may be on a disk that does not answer.
        match tokio::task::spawn_blocking(move || certificates.look_again()).await {
            Ok(looked) => self.note(looked, was_told),
            Err(error) => tracing::warn!(%error, "the certificate's files could not be looked at"),
        }
        let expires_at = self.certificates.expires_at();
        let metrics = &self.state.metrics;
        metrics.set_certificate(expires_at, self.refusals > 0);
        self.warn_of_expiry(expires_at);
    }

    fn note(&mut self, looked: Result<Look, TlsError>, was_told: bool) {
        match looked {
            Ok(Look::Same) => self.refusals = 0,
            Ok(Look::Renewed(expires_at)) => {
                self.refusals = 0;
                self.warned_at = None;
                tracing::info!(expires_at = %expires_at.to_rfc3339(), "serving with a new certificate");
            }
            Err(error) => {
                // While files are being replaced they do not match; it is told where it stays so.
                if self.refusals == 1 || was_told {
                    tracing::warn!(
                        cause = %Chain(&error),
                        "the certificate's files cannot be served with; the one before goes on being served"
                    );
                }
                self.refusals = self.refusals.saturating_add(1);
            }
        }
    }

    fn warn_of_expiry(&mut self, expires_at: Timestamp) {
        let now = self.state.clock.now();
        let is_near = now >= expires_at.plus_days(-WARNING_DAYS);
        let is_due = self.warned_at.is_none_or(|at| now >= at.plus_days(1));
        if is_near && is_due {
            self.warned_at = Some(now);
            tracing::warn!(expires_at = %expires_at.to_rfc3339(), "the certificate expires soon");
        }
    }
}
