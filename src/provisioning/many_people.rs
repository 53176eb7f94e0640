//! What admins do to many deleted people at once: all of them are put back or forgotten, or none.

use std::collections::{BTreeMap, BTreeSet};

use crate::lifecycle::recovery::{self, Recovered};
use crate::lifecycle::{Cause, LifecycleError};
use crate::policies::PolicyError;
use crate::store::DatabaseConnection;
use crate::store::deleted_people::DeletedPerson;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::resources;

use super::ProvisioningError;
use super::people::{Surroundings, recover};

/// At most so many are named at once.
pub const MOST: usize = 100;

/// Those who are named, each once, held until the transaction ends: always in the same order.
fn held(
    connection: &mut DatabaseConnection,
    ids: &[ResourceId],
    days: u32,
    cause: &Cause,
) -> Result<Vec<DeletedPerson>, LifecycleError> {
    let ids: BTreeSet<&ResourceId> = ids.iter().collect();
    if ids.is_empty() {
        return Err(invalid("choose at least one person".to_owned()));
    }
    if ids.len() > MOST {
        return Err(invalid(format!(
            "{} people are named; at most {MOST} are taken at once",
            ids.len()
        )));
    }
    let hold = |id: &ResourceId| match recovery::hold_deleted(connection, id, days, cause.now) {
        Err(LifecycleError::Policy(PolicyError::NotFound(_))) => Err(invalid(format!(
            "{id} is nobody who was deleted and can be recovered"
        ))),
        held => held,
    };
    ids.into_iter().map(hold).collect()
}

fn invalid(text: String) -> LifecycleError {
    PolicyError::Invalid(text).into()
}

/// Puts people back who were deleted within so many days, as [`recover`] does with one; in the order of their
/// identifiers.
///
/// # Errors
/// 422 where nobody is named, too many are, or one who cannot be recovered; 409 where somebody else has a `userName` or
/// `externalId` of theirs by now; when the database fails.
pub fn recover_many(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    ids: &[ResourceId],
    days: u32,
    cause: &Cause,
) -> Result<Vec<Recovered>, ProvisioningError> {
    let held = held(connection, ids, days, cause)?;
    // All of their groups before any of them, so that two of these do not wait for each other.
    let mut groups: BTreeMap<&DirectoryId, BTreeSet<ResourceId>> = BTreeMap::new();
    for person in &held {
        let of_directory = groups.entry(&person.resource.directory_id).or_default();
        of_directory.extend(person.groups.iter().cloned());
    }
    for (directory, groups) in groups {
        let groups: Vec<ResourceId> = groups.into_iter().collect();
        resources::lock_all(connection, directory, &groups)?;
    }
    let mut recovered = Vec::with_capacity(held.len());
    for person in &held {
        let one = recover(connection, surroundings, &person.resource.id, days, cause);
        recovered.push(one.map_err(|error| about(person, error))?);
    }
    Ok(recovered)
}

/// Says of which of many it is.
fn about(person: &DeletedPerson, error: ProvisioningError) -> ProvisioningError {
    match error {
        ProvisioningError::Lifecycle(LifecycleError::Conflict { attribute }) => {
            let id = &person.resource.id;
            let name = person.resource.label().unwrap_or(id.as_str());
            let text = format!("{name} ({id}): another resource has the same {attribute}");
            LifecycleError::from(PolicyError::Conflict(text)).into()
        }
        other => other,
    }
}

/// Forgets deleted people for good, before their time, and counts them.
///
/// # Errors
/// 422 where nobody is named, too many are, or one who cannot be recovered any more; when the database fails.
pub fn forget_many(
    connection: &mut DatabaseConnection,
    ids: &[ResourceId],
    days: u32,
    cause: &Cause,
) -> Result<usize, LifecycleError> {
    let held = held(connection, ids, days, cause)?;
    for person in &held {
        recovery::forget_deleted(connection, &person.resource.id, days, cause)?;
    }
    Ok(held.len())
}
