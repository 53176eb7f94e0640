//! The rules of RFC 7644 section 3.7 and its examples.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::scim::leniency::Dialect;

const BASE: &str = "https://example.com/v2";

fn parse_strictly(body: &Value) -> Result<BulkRequest, ScimError> {
    parse(body, 10, &mut Leniencies::new(Dialect::Strict))
}

fn bulk(operations: &Value) -> Value {
    json!({"schemas": [BULK_REQUEST_SCHEMA], "Operations": operations})
}

fn request(operations: &Value) -> BulkRequest {
    parse(&bulk(operations), 1_000, &mut Leniencies::default()).unwrap()
}

fn post(bulk_id: &str, refers_to: &[&str]) -> Value {
    let members: Vec<Value> = refers_to
        .iter()
        .map(|other| json!({"value": format!("bulkId:{other}")}))
        .collect();
    json!({"method": "POST", "path": "/Groups", "bulkId": bulk_id, "data": {"members": members}})
}

/// RFC 7644 section 3.7.3, its PATCH made valid JSON.
fn example() -> Value {
    json!({
        "schemas": [BULK_REQUEST_SCHEMA],
        "failOnErrors": 1,
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "qwerty", "data": {"userName": "Alice"}},
            {
                "method": "PUT", "path": "/Users/b7c14771", "version": "W/\"3694e05e9dff591\"",
                "data": {"id": "b7c14771", "userName": "Bob"},
            },
            {
                "method": "PATCH", "path": "/Users/5d8d29d3", "version": "W/\"edac3253e2c0ef2\"",
                "data": {"Operations": [{"op": "remove", "path": "nickName"}]},
            },
            {"method": "DELETE", "path": "/Users/e9025315", "version": "W/\"0ee8add0a938e1a\""},
        ],
    })
}

#[test]
fn the_example_of_the_rfc_is_read() {
    let request = parse_strictly(&example()).unwrap();
    assert_eq!(request.fail_on_errors, Some(1));
    let operations: Vec<BulkOperation> =
        request.operations.into_iter().map(Result::unwrap).collect();
    let expected = [
        (
            Method::Post,
            Some("qwerty"),
            None,
            "/Users",
            ("/Users", None),
        ),
        (
            Method::Put,
            None,
            Some("W/\"3694e05e9dff591\""),
            "/Users/b7c14771",
            ("/Users", Some("b7c14771")),
        ),
        (
            Method::Patch,
            None,
            Some("W/\"edac3253e2c0ef2\""),
            "/Users/5d8d29d3",
            ("/Users", Some("5d8d29d3")),
        ),
        (
            Method::Delete,
            None,
            Some("W/\"0ee8add0a938e1a\""),
            "/Users/e9025315",
            ("/Users", Some("e9025315")),
        ),
    ];
    assert_eq!(operations.len(), expected.len());
    for (operation, (method, bulk_id, version, path, target)) in operations.iter().zip(expected) {
        assert_eq!(operation.method, method);
        assert_eq!(operation.bulk_id.as_deref(), bulk_id);
        assert_eq!(operation.version.as_deref(), version);
        assert_eq!(operation.path, path);
        assert_eq!(operation.target(), target);
        assert_eq!(operation.data.is_some(), method != Method::Delete);
    }
}

#[test]
fn a_request_that_cannot_be_understood_as_a_whole_is_refused() {
    let schemas = json!([BULK_REQUEST_SCHEMA]);
    let delete = json!({"method": "DELETE", "path": "/Users/1"});
    let cases = [
        (json!([]), ErrorKind::InvalidSyntax),
        (json!({"Operations": []}), ErrorKind::InvalidSyntax),
        (json!({"schemas": schemas}), ErrorKind::InvalidSyntax),
        (bulk(&json!({})), ErrorKind::InvalidSyntax),
        (bulk(&json!(vec![delete; 11])), ErrorKind::PayloadTooLarge),
        (
            bulk(&json!([post("a", &[]), post("a", &[])])),
            ErrorKind::InvalidSyntax,
        ),
        (
            json!({"schemas": schemas, "failOnErrors": 0, "Operations": []}),
            ErrorKind::InvalidValue,
        ),
        (
            json!({"schemas": schemas, "failOnErrors": "1", "Operations": []}),
            ErrorKind::InvalidValue,
        ),
    ];
    for (body, kind) in cases {
        assert_eq!(parse_strictly(&body).unwrap_err().kind, kind, "{body}");
    }
    let many = parse_strictly(&bulk(&json!(vec![json!(1); 11]))).unwrap_err();
    assert!(many.detail.contains("maxOperations (10)"), "{many}");
}

