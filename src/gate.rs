//! Waiting that has an end: for something scarce, such as connections to a database, so many wait at most, and so
//! long. Whoever comes beyond that is turned away at once and can come again, which costs less than to be kept
//! waiting for what comes too late. What is behind a gate is not known here.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// A gate of which nobody takes all places: each has a share of them, and waits beyond it while others pass.
#[derive(Debug)]
pub struct FairGate<K> {
    places: Arc<Semaphore>,
    all: usize,
    share: usize,
    /// What each has left of its share, of those who are inside or wait.
    shares: Mutex<HashMap<K, Arc<Semaphore>>>,
    bounds: Bounds,
    counts: Counts,
}

/// A place behind a fair gate, left when this is dropped.
#[derive(Debug)]
pub struct SharedPlace {
    #[expect(dead_code, reason = "it is held")]
    place: Place,
    #[expect(dead_code, reason = "it is held")]
    share: Place,
}

impl<K: Hash + Eq> FairGate<K> {
    /// With so many places, of which each may have half.
    #[must_use]
    pub fn new(places: usize, bounds: Bounds) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            all: places,
            share: places.div_ceil(2),
            shares: Mutex::default(),
            bounds,
            counts: Counts::default(),
        }
    }

    /// Waits for a place within the bounds.
    ///
    /// # Errors
    /// [`TurnedAway`].
    pub async fn enter(&self, key: K) -> Result<SharedPlace, TurnedAway> {
        let share = self.share_of(key);
        let at_once = Arc::clone(&share).try_acquire_owned().ok().and_then(|own| {
            let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
            Some((own, place))
        });
        let entered = match at_once {
            Some(both) => Some(both),
            None => self.wait(share).await,
        };
        let Some((own, place)) = entered else {
            self.counts.turned_away.fetch_add(1, Ordering::Relaxed);
            return Err(TurnedAway);
        };
        Ok(SharedPlace {
            place: Place(place),
            share: Place(own),
        })
    }

    async fn wait(
        &self,
        share: Arc<Semaphore>,
    ) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let _waiting = Waiting::begin(&self.counts, self.bounds.waiting)?;
        // Their own share first, so that nobody stands in the way of others with more than that.
        let both = async {
            let own = share.acquire_owned().await.ok()?;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some((own, place))
        };
        timeout(self.bounds.patience, both).await.ok().flatten()
    }

    fn share_of(&self, key: K) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever is neither inside nor waiting is forgotten.
        shares.retain(|_, share| Arc::strong_count(share) > 1);
        let share = shares
            .entry(key)
            .or_insert_with(|| Arc::new(Semaphore::new(self.share)));
        Arc::clone(share)
    }

    /// How many are inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.all.saturating_sub(self.places.available_permits())
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
    async fn nobody_takes_more_than_half_of_the_places_and_others_pass_meanwhile() {
        let gate = Arc::new(FairGate::new(4, bounds(8, LONG)));
        let first = gate.enter("greedy").await.unwrap();
        let _second = gate.enter("greedy").await.unwrap();
        let third = {
            let gate = Arc::clone(&gate);
            actix_web::rt::spawn(async move { gate.enter("greedy").await.map(drop) })
        };
        while gate.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        let _other = gate.enter("other").await.unwrap();
        assert_eq!((gate.inside(), gate.waiting()), (3, 1));
        drop(first);
        assert_eq!(third.await.unwrap(), Ok(()));
        assert_eq!((gate.inside(), gate.waiting()), (2, 0));
        assert_eq!(gate.turned_away(), 0);
    }

    #[actix_web::test]
    async fn whoever_is_beyond_their_share_is_turned_away_in_time_and_forgotten_when_gone() {
        let gate = FairGate::new(1, bounds(8, Duration::ZERO));
        let only = gate.enter(1).await.unwrap();
        assert_eq!(gate.enter(1).await.unwrap_err(), TurnedAway);
        assert_eq!(gate.enter(2).await.unwrap_err(), TurnedAway);
        assert_eq!(gate.turned_away(), 2);
        drop(only);
        let _place = gate.enter(3).await.unwrap();
        assert_eq!(gate.shares.lock().unwrap().len(), 1);
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
