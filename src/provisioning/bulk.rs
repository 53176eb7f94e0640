//! Bulk requests (RFC 7644 section 3.7): many operations in one transaction, each undone by itself where it
//! fails.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::scim::bulk::{self, BulkOperation, BulkRequest, BulkResult, Method, RefusedOperation};
use crate::scim::leniency::Leniencies;
use crate::scim::schema::ResourceType;
use crate::scim::{ErrorKind, ScimError};
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, savepoint};

use super::context::{Context, Expected, entity_tag};
use super::error::ProvisioningError;
use super::members::MEMBERS;
use super::password::Passwords;
use super::write::{self, Payload, Written};
use crate::lifecycle::GROUP;

const REFERENCE: &str = "bulkId:";

/// What a bulk request did.
#[derive(Debug, Clone)]
pub struct BulkOutcome {
    /// The answer's body.
    pub body: Value,
    /// The attributes that its operations named.
    pub named: Vec<String>,
}

/// Members that did not exist when their group was made.
struct Deferred {
    /// The operation that made the group.
    index: usize,
    group: ResourceId,
    /// The members' `bulkId`s.
    members: Vec<String>,
}

/// A bulk request in the making.
pub struct Bulk<'a> {
    context: &'a Context,
    request: &'a BulkRequest,
    passwords: &'a Passwords,
    /// The identifiers that the resources of POST operations get, by `bulkId`.
    ids: HashMap<String, ResourceId>,
    /// The `bulkId`s whose resources exist.
    created: HashSet<String>,
    /// Groups that wait for members.
    deferred: Vec<Deferred>,
    results: Vec<Option<BulkResult>>,
    errors: usize,
    named: Vec<String>,
}

impl<'a> Bulk<'a> {
    /// Runs the operations, in an order in which references can be followed.
    ///
    /// # Errors
    /// When the database fails; a refused operation is part of the outcome.
    pub fn run(
        connection: &mut DatabaseConnection,
        context: &'a Context,
        request: &'a BulkRequest,
        passwords: &'a Passwords,
        leniencies: &mut Leniencies,
    ) -> Result<BulkOutcome, ProvisioningError> {
        let ids = request
            .operations
            .iter()
            .flatten()
            .filter(|operation| operation.method == Method::Post)
            .filter_map(|operation| operation.bulk_id.clone())
            .map(|bulk_id| (bulk_id, ResourceId::generate()))
            .collect();
        let mut bulk = Self {
            context,
            request,
            passwords,
            ids,
            created: HashSet::new(),
            deferred: Vec::new(),
            results: vec![None; request.operations.len()],
            errors: 0,
            named: Vec::new(),
        };
        for index in bulk::plan(request) {
            if bulk.has_failed_enough() {
                break;
            }
            bulk.operate(connection, index, leniencies)?;
            bulk.add_deferred_members(connection, leniencies)?;
        }
        bulk.undo_incomplete(connection)?;
        let results: Vec<BulkResult> = bulk.results.into_iter().flatten().collect();
        bulk.named.sort();
        bulk.named.dedup();
        Ok(BulkOutcome {
            body: bulk::response(&results),
            named: bulk.named,
        })
    }

    fn has_failed_enough(&self) -> bool {
        self.request
            .fail_on_errors
            .is_some_and(|most| self.errors >= most)
    }

    fn operate(
        &mut self,
        connection: &mut DatabaseConnection,
        index: usize,
        leniencies: &mut Leniencies,
    ) -> Result<(), ProvisioningError> {
        let request = self.request;
        let result = match request.operations.get(index) {
            None => return Ok(()),
            Some(Err(refused)) => self.refuse(refused),
            Some(Ok(operation)) => {
                let attempt = savepoint(connection, |connection| {
                    self.execute(connection, index, operation, leniencies)
                });
                match attempt {
                    Ok(result) => result,
                    Err(error) => self.fail(operation, &error.into_refusal()?),
                }
            }
        };
        self.set(index, result);
        Ok(())
    }

    fn set(&mut self, index: usize, result: BulkResult) {
        if let Some(place) = self.results.get_mut(index) {
            *place = Some(result);
        }
    }