#[test]
fn a_malformed_operation_fails_alone() {
    let cases = [
        json!("POST"),
        json!({"path": "/Users/1"}),
        json!({"method": "GET", "path": "/Users/1"}),
        json!({"method": "delete", "path": "/Users/1"}),
        json!({"method": "DELETE"}),
        json!({"method": "DELETE", "path": "/Users"}),
        json!({"method": "DELETE", "path": "/Users/"}),
        json!({"method": "DELETE", "path": "/Users/1/2"}),
        json!({"method": "DELETE", "path": "/Users/1?x"}),
        json!({"method": "DELETE", "path": "Users/1"}),
        json!({"method": "DELETE", "path": "https://example.com/v2/Users/1"}),
        json!({"method": "DELETE", "path": "/Users/1", "version": 1}),
        json!({"method": "POST", "path": "/Users", "data": {}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "", "data": {}}),
        json!({"method": "POST", "path": "/Users", "bulkId": 1, "data": {}}),
        json!({"method": "POST", "path": "/Users/1", "bulkId": "a", "data": {}}),
        json!({"method": "POST", "path": "/Users", "bulkId": "a"}),
        json!({"method": "PUT", "path": "/Users/1"}),
        json!({"method": "PATCH", "path": "/Users/1", "data": []}),
    ];
    for operation in cases {
        let fine = json!({"method": "DELETE", "path": "/Users/2"});
        let request = parse_strictly(&bulk(&json!([operation, fine]))).unwrap();
        let refused = request.operations[0].as_ref().unwrap_err();
        assert_eq!(refused.error.kind, ErrorKind::InvalidSyntax, "{operation}");
        assert_eq!(refused.method.as_deref(), operation["method"].as_str());
        assert_eq!(refused.path.as_deref(), operation["path"].as_str());
        assert!(request.operations[1].is_ok());
    }
}

#[test]
fn deviations_are_forgiven_and_recorded() {
    let body = json!({"operations": [{"Method": "delete", "Path": "/Users/1", "data": ""}]});
    let mut leniencies = Leniencies::new(Dialect::Lenient);
    let request = parse(&body, 10, &mut leniencies).unwrap();
    assert_eq!(
        request.operations[0].as_ref().unwrap().method,
        Method::Delete
    );
    assert_eq!(
        leniencies.used().collect::<Vec<_>>(),
        [Leniency::OperationCase, Leniency::MissingSchema]
    );
}

#[test]
fn operations_come_after_the_posts_that_they_refer_to() {
    let patch = |id: &str, member: &str| {
        json!({"method": "PATCH", "path": format!("/Groups/{id}"), "data": {"Operations": [
            {"op": "add", "path": "members", "value": [{"value": member}]},
        ]}})
    };
    let cases = [
        (json!([]), vec![]),
        (json!([post("a", &[]), post("b", &["a"])]), vec![0, 1]),
        (json!([post("a", &["b"]), post("b", &[])]), vec![1, 0]),
        (
            json!([post("a", &["c", "b"]), post("b", &[]), post("c", &["b"])]),
            vec![1, 2, 0],
        ),
        // Operations on the same resource keep their order.
        (
            json!([patch("1", "bulkId:x"), patch("1", "2"), post("x", &[])]),
            vec![2, 0, 1],
        ),
        (json!([patch("bulkId:x", "2"), post("x", &[])]), vec![1, 0]),
        (
            json!([{"method": "DELETE", "path": "/Groups/bulkId:x"}, post("x", &[])]),
            vec![1, 0],
        ),
        // RFC 7644 section 3.7.1: a circle, and one that refers to itself.
        (
            json!([post("qwerty", &["ytrewq"]), post("ytrewq", &["qwerty"])]),
            vec![1, 0],
        ),
        (json!([post("a", &["a"]), post("b", &[])]), vec![0, 1]),
        (json!([post("a", &["nowhere"]), post("b", &[])]), vec![0, 1]),
        (json!([1, post("a", &["b"]), post("b", &[])]), vec![0, 2, 1]),
    ];
    for (operations, order) in cases {
        assert_eq!(plan(&request(&operations)), order, "{operations}");
    }
}

#[test]
fn references_become_identifiers_wherever_they_stand() {
    let ids = |bulk_id: &str| (bulk_id == "qwerty").then(|| "92b725cd".to_owned());
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let mut data = json!({
        "displayName": "About bulkId:qwerty",
        "members": [{"type": "User", "value": "bulkId:qwerty"}],
        enterprise: {"manager": {"value": "bulkId:qwerty"}},
        "active": true,
    });
    let mut path = "/Users/bulkId:qwerty".to_owned();
    resolve(&mut data, &mut path, &ids).unwrap();
    assert_eq!(path, "/Users/92b725cd");
    assert_eq!(
        data,
        json!({
            "displayName": "About bulkId:qwerty",
            "members": [{"type": "User", "value": "92b725cd"}],
            enterprise: {"manager": {"value": "92b725cd"}},
            "active": true,
        })
    );
    let unknown = [
        (json!({"value": "bulkId:other"}), "/Users"),
        (json!(null), "/Users/bulkId:other"),
        (json!(["bulkId:"]), "/Users"),
    ];
    for (mut data, path) in unknown {
        let error = resolve(&mut data, &mut path.to_owned(), &ids).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
    }
}

