//! Queries: filtered, sorted and paged lists (RFC 7644 section 3.4.2, RFC 9865).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::lifecycle::{GROUP, USER};
use crate::scim::condition::{self, Condition, Unknown};
use crate::scim::cursor::{self, Cursor, Position};
use crate::scim::filter::Operator;
use crate::scim::leniency::Leniencies;
use crate::scim::list::{ListResponse, PageRequest, SearchRequest};
use crate::scim::schema::{AttributeKind, Resolved, ResourceType, Returned};
use crate::scim::{ErrorKind, ScimError};
use crate::store::DatabaseConnection;
use crate::store::id::ResourceId;
use crate::store::memberships::{self, MemberOf};
use crate::store::query::{self, Part, Selection, Sort};
use crate::store::resources::Resource;

use super::columns::layout;
use super::context::Context;
use super::error::ProvisioningError;
use super::members::MEMBERS;
use super::representation::{Output, shows_groups, shows_members, write};

/// A query that has been understood.
#[derive(Debug, Clone)]
pub struct Query {
    resource_types: Vec<Arc<ResourceType>>,
    request: SearchRequest,
    selection: Selection,
    endpoint: String,
}

/// A page, and what precedes and follows it.
struct Page {
    resources: Vec<Resource>,
    frame: ListResponse,
}

impl Query {
    /// Understands a request to an endpoint (empty for the root) that holds these types.
    ///
    /// # Errors
    /// 400 `invalidFilter`, or `invalidValue` for what cannot be sorted by.
    pub fn new(
        context: &Context,
        endpoint: &str,
        resource_types: Vec<Arc<ResourceType>>,
        request: SearchRequest,
        leniencies: &mut Leniencies,
    ) -> Result<Self, ScimError> {
        let unknown = if resource_types.len() == 1 {
            Unknown::Refused
        } else {
            Unknown::Absent
        };
        let mut parts = Vec::with_capacity(resource_types.len());
        for resource_type in &resource_types {
            let condition = match &request.filter {
                None => None,
                Some(filter) => Some(condition::bind(filter, resource_type, unknown, leniencies)?),
            };
            parts.push(Part {
                layout: Arc::new(layout(context, resource_type)),
                condition,
            });
        }
        let selection = Selection {
            directory: context.directory.id.clone(),
            parts,
            sort: sort(&resource_types, &request)?,
            time_limit: Duration::from_millis(context.limits.statement_time_limit_millis),
        };
        Ok(Self {
            resource_types,
            request,
            selection,
            endpoint: endpoint.to_owned(),
        })
    }

    /// What a cursor belongs to.
    fn identity(&self) -> cursor::Query {
        let directory = self.selection.directory.as_str();
        cursor::Query::new(directory, &self.endpoint, &self.request)
    }

    /// Whether an index answers it at once with a resource or none: what identity providers ask all day.
    #[must_use]
    pub fn is_look_up(&self) -> bool {
        let [part] = self.selection.parts.as_slice() else {
            return false;
        };
        let is_unique = match &part.condition {
            Some(Condition::Compare {
                target,
                operator: Operator::Equal,
                ..
            }) => matches!(target.path().as_str(), "id" | "userName" | "externalId"),
            _ => false,
        };
        let shows_many = self
            .resource_types
            .iter()
            .any(|kind| shows_members(kind, &self.request.projection));
        is_unique && !shows_many && self.selection.sort.is_none()
    }

    /// Runs it and writes the list.
    ///
    /// # Errors
    /// 400 `tooMany` where it takes too long, `invalidCursor`, `expiredCursor`; when the database fails.
    pub fn run(
        &self,
        connection: &mut DatabaseConnection,
        context: &Context,
        output: &mut Output<'_>,
    ) -> Result<(), ProvisioningError> {
        let page = match &self.request.page {
            PageRequest::Index { start_index, count } => {
                self.page_by_index(connection, *start_index, *count)?
            }
            PageRequest::Cursor { cursor, count } => {
                self.page_by_cursor(connection, context, cursor.as_deref(), *count)?
            }
        };
        output.push(&page.frame.head());
        let groups = self.groups(connection, &page.resources)?;
        for (index, resource) in page.resources.iter().enumerate() {
            if index > 0 {
                output.push(",");
            }
            let Some(resource_type) = self.type_of(resource) else {
                continue;
            };
            write(
                connection,
                context,
                resource_type,
                &self.request.projection,
                resource,
                groups.get(&resource.id).map_or(&[], Vec::as_slice),
                output,
            )?;
            if !output.pass_on() {
                break;
            }
        }
        output.push(ListResponse::TAIL);
        Ok(())
    }

