//! Audit events: their catalogue, and their recording in the transaction of the change that they tell of.
//!
//! No secret and no personal data beyond names and identifiers goes into an event. [`record`] is the one
//! way in; [`Actor`] says who acts.

use std::net::IpAddr;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::store::audit_events::{self, AuditEventRow};
use crate::store::id::{AuditEventId, CredentialId, DirectoryId, ResourceId};
use crate::store::{DatabaseConnection, StoreError};

mod action;
pub mod chain;

pub use action::Action;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The kind of credential that was presented, or `command_line`, or `system`.
    pub kind: String,
    /// The credential.
    pub credential_id: Option<CredentialId>,
    /// The person, where the credential is a person's.
    pub person_id: Option<ResourceId>,
    /// What the person or the credential is called.
    pub name: Option<String>,
    /// Where the request came from.
    pub source_ip: Option<IpAddr>,
}

impl Actor {
    /// Somebody with access to the machine.
    #[must_use]
    pub fn command_line() -> Self {
        Self::without_credential("command_line")
    }

    /// The program by itself.
    #[must_use]
    pub fn system() -> Self {
        Self::without_credential("system")
    }

    /// Somebody who has not shown who they are.
    #[must_use]
    pub fn anonymous(source_ip: Option<IpAddr>) -> Self {
        Self {
            source_ip,
            ..Self::without_credential("anonymous")
        }
    }

    fn without_credential(kind: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            credential_id: None,
            person_id: None,
            name: None,
            source_ip: None,
        }
    }
}

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The kind of thing: a resource type, or a kind of credential, or `directory`, `product`, ….
    pub kind: String,
    /// Its identifier.
    pub id: String,
    /// What it is called.
    pub name: Option<String>,
}

/// Whether what was asked for was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was.
    Success,
    /// It was refused.
    Refused,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub action: Action,
    /// In which directory.
    pub directory_id: Option<DirectoryId>,
    /// To what.
    pub target: Option<Target>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// More about it.
    pub detail: Map<String, Value>,
}

impl Event {
    /// Something that was done.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self {
            action,
            directory_id: None,
            target: None,
            outcome: Outcome::Success,
            detail: Map::new(),
        }
    }

    /// In this directory.
    #[must_use]
    pub fn within(mut self, directory: &DirectoryId) -> Self {
        self.directory_id = Some(directory.clone());
        self
    }

    /// To this.
    #[must_use]
    pub fn to(mut self, kind: &str, id: &str, name: Option<&str>) -> Self {
        self.target = Some(Target {
            kind: kind.to_owned(),
            id: id.to_owned(),
            name: name.map(str::to_owned),
        });
        self
    }

    /// It was refused.
    #[must_use]
    pub fn refused(mut self) -> Self {
        self.outcome = Outcome::Refused;
        self
    }

    /// With one more detail.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// Records an event; it is kept if and only if the transaction is.
///
/// # Errors
/// When the database fails.
pub fn record(
    connection: &mut DatabaseConnection,
    actor: &Actor,
    now: Timestamp,
    event: Event,
) -> Result<(), StoreError> {
    audit_events::insert(connection, &row_of(actor, now, event))
}

/// The event as it is stored, for whoever stores it together with what it tells of.
#[must_use]
pub fn row_of(actor: &Actor, now: Timestamp, event: Event) -> AuditEventRow {
    let (target_type, target_id, target_name) = match event.target {
        None => (None, None, None),
        Some(target) => (Some(target.kind), Some(target.id), target.name),
    };
    let outcome = match event.outcome {
        Outcome::Success => "success",
        Outcome::Refused => "refused",
    };
    AuditEventRow {
        id: AuditEventId::generate().to_string(),
        at: now.as_millis(),
        action: event.action.name().to_owned(),
        directory_id: event.directory_id.map(|id| id.to_string()),
        actor_kind: actor.kind.clone(),
        actor_credential_id: actor.credential_id.as_ref().map(ToString::to_string),
        actor_person_id: actor.person_id.as_ref().map(ToString::to_string),
        actor_name: actor.name.clone(),
        target_type,
        target_id,
        target_name,
        outcome: outcome.to_owned(),
        source_ip: actor.source_ip.map(|address| address.to_string()),
        detail: Value::Object(event.detail).to_string(),
    }
}
