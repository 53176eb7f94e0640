//! What is counted, for Prometheus: by route and status, by kind and state, never by person.

mod exposition;
mod process;
mod routes;
mod stored;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::scim::schema::Registry;
use crate::store::Database;

use super::State;
pub use exposition::MEDIA_TYPE;
use exposition::{Exposition, Kind, Scale};
use routes::Routes;
pub(super) use routes::{Route, RouteSlot, Shape, known_method};
pub(super) use stored::Known;
use stored::Stored;

/// The counters of one process.
pub struct Metrics {
    pub(super) routes: Routes,
    refusals: Tally,
    sign_ins: Tally,
    stored: Stored,
    started_at: Timestamp,
    /// When the certificate expires, in milliseconds; 0 where there is none.
    certificate_expiry: AtomicI64,
    certificate_is_refused: AtomicBool,
}

/// Counts by a reason, of which there are few.
#[derive(Default)]
struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    fn count(&self, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(reason).or_default() += 1;
    }

    fn expose(&self, text: &mut Exposition, name: &str, help: &str) {
        text.metric(name, Kind::Counter, help);
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (reason, count) in counts.iter() {
            text.sample(name, &[("reason", reason)], count);
        }
    }
}

impl Metrics {
    /// Of a process that has started then.
    #[must_use]
    pub fn new(registry: &Registry, started_at: Timestamp) -> Self {
        Self {
            routes: Routes::new(registry),
            refusals: Tally::default(),
            sign_ins: Tally::default(),
            stored: Stored::default(),
            started_at,
            certificate_expiry: AtomicI64::new(0),
            certificate_is_refused: AtomicBool::new(false),
        }
    }

    /// When the certificate that is served with expires, and whether its files hold what cannot be served with;
    /// `None` without TLS.
    pub(super) fn certificate(&self) -> Option<(Timestamp, bool)> {
        let expiry = self.certificate_expiry.load(Ordering::Relaxed);
        let is_refused = self.certificate_is_refused.load(Ordering::Relaxed);
        (expiry != 0).then(|| (Timestamp::from_millis(expiry), is_refused))
    }

    /// Counts a credential that was refused for this reason.
    pub fn count_refusal(&self, reason: &'static str) {
        self.refusals.count(reason);
    }

    /// Counts a sign-in that failed for this reason.
    pub(super) fn count_sign_in_failure(&self, reason: &'static str) {
        self.sign_ins.count(reason);
    }

    /// Notes when the certificate expires, and whether its files hold what cannot be served with.
    pub fn set_certificate(&self, expires_at: Timestamp, is_refused: bool) {
        self.certificate_expiry
            .store(expires_at.as_millis(), Ordering::Relaxed);
        self.certificate_is_refused
            .store(is_refused, Ordering::Relaxed);
    }

    /// What the database holds, counted within the last minute; none where it could not be asked.
    pub(super) async fn figures(&self, state: &State) -> Option<Known> {
        self.stored.figures(state).await
    }

    /// What was counted, and how the process and its database are.
    pub(super) async fn exposition(&self, state: &State) -> String {
        let figures = self.figures(state).await;
        let mut text = Exposition::default();
        text.metric(
            "portcullis_build_info",
            Kind::Gauge,
            "The release that runs.",
        );
        let version = env!("CARGO_PKG_VERSION");
        text.sample("portcullis_build_info", &[("version", version)], 1);
        self.routes.expose(&mut text);
        self.refusals.expose(
            &mut text,
            "portcullis_credentials_refused_total",
            "Credentials refused, by reason.",
        );
        self.sign_ins.expose(
            &mut text,
            "portcullis_sign_in_failures_total",
            "Sign-ins that failed: a wrong password, a wrong code, or too many of either.",
        );
        expose_database(&mut text, &state.database);
        text.single(
            "portcullis_password_hashes_waiting",
            Kind::Gauge,
            "Sign-ins that wait for their password to be hashed.",
            state.hashing.waiting(),
        );
        expose_streams(&mut text, state);
        if let Some(figures) = figures {
            figures.expose(&mut text);
        }
        self.expose_certificate(&mut text);
        process::expose(&mut text, self.started_at);
        text.into_text()
    }

    fn expose_certificate(&self, text: &mut Exposition) {
        let expiry = self.certificate_expiry.load(Ordering::Relaxed) / 1_000;
        if expiry == 0 {
            return;
        }
        text.single(
            "portcullis_tls_certificate_expiry_timestamp_seconds",
            Kind::Gauge,
            "When the certificate that is served with expires.",
            expiry,
        );
        text.single(
            "portcullis_tls_certificate_refused",
            Kind::Gauge,
            "Whether the certificate's files hold what cannot be served with.",
            u8::from(self.certificate_is_refused.load(Ordering::Relaxed)),
        );
    }
}

/// Answers that are sent while they are read.
fn expose_streams(text: &mut Exposition, state: &State) {
    let streaming = &state.streaming;
    text.single(
        "portcullis_streams",
        Kind::Gauge,
        "Lists and groups that are being sent while they are read from the database.",
        streaming.inside(),
    );
    text.single(
        "portcullis_streams_waiting",
        Kind::Gauge,
        "Requests that wait for others to be sent.",
        streaming.waiting(),
    );
    text.single(
        "portcullis_streams_turned_away_total",
        Kind::Counter,
        "Requests turned away since too many waited for that, or for too long.",
        streaming.turned_away(),
    );
}

fn expose_database(text: &mut Exposition, database: &Database) {
    let load = database.load();
    let name = "portcullis_database_connections";
    text.metric(name, Kind::Gauge, "Connections to the database, by state.");
    text.sample(name, &[("state", "in_use")], load.in_use);
    text.sample(name, &[("state", "idle")], load.idle);
    text.single(
        "portcullis_database_connections_max",
        Kind::Gauge,
        "Connections to the database at most.",
        load.at_most,
    );
    text.single(
        "portcullis_database_waiting",
        Kind::Gauge,
        "Requests that wait for a connection to the database.",
        load.waiting,
    );
    text.single(
        "portcullis_database_turned_away_total",
        Kind::Counter,
        "Requests turned away since too many waited, or for too long.",
        load.turned_away,
    );
    text.single(
        "portcullis_database_full",
        Kind::Gauge,
        "Whether the database's disk was full when last something was to be written.",
        u8::from(database.was_full()),
    );
    let Some(writer) = database.writer() else {
        return;
    };
    text.single(
        "portcullis_writer_queue",
        Kind::Gauge,
        "Transactions that wait for the writer of SQLite.",
        writer.queued(),
    );
    let name = "portcullis_writer_batch_transactions";
    let help = "Transactions that shared a commit of SQLite.";
    text.metric(name, Kind::Histogram, help);
    text.histogram(name, &[], &writer.batches.snapshot(), Scale::One);
    let name = "portcullis_writer_commit_duration_seconds";
    let help = "Time that a commit of SQLite took, with the transactions in it.";
    text.metric(name, Kind::Histogram, help);
    text.histogram(name, &[], &writer.micros.snapshot(), Scale::Micros);
}