    fn page_by_index(
        &self,
        connection: &mut DatabaseConnection,
        start_index: i64,
        count: i64,
    ) -> Result<Page, ProvisioningError> {
        let resources = if count == 0 {
            Vec::new()
        } else {
            query::page_by_index(connection, &self.selection, start_index - 1, count)?
        };
        let found = i64::try_from(resources.len()).unwrap_or(i64::MAX);
        let is_all = start_index == 1 && found < count;
        let total_results = if is_all {
            found
        } else {
            query::count(connection, &self.selection)?
        };
        Ok(Page {
            frame: ListResponse {
                total_results,
                items_per_page: resources.len(),
                start_index: Some(start_index),
                next_cursor: None,
            },
            resources,
        })
    }

    fn page_by_cursor(
        &self,
        connection: &mut DatabaseConnection,
        context: &Context,
        cursor: Option<&str>,
        count: i64,
    ) -> Result<Page, ProvisioningError> {
        let now = context.clock.now().as_millis();
        let position = match cursor {
            None => None,
            Some(text) => Some(
                Cursor::open(
                    text,
                    &context.cursor_key,
                    now,
                    context.limits.cursor_timeout_seconds,
                    &self.identity(),
                )?
                .position,
            ),
        };
        let total_results = query::count(connection, &self.selection)?;
        let mut rows = if count == 0 {
            Vec::new()
        } else {
            // One more than asked for tells whether there is a next page.
            query::page_after(connection, &self.selection, position.as_ref(), count + 1)?
        };
        let asked = usize::try_from(count).unwrap_or(usize::MAX);
        let has_more = rows.len() > asked;
        rows.truncate(asked);
        let next_cursor = match rows.last() {
            Some((resource, key)) if has_more => {
                let position = Position {
                    sort_key: self.selection.sort.is_some().then(|| key.clone()),
                    id: resource.id.to_string(),
                };
                let cursor = Cursor {
                    query: self.identity(),
                    position,
                    issued_at_millis: now,
                };
                Some(cursor.seal(&context.cursor_key)?)
            }
            _ => None,
        };
        Ok(Page {
            frame: ListResponse {
                total_results,
                items_per_page: rows.len(),
                start_index: None,
                next_cursor,
            },
            resources: rows.into_iter().map(|(resource, _)| resource).collect(),
        })
    }

    fn groups(
        &self,
        connection: &mut DatabaseConnection,
        resources: &[Resource],
    ) -> Result<BTreeMap<ResourceId, Vec<MemberOf>>, ProvisioningError> {
        let shown: Vec<&ResourceId> = resources
            .iter()
            .filter(|resource| {
                self.type_of(resource)
                    .is_some_and(|kind| shows_groups(kind, &self.request.projection))
            })
            .map(|resource| &resource.id)
            .collect();
        if shown.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(memberships::groups_of_many(connection, &shown)?)
    }

    fn type_of(&self, resource: &Resource) -> Option<&Arc<ResourceType>> {
        self.resource_types
            .iter()
            .find(|kind| kind.name == resource.resource_type)
    }
}

/// Members and groups are lists without a first element.
fn is_computed(resource_type: &ResourceType, attribute: &str) -> bool {
    matches!(
        (resource_type.name.as_str(), attribute),
        (USER, "groups") | (GROUP, MEMBERS)
    )
}

fn sort(
    resource_types: &[Arc<ResourceType>],
    request: &SearchRequest,
) -> Result<Option<Sort>, ScimError> {
    let Some(asked) = &request.sort else {
        return Ok(None);
    };
    let refused = || {
        Err(ScimError::new(
            ErrorKind::InvalidValue,
            format!("sortBy: {} is nothing that can be sorted by", asked.path),
        ))
    };
    for resource_type in resource_types {
        if let Some(Resolved::Attribute {
            attribute,
            sub_attribute,
            ..
        }) = resource_type.resolve(&asked.path)
            && sub_attribute.unwrap_or(attribute).returned == Returned::Never
        {
            return refused();
        }
        if let Some(target) = condition::target(resource_type, &asked.path)
            && target.kind != AttributeKind::Complex
            && !(target.extension.is_none() && is_computed(resource_type, &target.attribute))
        {
            return Ok(Some(Sort {
                target,
                descending: asked.descending,
            }));
        }
    }
    refused()
}
