//! Whether what a line says is in the directory already.

use std::collections::HashSet;

use crate::lifecycle::{GROUP, USER};
use crate::provisioning::error::ProvisioningError;
use crate::store::DatabaseConnection;
use crate::store::id::ResourceId;
use crate::store::resources::{self, Resource};

/// Resources that lines have been matched with: those of earlier transactions and of this one.
pub struct Taken<'a> {
    before: &'a HashSet<ResourceId>,
    pub here: HashSet<ResourceId>,
}

impl<'a> Taken<'a> {
    /// None in this transaction yet.
    pub fn after(before: &'a HashSet<ResourceId>) -> Self {
        Self {
            before,
            here: HashSet::new(),
        }
    }

    fn contains(&self, id: &ResourceId) -> bool {
        self.before.contains(id) || self.here.contains(id)
    }
}

/// What has to be looked up before a creation is tried, since that would not fail, or not say why: what keeps its
/// identifier, and what is not a person.
///
/// # Errors
/// When the database fails.
pub fn before(
    connection: &mut DatabaseConnection,
    wanted: &Resource,
    keeps_ids: bool,
    taken: &Taken<'_>,
) -> Result<Option<Resource>, ProvisioningError> {
    if keeps_ids {
        return Ok(resources::find_any(connection, &wanted.id)?);
    }
    if wanted.resource_type == USER {
        return Ok(None);
    }
    let directory = &wanted.directory_id;
    let kind = wanted.resource_type.as_str();
    if let Some(external_id) = &wanted.external_id {
        return Ok(resources::find_by_external_id(
            connection,
            directory,
            kind,
            external_id,
        )?);
    }
    match &wanted.display_name {
        Some(name) if kind == GROUP => {
            let named = resources::named_exactly(connection, directory, kind, name)?;
            Ok(named.into_iter().find(|found| !taken.contains(&found.id)))
        }
        _ => Ok(None),
    }
}

/// The person whose `userName` stands in the way of a creation.
///
/// # Errors
/// When the database fails.
pub fn after(
    connection: &mut DatabaseConnection,
    wanted: &Resource,
) -> Result<Option<ResourceId>, ProvisioningError> {
    let Some(user_name) = &wanted.user_name else {
        return Ok(None);
    };
    let found = resources::find_by_user_name(connection, &wanted.directory_id, user_name)?;
    Ok(found.map(|found| found.id))
}