#[test]
fn the_answer_holds_what_the_rfc_asks_for_each_operation() {
    let operations = parse_strictly(&example()).unwrap().operations;
    let operation = |index: usize| operations[index].as_ref().unwrap();
    let error = ScimError::new(ErrorKind::PreconditionFailed, "changed");
    let broken = |operation: Value| {
        parse_strictly(&bulk(&json!([operation])))
            .unwrap()
            .operations
            .remove(0)
            .unwrap_err()
    };
    let unknown = broken(json!({"method": "GET", "path": "/Users/1", "bulkId": "z"}));
    let nothing = broken(json!(1));
    let results = [
        BulkResult::done(
            operation(0),
            201,
            format!("{BASE}/Users/92b725cd"),
            Some("W/\"1\"".to_owned()),
        ),
        BulkResult::done(operation(3), 204, format!("{BASE}/Users/e9025315"), None),
        BulkResult::failed(operation(0), BASE, &error),
        BulkResult::failed(operation(1), BASE, &error),
        BulkResult::refused(&unknown, BASE),
        BulkResult::refused(&nothing, BASE),
    ];
    let is_error: Vec<bool> = results.iter().map(BulkResult::is_error).collect();
    assert_eq!(is_error, [false, false, true, true, true, true]);
    assert_eq!(
        response(&results),
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
            "Operations": [
                {
                    "location": "https://example.com/v2/Users/92b725cd", "method": "POST",
                    "bulkId": "qwerty", "version": "W/\"1\"", "status": "201",
                },
                {"location": "https://example.com/v2/Users/e9025315", "method": "DELETE", "status": "204"},
                {"method": "POST", "bulkId": "qwerty", "status": "412", "response": error.to_json()},
                {
                    "location": "https://example.com/v2/Users/b7c14771", "method": "PUT",
                    "status": "412", "response": error.to_json(),
                },
                {
                    "location": "https://example.com/v2/Users/1", "method": "GET", "bulkId": "z",
                    "status": "400", "response": unknown.error.to_json(),
                },
                {"status": "400", "response": nothing.error.to_json()},
            ],
        })
    );
}

/// Operation i refers to some of the others.
fn graphs() -> impl Strategy<Value = Vec<Vec<usize>>> {
    (1..12_usize)
        .prop_flat_map(|size| prop::collection::vec(prop::collection::vec(0..size, 0..4), size))
}

fn order_of(graph: &[Vec<usize>]) -> Vec<usize> {
    let operations = graph.iter().enumerate().map(|(index, others)| {
        let others: Vec<String> = others.iter().map(ToString::to_string).collect();
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        post(&index.to_string(), &others)
    });
    plan(&request(&operations.collect()))
}

proptest! {
    #[test]
    fn a_plan_holds_each_operation_once(graph in graphs()) {
        let mut order = order_of(&graph);
        order.sort_unstable();
        prop_assert_eq!(order, (0..graph.len()).collect::<Vec<_>>());
    }

    #[test]
    fn without_circles_every_reference_points_back(graph in graphs(), forward in any::<bool>()) {
        // References to earlier operations alone, or to later ones alone, make no circle.
        let graph: Vec<Vec<usize>> = graph
            .iter()
            .enumerate()
            .map(|(index, others)| {
                let fits = |other: &usize| if forward { *other > index } else { *other < index };
                others.iter().copied().filter(fits).collect()
            })
            .collect();
        let order = order_of(&graph);
        let place = |index: usize| order.iter().position(|other| *other == index);
        for (index, others) in graph.iter().enumerate() {
            for other in others {
                prop_assert!(place(*other) < place(index));
            }
        }
        if !forward {
            prop_assert_eq!(order, (0..graph.len()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn no_operation_makes_reading_panic(method in ".{0,6}|POST|PUT", path in ".{0,20}|/Users(/[a-z:]{0,8})?", id in ".{0,5}") {
        let request = request(&json!([{"method": method, "path": path, "bulkId": id, "data": {"value": id}}]));
        prop_assert_eq!(plan(&request), [0]);
        if let Ok(operation) = &request.operations[0] {
            let mut path = operation.path.clone();
            let _ = resolve(&mut json!({"value": id}), &mut path, &|_| None);
        }
    }
}
