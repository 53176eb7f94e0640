//! Reading the body of a PATCH request, without knowing the resource type.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::scim::leniency::{Leniencies, Leniency};
use crate::scim::{ErrorKind, ScimError};

use super::path::PatchPath;
use super::{Operation, OperationKind, PatchRequest, no_target};

/// The schema URN of a PATCH request (RFC 7644 section 3.5.2).
pub const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Reads the body of a PATCH request.
///
/// # Errors
/// 413 for more operations than the stated limit; 400 `invalidSyntax` for another shape than the RFC's,
/// `invalidPath` or `invalidFilter` for a malformed path, `invalidValue` for an `add` or `replace` without
/// value, `noTarget` for a `remove` without path.
pub fn parse(
    body: &Value,
    max_operations: usize,
    leniencies: &mut Leniencies,
) -> Result<PatchRequest, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax(
            "the body must be a JSON object with schemas and Operations",
        ));
    };
    check_schemas(member(body, "schemas")?, leniencies)?;
    let operations = match member(body, "Operations")? {
        Some(Value::Array(operations)) if !operations.is_empty() => operations,
        _ => {
            return Err(ScimError::invalid_syntax(
                "Operations must be an array of one or more operations",
            ));
        }
    };
    if operations.len() > max_operations {
        return Err(ScimError::new(
            ErrorKind::PayloadTooLarge,
            format!(
                "a PATCH request has at most {max_operations} operations, not {}",
                operations.len()
            ),
        ));
    }
    let operations = operations
        .iter()
        .map(|operation| read_operation(operation, leniencies))
        .collect::<Result<_, _>>()?;
    Ok(PatchRequest { operations })
}

/// The member of this name, whatever its case. Two spellings of one name would leave the choice to chance.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Value>, ScimError> {
    let mut found = object
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() {
        return Err(repeated(name));
    }
    Ok(first)
}

fn repeated(name: &str) -> ScimError {
    ScimError::invalid_syntax(format!(
        "{name} is given more than once, in different spellings"
    ))
}

fn check_schemas(schemas: Option<&Value>, leniencies: &mut Leniencies) -> Result<(), ScimError> {
    let listed = match schemas {
        Some(Value::Array(listed)) => listed.as_slice(),
        _ => &[],
    };
    let stated = listed
        .iter()
        .filter_map(Value::as_str)
        .any(|urn| urn.eq_ignore_ascii_case(PATCH_SCHEMA));
    if stated || leniencies.take(Leniency::MissingSchema) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!(
        "schemas must be an array that holds {PATCH_SCHEMA:?}"
    )))
}

fn read_operation(operation: &Value, leniencies: &mut Leniencies) -> Result<Operation, ScimError> {
    let Value::Object(operation) = operation else {
        return Err(ScimError::invalid_syntax(
            "each of Operations must be an object with op, path and value",
        ));
    };
    let kind = read_kind(member(operation, "op")?, leniencies)?;
    let path = match member(operation, "path")? {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) => Some(PatchPath::parse(path)?),
        Some(_) => return Err(ScimError::invalid_path("path must be a string")),
    };
    let value = member(operation, "value")?.cloned();
    match (kind, &path, &value) {
        (OperationKind::Remove, None, _) => {
            return Err(no_target("remove must have a path".to_owned()));
        }
        (OperationKind::Remove, Some(_), _) | (_, Some(_), Some(_)) => {}
        (_, None, Some(Value::Object(members))) => check_keys(members)?,
        (_, None, Some(_)) => {
            return Err(ScimError::invalid_value(
                "without a path, value must be an object with attributes of the resource",
            ));
        }
        (_, _, None) => {
            return Err(ScimError::invalid_value(
                "add and replace must have a value",
            ));
        }
    }
    Ok(Operation { kind, path, value })
}

fn read_kind(op: Option<&Value>, leniencies: &mut Leniencies) -> Result<OperationKind, ScimError> {
    let refused = || ScimError::invalid_syntax("op must be one of add, remove and replace");
    let op = op.and_then(Value::as_str).ok_or_else(refused)?;
    let lower = op.to_ascii_lowercase();
    let kind = match lower.as_str() {
        "add" => OperationKind::Add,
        "remove" => OperationKind::Remove,
        "replace" => OperationKind::Replace,
        _ => return Err(refused()),
    };
    if op != lower && !leniencies.take(Leniency::OperationCase) {
        return Err(refused());
    }
    Ok(kind)
}

fn check_keys(members: &Map<String, Value>) -> Result<(), ScimError> {
    let mut seen = HashSet::with_capacity(members.len());
    match members
        .keys()
        .find(|key| !seen.insert(key.to_ascii_lowercase()))
    {
        Some(key) => Err(repeated(key)),
        None => Ok(()),
    }
}
