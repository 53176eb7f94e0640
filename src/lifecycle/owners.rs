//! The last owner: nobody takes them away by hand. An identity provider can, since leaving always counts; then
//! it is told, and the local break-glass admin, or whoever has access to the machine, names another.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::notices::{self, NoticeKind};
use crate::policies::{PolicyError, Role};
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::ResourceId;
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, StoreError, roles};

use super::{Cause, LifecycleError};

/// Whether these people include an owner and nobody else is one.
///
/// # Errors
/// When the database fails.
pub(super) fn is_last_owner(
    connection: &mut DatabaseConnection,
    people: &BTreeSet<ResourceId>,
) -> Result<bool, StoreError> {
    let owners = roles::people_with(connection, Role::Owner.name())?;
    let (leaving, staying): (Vec<_>, Vec<_>) =
        owners.iter().partition(|owner| people.contains(owner));
    Ok(!leaving.is_empty() && staying.is_empty())
}

/// Refuses what somebody does by hand that would leave nobody with the owner role. Of two that each leave the
/// role to the other, the second is refused: the assignments are held until the commit.
///
/// # Errors
/// [`PolicyError::Conflict`]; when the database fails.
pub fn refuse_last_owner(
    connection: &mut DatabaseConnection,
    people: &[ResourceId],
) -> Result<(), LifecycleError> {
    roles::lock_people_with(connection, Role::Owner.name())?;
    if !is_last_owner(connection, &people.iter().cloned().collect())? {
        return Ok(());
    }
    Err(PolicyError::Conflict(
        "nobody would be left with the owner role: make somebody else an owner first".to_owned(),
    )
    .into())
}

/// Tells that the last owner outside of the local directory has gone: what is left is the break-glass admin, or
/// nobody.
///
/// # Errors
/// When the database fails.
pub(super) fn tell_if_lost(
    connection: &mut DatabaseConnection,
    person: &Resource,
    cause: &Cause,
) -> Result<(), StoreError> {
    let own = directories::find(connection, &person.directory_id)?;
    let was_local = own.is_some_and(|directory| directory.kind == DirectoryKind::Local);
    let mut left = Vec::new();
    for id in roles::people_with(connection, Role::Owner.name())? {
        let Some(owner) = resources::find_any(connection, &id)? else {
            continue;
        };
        let directory = directories::find(connection, &owner.directory_id)?;
        if directory.is_some_and(|directory| directory.kind != DirectoryKind::Local) {
            return Ok(());
        }
        left.extend(owner.user_name);
    }
    if was_local && !left.is_empty() {
        // One of several break-glass admins, by hand.
        return Ok(());
    }
    let name = person.user_name.as_deref().unwrap_or("a person");
    let what_now = if left.is_empty() {
        "nobody is left: name another at the command line of the server (portcullis role assign)"
    } else {
        "only the local break-glass admin is left: name another owner"
    };
    let detail = Map::from_iter([
        ("user_id".to_owned(), Value::from(person.id.as_str())),
        ("user_name".to_owned(), json!(person.user_name)),
        ("display_name".to_owned(), json!(person.display_name)),
        ("owners_left".to_owned(), json!(left)),
    ]);
    notices::queue(
        connection,
        cause.now,
        NoticeKind::LastOwnerLost,
        Some(&person.directory_id),
        format!("{name}, the last owner, was deprovisioned; {what_now}"),
        detail,
    )
}
