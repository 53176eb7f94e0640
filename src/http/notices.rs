//! Notices leave beside requests: what was seen at the door is told, what expires is told, and what is in the
//! outbox is delivered, each receiver on a thread of its own, so that one that is slow holds up nobody else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::MissedTickBehavior;

use crate::credentials::expiry;
use crate::notices::{NoticeError, delivery, observed};
use crate::store::{StoreError, notices};

use super::State;
use super::problem::Chain;

/// How often the outbox is looked into.
const TICK: Duration = Duration::from_secs(1);
/// After how many of those it is looked for what expires, and what is old is removed.
const RARELY: u32 = 300;
/// How many receivers are sent to at once.
const AT_ONCE: usize = 16;
/// How many old notices one transaction removes.
const PRUNED_AT_ONCE: i64 = 500;

/// Runs until it is aborted.
pub(super) async fn run(state: State) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut count: u32 = 0;
    loop {
        ticks.tick().await;
        tell_what_was_seen(&state).await;
        if count.is_multiple_of(RARELY) {
            tell_what_expires(&state).await;
            prune(&state).await;
        }
        deliver(&state).await;
        count = count.wrapping_add(1);
    }
}

/// Puts what was seen at the door into the outbox.
async fn tell_what_was_seen(state: &State) {
    let Some(sightings) = state.observed.take() else {
        return;
    };
    let (now, seen) = (state.clock.now(), sightings.clone());
    let told = state
        .database
        .write(move |connection| observed::tell(connection, &seen, now))
        .await;
    match told {
        Ok(true) => state.observed.forget(&sightings),
        Ok(false) => {}
        Err(error) => {
            tracing::warn!(cause = %Chain(&error), "what was seen at the door could not be told");
        }
    }
}

/// Puts notices about what expires into the outbox.
async fn tell_what_expires(state: &State) {
    let now = state.clock.now();
    loop {
        let told = state
            .database
            .write(move |connection| expiry::tell(connection, now))
            .await;
        match told {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "what expires could not be told");
                return;
            }
        }
    }
}

async fn prune(state: &State) {
    let days = i64::from(state.settings.limits.notice_retention_days);
    let before = state.clock.now().plus_days(-days).as_millis();
    loop {
        let pruned = state
            .database
            .write(move |connection| notices::prune(connection, before, PRUNED_AT_ONCE))
            .await;
        match pruned {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(cause = %Chain(&error), "old notices could not be removed");
                return;
            }
        }
    }
}

async fn deliver(state: &State) {
    let (database, channels) = (state.database.clone(), state.channels.clone());
    let now = state.clock.now();
    let prepared = spawn_blocking(move || delivery::prepare(&database, &channels, now)).await;
    let groups = match prepared {
        Ok(Ok(groups)) => groups,
        Ok(Err(error)) => return warn(&error),
        Err(_) => return warn(&StoreError::Busy.into()),
    };
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut sending = JoinSet::new();
    for group in groups {
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let state = state.clone();
        sending.spawn_blocking(move || {
            let _permit = permit;
            delivery::deliver(&state.database, &state.channels, &group, &state.clock)
        });
    }
    while let Some(outcome) = sending.join_next().await {
        if let Ok(Err(error)) = outcome {
            warn(&error);
        }
    }
}

fn warn(error: &NoticeError) {
    tracing::warn!(cause = %Chain(error), "notices could not be delivered");
}
