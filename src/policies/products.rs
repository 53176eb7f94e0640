//! Products: those who ask whether a token is good, and the scopes that tokens for them may carry.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::id::ProductId;
use crate::store::products::{self, Product};
use crate::store::{DatabaseConnection, StoreError};

use super::PolicyError;
use super::scopes::is_scope_token;

const MAX_SCOPES: usize = 256;

/// Registers a product.
///
/// # Errors
/// [`PolicyError::Invalid`] for a bad name or scope, [`PolicyError::Conflict`] for a name that is taken;
/// when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    name: &str,
    scopes: &[String],
    actor: &Actor,
    now: Timestamp,
) -> Result<Product, PolicyError> {
    let product = Product {
        id: ProductId::generate(),
        name: checked_name(name)?,
        scopes: checked_scopes(scopes)?,
        created_at: now,
        modified_at: now,
    };
    products::insert(connection, &product).map_err(taken)?;
    record(connection, Action::ProductCreated, &product, actor, now)?;
    Ok(product)
}

/// Changes a product; what is not given stays.
///
/// # Errors
/// As [`create`]; [`PolicyError::NotFound`].
pub fn update(
    connection: &mut DatabaseConnection,
    id: &ProductId,
    name: Option<&str>,
    scopes: Option<&[String]>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Product, PolicyError> {
    let mut product = find(connection, id)?;
    if let Some(name) = name {
        product.name = checked_name(name)?;
    }
    if let Some(scopes) = scopes {
        product.scopes = checked_scopes(scopes)?;
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

pub(crate) fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    product: &Product,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::new(action)
        .to("product", product.id.as_str(), Some(&product.name))
        .with("scopes", product.scopes.clone());
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

fn taken(error: StoreError) -> PolicyError {
    match error.unique_violation() {
        Some(_) => PolicyError::Conflict("another product has that name".to_owned()),
        None => error.into(),
    }
}