    fn refuse(&mut self, operation: &RefusedOperation) -> BulkResult {
        self.errors += 1;
        BulkResult::refused(operation, &self.context.base_url)
    }

    fn fail(&mut self, operation: &BulkOperation, error: &ScimError) -> BulkResult {
        self.errors += 1;
        BulkResult::failed(operation, &self.context.base_url, error)
    }

    fn execute(
        &mut self,
        connection: &mut DatabaseConnection,
        index: usize,
        operation: &BulkOperation,
        leniencies: &mut Leniencies,
    ) -> Result<BulkResult, ProvisioningError> {
        let mut operation = operation.clone();
        let mut data = operation.data.take().unwrap_or(Value::Null);
        let later = self.take_later_members(&operation, &mut data);
        bulk::resolve(&mut data, &mut operation.path, &|bulk_id| {
            self.id_of(bulk_id)
        })?;
        let (endpoint, id) = operation.target();
        let resource_type = self.resource_type(endpoint)?;
        let expected = operation.version.as_deref().map(Expected::parse);
        let context = self.context;
        let payload = Payload {
            body: &data,
            passwords: self.passwords,
        };
        let written = match (operation.method, id) {
            (Method::Post, None) => {
                let id = operation
                    .bulk_id
                    .as_ref()
                    .and_then(|bulk_id| self.ids.get(bulk_id).cloned());
                write::create(connection, context, &resource_type, id, payload, leniencies)?
            }
            (Method::Put, Some(id)) => write::replace(
                connection,
                context,
                &resource_type,
                id,
                expected.as_ref(),
                payload,
                leniencies,
            )?,
            (Method::Patch, Some(id)) => write::patch(
                connection,
                context,
                &resource_type,
                id,
                expected.as_ref(),
                payload,
                leniencies,
            )?,
            (Method::Delete, Some(id)) => {
                write::delete(connection, context, &resource_type, id, expected.as_ref())?;
                let location = context.location(&resource_type, id);
                return Ok(BulkResult::done(&operation, 204, location, None));
            }
            _ => {
                return Err(ScimError::invalid_syntax(format!(
                    "{} is no path for {}",
                    operation.path,
                    operation.method.name()
                ))
                .into());
            }
        };
        if !later.is_empty() {
            self.deferred.push(Deferred {
                index,
                group: written.resource.id.clone(),
                members: later,
            });
        }
        Ok(self.done(&resource_type, &operation, written))
    }

    fn done(
        &mut self,
        resource_type: &ResourceType,
        operation: &BulkOperation,
        written: Written,
    ) -> BulkResult {
        let status = if operation.method == Method::Post {
            self.created.extend(operation.bulk_id.clone());
            201
        } else {
            200
        };
        self.named.extend(written.named);
        let location = self
            .context
            .location(resource_type, written.resource.id.as_str());
        let version = entity_tag(&written.resource);
        BulkResult::done(operation, status, location, Some(version))
    }

    /// The identifier behind a `bulkId`: of a resource that exists, or will.
    fn id_of(&self, bulk_id: &str) -> Option<String> {
        let is_refused = self.results.iter().flatten().any(BulkResult::is_error)
            && !self.created.contains(bulk_id)
            && !self.is_still_to_come(bulk_id);
        if is_refused {
            return None;
        }
        self.ids.get(bulk_id).map(ToString::to_string)
    }

    fn is_still_to_come(&self, bulk_id: &str) -> bool {
        let operations = self.request.operations.iter().zip(&self.results);
        operations.into_iter().any(|(operation, result)| {
            result.is_none()
                && operation.as_ref().is_ok_and(|operation| {
                    operation.method == Method::Post
                        && operation.bulk_id.as_deref() == Some(bulk_id)
                })
        })
    }

    fn resource_type(
        &self,
        endpoint: &str,
    ) -> Result<std::sync::Arc<ResourceType>, ProvisioningError> {
        self.context
            .registry
            .endpoint(endpoint)
            .cloned()
            .ok_or_else(|| {
                ScimError::new(
                    ErrorKind::NotFound,
                    format!("there is no endpoint {endpoint:?}"),
                )
                .into()
            })
    }

