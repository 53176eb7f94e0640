//! What the database holds, in numbers that are asked for at most once a minute: neither scraping nor looking at the
//! console's first page costs it anything.

use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::Timestamp;
use crate::http::State;
use crate::http::problem::Chain;
use crate::store::figures::{self, Figures};

use super::exposition::{Exposition, Kind};

/// How old a number may be.
const AGE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Stored {
    /// What was counted last, and when it was tried, by the time since the process has begun.
    last: Mutex<Option<(Duration, Option<Known>)>>,
}

/// What was counted at an instant.
#[derive(Clone)]
pub(in crate::http) struct Known {
    /// The numbers.
    pub(in crate::http) figures: Figures,
    /// When they were counted.
    pub(in crate::http) at: Timestamp,
}

impl Stored {
    /// The numbers, which may be a minute old, or older where the database cannot be asked; none before it could be
    /// asked for the first time.
    pub(super) async fn figures(&self, state: &State) -> Option<Known> {
        let mut last = self.last.lock().await;
        let now = state.clock.since_start();
        if let Some((tried, known)) = &*last
            && now.saturating_sub(*tried) < AGE
        {
            return known.clone();
        }
        let at = state.clock.now();
        let counted = state
            .database
            .read(move |connection| figures::count(connection, at))
            .await;
        let known = match counted {
            Ok(figures) => Some(Known { figures, at }),
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "what the database holds could not be counted");
                last.take().and_then(|(_, known)| known)
            }
        };
        *last = Some((now, known.clone()));
        known
    }
}

impl Known {
    pub(super) fn expose(&self, text: &mut Exposition) {
        let figures = &self.figures;
        let name = "portcullis_keys";
        text.metric(
            name,
            Kind::Gauge,
            "Keys and credentials of products and service accounts, by kind and state.",
        );
        for keys in &figures.keys {
            let labels = [("kind", keys.kind.as_str()), ("state", keys.state.as_str())];
            text.sample(name, &labels, keys.number);
        }
        let name = "portcullis_keys_revoked";
        text.metric(
            name,
            Kind::Gauge,
            "Those of them that were revoked, by reason.",
        );
        for revoked in &figures.revoked {
            text.sample(name, &[("reason", revoked.reason.as_str())], revoked.number);
        }
        let outbox = &figures.outbox;
        text.single(
            "portcullis_outbox_pending",
            Kind::Gauge,
            "Notices that have not arrived at a receiver yet.",
            outbox.pending,
        );
        let age = outbox
            .oldest_at
            .map_or(0, |oldest| (self.at.as_millis() - oldest).max(0) / 1_000);
        text.single(
            "portcullis_outbox_oldest_age_seconds",
            Kind::Gauge,
            "For how long the oldest of them has been on its way.",
            age,
        );
    }
}
