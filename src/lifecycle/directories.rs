//! Directories: made, changed, and removed with everybody in them.

use serde_json::{Map, Value, json};

use crate::audit::{self, Action, Event};
use crate::notices::{self, NoticeKind};
use crate::policies::products::checked_name;
use crate::policies::{PolicyError, Role, authentication};
use crate::scim::leniency::Dialect;
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::{
    DatabaseConnection, StoreError, credentials, deleted_people, deprovisioning_counts,
    memberships, resources, roles, scim_requests,
};

use super::deprovision::{Reason, deprovision};
use super::owners::refuse_last_owner;
use super::{Cause, LifecycleError, USER};

/// People read at a time.
const PAGE: i64 = 500;

/// Makes a directory.
///
/// # Errors
/// [`PolicyError::Invalid`] for a bad name, [`PolicyError::Conflict`] for one that is taken; when the
/// database fails.
pub fn create_directory(
    connection: &mut DatabaseConnection,
    name: &str,
    kind: DirectoryKind,
    dialect: Dialect,
    password_allowed: bool,
    cause: &Cause,
) -> Result<Directory, LifecycleError> {
    let directory = Directory {
        id: DirectoryId::generate(),
        name: checked_name(name)?,
        kind,
        dialect,
        password_allowed,
        created_at: cause.now,
        modified_at: cause.now,
    };
    directories::insert(connection, &directory).map_err(taken)?;
    record(connection, Action::DirectoryCreated, &directory, cause)?;
    Ok(directory)
}

/// Changes a directory; what is not given stays.
///
/// # Errors
/// As [`create_directory`]; [`PolicyError::NotFound`].
pub fn update_directory(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
    name: Option<&str>,
    dialect: Option<Dialect>,
    password_allowed: Option<bool>,
    cause: &Cause,
) -> Result<Directory, LifecycleError> {
    let mut directory =
        directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))?;
    if let Some(name) = name {
        directory.name = checked_name(name)?;
    }
    directory.dialect = dialect.unwrap_or(directory.dialect);
    directory.password_allowed = password_allowed.unwrap_or(directory.password_allowed);
    directory.modified_at = cause.now;
    directories::update(connection, &directory).map_err(taken)?;
    record(connection, Action::DirectoryUpdated, &directory, cause)?;
    Ok(directory)
}

/// Removes a directory: everybody in it is deprovisioned, its keys are revoked, what it held is deleted.
///
/// # Errors
/// [`PolicyError::NotFound`]; [`PolicyError::Conflict`] for the local directory, which holds the break-glass
/// admin; when the database fails.
pub fn remove_directory(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
    cause: &Cause,
) -> Result<(), LifecycleError> {
    let directory = directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))?;
    if directory.kind == DirectoryKind::Local {
        return Err(PolicyError::Conflict(
            "the local directory cannot be removed: it holds the break-glass admin".to_owned(),
        )
        .into());
    }
    let owners = owners_in(connection, id)?;
    refuse_last_owner(connection, &owners)?;
    // The keys first: whoever provisions holds one of them, and then waits for people.
    credentials::take_those_of_directory(connection, id)?;
    let people = deprovision_everybody(connection, id, cause)?;
    let reason = Reason::DirectoryRemoved.name();
    let revoked = credentials::revoke_of_directory(connection, id, reason, cause.now)?;
    for mapping in roles::list_mappings(connection, Some(id))? {
        roles::delete_mapping(connection, &mapping.id)?;
    }
    scim_requests::delete_of_directory(connection, id)?;
    authentication::forget_directory(connection, id)?;
    deleted_people::delete_of_directory(connection, id)?;
    deprovisioning_counts::delete_of_directory(connection, id)?;
    memberships::delete_of_directory(connection, id)?;
    resources::delete_of_directory(connection, id)?;
    directories::delete(connection, id)?;
    let event = Event::new(Action::DirectoryRemoved)
        .within(id)
        .to("directory", id.as_str(), Some(&directory.name))
        .with("people", people)
        .with("revoked", json!(revoked));
    audit::record(connection, &cause.actor, cause.now, event)?;
    let detail = Map::from_iter([("people".to_owned(), Value::from(people))]);
    notices::queue(
        connection,
        cause.now,
        NoticeKind::DirectoryRemoved,
        Some(id),
        format!("The directory {} was removed", directory.name),
        detail,
    )?;
    Ok(())
}

fn owners_in(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
) -> Result<Vec<ResourceId>, StoreError> {
    let mut found = Vec::new();
    for id in roles::people_with(connection, Role::Owner.name())? {
        let person = resources::find_any(connection, &id)?;
        if person.is_some_and(|person| person.directory_id == *directory) {
            found.push(id);
        }
    }
    Ok(found)
}

fn deprovision_everybody(
    connection: &mut DatabaseConnection,
    id: &DirectoryId,
    cause: &Cause,
) -> Result<i64, StoreError> {
    let mut people = 0;
    let mut after: Option<String> = None;
    loop {
        let page = resources::list(connection, Some(id), USER, None, after.as_deref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(people);
        };
        after = Some(last.id.to_string());
        let ids: Vec<_> = page.iter().map(|person| person.id.clone()).collect();
        resources::lock_all(connection, id, &ids)?;
        for person in &page {
            deprovision(
                connection,
                person,
                Reason::DirectoryRemoved,
                !person.active,
                cause,
            )?;
            people += 1;
        }
    }
}

fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    directory: &Directory,
    cause: &Cause,
) -> Result<(), StoreError> {
    let event = Event::new(action)
        .within(&directory.id)
        .to("directory", directory.id.as_str(), Some(&directory.name))
        .with("dialect", directory.dialect.name())
        .with("password_allowed", directory.password_allowed);
    audit::record(connection, &cause.actor, cause.now, event)
}

fn taken(error: StoreError) -> LifecycleError {
    match error.unique_violation() {
        Some(_) => PolicyError::Conflict("another directory has that name".to_owned()).into(),
        None => error.into(),
    }
}
