//! Bulk requests: how they are read, in which order they are executed, and what stands for what.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::http::scim::json;
use portcullis::scim::bulk::{self, BulkOperation, BulkRequest, BulkResult, Method};
use portcullis::scim::leniency::{Dialect, Leniencies};
use serde_json::Value;

const MOST: usize = 100;
const BASE: &str = "https://scim.example.org/scim/v2";

/// Every operation has one place, after what it refers to, and one result.
pub fn run(data: &[u8]) {
    let Ok(body) = json::parse(data) else {
        return;
    };
    let mut lenient = Leniencies::new(Dialect::Lenient);
    let leniently = bulk::parse(&body, MOST, &mut lenient);
    let strictly = bulk::parse(&body, MOST, &mut Leniencies::new(Dialect::Strict));
    if lenient.used().next().is_none() {
        assert_eq!(strictly, leniently, "nothing was forgiven");
    }
    if let Ok(request) = leniently {
        assert!(request.operations.len() <= MOST && request.fail_on_errors != Some(0));
        let order = bulk::plan(&request);
        is_in_order(&request, &order);
        resolves(&request);
        answers(&request);
    }
}

/// The POSTs that an operation names, by their places.
fn needed(request: &BulkRequest) -> Vec<BTreeSet<usize>> {
    let operations = || request.operations.iter().enumerate();
    let posts: BTreeMap<&str, usize> = operations()
        .filter_map(|(at, operation)| match operation {
            Ok(operation) if operation.method == Method::Post => {
                Some((operation.bulk_id.as_deref()?, at))
            }
            _ => None,
        })
        .collect();
    operations()
        .map(|(_, operation)| {
            let mut names = BTreeSet::new();
            if let Ok(operation) = operation {
                names.extend(operation.path.rsplit('/').next().map(str::to_owned));
                operation.data.iter().for_each(|data| {
                    texts(data, &mut names);
                });
            }
            let ids = names.iter().filter_map(|text| text.strip_prefix("bulkId:"));
            ids.filter_map(|id| posts.get(id).copied()).collect()
        })
        .collect()
}

fn texts(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            found.insert(text.clone());
        }
        Value::Array(elements) => elements.iter().for_each(|element| texts(element, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

fn is_in_order(request: &BulkRequest, order: &[usize]) {
    let count = request.operations.len();
    let mut sorted = order.to_vec();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..count), "each has one place");
    let needed = needed(request);
    // What each leads to, over any number of steps.
    let mut reach = needed.clone();
    loop {
        let next: Vec<BTreeSet<usize>> = reach
            .iter()
            .map(|found| {
                let further = found.iter().flat_map(|at| reach[*at].iter().copied());
                found.iter().copied().chain(further).collect()
            })
            .collect();
        if next == reach {
            break;
        }
        reach = next;
    }
    let mut place = vec![0; count];
    for (position, at) in order.iter().enumerate() {
        place[*at] = position;
    }
    for (at, needed) in needed.iter().enumerate() {
        for other in needed {
            let is_circle = reach[*other].contains(&at);
            assert!(
                is_circle || place[*other] < place[at],
                "{at} comes before {other}, which it needs"
            );
        }
    }
    if needed.iter().all(BTreeSet::is_empty) {
        assert!(order.iter().copied().eq(0..count), "the order stays");
    }
}

/// Either every reference is replaced, or the operation is refused.
fn resolves(request: &BulkRequest) {
    let operations = request.operations.iter().flatten();
    for BulkOperation { path, data, .. } in operations {
        let (mut path, mut data) = (path.clone(), data.clone().unwrap_or_default());
        let ids = |name: &str| (!name.contains('x')).then(|| "0190".to_owned());
        let (path_before, data_before) = (path.clone(), data.clone());
        let is_resolved = bulk::resolve(&mut data, &mut path, &ids).is_ok();
        let mut found = BTreeSet::new();
        texts(&data_before, &mut found);
        found.extend(path_before.rsplit('/').next().map(str::to_owned));
        let mut names = found.iter().filter_map(|text| text.strip_prefix("bulkId:"));
        assert_eq!(is_resolved, names.all(|name| !name.contains('x')));
        if is_resolved {
            let mut left = BTreeSet::new();
            texts(&data, &mut left);
            left.insert(path.rsplit('/').next().unwrap_or_default().to_owned());
            assert!(!left.iter().any(|text| text.starts_with("bulkId:")));
            assert_eq!(shape(&data), shape(&data_before));
        }
    }
}

/// A value without its texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::from(""),
        Value::Array(elements) => elements.iter().map(shape).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect(),
        other => other.clone(),
    }
}

fn answers(request: &BulkRequest) {
    let refused = portcullis::scim::ScimError::invalid_syntax("it is not done here");
    let results: Vec<BulkResult> = request
        .operations
        .iter()
        .map(|operation| match operation {
            Ok(operation) => BulkResult::failed(operation, BASE, &refused),
            Err(operation) => BulkResult::refused(operation, BASE),
        })
        .collect();
    let answer = bulk::response(&results);
    let listed = answer.get("Operations").and_then(Value::as_array);
    let listed = listed.expect("they are listed");
    assert_eq!(listed.len(), request.operations.len());
    for result in listed {
        assert_eq!(result.get("status"), Some(&Value::from("400")));
        assert_eq!(result.pointer("/response/status"), result.get("status"));
    }
}
