//! Instances of products: the sites at which each runs, and to which tokens can be limited.

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::store::id::{InstanceId, ProductId};
use crate::store::product_instances::{self as table, Instance};
use crate::store::{DatabaseConnection, StoreError};

use super::PolicyError;
use super::products::{self, checked_name};

/// How many instances one credential can be limited to.
const MAX_INSTANCES: usize = 100;
const MAX_URL: usize = 1_000;

/// Registers an instance of a product.
///
/// # Errors
/// [`PolicyError::NotFound`] where there is no such product; [`PolicyError::Invalid`] for a bad name or URL;
/// [`PolicyError::Conflict`] for a name that is taken; when the database fails.
pub fn create(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    name: &str,
    url: Option<&str>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Instance, PolicyError> {
    products::find(connection, product)?;
    let instance = Instance {
        id: InstanceId::generate(),
        product_id: product.clone(),
        name: checked_name(name)?,
        url: url.map(checked_url).transpose()?,
        created_at: now,
        modified_at: now,
    };
    table::insert(connection, &instance).map_err(taken)?;
    record(connection, Action::InstanceCreated, &instance, actor, now)?;
    Ok(instance)
}

/// What is to be changed of an instance.
#[derive(Debug, Clone, Default)]
pub struct InstanceChange {
    /// Its name; it stays where none is given.
    pub name: Option<String>,
    /// Its URL.
    pub url: UrlChange,
}

/// What becomes of a URL.
#[derive(Debug, Clone, Default)]
pub enum UrlChange {
    /// It stays.
    #[default]
    Kept,
    /// It is taken away.
    Removed,
    /// It is another.
    Set(String),
}

impl From<Option<String>> for UrlChange {
    fn from(url: Option<String>) -> Self {
        url.map_or(Self::Removed, Self::Set)
    }
}

/// Changes an instance.
///
/// # Errors
/// As [`create`].
pub fn update(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    id: &InstanceId,
    change: &InstanceChange,
    actor: &Actor,
    now: Timestamp,
) -> Result<Instance, PolicyError> {
    let mut instance = find(connection, product, id)?;
    if let Some(name) = &change.name {
        instance.name = checked_name(name)?;
    }
    match &change.url {
        UrlChange::Kept => {}
        UrlChange::Removed => instance.url = None,
        UrlChange::Set(url) => instance.url = Some(checked_url(url)?),
    }
    instance.modified_at = now;
    table::update(connection, &instance).map_err(taken)?;
    record(connection, Action::InstanceUpdated, &instance, actor, now)?;
    Ok(instance)
}

/// One instance of a product.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    id: &InstanceId,
) -> Result<Instance, PolicyError> {
    table::find(connection, product, id)?.ok_or(PolicyError::NotFound("product instance"))
}

/// The instances that a credential is to be limited to, each once.
///
/// # Errors
/// [`PolicyError::Invalid`] where one is not the product's, or there are too many; when the database fails.
pub fn checked_ids(
    connection: &mut DatabaseConnection,
    product: &ProductId,
    ids: &[InstanceId],
) -> Result<Vec<InstanceId>, PolicyError> {
    if ids.len() > MAX_INSTANCES {
        return Err(PolicyError::Invalid(format!(
            "instance_ids names more than {MAX_INSTANCES}; leave them out for every instance"
        )));
    }
    let mut checked = ids.to_vec();
    checked.sort();
    checked.dedup();
    for id in &checked {
        if table::find(connection, product, id)?.is_none() {
            return Err(PolicyError::Invalid(format!(
                "instance_ids has {:?}, which is no instance of the product",
                id.as_str()
            )));
        }
    }
    Ok(checked)
}

pub(crate) fn record(
    connection: &mut DatabaseConnection,
    action: Action,
    instance: &Instance,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let event = Event::new(action)
        .to(
            "product_instance",
            instance.id.as_str(),
            Some(&instance.name),
        )
        .with("product_id", instance.product_id.as_str())
        .with("url", instance.url.clone());
    audit::record(connection, actor, now, event)
}

fn checked_url(url: &str) -> Result<String, PolicyError> {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_fit = url.len() <= MAX_URL
        && host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'))
        && url
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"\"<>\\".contains(&byte));
    if is_fit {
        return Ok(url.to_owned());
    }
    Err(PolicyError::Invalid(format!(
        "url is {url:?}; it must be such as https://site.example.org"
    )))
}

fn taken(error: StoreError) -> PolicyError {
    match error.unique_violation() {
        Some(_) => PolicyError::Conflict("the product has an instance of that name".to_owned()),
        None => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_of_the_web_and_has_a_host() {
        for good in ["https://wiki.example.org", "http://10.0.0.1:8080/wiki"] {
            assert_eq!(checked_url(good).unwrap(), good);
        }
        for bad in [
            "",
            "wiki.example.org",
            "https://",
            "https:///x",
            "ftp://x",
            "https://a b",
        ] {
            assert!(checked_url(bad).is_err(), "{bad}");
        }
    }
}
