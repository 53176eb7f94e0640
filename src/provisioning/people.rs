//! What admins do to people, whatever directory they are in: make local ones, deactivate, reactivate.

use std::sync::Arc;

use serde_json::json;

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::lifecycle::recovery::{self, Recovered};
use crate::lifecycle::{self, Cause, USER};
use crate::scim::leniency::{Dialect, Leniencies};
use crate::scim::schema::{Registry, ResourceType};
use crate::scim::{ErrorKind, ScimError};
use crate::store::directories::{self, Directory, DirectoryKind};
use crate::store::id::ResourceId;
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, StoreError};

use super::columns::resource_of;
use super::representation::parse_document;
use super::{
    Context, Limits, Passwords, Payload, ProvisioningError, create, set_active as set_active_in,
};

/// What the server knows, from which the [`Context`] of an operation is made.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Schemas and resource types.
    pub registry: Arc<Registry>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Attributes inside multi-valued attributes that have an index.
    pub indexed_attributes: Arc<Vec<String>>,
    /// The base URL of the SCIM interface, without a slash at its end.
    pub base_url: Arc<str>,
    /// The key that cursors are signed with.
    pub cursor_key: Arc<[u8]>,
    /// Tells the time.
    pub clock: Clock,
}

impl Surroundings {
    /// The context of an operation in this directory.
    #[must_use]
    pub fn context(&self, directory: Directory, actor: Actor, requested_at: Timestamp) -> Context {
        Context {
            registry: Arc::clone(&self.registry),
            limits: Arc::clone(&self.limits),
            indexed_attributes: Arc::clone(&self.indexed_attributes),
            base_url: Arc::clone(&self.base_url),
            cursor_key: Arc::clone(&self.cursor_key),
            directory,
            actor,
            clock: self.clock.clone(),
            requested_at,
        }
    }

    fn people(&self) -> Result<&Arc<ResourceType>, ProvisioningError> {
        let found = self.registry.resource_type(USER);
        found.ok_or_else(|| missing("the schemas know no users"))
    }
}

/// A local person to be.
#[derive(Debug, Clone)]
pub struct NewPerson {
    /// What they sign in with.
    pub user_name: String,
    /// What they are called.
    pub display_name: Option<String>,
    /// Where they get mail.
    pub email: Option<String>,
}

/// Makes a person in the local directory; those of other directories come from their identity providers.
///
/// # Errors
/// As [`create`]; 404 where there is no local directory yet.
pub fn create_local(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    new: &NewPerson,
    cause: &Cause,
) -> Result<Resource, ProvisioningError> {
    let directory = directories::list(connection)?
        .into_iter()
        .find(|directory| directory.kind == DirectoryKind::Local)
        .ok_or_else(|| missing("there is no local directory: the deployment is not set up"))?;
    let people = surroundings.people()?;
    // RFC 7643 section 2.5: null is the same as left out.
    let body = json!({
        "schemas": [people.schema.id],
        "userName": new.user_name,
        "displayName": new.display_name,
        "emails": new.email.as_ref().map(|email| json!([{"value": email, "primary": true}])),
    });
    let context = surroundings.context(directory, cause.actor.clone(), cause.requested_at);
    let written = create(
        connection,
        &context,
        people,
        None,
        Payload {
            body: &body,
            passwords: &Passwords::default(),
        },
        &mut Leniencies::new(Dialect::Strict),
    )?;
    Ok(written.resource)
}

/// Deactivates a person, with all that follows, or activates them again, which brings nothing else back.
///
/// # Errors
/// 404; 409 where that would leave nobody with the owner role; when the database fails.
pub fn set_active(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    id: &ResourceId,
    active: bool,
    cause: &Cause,
) -> Result<Resource, ProvisioningError> {
    let found = resources::find_any(connection, id)?
        .filter(|found| found.resource_type == USER)
        .ok_or_else(|| ProvisioningError::not_found(USER, id.as_str()))?;
    let directory = directories::find(connection, &found.directory_id)?
        .ok_or(StoreError::Corrupt { what: "directory" })?;
    let context = surroundings.context(directory, cause.actor.clone(), cause.requested_at);
    if !active {
        lifecycle::refuse_last_owner(connection, std::slice::from_ref(id))?;
    }
    let people = surroundings.people()?;
    let written = set_active_in(connection, &context, people, id.as_str(), active)?;
    Ok(written.resource)
}

/// Puts a person back who was deleted within so many days: inactive, and with nothing that authenticates them.
///
/// # Errors
/// 404; 409 where somebody else has their `userName` or `externalId` by now; when the database fails.
pub fn recover(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    id: &ResourceId,
    days: u32,
    cause: &Cause,
) -> Result<Recovered, ProvisioningError> {
    let deleted = recovery::hold_deleted(connection, id, days, cause.now)?;
    let directory = directories::find(connection, &deleted.resource.directory_id)?
        .ok_or(StoreError::Corrupt { what: "directory" })?;
    let context = surroundings.context(directory, cause.actor.clone(), cause.requested_at);
    let mut document = parse_document(&deleted.resource)?;
    document.insert("active".to_owned(), false.into());
    let people = surroundings.people()?;
    let (resource, side) = resource_of(&context, people, id.clone(), &document)?;
    Ok(recovery::recover(
        connection, &deleted, resource, &side, cause,
    )?)
}

fn missing(detail: &str) -> ProvisioningError {
    ScimError::new(ErrorKind::NotFound, detail).into()
}
