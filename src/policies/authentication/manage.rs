//! Making and changing policies, the order of precedence, and whom they name.

use serde_json::{Map, Value, json};

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::policies::products::checked_name;
use crate::store::credentials;
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies::{self as table, PolicyRow};
use crate::store::{DatabaseConnection, StoreError};

use super::members::name_member;
use super::row::{event, find_row, refuse_default};
use super::settings::StoredChange;
use super::{Policy, Settings, SettingsChange};

/// How many policies there may be.
const MAX_POLICIES: usize = 200;
/// How far ahead a change may be dated.
const MAX_DAYS_AHEAD: i64 = 365;

/// A policy to be.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    /// Its name.
    pub name: String,
    /// What it says otherwise than a policy does that says nothing.
    pub settings: SettingsChange,
    /// Whom it names: people and groups.
    pub members: Vec<ResourceId>,
}

/// A change of a policy; what is not given stays.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// Another name.
    pub name: Option<String>,
    /// Other settings.
    pub settings: SettingsChange,
    /// Whether tokens that live longer than the maximum are cut to it, counted from when the change holds.
    pub shorten_existing: bool,
    /// From when on the settings hold; at once where nothing is said.
    pub effective_at: Option<Timestamp>,
}

/// All policies as they are at an instant, in the order of precedence; the default one is last.
///
/// # Errors
/// When the database fails.
pub fn list(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<Vec<Policy>, StoreError> {
    table::list(connection)?
        .into_iter()
        .map(|row| Policy::read(row, now))
        .collect()
}

/// One policy as it is at an instant.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    now: Timestamp,
) -> Result<Policy, PolicyError> {
    Ok(Policy::read(find_row(connection, id)?, now)?)
}

/// Makes a policy. It comes last in the order of precedence, before the default one.
///
/// # Errors
/// [`PolicyError::Invalid`] for a name or setting that is not acceptable, [`PolicyError::Conflict`] for a
/// name that is taken, [`PolicyError::NotFound`] for a member that does not exist; when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    new: &NewPolicy,
    actor: &Actor,
    now: Timestamp,
) -> Result<Policy, PolicyError> {
    let name = checked_name(&new.name)?;
    let settings = Settings::default().changed(&new.settings)?;
    table::lock(connection)?;
    let others = table::list(connection)?;
    if others.len() >= MAX_POLICIES {
        return Err(PolicyError::Conflict(format!(
            "there are {MAX_POLICIES} policies already"
        )));
    }
    let last = others.iter().map(|other| other.rank).max();
    let row = PolicyRow {
        id: PolicyId::generate().to_string(),
        name_folded: name.to_lowercase(),
        name,
        rank: last.unwrap_or_default() + 1,
        is_default: false,
        settings: written(&settings)?,
        pending: None,
        pending_at: None,
        created_at: now.as_millis(),
        modified_at: now.as_millis(),
    };
    table::insert(connection, &row).map_err(taken)?;
    let event = event(Action::PolicyCreated, &row).with("settings", json!(settings));
    audit::record(connection, actor, now, event)?;
    for member in &new.members {
        name_member(connection, &row, member, actor, now)?;
    }
    Ok(Policy::read(row, now)?)
}

