//! Bulk requests (RFC 7644 section 3.7): reading one, the order of its operations, the identifiers that
//! stand for resources yet to be created, and the answer.
//!
//! Nothing is executed here, and what an operation's `data` means is not known.

mod references;
mod response;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::leniency::{Leniencies, Leniency};
use super::list::{check_schema, member};
use super::patch::PATCH_SCHEMA;
use super::{ErrorKind, ScimError};

pub use references::{plan, resolve};
pub use response::{BulkResult, response};

/// The schema URN of a bulk request.
pub const BULK_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// The schema URN of the answer.
pub const BULK_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Creates a resource.
    Post,
    /// Replaces one.
    Put,
    /// Modifies one.
    Patch,
    /// Deletes one.
    Delete,
}

impl Method {
    const ALL: [Self; 4] = [Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// As in HTTP.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkOperation {
    /// What to do.
    pub method: Method,
    /// The client's name for it; every POST has one.
    pub bulk_id: Option<String>,
    /// The entity tag that the resource must have.
    pub version: Option<String>,
    /// `/Users` for a POST, `/Users/{id}` for the others.
    pub path: String,
    /// The body; of a DELETE there is none.
    pub data: Option<Value>,
}

impl BulkOperation {
    /// The endpoint (`/Users`) and the identifier, which a POST has none of.
    #[must_use]
    pub fn target(&self) -> (&str, Option<&str>) {
        match self.path.rsplit_once('/') {
            Some((endpoint, id)) if !endpoint.is_empty() => (endpoint, Some(id)),
            _ => (&self.path, None),
        }
    }
}

/// An operation that cannot be executed, with what its result must repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedOperation {
    /// The method as given.
    pub method: Option<String>,
    /// The client's name for it.
    pub bulk_id: Option<String>,
    /// The path as given.
    pub path: Option<String>,
    /// Why.
    pub error: ScimError,
}

/// A bulk request.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkRequest {
    /// After how many errors the remaining operations are left out; at least 1.
    pub fail_on_errors: Option<usize>,
    /// The operations in the order of the request; one that is malformed fails alone.
    pub operations: Vec<Result<BulkOperation, RefusedOperation>>,
}

/// Reads a bulk request.
///
/// # Errors
/// 413 where there are too many operations (RFC 7644 section 3.7.4); 400 `invalidSyntax` or
/// `invalidValue` where the request as a whole cannot be understood, or a `bulkId` is not unique.
pub fn parse(
    body: &Value,
    max_operations: usize,
    leniencies: &mut Leniencies,
) -> Result<BulkRequest, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax(
            "the body of a bulk request must be a JSON object",
        ));
    };
    check_schema(body, BULK_REQUEST_SCHEMA, leniencies)?;
    let Some(Value::Array(operations)) = member(body, "Operations") else {
        return Err(ScimError::invalid_syntax("Operations must be an array"));
    };
    if operations.len() > max_operations {
        return Err(ScimError::new(
            ErrorKind::PayloadTooLarge,
            format!(
                "the {} operations of the bulk request exceed maxOperations ({max_operations})",
                operations.len()
            ),
        ));
    }
    let request = BulkRequest {
        fail_on_errors: fail_on_errors(member(body, "failOnErrors"))?,
        operations: operations
            .iter()
            .map(|operation| read(operation, leniencies))
            .collect(),
    };
    check_unique(&request)?;
    Ok(request)
}

fn fail_on_errors(value: Option<&Value>) -> Result<Option<usize>, ScimError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .filter(|errors| *errors > 0)
            .map(|errors| Some(usize::try_from(errors).unwrap_or(usize::MAX)))
            .ok_or_else(|| {
                ScimError::invalid_value("failOnErrors must be a whole number of at least 1")
            }),
    }
}

/// A `bulkId` that is given twice leaves open which resource is meant, so nothing is executed.
fn check_unique(request: &BulkRequest) -> Result<(), ScimError> {
    let mut seen = BTreeSet::new();
    for operation in &request.operations {
        let bulk_id = match operation {
            Ok(operation) => &operation.bulk_id,
            Err(refused) => &refused.bulk_id,
        };
        if let Some(bulk_id) = bulk_id
            && !seen.insert(bulk_id)
        {
            return Err(ScimError::invalid_syntax(format!(
                "bulkId {bulk_id:?} must be unique within the request"
            )));
        }
    }
    Ok(())
}

fn read(operation: &Value, leniencies: &mut Leniencies) -> Result<BulkOperation, RefusedOperation> {
    let no_members = Map::new();
    let members = operation.as_object().unwrap_or(&no_members);
    read_members(members, leniencies).map_err(|error| {
        let echo = |name| {
            member(members, name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        RefusedOperation {
            method: echo("method"),
            bulk_id: echo("bulkId"),
            path: echo("path"),
            error,
        }
    })
}

fn read_members(
    members: &Map<String, Value>,
    leniencies: &mut Leniencies,
) -> Result<BulkOperation, ScimError> {
    let method = read_method(text(members, "method")?, leniencies)?;
    let bulk_id = text(members, "bulkId")?.map(str::to_owned);
    if method == Method::Post && bulk_id.is_none() {
        return Err(ScimError::invalid_syntax("a POST must have a bulkId"));
    }
    let path = text(members, "path")?
        .ok_or_else(|| ScimError::invalid_syntax("an operation must have a path"))?;
    check_path(method, path)?;
    let data = match (method, member(members, "data")) {
        (Method::Delete, _) => None,
        (_, Some(data @ Value::Object(_))) => Some(data.clone()),
        // As in the example of RFC 7644 section 3.7.3: the operations alone.
        (Method::Patch, Some(Value::Array(operations)))
            if !operations.is_empty() && leniencies.take(Leniency::MissingSchema) =>
        {
            Some(json!({"schemas": [PATCH_SCHEMA], "Operations": operations}))
        }
        _ => {
            return Err(ScimError::invalid_syntax(format!(
                "the data of a {} must be a JSON object",
                method.name()
            )));
        }
    };
    Ok(BulkOperation {
        method,
        bulk_id,
        version: text(members, "version")?.map(str::to_owned),
        path: path.to_owned(),
        data,
    })
}

fn read_method(given: Option<&str>, leniencies: &mut Leniencies) -> Result<Method, ScimError> {
    let refused = || ScimError::invalid_syntax("method must be POST, PUT, PATCH or DELETE");
    let given = given.ok_or_else(refused)?;
    let method = Method::ALL
        .into_iter()
        .find(|method| method.name().eq_ignore_ascii_case(given))
        .ok_or_else(refused)?;
    if method.name() == given || leniencies.take(Leniency::OperationCase) {
        Ok(method)
    } else {
        Err(refused())
    }
}

/// RFC 7644 section 3.7: a POST goes to an endpoint, everything else to a resource.
fn check_path(method: Method, path: &str) -> Result<(), ScimError> {
    let (wanted, example) = match method {
        Method::Post => (1, "/Users"),
        _ => (2, "/Users/{id}"),
    };
    let is_segment =
        |segment: &str| !segment.is_empty() && !segment.contains(['?', '#', ' ', '\\', '\0']);
    let fits = path
        .strip_prefix('/')
        .is_some_and(|rest| rest.split('/').count() == wanted && rest.split('/').all(is_segment));
    if fits {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "the path of a {} must be such as {example:?}, not {path:?}",
        method.name()
    )))
}

/// A text member; absent, null and empty are the same.
fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ScimError> {
    match member(members, name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text.as_str())),
        Some(_) => Err(ScimError::invalid_syntax(format!(
            "{name} must be a string"
        ))),
    }
}

#[cfg(test)]
mod tests;
