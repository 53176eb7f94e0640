//! Creating, replacing, modifying and deleting one resource, inside the caller's transaction.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::credentials::passwords::HashedPassword;
use crate::lifecycle::{self, Change, GROUP, MemberChange, USER};
use crate::scim::leniency::{Dialect, Leniencies};
use crate::scim::patch;
use crate::scim::path::AttributePath;
use crate::scim::resource;
use crate::scim::schema::ResourceType;
use crate::scim::{ErrorKind, ScimError};
use crate::store::id::{CredentialId, ResourceId};
use crate::store::memberships::GroupMember;
use crate::store::resources::{self, Resource};
use crate::store::side_values::SideValues;
use crate::store::{DatabaseConnection, SqlDialect, creation};

use super::columns::resource_of;
use super::context::{Context, Expected};
use super::error::ProvisioningError;
use super::members;
use super::password::{self, Passwords};
use super::representation::parse_document;

const ACTIVE: &str = "active";

/// What a write did.
#[derive(Debug, Clone)]
pub struct Written {
    /// The resource as it is stored now.
    pub resource: Resource,
    /// The attributes that the request named.
    pub named: Vec<String>,
}

/// The body of a write, and the hashes of the passwords in it.
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    /// The body.
    pub body: &'a Value,
    /// The hashes.
    pub passwords: &'a Passwords,
}

/// A resource that can be created: all of it that needs no database, so that a transaction is short.
#[derive(Clone)]
pub struct Creation {
    resource: Resource,
    side: SideValues,
    members: Vec<Map<String, Value>>,
    password: Option<HashedPassword>,
    named: Vec<String>,
}

impl Creation {
    /// Reads the body of a creation (RFC 7644 section 3.3), under the given identifier where there is one.
    ///
    /// # Errors
    /// The [`ScimError`]s of validation.
    pub fn prepare(
        context: &Context,
        resource_type: &ResourceType,
        id: Option<ResourceId>,
        payload: Payload<'_>,
        leniencies: &mut Leniencies,
    ) -> Result<Self, ProvisioningError> {
        let input = with_active(resource_type, payload.body);
        let mut document = resource::create(resource_type, &input, leniencies)?;
        let password = payload.passwords.take(context, &mut document, leniencies)?;
        let named = names_of(&document);
        let members = if resource_type.name == GROUP {
            members::take(&mut document)
        } else {
            Vec::new()
        };
        let id = id.unwrap_or_else(ResourceId::generate);
        let (resource, side) = resource_of(context, resource_type, id, &document)?;
        Ok(Self {
            resource,
            side,
            members,
            password,
            named,
        })
    }

    /// The resource that it is to be.
    pub(super) fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Creates it.
    ///
    /// # Errors
    /// 400 `invalidValue` for members that are not there; 409 `uniqueness`; when the database fails.
    pub fn store(
        &self,
        connection: &mut DatabaseConnection,
        context: &Context,
        leniencies: &mut Leniencies,
    ) -> Result<Written, ProvisioningError> {
        let members = members::resolve(connection, context, &self.members, leniencies)?;
        let members = [MemberChange::Add(members)];
        let change = self.change(&members);
        let resource = lifecycle::create(connection, change, &context.cause())?;
        password::set(connection, context, &resource, self.password.as_ref())?;
        Ok(self.written(resource))
    }

    /// Whether [`Creation::store_at_once`] can create it: not a group, which may have members, nor a password.
    #[must_use]
    pub fn takes_one_statement(&self, dialect: SqlDialect) -> bool {
        let is_alone = self.resource.resource_type != GROUP && self.password.is_none();
        is_alone && creation::takes_one_statement(dialect, &self.side)
    }

    /// Creates it by one statement, where the caller's key is nobody's and stands: see [`lifecycle::create_at_once`].
    /// `None` where nothing was created, and [`Creation::store`] is to be asked.
    ///
    /// # Errors
    /// 409 `uniqueness`; when the database fails.
    pub fn store_at_once(
        &self,
        connection: &mut DatabaseConnection,
        context: &Context,
        key: &CredentialId,
    ) -> Result<Option<Written>, ProvisioningError> {
        if !self.takes_one_statement(connection.dialect()) {
            return Ok(None);
        }
        let cause = context.cause();
        let created = lifecycle::create_at_once(connection, key, self.change(&[]), &cause)?;
        Ok(created.map(|resource| self.written(resource)))
    }

