//! Products: those who ask whether a token is good, and the scopes that tokens for them may carry.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::id::{ProductId, ResourceId};
use crate::store::products::{self, Product};
use crate::store::{DatabaseConnection, StoreError, memberships, resources};

use super::PolicyError;
use super::scopes::is_scope_token;

const MAX_SCOPES: usize = 256;
/// The resource type of groups.
const GROUP: &str = "Group";

const MAX_GROUPS: usize = 100;

/// What is changed of a product; the rest stays.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    /// A new name.
    pub name: Option<String>,
    /// The scopes that its tokens may carry from now on.
    pub scopes: Option<Vec<String>>,
    /// The groups whose people may use it from now on; everybody where there are none.
    pub access_groups: Option<Vec<ResourceId>>,
}

/// Registers a product.
///
/// # Errors
/// [`PolicyError::Invalid`] for a bad name, scope or group, [`PolicyError::Conflict`] for a name that is taken;
/// when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    name: &str,
    scopes: &[String],
    access_groups: &[ResourceId],
    actor: &Actor,
    now: Timestamp,
) -> Result<Product, PolicyError> {
    let product = Product {
        id: ProductId::generate(),
        name: checked_name(name)?,
        scopes: checked_scopes(scopes)?,
        access_groups: checked_groups(connection, access_groups, &[])?,
        created_at: now,
        modified_at: now,
    };
    products::insert(connection, &product).map_err(taken)?;
    record(connection, Action::ProductCreated, &product, actor, now)?;
    Ok(product)
}

/// Changes a product; what is not given stays. Groups that it names already may stay although they were deleted: who
/// changes something else opens it to nobody.
///
/// # Errors
/// As [`create`]; [`PolicyError::NotFound`].
pub fn update(
    connection: &mut DatabaseConnection,
    id: &ProductId,
    change: &ProductChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Product, PolicyError> {
    let mut product = find(connection, id)?;
    if let Some(name) = &change.name {
        product.name = checked_name(name)?;
    }
    if let Some(scopes) = &change.scopes {
        product.scopes = checked_scopes(scopes)?;
    }
    if let Some(groups) = &change.access_groups {
        product.access_groups = checked_groups(connection, groups, &product.access_groups)?;
    }
    product.modified_at = now;
    products::update(connection, &product).map_err(taken)?;
    record(connection, Action::ProductUpdated, &product, actor, now)?;
    Ok(product)
}

/// One product.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn find(connection: &mut DatabaseConnection, id: &ProductId) -> Result<Product, PolicyError> {
    products::find(connection, id)?.ok_or(PolicyError::NotFound("product"))
}

/// Whether a person may use a product: everybody may where it names no groups, otherwise those within one of
/// them, directly or by nesting. A group that is gone has nobody in it.
///
/// # Errors
/// When the database fails.
pub fn is_open_to(
    connection: &mut DatabaseConnection,
    product: &Product,
    person: &ResourceId,
) -> Result<bool, StoreError> {
    if product.access_groups.is_empty() {
        return Ok(true);
    }
    memberships::is_within_any(connection, person, &product.access_groups)
}

/// The scopes that a token carries at a product now: those that the product still knows, and with each `x:write`
/// of them the `x:read` that it includes.
#[must_use]
pub fn with_implied(product: &Product, scopes: &[String]) -> Vec<String> {
    let carries = |scope: &String| scopes.contains(scope) && product.scopes.contains(scope);
    let allows = |known: &String| {
        carries(known)
            || known
                .strip_suffix(":read")
                .is_some_and(|area| carries(&format!("{area}:write")))
    };
    product
        .scopes
        .iter()
        .filter(|known| allows(known))
        .cloned()
        .collect()
}

pub(crate) fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    product: &Product,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::new(action)
        .to("product", product.id.as_str(), Some(&product.name))
        .with("scopes", product.scopes.clone())
        .with("access_groups", serde_json::json!(product.access_groups));
    audit::record(connection, actor, now, event)
}

/// A name of 1 to 200 characters, without spaces around it.
///
/// # Errors
/// [`PolicyError::Invalid`] for anything else.
pub fn checked_name(name: &str) -> Result<String, PolicyError> {
    let name = name.trim();
    let fits = (1..=200).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if fits {
        return Ok(name.to_owned());
    }
    Err(PolicyError::Invalid(
        "name must be 1 to 200 characters".to_owned(),
    ))
}

fn checked_scopes(scopes: &[String]) -> Result<Vec<String>, PolicyError> {
    if scopes.len() > MAX_SCOPES {
        return Err(PolicyError::Invalid(format!(
            "a product has at most {MAX_SCOPES} scopes"
        )));
    }
    if let Some(bad) = scopes.iter().find(|scope| !is_scope_token(scope)) {
        return Err(PolicyError::Invalid(format!(
            "{bad:?} is no scope: visible ASCII characters without spaces, quotes and backslashes are"
        )));
    }
    let mut checked = scopes.to_vec();
    checked.sort();
    checked.dedup();
    Ok(checked)
}

/// Each must be a group now, or be `named` already; that one is deleted later lets nobody else in.
fn checked_groups(
    connection: &mut DatabaseConnection,
    groups: &[ResourceId],
    named: &[ResourceId],
) -> Result<Vec<ResourceId>, PolicyError> {
    if groups.len() > MAX_GROUPS {
        return Err(PolicyError::Invalid(format!(
            "a product has at most {MAX_GROUPS} access_groups"
        )));
    }
    let mut checked = groups.to_vec();
    checked.sort();
    checked.dedup();
    for group in checked.iter().filter(|group| !named.contains(group)) {
        let found = resources::find_any(connection, group)?;
        if found.is_none_or(|found| found.resource_type != GROUP) {
            return Err(PolicyError::Invalid(format!(
                "access_groups has {:?}, which is no group",
                group.as_str()
            )));
        }
    }
    Ok(checked)
}

fn taken(error: StoreError) -> PolicyError {
    match error.unique_violation() {
        Some(_) => PolicyError::Conflict("another product has that name".to_owned()),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_write_includes_to_read_and_nothing_beyond_the_product() {
        let product = Product {
            id: ProductId::generate(),
            name: "Wiki".to_owned(),
            scopes: ["export", "files:read", "pages:read", "pages:write"]
                .map(str::to_owned)
                .to_vec(),
            access_groups: Vec::new(),
            created_at: Timestamp::from_millis(0),
            modified_at: Timestamp::from_millis(0),
        };
        for (carried, expected) in [
            (vec![], vec![]),
            (vec!["pages:read"], vec!["pages:read"]),
            (vec!["pages:write"], vec!["pages:read", "pages:write"]),
            (vec!["export", "gone", "gone:write"], vec!["export"]),
            // Writing files is no scope of the product any more, and includes nothing.
            (vec!["files:write"], vec![]),
        ] {
            let carried: Vec<String> = carried.into_iter().map(str::to_owned).collect();
            assert_eq!(with_implied(&product, &carried), expected, "{carried:?}");
        }
    }
}