/// Changes a policy: at once, or its settings from a later instant on.
///
/// # Errors
/// [`PolicyError::NotFound`]; [`PolicyError::Invalid`] for a name, setting or date that is not acceptable;
/// [`PolicyError::Conflict`] for a name that is taken, or where a dated change waits already; when the
/// database fails.
pub fn update(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    change: &PolicyChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Policy, PolicyError> {
    table::lock(connection)?;
    let row = find_row(connection, id)?;
    let row = settle(connection, row, now)?;
    let row = match change.effective_at {
        Some(at) => schedule(connection, row, change, at, actor, now)?,
        None => change_now(connection, row, change, actor, now)?,
    };
    Ok(Policy::read(row, now)?)
}

fn change_now(
    connection: &mut DatabaseConnection,
    mut row: PolicyRow,
    change: &PolicyChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<PolicyRow, PolicyError> {
    let before = Policy::read(row.clone(), now)?;
    let after = before.settings.clone().changed(&change.settings)?;
    if let Some(pending) = &before.pending {
        after.clone().changed(&pending.change).map_err(|error| {
            PolicyError::Invalid(format!("with the change that waits for its date, {error}"))
        })?;
    }
    let mut event_name = row.name.clone();
    if let Some(name) = &change.name {
        row.name = checked_name(name)?;
        row.name_folded = row.name.to_lowercase();
        event_name.clone_from(&row.name);
    }
    row.settings = written(&after)?;
    row.modified_at = now.as_millis();
    table::update(connection, &row).map_err(taken)?;
    let mut event = event(Action::PolicyUpdated, &row)
        .with("changed", differences(&before.settings, &after))
        .with("name", event_name);
    if change.shorten_existing {
        let end = now.plus_days(after.max_token_days);
        let shortened = credentials::shorten_tokens_held(connection, &row, now, end)?;
        event = event.with("shortened", shortened);
    }
    audit::record(connection, actor, now, event)?;
    Ok(row)
}

fn schedule(
    connection: &mut DatabaseConnection,
    mut row: PolicyRow,
    change: &PolicyChange,
    at: Timestamp,
    actor: &Actor,
    now: Timestamp,
) -> Result<PolicyRow, PolicyError> {
    check_date(change, at, now)?;
    let current = Policy::read(row.clone(), now)?;
    current.settings.clone().changed(&change.settings)?;
    if let Some(pending) = &current.pending {
        return Err(PolicyError::Conflict(format!(
            "a change waits for {} already: withdraw it first",
            pending.effective_at.to_rfc3339()
        )));
    }
    let stored = StoredChange {
        change: change.settings.clone(),
        shorten_existing: change.shorten_existing,
    };
    row.pending = Some(written(&stored)?);
    row.pending_at = Some(at.as_millis());
    row.modified_at = now.as_millis();
    table::update(connection, &row)?;
    let event = event(Action::PolicyChangeScheduled, &row)
        .with("effective_at", at.to_rfc3339())
        .with("change", json!(change.settings))
        .with("shorten_existing", change.shorten_existing);
    audit::record(connection, actor, now, event)?;
    Ok(row)
}

/// A dated change has a date to come, and is one of settings alone.
pub(super) fn check_date(
    change: &PolicyChange,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), PolicyError> {
    if at <= now || at > now.plus_days(MAX_DAYS_AHEAD) {
        return Err(PolicyError::Invalid(format!(
            "effective_at is {}; it must lie ahead, by a year at most",
            at.to_rfc3339()
        )));
    }
    if change.name.is_some() {
        return Err(PolicyError::Invalid(
            "a name changes at once: leave it out of a change with effective_at".to_owned(),
        ));
    }
    Ok(())
}

/// Withdraws the change that waits for its date.
///
/// # Errors
/// [`PolicyError::NotFound`] where there is no such policy, or no change waits; when the database fails.
pub fn withdraw(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    actor: &Actor,
    now: Timestamp,
) -> Result<Policy, PolicyError> {
    table::lock(connection)?;
    let row = find_row(connection, id)?;
    let mut row = settle(connection, row, now)?;
    let Some(at) = row.pending_at.take() else {
        return Err(PolicyError::NotFound("pending change"));
    };
    row.pending = None;
    row.modified_at = now.as_millis();
    table::update(connection, &row)?;
    let event = event(Action::PolicyChangeWithdrawn, &row)
        .with("effective_at", Timestamp::from_millis(at).to_rfc3339());
    audit::record(connection, actor, now, event)?;
    Ok(Policy::read(row, now)?)
}

/// Writes the dated changes down whose instant has come, and counts them. They hold without it: this makes
/// them part of the policy, and shortens the tokens in the database as verification does already.
///
/// # Errors
/// When the database fails.
pub fn settle_due(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<usize, StoreError> {
    if table::due(connection, now)?.is_empty() {
        return Ok(0);
    }
    // Another node may be at it: what is due is read again once it is held.
    table::lock(connection)?;
    let due = table::due(connection, now)?;
    let count = due.len();
    for row in due {
        settle(connection, row, now)?;
    }
    Ok(count)
}

fn settle(
    connection: &mut DatabaseConnection,
    mut row: PolicyRow,
    now: Timestamp,
) -> Result<PolicyRow, StoreError> {
    let Some(at) = row.pending_at.map(Timestamp::from_millis) else {
        return Ok(row);
    };
    if at > now {
        return Ok(row);
    }
    let before = Policy::read(row.clone(), at.plus_millis(-1))?;
    let after = Policy::read(row.clone(), now)?;
    row.settings = written(&after.settings)?;
    row.pending = None;
    row.pending_at = None;
    row.modified_at = now.as_millis();
    table::update(connection, &row)?;
    let mut event = event(Action::PolicyUpdated, &row)
        .with("changed", differences(&before.settings, &after.settings))
        .with("effective_at", at.to_rfc3339());
    if let Some(shortening) = after.shortening {
        let end = shortening.at.plus_days(shortening.days);
        let shortened = credentials::shorten_tokens_held(connection, &row, at, end)?;
        event = event.with("shortened", shortened);
    }
    audit::record(connection, &Actor::system(), now, event)?;
    Ok(row)
}

/// Deletes a policy; whom it named falls under the next that names them.
///
/// # Errors
/// [`PolicyError::NotFound`]; [`PolicyError::Conflict`] for the default one; when the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), PolicyError> {
    table::lock(connection)?;
    let row = find_row(connection, id)?;
    refuse_default(
        &row,
        "be deleted: it holds for whoever no other policy names",
    )?;
    let members = table::member_ids(connection, id)?.len();
    table::delete(connection, id)?;
    let event = event(Action::PolicyDeleted, &row)
        .with("members", members)
        .with("settings", json!(Policy::read(row, now)?.settings));
    audit::record(connection, actor, now, event)?;
    Ok(())
}

/// Puts the policies into this order of precedence, first the one that goes before all others.
///
/// # Errors
/// [`PolicyError::Invalid`] unless each but the default one is named once; when the database fails.
pub fn reorder(
    connection: &mut DatabaseConnection,
    order: &[PolicyId],
    actor: &Actor,
    now: Timestamp,
) -> Result<Vec<Policy>, PolicyError> {
    table::lock(connection)?;
    check_order(&table::list(connection)?, order)?;
    for (rank, id) in (1..).zip(order) {
        table::set_rank(connection, id, rank)?;
    }
    let event = Event::new(Action::PoliciesReordered).with("order", json!(order));
    audit::record(connection, actor, now, event)?;
    Ok(list(connection, now)?)
}

pub(super) fn check_order(all: &[PolicyRow], order: &[PolicyId]) -> Result<(), PolicyError> {
    let mut wanted: Vec<&str> = order.iter().map(PolicyId::as_str).collect();
    let mut known: Vec<&str> = all
        .iter()
        .filter(|policy| !policy.is_default)
        .map(|policy| policy.id.as_str())
        .collect();
    wanted.sort_unstable();
    known.sort_unstable();
    if wanted == known {
        return Ok(());
    }
    Err(PolicyError::Invalid(
        "order must name every policy but the default one, each once".to_owned(),
    ))
}

/// Each setting that changes, with what it was and what it is.
fn differences(before: &Settings, after: &Settings) -> Value {
    let (Value::Object(before), Value::Object(after)) = (json!(before), json!(after)) else {
        return Value::Null;
    };
    let changed = after.into_iter().filter_map(|(name, new)| {
        let old = before.get(&name)?;
        (*old != new).then(|| (name, json!({"from": old, "to": new})))
    });
    Value::Object(changed.collect::<Map<_, _>>())
}

fn written(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt { what: "policy" })
}

fn taken(error: StoreError) -> PolicyError {
    match error.unique_violation() {
        Some(_) => PolicyError::Conflict("another policy has that name".to_owned()),
        None => error.into(),
    }
}
