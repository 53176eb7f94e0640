//! What is done beside requests: writing down when credentials were last used, and keeping the log of SCIM
//! requests short and the signing keys current.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::credentials::{confirmation, resealing, sweeps};
use crate::lifecycle::{alarm, recovery};
use crate::policies::authentication;
use crate::store::credentials::Use;
use crate::store::{
    DatabaseConnection, StoreError, credentials, deleted_people, deprovisioning_counts,
    directories, policies, scim_requests, used_assertions,
};

use super::State;
use super::problem::Chain;
use super::well_known;

/// How often uses of credentials are written.
const FLUSH: Duration = Duration::from_secs(5);
/// After how many of those the log of SCIM requests is pruned.
const PRUNE_EVERY: u32 = 60;
/// After how many of those it is looked for what nobody looks after.
const SWEEP_EVERY: u32 = 12;
/// After how many of those mass deprovisioning is looked for again.
const LOOK_EVERY: u32 = 12;
/// How many uses one transaction writes.
const BATCH: usize = 500;

/// Runs until it is aborted.
pub(super) async fn run(state: State) {
    let mut ticks = tokio::time::interval(FLUSH);
    let mut count: u32 = 0;
    loop {
        ticks.tick().await;
        flush(&state).await;
        flush_request_log(&state).await;
        if state.sealer.has_two_keys() {
            follow_master_key(&state).await;
        }
        look_for_room(&state).await;
        settle_policies(&state).await;
        if count.is_multiple_of(SWEEP_EVERY) {
            sweep(&state).await;
        }
        if count.is_multiple_of(LOOK_EVERY) {
            look_for_mass_deprovisioning(&state).await;
        }
        if count.is_multiple_of(PRUNE_EVERY) {
            prune(&state).await;
            forget_deleted_people(&state).await;
            // The first key is made when it is asked for.
            if count > 0 {
                keep_signing_keys(&state).await;
            }
            state.rate_limits.forget_quiet();
        }
        count = count.wrapping_add(1);
    }
}

/// Writes down the uses that were noted.
pub(super) async fn flush(state: &State) {
    let uses = state.last_use.drain();
    for batch in uses.chunks(BATCH) {
        let batch = batch.to_vec();
        if let Err(error) = write_uses(state, batch).await {
            tracing::warn!(cause = %Chain(&error), "the last uses of credentials could not be written");
        }
    }
}

async fn write_uses(state: &State, uses: Vec<Use>) -> Result<(), StoreError> {
    let database = &state.database;
    let held = database.write(move |connection| credentials::record_uses(connection, &uses));
    for one in held.await? {
        let again = one.clone();
        let written =
            database.write(move |connection| credentials::record_use_soon(connection, &one));
        if let Err(error) = written.await {
            // Mostly because a long request holds it.
            tracing::debug!(cause = %Chain(&error), "the last use of a credential is written later");
            state.last_use.note_again(again);
        }
    }
    Ok(())
}

/// Writes down the SCIM requests that were noted, and counts the leniencies that they needed.
pub(in crate::http) async fn flush_request_log(state: &State) {
    let _writing = state.request_log.writing().await;
    let (requests, leniencies) = state.request_log.drain();
    if requests.is_empty() && leniencies.is_empty() {
        return;
    }
    let now = state.clock.now();
    let written = state
        .database
        .write(move |connection| {
            scim_requests::insert(connection, &requests)?;
            for (directory, uses) in &leniencies {
                scim_requests::count_leniencies(connection, directory, uses, now)?;
            }
            Ok::<(), StoreError>(())
        })
        .await;
    if let Err(error) = written {
        tracing::warn!(cause = %Chain(&error), "the log of SCIM requests could not be written");
    }
}

/// While the master key is being replaced: seals under the one that holds, and seals again what is not yet.
pub(in crate::http) async fn follow_master_key(state: &State) {
    let sealer = state.sealer.clone();
    let followed = state
        .database
        .write(move |connection| resealing::follow(connection, &sealer))
        .await;
    if let Err(error) = followed {
        tracing::warn!(cause = %Chain(&error), "what is sealed could not be sealed again");
    }
}

