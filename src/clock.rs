//! The clock as a value: the system's, or one that tests move.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// How far behind this node's clock another's may be, in seconds: more than clocks that nobody looks after drift apart,
/// and little enough that few credentials expire within it.
const SLOW_CLOCK_SECONDS: i64 = 3_600;

impl Timestamp {
    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Later by so many milliseconds (earlier where negative); saturates.
    #[must_use]
    pub fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Later by so many seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(1_000))
    }

    /// Later by so many days of 24 hours.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        self.plus_seconds(days.saturating_mul(86_400))
    }

    /// The earliest that it may be by the clock of another node when it is this by ours. What is ended here is ended
    /// for that node too, which would go on accepting what has expired by our clock alone.
    #[must_use]
    pub fn by_a_slow_clock(self) -> Self {
        self.plus_seconds(-SLOW_CLOCK_SECONDS)
    }

    /// Reads RFC 3339, whatever its offset; `None` for anything else.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|at| Self(at.timestamp_millis()))
    }

    /// RFC 3339 in UTC with three fractional digits: `2026-01-31T12:00:00.000Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_rfc3339())
    }
}

/// Tells the time.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    offset_millis: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self {
            started: Instant::now(),
            offset_millis: Arc::default(),
        }
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(
            Utc::now()
                .timestamp_millis()
                .saturating_add(self.offset_millis.load(Ordering::Relaxed)),
        )
    }

    /// The time since the clock was made, which never goes backwards, even where the system's clock is set back.
    #[must_use]
    pub fn since_start(&self) -> Duration {
        let offset = self.offset_millis.load(Ordering::Relaxed);
        let moved = Duration::from_millis(u64::try_from(offset).unwrap_or_default());
        self.started.elapsed().saturating_add(moved)
    }

    /// Moves this clock and all its clones by so many milliseconds; for tests of expiry.
    pub fn advance_millis(&self, millis: i64) {
        self.offset_millis.fetch_add(millis, Ordering::Relaxed);
    }
}