    /// Takes the members out of a new group that will be made by later operations: groups may contain each
    /// other.
    fn take_later_members(&self, operation: &BulkOperation, data: &mut Value) -> Vec<String> {
        let is_group = self
            .context
            .registry
            .endpoint(operation.target().0)
            .is_some_and(|kind| kind.name == GROUP);
        let members = data.as_object_mut().and_then(|data| {
            data.iter_mut()
                .find(|(key, _)| key.eq_ignore_ascii_case(MEMBERS))
                .and_then(|(_, members)| members.as_array_mut())
        });
        let (true, Method::Post, Some(members)) = (is_group, operation.method, members) else {
            return Vec::new();
        };
        let mut later = Vec::new();
        members.retain(|member| {
            let bulk_id = member
                .get("value")
                .and_then(Value::as_str)
                .and_then(|value| value.strip_prefix(REFERENCE));
            match bulk_id {
                Some(bulk_id) if self.is_still_to_come(bulk_id) => {
                    later.push(bulk_id.to_owned());
                    false
                }
                _ => true,
            }
        });
        later
    }

    /// Adds the members of the groups whose members all exist by now, before a later operation changes
    /// either.
    fn add_deferred_members(
        &mut self,
        connection: &mut DatabaseConnection,
        leniencies: &mut Leniencies,
    ) -> Result<(), ProvisioningError> {
        let (complete, waiting): (Vec<Deferred>, Vec<Deferred>) =
            std::mem::take(&mut self.deferred)
                .into_iter()
                .partition(|deferred| self.is_complete(deferred));
        self.deferred = waiting;
        for deferred in complete {
            let Some(Ok(operation)) = self.request.operations.get(deferred.index) else {
                continue;
            };
            let resource_type = self.resource_type(operation.target().0)?;
            let ids = deferred.members.iter();
            let body = add_members(ids.filter_map(|bulk_id| self.ids.get(bulk_id)));
            let payload = Payload {
                body: &body,
                passwords: self.passwords,
            };
            let group = deferred.group.as_str();
            let attempt = savepoint(connection, |connection| {
                write::patch(
                    connection,
                    self.context,
                    &resource_type,
                    group,
                    None,
                    payload,
                    leniencies,
                )
            });
            let result = match attempt {
                Ok(written) => self.done(&resource_type, operation, written),
                Err(error) => {
                    let error = error.into_refusal()?;
                    self.undo(connection, &resource_type, group)?;
                    self.fail(operation, &error)
                }
            };
            self.set(deferred.index, result);
        }
        Ok(())
    }

    fn is_complete(&self, deferred: &Deferred) -> bool {
        let mut members = deferred.members.iter();
        members.all(|bulk_id| self.created.contains(bulk_id))
    }

    /// A group that lacks a member after all is not made.
    fn undo_incomplete(
        &mut self,
        connection: &mut DatabaseConnection,
    ) -> Result<(), ProvisioningError> {
        for deferred in std::mem::take(&mut self.deferred) {
            let Some(Ok(operation)) = self.request.operations.get(deferred.index) else {
                continue;
            };
            let mut members = deferred.members.iter();
            let missing = members.find(|bulk_id| !self.created.contains(*bulk_id));
            let resource_type = self.resource_type(operation.target().0)?;
            self.undo(connection, &resource_type, deferred.group.as_str())?;
            let error = ScimError::new(
                ErrorKind::Conflict,
                format!(
                    "bulkId:{} names no operation that created a resource",
                    missing.map_or("", String::as_str)
                ),
            );
            let result = self.fail(operation, &error);
            self.set(deferred.index, result);
        }
        Ok(())
    }

    /// Deletes what an operation made, unless a later one has done so.
    fn undo(
        &self,
        connection: &mut DatabaseConnection,
        resource_type: &ResourceType,
        id: &str,
    ) -> Result<(), ProvisioningError> {
        match write::delete(connection, self.context, resource_type, id, None) {
            Ok(()) => Ok(()),
            Err(error) => error.into_refusal().map(drop),
        }
    }
}

fn add_members<'i>(ids: impl Iterator<Item = &'i ResourceId>) -> Value {
    let members: Vec<Value> = ids
        .map(|id| Value::Object(Map::from_iter([("value".to_owned(), json!(id.as_str()))])))
        .collect();
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "add", "path": MEMBERS, "value": members}],
    })
}