/// Whether a disk that was full has room again.
async fn look_for_room(state: &State) {
    if state.database.was_full()
        && let Err(error) = state.database.probe(state.clock.now()).await
    {
        tracing::warn!(cause = %Chain(&error), "the database has no room");
    }
}

async fn keep_signing_keys(state: &State) {
    if let Err(error) = well_known::keep_signing_keys(state).await {
        tracing::warn!(cause = %Chain(&error), "the signing keys could not be kept current");
    }
}

/// Writes the dated changes of policies down whose instant has come; they hold without it.
async fn settle_policies(state: &State) {
    let now = state.clock.now();
    let due = state
        .database
        .read(move |connection| policies::due(connection, now))
        .await;
    let settled = match due {
        Ok(due) if due.is_empty() => return,
        Ok(_) => {
            state
                .database
                .write(move |connection| authentication::settle_due(connection, now))
                .await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = settled {
        tracing::warn!(cause = %Chain(&error), "dated changes of policies could not be written down");
    }
}

/// Ends what nobody looks after, in one transaction after another while there is more.
async fn sweep(state: &State) {
    type Sweep = fn(&mut DatabaseConnection, Timestamp) -> Result<usize, StoreError>;
    let sweeps: [Sweep; 3] = [
        sweeps::revoke_unadopted,
        sweeps::tell_inactive,
        sweeps::revoke_inactive,
    ];
    let now = state.clock.now();
    let policies = state
        .database
        .read(move |connection| authentication::list(connection, now))
        .await;
    // Where no policy ends anything, the writer is left alone.
    let ends_something = policies.is_ok_and(|policies| {
        policies.iter().any(|policy| {
            let settings = &policy.settings;
            settings.orphan_grace_days.is_some() || settings.inactivity_days.is_some()
        })
    });
    if !ends_something {
        return;
    }
    for sweep in sweeps {
        loop {
            let now = state.clock.now();
            let swept = state
                .database
                .write(move |connection| sweep(connection, now))
                .await;
            match swept {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(cause = %Chain(&error), "what nobody looks after could not be ended");
                    break;
                }
            }
        }
    }
}

/// Forgets for good whoever could be recovered long enough.
async fn forget_deleted_people(state: &State) {
    let (days, now) = (state.settings.limits.recovery_days, state.clock.now());
    let before = recovery::since(days, now);
    let due = state
        .database
        .read(move |connection| deleted_people::has_before(connection, before))
        .await;
    let forgotten = match due {
        Ok(false) => return,
        Ok(true) => state
            .database
            .write(move |connection| recovery::forget_old(connection, days, now))
            .await
            .map(|_| ()),
        Err(error) => Err(error),
    };
    if let Err(error) = forgotten {
        tracing::warn!(cause = %Chain(&error), "deleted people could not be forgotten");
    }
}

/// Two who leave at the same moment do not see each other; this sees both.
async fn look_for_mass_deprovisioning(state: &State) {
    let now = state.clock.now();
    let looked = match state.database.read_now(deprovisioning_counts::has_any) {
        Ok(false) => return,
        Ok(true) => {
            state
                .database
                .write(move |connection| alarm::look_again(connection, now))
                .await
        }
        Err(error) => Err(error),
    };
    if let Err(error) = looked {
        tracing::warn!(cause = %Chain(&error), "mass deprovisioning could not be looked for");
    }
}

async fn prune(state: &State) {
    let now = state.clock.now();
    let pruned = state
        .database
        .write(move |connection| {
            for directory in directories::list(connection)? {
                scim_requests::prune(connection, &directory.id)?;
            }
            used_assertions::prune(connection, now)?;
            confirmation::prune(connection, now)?;
            Ok::<(), StoreError>(())
        })
        .await;
    if let Err(error) = pruned {
        tracing::warn!(cause = %Chain(&error), "what is too old could not be removed");
    }
}
