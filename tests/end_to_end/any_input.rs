//! Promise P12 for what nobody has thought of: any JSON to any endpoint by any method is answered with a
//! success or the protocol's own error, and never with a failure of ours.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::server::{Answer, Client, TestServer};

const CASES: u32 = 300;
const SCIM_ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
/// Names that mean something somewhere, so that a case gets further than the first check.
const NAMES: [&str; 40] = [
    "schemas",
    "userName",
    "displayName",
    "active",
    "emails",
    "members",
    "value",
    "type",
    "primary",
    "name",
    "givenName",
    "externalId",
    "password",
    "id",
    "meta",
    "groups",
    "Operations",
    "op",
    "path",
    "method",
    "bulkId",
    "data",
    "failOnErrors",
    "filter",
    "count",
    "startIndex",
    "sortBy",
    "attributes",
    "roles",
    "scopes",
    "user_name",
    "expires_in_days",
    "dialect",
    "allowed_networks",
    "user_id",
    "role",
    "group_id",
    "directory_id",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
    "manager",
];
const TEXTS: [&str; 34] = [
    "urn:ietf:params:scim:schemas:core:2.0:User",
    "urn:ietf:params:scim:schemas:core:2.0:Group",
    "urn:ietf:params:scim:api:messages:2.0:PatchOp",
    "urn:ietf:params:scim:api:messages:2.0:BulkRequest",
    "urn:ietf:params:scim:api:messages:2.0:SearchRequest",
    "add",
    "remove",
    "replace",
    "Replace",
    "members",
    "members[value eq \"x\"]",
    "emails[type eq \"work\"].value",
    "active",
    "userName",
    "name.givenName",
    "/Users",
    "/Groups",
    "/Users/bulkId:a",
    "/Users/\u{0}",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "bulkId:a",
    "a",
    "",
    "True",
    "\u{0}",
    "userName eq \"\u{0}\"",
    "10.0.0.0/8",
    "owner",
    "strict",
    "2026-01-31T12:00:00Z",
    "<id>",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => select(&TEXTS[..]).prop_map(str::to_owned), 1 => ".{0,20}", 1 => "[\\x00-\\x1f\"\\\\%'\\[\\]()]{0,8}"]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![6 => select(&NAMES[..]).prop_map(str::to_owned), 1 => text()]
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(|number| json!(number)),
        4 => text().prop_map(Value::String),
    ];
    leaf.prop_recursive(5, 48, 8, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..5).prop_map(Value::Array),
            2 => vec((key(), inner), 0..8).prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Any JSON, or what passes the first checks with any JSON inside.
fn body() -> impl Strategy<Value = Value> {
    let envelope = |schema: &'static str, name: &'static str| {
        vec(any_json(), 0..4).prop_map(move |inner| json!({"schemas": [schema], name: inner}))
    };
    let resource = |schema: &'static str, name: &'static str| {
        (text(), vec((key(), any_json()), 0..5)).prop_map(move |(value, members)| {
            let mut body = json!({"schemas": [schema], name: value});
            for (key, value) in members {
                body[key] = value;
            }
            body
        })
    };
    let operation = (select(vec!["add", "remove", "replace"]), text(), any_json());
    let patch = vec(operation, 1..4).prop_map(|operations| {
        let operations: Vec<_> = operations
            .into_iter()
            .map(|(op, path, value)| json!({"op": op, "path": path, "value": value}))
            .collect();
        json!({"schemas": [TEXTS[2]], "Operations": operations})
    });
    let operation = (
        select(vec!["POST", "PUT", "PATCH", "DELETE"]),
        text(),
        text(),
        any_json(),
    );
    let bulk = vec(operation, 1..4).prop_map(|operations| {
        let operations: Vec<_> = operations
            .into_iter()
            .map(|(method, path, id, data)| json!({"method": method, "path": path, "bulkId": id, "data": data}))
            .collect();
        json!({"schemas": [TEXTS[3]], "Operations": operations})
    });
    prop_oneof![
        2 => any_json(),
        2 => resource(TEXTS[0], "userName"),
        2 => resource(TEXTS[1], "displayName"),
        3 => patch,
        2 => bulk,
        1 => envelope(TEXTS[2], "Operations"),
        1 => text().prop_map(|filter| json!({"schemas": [TEXTS[4]], "filter": filter})),
    ]
}

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

