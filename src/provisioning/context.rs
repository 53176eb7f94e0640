//! What every operation needs to know beside the request's own content.

use std::sync::Arc;

use crate::audit::Actor;
use crate::clock::{Clock, Timestamp};
use crate::lifecycle::Cause;
use crate::scim::schema::{Registry, ResourceType};
use crate::store::directories::Directory;
use crate::store::resources::Resource;

/// The bounds of one request, as `ServiceProviderConfig` states them.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Resources on a page when the client names no number.
    pub default_page_size: usize,
    /// Resources on a page at most.
    pub max_page_size: usize,
    /// Operations in one PATCH request.
    pub max_patch_operations: usize,
    /// Operations in one Bulk request.
    pub max_bulk_operations: usize,
    /// Bytes of a Bulk request.
    pub max_bulk_payload: usize,
    /// A PATCH of a group with more members than this is answered without a body.
    pub max_members_in_answer: i64,
    /// How long one query may take, in milliseconds.
    pub statement_time_limit_millis: u64,
    /// How long a cursor may be used, in seconds.
    pub cursor_timeout_seconds: i64,
}

/// One request's surroundings: who asks, in which directory, and what this server knows.
#[derive(Debug, Clone)]
pub struct Context {
    /// Schemas and resource types.
    pub registry: Arc<Registry>,
    /// Bounds.
    pub limits: Arc<Limits>,
    /// Attributes inside multi-valued attributes that have an index (`emails.value`).
    pub indexed_attributes: Arc<Vec<String>>,
    /// The base URL of the SCIM interface, without a slash at its end.
    pub base_url: Arc<str>,
    /// The key that cursors are signed with.
    pub cursor_key: Arc<[u8]>,
    /// The directory that the request is confined to.
    pub directory: Directory,
    /// Who asks.
    pub actor: Actor,
    /// Tells the time.
    pub clock: Clock,
    /// When the request arrived.
    pub requested_at: Timestamp,
}

impl Context {
    /// Why a change is made, for what follows from it.
    #[must_use]
    pub fn cause(&self) -> Cause {
        Cause {
            actor: self.actor.clone(),
            requested_at: self.requested_at,
            now: self.clock.now(),
        }
    }

    /// The address of a resource (RFC 7643 section 3.1, `meta.location`).
    #[must_use]
    pub fn location(&self, resource_type: &ResourceType, id: &str) -> String {
        format!("{}{}/{id}", self.base_url, resource_type.endpoint)
    }
}

/// What `If-Match` asks of a resource (RFC 7644 section 3.14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// `*`: that there is one.
    Any,
    /// That its entity tag is one of these, compared weakly.
    OneOf(Vec<String>),
}

impl Expected {
    /// Reads the value of an `If-Match` or `If-None-Match` header, or the `version` of a bulk operation.
    #[must_use]
    pub fn parse(header: &str) -> Self {
        let tags: Vec<String> = header
            .split(',')
            .map(|tag| opaque(tag).to_owned())
            .filter(|tag| !tag.is_empty())
            .collect();
        if tags.iter().any(|tag| tag == "*") {
            Self::Any
        } else {
            Self::OneOf(tags)
        }
    }

    /// Whether a resource is as expected.
    #[must_use]
    pub fn holds(&self, resource: &Resource) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.contains(&resource.version.to_string()),
        }
    }
}

/// An entity tag without its mark of weakness and quotes.
fn opaque(tag: &str) -> &str {
    let tag = tag.trim();
    tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"')
}

/// The weak entity tag of a resource's version (RFC 7644 section 3.14).
#[must_use]
pub fn entity_tag(resource: &Resource) -> String {
    format!("W/\"{}\"", resource.version)
}
