//! `bulkId:` references (RFC 7644 sections 3.7.1 and 3.7.2): the order of execution that they ask for, and
//! their replacement.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{BulkOperation, BulkRequest, Method};
use crate::scim::{ErrorKind, ScimError};

const PREFIX: &str = "bulkId:";

/// The order in which to execute the operations, as indices into [`BulkRequest::operations`].
///
/// A POST that is referred to comes before whatever refers to it; beside that the order of the request
/// stays. References in a circle cannot all point back: the first operation of the circle comes last, so
/// identifiers must be given to all POSTs beforehand.
#[must_use]
pub fn plan(request: &BulkRequest) -> Vec<usize> {
    let requirements = requirements(request);
    let mut order = Vec::with_capacity(request.operations.len());
    let mut begun = vec![false; request.operations.len()];
    // Depth first with a stack of its own, since a chain may be as long as the request.
    for start in 0..request.operations.len() {
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            if next == 0 {
                match begun.get_mut(index) {
                    Some(begun) if !*begun => *begun = true,
                    _ => continue,
                }
            }
            match requirements.get(index).and_then(|needed| needed.get(next)) {
                Some(&needed) => {
                    stack.push((index, next + 1));
                    stack.push((needed, 0));
                }
                None => order.push(index),
            }
        }
    }
    order
}

/// For each operation the POSTs that it refers to.
fn requirements(request: &BulkRequest) -> Vec<Vec<usize>> {
    let mut posts = BTreeMap::new();
    for (index, operation) in request.operations.iter().enumerate() {
        if let Ok(BulkOperation {
            method: Method::Post,
            bulk_id: Some(bulk_id),
            ..
        }) = operation
        {
            posts.insert(bulk_id.as_str(), index);
        }
    }
    request
        .operations
        .iter()
        .map(|operation| {
            let mut needed = Vec::new();
            if let Ok(operation) = operation {
                let mut note = |bulk_id: &str| needed.extend(posts.get(bulk_id));
                path_reference(&operation.path)
                    .into_iter()
                    .for_each(&mut note);
                if let Some(data) = &operation.data {
                    each_reference(data, &mut note);
                }
            }
            needed
        })
        .collect()
}

fn path_reference(path: &str) -> Option<&str> {
    path.rsplit_once('/')?.1.strip_prefix(PREFIX)
}

fn each_reference(value: &Value, note: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => text.strip_prefix(PREFIX).into_iter().for_each(note),
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| each_reference(element, note)),
        Value::Object(members) => members
            .values()
            .for_each(|member| each_reference(member, note)),
        _ => {}
    }
}

/// Puts identifiers in the place of references, in the data and in the path. `ids` knows the resources
/// that exist by now or will.
///
/// # Errors
/// 409 where a reference has no resource, because no operation creates it or the one that should has
/// failed (RFC 7644 section 3.7.1).
pub fn resolve(
    data: &mut Value,
    path: &mut String,
    ids: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ScimError> {
    if let Some(bulk_id) = path_reference(path) {
        let id = find(bulk_id, ids)?;
        path.truncate(path.len() - PREFIX.len() - bulk_id.len());
        path.push_str(&id);
    }
    resolve_value(data, ids)
}

fn resolve_value(value: &mut Value, ids: &dyn Fn(&str) -> Option<String>) -> Result<(), ScimError> {
    match value {
        Value::String(text) => {
            if let Some(bulk_id) = text.strip_prefix(PREFIX) {
                *text = find(bulk_id, ids)?;
            }
            Ok(())
        }
        Value::Array(elements) => elements
            .iter_mut()
            .try_for_each(|element| resolve_value(element, ids)),
        Value::Object(members) => members
            .values_mut()
            .try_for_each(|member| resolve_value(member, ids)),
        _ => Ok(()),
    }
}

fn find(bulk_id: &str, ids: &dyn Fn(&str) -> Option<String>) -> Result<String, ScimError> {
    ids(bulk_id).ok_or_else(|| {
        ScimError::new(
            ErrorKind::Conflict,
            format!("{PREFIX}{bulk_id} stands for no resource that this request creates"),
        )
    })
}
