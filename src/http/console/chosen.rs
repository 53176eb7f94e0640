//! A person or group that a form names: by identifier, or by what they are called.

use crate::policies::PolicyError;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, directories};

/// How many that are called alike are looked at.
const ALIKE: i64 = 50;

/// The one resource of a type that is meant: the identifier, the user name or the display name is given, whole,
/// in capitals or not.
pub(super) fn named(
    connection: &mut DatabaseConnection,
    resource_type: &'static str,
    text: &str,
) -> Result<Resource, PolicyError> {
    let text = text.trim();
    let by_id = resources::find_any(connection, &ResourceId::new(text))?;
    if let Some(found) = by_id.filter(|found| found.resource_type == resource_type) {
        return Ok(found);
    }
    let within: Vec<DirectoryId> = directories::list(connection)?
        .into_iter()
        .map(|directory| directory.id)
        .collect();
    let mut found = Vec::new();
    for directory in &within {
        found.extend(resources::find_by_user_name(connection, directory, text)?);
    }
    if found.is_empty() && !text.is_empty() {
        for directory in &within {
            found.extend(resources::called(
                connection,
                directory,
                resource_type,
                text,
                ALIKE,
            )?);
        }
    }
    found.retain(|one| one.resource_type == resource_type);
    match found.as_slice() {
        [] => Err(PolicyError::Invalid(format!(
            "there is no {} that is called {text:?}",
            what(resource_type)
        ))),
        [_] => found.pop().ok_or(PolicyError::NotFound("resource")),
        several => Err(PolicyError::Invalid(format!(
            "{} are called {text:?}: give the identifier, which is in the address of the page of each",
            several.len()
        ))),
    }
}

/// The same of several, one on each line.
pub(super) fn all_named(
    connection: &mut DatabaseConnection,
    resource_type: &'static str,
    text: &str,
) -> Result<Vec<ResourceId>, PolicyError> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| Ok(named(connection, resource_type, line)?.id))
        .collect()
}

fn what(resource_type: &str) -> &'static str {
    if resource_type == crate::lifecycle::GROUP {
        "group"
    } else {
        "person"
    }
}