    fn change<'a>(&self, members: &'a [MemberChange]) -> Change<'a> {
        Change {
            resource: self.resource.clone(),
            side: self.side.clone(),
            members,
            named: self.named.clone(),
        }
    }

    fn written(&self, resource: Resource) -> Written {
        Written {
            resource,
            named: self.named.clone(),
        }
    }
}

/// Creates a resource, as [`Creation`] does in two steps.
///
/// # Errors
/// Those of both.
pub fn create(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: Option<ResourceId>,
    payload: Payload<'_>,
    leniencies: &mut Leniencies,
) -> Result<Written, ProvisioningError> {
    Creation::prepare(context, resource_type, id, payload, leniencies)?
        .store(connection, context, leniencies)
}

/// Replaces a resource (RFC 7644 section 3.5.1). `active` that is left out stays as it is.
///
/// # Errors
/// As [`create`]; 404, 412, 400 `mutability`.
pub fn replace(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
    expected: Option<&Expected>,
    payload: Payload<'_>,
    leniencies: &mut Leniencies,
) -> Result<Written, ProvisioningError> {
    let before = hold(connection, context, resource_type, id, expected)?;
    let stored = parse_document(&before)?;
    let mut document = resource::replace(
        resource_type,
        &stored,
        payload.body,
        kept_if_absent(resource_type),
        leniencies,
    )?;
    let password = payload.passwords.take(context, &mut document, leniencies)?;
    let named = names_of(&document);
    let elements = if resource_type.name == GROUP {
        members::take(&mut document)
    } else {
        Vec::new()
    };
    let members = members::replacing(connection, context, &elements, leniencies)?;
    let changes = if resource_type.name == GROUP {
        vec![MemberChange::Replace(members)]
    } else {
        Vec::new()
    };
    let written = store(
        connection,
        context,
        resource_type,
        &before,
        &document,
        &changes,
        named,
    )?;
    password::set(connection, context, &written.resource, password.as_ref())?;
    Ok(written)
}

/// Modifies a resource (RFC 7644 section 3.5.2): all operations or none.
///
/// # Errors
/// As [`replace`]; the errors of [`patch`].
pub fn patch(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
    expected: Option<&Expected>,
    payload: Payload<'_>,
    leniencies: &mut Leniencies,
) -> Result<Written, ProvisioningError> {
    let request = patch::parse(
        payload.body,
        context.limits.max_patch_operations,
        leniencies,
    )?;
    let named = known(resource_type, request.touched());
    let before = hold(connection, context, resource_type, id, expected)?;
    let (request, asked) = if resource_type.name == GROUP {
        patch::split_elements(resource_type, request, members::MEMBERS, leniencies)?
    } else {
        (request, Vec::new())
    };
    let mut stored = parse_document(&before)?;
    // So that a client may repeat it.
    stored.insert("id".to_owned(), Value::from(id));
    let mut document = patch::apply(resource_type, &stored, &request, leniencies)?;
    document.shift_remove("id");
    let password = payload.passwords.take(context, &mut document, leniencies)?;
    let changes = members::changes(connection, context, &before, asked, leniencies)?;
    let written = store(
        connection,
        context,
        resource_type,
        &before,
        &document,
        &changes,
        named,
    )?;
    password::set(connection, context, &written.resource, password.as_ref())?;
    Ok(written)
}

/// Deletes a resource (RFC 7644 section 3.6).
///
/// # Errors
/// 404, 412; when the database fails.
pub fn delete(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
    expected: Option<&Expected>,
) -> Result<(), ProvisioningError> {
    ProvisioningError::unless_id(&resource_type.name, id)?;
    // Groups are held before their members, as those who add members do; otherwise two would wait for
    // each other.
    let above = crate::store::memberships::direct_groups_of(connection, &ResourceId::new(id))?;
    resources::lock_all(connection, &context.directory.id, &above)?;
    let resource = hold(connection, context, resource_type, id, expected)?;
    Ok(lifecycle::delete(connection, &resource, &context.cause())?)
}

