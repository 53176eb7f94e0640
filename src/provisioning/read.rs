//! Reading one resource.

use crate::scim::projection::Projection;
use crate::scim::schema::ResourceType;
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, StoreError, memberships};

use super::context::Context;
use super::error::ProvisioningError;
use super::representation::{Output, alone, shows_groups, write};

/// Finds a resource of the directory.
///
/// # Errors
/// 404; when the database fails.
pub fn read(
    connection: &mut DatabaseConnection,
    context: &Context,
    resource_type: &ResourceType,
    id: &str,
) -> Result<Resource, ProvisioningError> {
    ProvisioningError::unless_id(&resource_type.name, id)?;
    resources::find(connection, &context.directory.id, &resource_type.name, id)?
        .ok_or_else(|| ProvisioningError::not_found(&resource_type.name, id))
}

impl Context {
    /// Writes the representation of a stored resource.
    ///
    /// # Errors
    /// When the database fails.
    pub fn represent(
        &self,
        connection: &mut DatabaseConnection,
        resource_type: &ResourceType,
        projection: &Projection,
        resource: &Resource,
        output: &mut Output<'_>,
    ) -> Result<(), StoreError> {
        let groups = if shows_groups(resource_type, projection) {
            memberships::groups_of(connection, &resource.id)?
        } else {
            Vec::new()
        };
        write(
            connection,
            self,
            resource_type,
            projection,
            resource,
            &groups,
            output,
        )
    }

    /// The representation of a resource that has just been created, and so is in no group; not for groups, which
    /// may have members at once.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the stored document is not a JSON object.
    pub fn representation_of_new(
        &self,
        resource_type: &ResourceType,
        projection: &Projection,
        resource: &Resource,
    ) -> Result<String, StoreError> {
        alone(self, resource_type, projection, resource)
    }

    /// The same in one piece, for what is known to be small.
    ///
    /// # Errors
    /// When the database fails.
    pub fn representation(
        &self,
        connection: &mut DatabaseConnection,
        resource_type: &ResourceType,
        projection: &Projection,
        resource: &Resource,
    ) -> Result<String, StoreError> {
        let mut output = Output::gathered();
        self.represent(connection, resource_type, projection, resource, &mut output)?;
        Ok(output.finish().unwrap_or_default())
    }
}