fn query() -> impl Strategy<Value = String> {
    let names = select(vec![
        "filter",
        "count",
        "startIndex",
        "sortBy",
        "sortOrder",
        "attributes",
        "excludedAttributes",
        "cursor",
        "limit",
        "user_name",
        "directory_id",
        "action",
        "user_id",
        "target_id",
    ]);
    vec((names, text()), 0..3).prop_map(|pairs| {
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={}", encoded(&value)))
            .collect();
        pairs.join("&")
    })
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sends any body to any of the paths; what `{}` holds the place of is an id that exists or any text.
fn send_anything(
    client: &Client,
    paths: &[&'static str],
    ids: &[String],
    check: impl Fn(&Answer) -> Result<(), String>,
) {
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    });
    let id = prop_oneof![3 => select(ids.to_vec()), 1 => text().prop_filter("a segment", |text| !text.is_empty())];
    let strategy = (
        select(&METHODS[..]),
        select(paths.to_vec()),
        id,
        query(),
        body(),
    );
    let outcome = runner.run(&strategy, |(method, path, id, query, body)| {
        let path = format!("{}?{query}", path.replace("{}", &encoded(&id)));
        let body = body.to_string().replace("<id>", &ids[0]);
        let content_type = if path.starts_with("/oauth2") {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        let answer = client.request(
            method,
            &path,
            &[("Content-Type", content_type)],
            body.as_bytes(),
        );
        check(&answer).map_err(|reason| {
            TestCaseError::fail(format!(
                "{method} {path} {body}: {} {reason}: {}",
                answer.status, answer.text
            ))
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

fn is_scim(answer: &Answer) -> Result<(), String> {
    let is_ours = answer.status >= 500 && answer.status != 501;
    let is_success = (200..300).contains(&answer.status) || answer.status == 304;
    let is_error = answer.body["schemas"][0] == SCIM_ERROR
        && answer.body["status"].as_str() == Some(answer.status.to_string().as_str());
    match (is_ours, is_success || is_error) {
        (false, true) if is_success => no_failure_inside(answer),
        (false, true) => Ok(()),
        _ => Err("is no answer of SCIM".to_owned()),
    }
}

/// A bulk request hides its failures inside.
fn no_failure_inside(answer: &Answer) -> Result<(), String> {
    let operations = answer.body["Operations"].as_array();
    let failed = operations.into_iter().flatten().any(|operation| {
        operation["status"]
            .as_str()
            .is_none_or(|status| status.starts_with('5') && status != "501")
    });
    if failed {
        Err("holds a failure of ours".to_owned())
    } else {
        Ok(())
    }
}

fn is_no_failure(answer: &Answer) -> Result<(), String> {
    if answer.status >= 500 {
        return Err("is a failure of ours".to_owned());
    }
    let is_told =
        answer.status < 400 || answer.body["type"].is_string() || answer.body["error"].is_string();
    if is_told {
        Ok(())
    } else {
        Err("is an error without its form".to_owned())
    }
}

/// A user and a group of the first directory.
fn ids(server: &TestServer) -> Vec<String> {
    let scim = server.scim();
    let user = scim
        .post("/Users", &json!({"schemas": [TEXTS[0]], "userName": "ada"}))
        .expect(201)
        .id();
    let group =
        json!({"schemas": [TEXTS[1]], "displayName": "Engines", "members": [{"value": user}]});
    let group = scim.post("/Groups", &group).expect(201).id();
    vec![user, group]
}

on_both_databases!(
    any_json_to_any_scim_endpoint_is_answered_in_its_own_terms,
    |server| {
        let ids = ids(server);
        let paths = [
            "/",
            "/Users",
            "/Groups",
            "/Users/{}",
            "/Groups/{}",
            "/Bulk",
            "/.search",
            "/Users/.search",
            "/Groups/.search",
            "/Schemas",
            "/Schemas/{}",
            "/ResourceTypes",
            "/ResourceTypes/{}",
            "/ServiceProviderConfig",
            "/Me",
            "/{}",
            "/Users/{}/{}",
        ];
        send_anything(&server.scim(), &paths, &ids, is_scim);
        server.scim().get("/Users").expect(200);
        server.anonymous().get("/readyz").expect(200);
    }
);

on_both_databases!(
    any_json_to_any_other_endpoint_is_no_failure_of_ours,
    |server| {
        let mut ids = ids(server);
        ids.push(server.directory_id.clone());
        let paths = [
            "/admin/v1/directories",
            "/admin/v1/directories/{}/scim-keys",
            "/admin/v1/directories/{}/scim-requests",
            "/admin/v1/directories/{}/leniencies",
            "/admin/v1/users",
            "/admin/v1/users/{}",
            "/admin/v1/users/{}/deprovision",
            "/admin/v1/users/{}/reactivate",
            "/admin/v1/users/{}/tokens",
            "/admin/v1/users/{}/tokens/{}",
            "/admin/v1/users/{}/revoke-tokens",
            "/admin/v1/users/{}/password-link",
            "/admin/v1/scim-keys",
            "/admin/v1/scim-keys/{}",
            "/admin/v1/scim-keys/{}/rotate",
            "/admin/v1/scim-keys/{}/adopt",
            "/admin/v1/api-keys",
            "/admin/v1/api-keys/{}",
            "/admin/v1/orphaned-keys",
            "/admin/v1/products",
            "/admin/v1/products/{}",
            "/admin/v1/products/{}/credentials",
            "/admin/v1/roles/assignments",
            "/admin/v1/roles/assignments/{}/{}",
            "/admin/v1/roles/mappings",
            "/admin/v1/roles/mappings/{}",
            "/admin/v1/audit-events",
            "/admin/v1/receipts",
            "/admin/v1/notices",
            "/admin/v1/notices/{}/read",
            "/admin/v1/{}",
            "/account/v1/session",
            "/account/v1/tokens",
            "/account/v1/tokens/{}",
            "/account/v1/password",
            "/oauth2/introspect",
        ];
        send_anything(
            &server.with_token(&server.admin_key),
            &paths,
            &ids,
            is_no_failure,
        );
        server.anonymous().get("/readyz").expect(200);
    }
);
