//! Waiting that has an end: for something scarce, such as connections to a database, so many wait at most, and so
//! long. Whoever comes beyond that is turned away at once and can come again, which costs less than to be kept
//! waiting for what comes too late. What is behind a gate is not known here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Lets so many in at once. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Gate {
    places: Arc<Semaphore>,
    bounds: Bounds,
    counts: Arc<Counts>,
}

/// How many may wait, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many at most; the next is turned away.
    pub waiting: u32,
    /// How long at most.
    pub patience: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    waiting: AtomicU32,
    turned_away: AtomicU64,
}

/// A place behind a gate, left when this is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

/// There was no place in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many are waiting")]
pub struct TurnedAway;

impl Gate {
    /// With so many places.
    #[must_use]
    pub fn new(places: usize, bounds: Bounds) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            bounds,
            counts: Arc::default(),
        }
    }

    /// Waits for a place within the bounds.
    ///
    /// # Errors
    /// [`TurnedAway`].
    pub async fn enter(&self) -> Result<Place, TurnedAway> {
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(Place(permit));
        }
        let waiting = Waiting::begin(&self.counts, self.bounds.waiting);
        let entered = match &waiting {
            Some(_) => {
                let place = Arc::clone(&self.places).acquire_owned();
                timeout(self.bounds.patience, place).await.ok()
            }
            None => None,
        };
        let Some(Ok(permit)) = entered else {
            self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(TurnedAway);
        };
        Ok(Place(permit))
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.counts.waiting.load(Ordering::Relaxed)
    }

    /// How many were turned away so far.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.counts.turned_away.load(Ordering::Relaxed)
    }
}

/// Counted as waiting until it is dropped, also where whoever waits is gone.
struct Waiting<'a>(&'a Counts);

impl<'a> Waiting<'a> {
    fn begin(counts: &'a Counts, at_most: u32) -> Option<Self> {
        let waiting = Self(counts);
        let before = counts.waiting.fetch_add(1, Ordering::Relaxed);
        (before < at_most).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn bounds(waiting: u32, patience: Duration) -> Bounds {
        Bounds { waiting, patience }
    }

    #[actix_web::test]
    async fn whoever_comes_beyond_those_who_may_wait_is_turned_away_at_once() {
        let gate = Gate::new(1, bounds(1, LONG));
        let inside = gate.enter().await.unwrap();
        let patient = {
            let gate = gate.clone();
            actix_web::rt::spawn(async move { gate.enter().await.map(drop) })
        };
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.enter().await.unwrap_err(), TurnedAway);
        assert_eq!((gate.waiting(), gate.turned_away()), (1, 1));
        drop(inside);
        assert_eq!(patient.await.unwrap(), Ok(()));
        assert_eq!(gate.waiting(), 0);
        gate.enter().await.unwrap();
    }

    #[actix_web::test]
    async fn whoever_has_waited_long_enough_or_is_gone_waits_no_more() {
        let gate = Gate::new(0, bounds(8, Duration::ZERO));
        assert_eq!(gate.enter().await.unwrap_err(), TurnedAway);
        let gate = Gate::new(0, bounds(8, LONG));
        let waiter = {
            let gate = gate.clone();
            actix_web::rt::spawn(async move { gate.enter().await.map(drop) })
        };
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        waiter.abort();
        assert!(waiter.await.unwrap_err().is_cancelled());
        assert_eq!(gate.waiting(), 0);
    }
}
