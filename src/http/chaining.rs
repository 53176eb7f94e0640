//! Audit events are chained behind the requests that caused them, and removed when they have been kept long
//! enough.

use std::time::Duration;

use crate::audit::chain::{self, ChainError};
use crate::store::audit_chain;

use super::State;
use super::problem::Chain;

/// How often audit events are chained.
const CHAIN: Duration = Duration::from_secs(1);
/// After how many of those old ones are looked for.
const REMOVE_EVERY: u32 = 600;

/// Chains audit events until it is aborted, and removes those that have been kept long enough.
pub(super) async fn run(state: State) {
    let mut ticks = tokio::time::interval(CHAIN);
    let mut count: u32 = 0;
    loop {
        ticks.tick().await;
        chain_all(&state).await;
        if count.is_multiple_of(REMOVE_EVERY) {
            remove_old_events(&state).await;
        }
        count = count.wrapping_add(1);
    }
}

/// Chains all audit events that wait.
pub(super) async fn chain_all(state: &State) {
    if let Err(error) = try_chain(state).await {
        tracing::error!(cause = %Chain(&error), "audit events could not be chained");
    }
}

async fn try_chain(state: &State) -> Result<(), ChainError> {
    while state.database.read_now(audit_chain::has_pending)? {
        let sealer = state.sealer.clone();
        let chained = state
            .database
            .write(move |connection| chain::append(connection, &sealer))
            .await?;
        if chained < chain::BATCH {
            break;
        }
    }
    Ok(())
}

async fn remove_old_events(state: &State) {
    if let Err(error) = try_remove_old_events(state).await {
        tracing::error!(cause = %Chain(&error), "old audit events could not be removed");
    }
}

async fn try_remove_old_events(state: &State) -> Result<(), ChainError> {
    let days = state.settings.limits.audit_retention_days;
    let now = state.clock.now();
    if days == 0
        || !state
            .database
            .read(move |connection| chain::is_due(connection, days, now))
            .await?
    {
        return Ok(());
    }
    loop {
        let sealer = state.sealer.clone();
        let removed = state
            .database
            .write(move |connection| chain::remove_old(connection, &sealer, days, now))
            .await?;
        if removed == 0 {
            return Ok(());
        }
    }
}