/// Adds members whom the directory holds to a group.
///
/// # Errors
/// 404; when the database fails.
pub(super) fn add_members(
    connection: &mut DatabaseConnection,
    context: &Context,
    group: &ResourceId,
    members: Vec<GroupMember>,
) -> Result<Written, ProvisioningError> {
    let not_found = || ProvisioningError::not_found(GROUP, group.as_str());
    let resource_type = context
        .registry
        .resource_type(GROUP)
        .ok_or_else(not_found)?;
    let before = hold(connection, context, resource_type, group.as_str(), None)?;
    let document = parse_document(&before)?;
    let changes = [MemberChange::Add(members)];
    let named = vec![members::MEMBERS.to_owned()];
    store(
        connection,
        context,
        resource_type,
        &before,
        &document,
        &changes,
        named,
    )
}

/// Activates or deactivates a person, as an admin does.
///
/// # Errors
/// 404; when the database fails.
pub fn set_active(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
    active: bool,
) -> Result<Written, ProvisioningError> {
    let before = hold(connection, context, resource_type, id, None)?;
    let mut document = parse_document(&before)?;
    document.insert(ACTIVE.to_owned(), Value::Bool(active));
    resource::check(
        resource_type,
        &mut document,
        &mut Leniencies::new(Dialect::Lenient),
    )?;
    let named = vec![ACTIVE.to_owned()];
    store(
        connection,
        context,
        resource_type,
        &before,
        &document,
        &[],
        named,
    )
}

fn store(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    before: &Resource,
    document: &Map<String, Value>,
    members: &[MemberChange],
    named: Vec<String>,
) -> Result<Written, ProvisioningError> {
    let (mut resource, side) = resource_of(context, resource_type, before.id.clone(), document)?;
    // Taking the attribute away makes nobody active.
    if !document.contains_key(ACTIVE) {
        resource.active = before.active;
    }
    let change = Change {
        resource,
        side,
        members,
        named: named.clone(),
    };
    let resource = lifecycle::update(connection, before, change, &context.cause())?;
    Ok(Written { resource, named })
}

/// The resource, which nobody else changes until the transaction ends.
fn hold(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
    expected: Option<&Expected>,
) -> Result<Resource, ProvisioningError> {
    ProvisioningError::unless_id(&resource_type.name, id)?;
    let found =
        resources::find_for_update(connection, &context.directory.id, &resource_type.name, id)?
            .ok_or_else(|| ProvisioningError::not_found(&resource_type.name, id))?;
    if expected.is_some_and(|expected| !expected.holds(&found)) {
        return Err(ScimError::new(
            ErrorKind::PreconditionFailed,
            format!(
                "the resource has been changed since: its version is {}",
                super::entity_tag(&found)
            ),
        )
        .into());
    }
    Ok(found)
}

/// A person is active unless the request says otherwise.
fn with_active<'a>(resource_type: &ResourceType, body: &'a Value) -> Cow<'a, Value> {
    let Value::Object(members) = body else {
        return Cow::Borrowed(body);
    };
    let is_given = members
        .iter()
        .any(|(key, value)| key.eq_ignore_ascii_case(ACTIVE) && !value.is_null());
    if resource_type.name != USER || is_given {
        return Cow::Borrowed(body);
    }
    let mut members = members.clone();
    members.retain(|key, _| !key.eq_ignore_ascii_case(ACTIVE));
    members.insert(ACTIVE.to_owned(), Value::Bool(true));
    Cow::Owned(Value::Object(members))
}

fn kept_if_absent(resource_type: &ResourceType) -> &'static [&'static str] {
    if resource_type.name == USER {
        &[ACTIVE]
    } else {
        &[]
    }
}

/// Those that a schema defines: what clients make up has no bounds, and changes nothing.
fn known(resource_type: &ResourceType, mut names: Vec<String>) -> Vec<String> {
    names.retain(|name| {
        AttributePath::parse(name).is_ok_and(|path| resource_type.resolve(&path).is_some())
    });
    names
}

/// The attributes of a document, for logs; no values.
fn names_of(document: &Map<String, Value>) -> Vec<String> {
    document
        .keys()
        .filter(|name| *name != resource::SCHEMAS)
        .cloned()
        .collect()
}
