//! The signs of life of the workers. Each has a task that takes its turn after all that was there to be done: one
//! that has not beaten for long hangs, or has more to do than it can.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

/// How often each worker shows that it is alive.
const BEAT: Duration = Duration::from_millis(100);
/// After how long without a beat a worker is behind.
const LATE: Duration = Duration::from_millis(500);
/// How many requests it has begun since, at the least: one that only stood still for a moment is not behind.
const MANY: u32 = 50;

/// All workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse {
    beats: Arc<Mutex<Vec<Weak<Beat>>>>,
}

impl Pulse {
    /// Lets the worker on whose thread this is called beat from now on.
    pub(super) fn begin(&self) -> Arc<Beat> {
        let beat = self.register(Beat::new(Instant::now()));
        let beating = Arc::downgrade(&beat);
        actix_web::rt::spawn(async move {
            let mut ticks = tokio::time::interval(BEAT);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                match beating.upgrade() {
                    Some(beat) => beat.beat(),
                    None => return,
                }
            }
        });
        beat
    }

    fn register(&self, beat: Beat) -> Arc<Beat> {
        let beat = Arc::new(beat);
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.push(Arc::downgrade(&beat));
        beat
    }

    /// Whether each worker that there is has beaten within so long.
    pub(super) fn beats_within(&self, limit: Duration) -> bool {
        let mut beats = self.beats.lock().unwrap_or_else(PoisonError::into_inner);
        beats.retain(|beat| beat.strong_count() > 0);
        let mut all = beats.iter().filter_map(Weak::upgrade);
        all.all(|beat| beat.age() < limit)
    }
}

/// One worker's.
#[derive(Debug)]
pub(in crate::http) struct Beat {
    started: Instant,
    /// When it was, in milliseconds since the start.
    at: AtomicU64,
    /// How many requests have been begun since.
    begun: AtomicU32,
}

impl Beat {
    fn new(started: Instant) -> Self {
        let beat = Self {
            started,
            at: AtomicU64::new(0),
            begun: AtomicU32::new(0),
        };
        beat.beat();
        beat
    }

    fn beat(&self) {
        self.at.store(self.now(), Ordering::Relaxed);
        self.begun.store(0, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn age(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.at.load(Ordering::Relaxed)))
    }

    /// Notes that a request begins, and tells whether those before it have kept the worker for so long that whoever
    /// sent it has waited long already.
    pub(in crate::http) fn begins_behind(&self) -> bool {
        self.begun.fetch_add(1, Ordering::Relaxed) >= MANY && self.age() > LATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Of a worker that has hung since then.
    fn hanging() -> Beat {
        let beat = Beat::new(Instant::now().checked_sub(2 * HOUR).unwrap());
        beat.at.store(0, Ordering::Relaxed);
        beat
    }

    #[test]
    fn a_worker_that_hangs_is_noticed_and_one_that_is_gone_is_not_missed() {
        let pulse = Pulse::default();
        assert!(pulse.beats_within(HOUR));
        let _well = pulse.register(Beat::new(Instant::now()));
        assert!(pulse.beats_within(HOUR));
        let hanging = pulse.register(hanging());
        assert!(!pulse.beats_within(HOUR));
        drop(hanging);
        assert!(pulse.beats_within(HOUR));
    }

    #[test]
    fn a_worker_is_behind_when_it_has_been_late_for_many_requests_and_until_its_next_turn() {
        let beat = hanging();
        for _ in 0..MANY {
            assert!(!beat.begins_behind());
        }
        assert!(beat.begins_behind());
        beat.beat();
        for _ in 0..2 * MANY {
            assert!(!beat.begins_behind());
        }
    }
}
