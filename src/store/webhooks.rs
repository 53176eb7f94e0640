//! The endpoints of other programs that notices are sent to. Their secrets are sealed.

use diesel::prelude::*;

use crate::clock::Timestamp;
use crate::sealed::Sealed;

use super::DatabaseConnection;
use super::error::StoreError;
use super::id::WebhookId;
use super::schema::webhooks;

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its identifier.
    pub id: WebhookId,
    /// Where it is.
    pub url: String,
    /// The kinds of notices that it is sent; every kind where there are none.
    pub kinds: Vec<String>,
    /// Whether it is sent anything.
    pub active: bool,
    /// What is signed with.
    pub secret: Sealed,
    /// What was signed with before and still is, until then.
    pub previous_secret: Option<(Sealed, Timestamp)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

#[derive(Queryable, Insertable, AsChangeset)]
#[diesel(table_name = webhooks)]
#[diesel(treat_none_as_null = true)]
struct Row {
    id: String,
    url: String,
    kinds: String,
    active: bool,
    secret: String,
    previous_secret: Option<String>,
    previous_secret_until: Option<i64>,
    created_at: i64,
    modified_at: i64,
}

impl Row {
    fn of(webhook: &Webhook) -> Self {
        let previous = webhook.previous_secret.as_ref();
        Self {
            id: webhook.id.to_string(),
            url: webhook.url.clone(),
            kinds: serde_json::json!(webhook.kinds).to_string(),
            active: webhook.active,
            secret: webhook.secret.as_str().to_owned(),
            previous_secret: previous.map(|(secret, _)| secret.as_str().to_owned()),
            previous_secret_until: previous.map(|(_, until)| until.as_millis()),
            created_at: webhook.created_at.as_millis(),
            modified_at: webhook.modified_at.as_millis(),
        }
    }

    fn read(self) -> Result<Webhook, StoreError> {
        Ok(Webhook {
            id: WebhookId::new(self.id),
            url: self.url,
            kinds: serde_json::from_str(&self.kinds)
                .map_err(|_| StoreError::Corrupt { what: "webhook" })?,
            active: self.active,
            secret: Sealed::from_stored(self.secret),
            previous_secret: self
                .previous_secret
                .map(Sealed::from_stored)
                .zip(self.previous_secret_until.map(Timestamp::from_millis)),
            created_at: Timestamp::from_millis(self.created_at),
            modified_at: Timestamp::from_millis(self.modified_at),
        })
    }
}

/// Adds one.
///
/// # Errors
/// When the database fails.
pub fn insert(connection: &mut DatabaseConnection, webhook: &Webhook) -> Result<(), StoreError> {
    diesel::insert_into(webhooks::table)
        .values(Row::of(webhook))
        .execute(connection)?;
    Ok(())
}

/// Writes everything that can change.
///
/// # Errors
/// When the database fails.
pub fn update(connection: &mut DatabaseConnection, webhook: &Webhook) -> Result<(), StoreError> {
    diesel::update(webhooks::table.find(webhook.id.as_str()))
        .set(Row::of(webhook))
        .execute(connection)?;
    Ok(())
}

/// One endpoint.
///
/// # Errors
/// When the database fails.
pub fn find(
    connection: &mut DatabaseConnection,
    id: &WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    webhooks::table
        .find(id.as_str())
        .first::<Row>(connection)
        .optional()?
        .map(Row::read)
        .transpose()
}

/// All of them, oldest first.
///
/// # Errors
/// When the database fails.
pub fn list(connection: &mut DatabaseConnection) -> Result<Vec<Webhook>, StoreError> {
    webhooks::table
        .order(webhooks::id)
        .load::<Row>(connection)?
        .into_iter()
        .map(Row::read)
        .collect()
}

/// Removes one.
///
/// # Errors
/// When the database fails.
pub fn delete(connection: &mut DatabaseConnection, id: &WebhookId) -> Result<(), StoreError> {
    diesel::delete(webhooks::table.find(id.as_str())).execute(connection)?;
    Ok(())
}
