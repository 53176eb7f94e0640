//! The OpenAPI document lists what is served, all of it and nothing else, and names the scope of each call.

use std::collections::{BTreeMap, BTreeSet};

use portcullis::http::admin::routes;
use serde_json::Value;
use uuid::Uuid;

use crate::server::TestServer;

/// By path, the methods of the document with what is said of them.
fn operations(server: &TestServer) -> BTreeMap<String, BTreeMap<String, Value>> {
    let document = server.anonymous().get("/openapi.json").expect(200).body;
    let paths = document["paths"].as_object().expect("it has paths");
    let methods = |item: &Value| {
        let methods = item.as_object().expect("a path has methods").iter();
        methods
            .map(|(method, operation)| (method.to_uppercase(), operation.clone()))
            .collect()
    };
    paths
        .iter()
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

/// A thing that does not exist is named wherever the path has a parameter.
fn address(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        "{role}" => "auditor".to_owned(),
        "{name}" => "User".to_owned(),
        "{urn}" => "urn:ietf:params:scim:schemas:core:2.0:User".to_owned(),
        parameter if parameter.starts_with('{') => Uuid::now_v7().to_string(),
        literal => literal.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

on_both_databases!(
    every_call_of_the_admin_interface_is_described_with_its_scope,
    |server| {
        let described: BTreeSet<(String, String, String)> = operations(server)
            .into_iter()
            .filter(|(path, _)| path.starts_with("/admin/v1/"))
            .flat_map(|(path, methods)| {
                methods.into_iter().map(move |(method, operation)| {
                    (method, path.clone(), operation["security"].to_string())
                })
            })
            .collect();
        let served: BTreeSet<(String, String, String)> = routes()
            .into_iter()
            .map(|route| {
                let security = serde_json::json!([{"admin": [route.scope.name()]}]);
                let path = format!("/admin/v1{}", route.path);
                (route.method.to_string(), path, security.to_string())
            })
            .collect();
        assert_eq!(described, served);
    }
);

on_both_databases!(
    a_described_path_offers_the_methods_that_are_described_and_no_others,
    |server| {
        for (path, methods) in operations(server) {
            // It answers whatever method the user has sent to the gateway.
            if path == "/gateway/auth" {
                continue;
            }
            let client = if path.starts_with("/scim/v2") {
                server.with_token(&server.scim_key)
            } else {
                server.anonymous()
            };
            let answer = client.request("OPTIONS", &address(&path), &[], b"");
            assert_eq!(answer.status, 405, "{path}: {}", answer.text);
            let offered: BTreeSet<&str> = answer
                .header("allow")
                .expect("it lists the methods")
                .split(", ")
                .filter(|method| *method != "HEAD")
                .collect();
            let described: BTreeSet<&str> = methods.keys().map(String::as_str).collect();
            assert_eq!(offered, described, "{path}");
        }
    }
);

on_both_databases!(every_operation_says_what_it_does_and_answers, |server| {
    for (path, methods) in operations(server) {
        for (method, operation) in methods {
            let what = format!("{method} {path}");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{what}");
            let answers = operation["responses"].as_object().expect("it answers");
            let is_success = |status: &String| status.starts_with('2');
            assert!(answers.keys().any(is_success), "{what}: {answers:?}");
        }
    }
});

on_both_databases!(
    the_page_shows_every_operation_and_asks_nobody_else_for_anything,
    |server| {
        let client = server.anonymous();
        let answer = client.get("/docs").expect(200);
        let policy = answer.header("content-security-policy");
        let policy = policy.unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        let page = &answer.text;
        for foreign in ["<script", "<style", "style=", "src=", "href=\"http"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        let style = client.get("/docs/style.css").expect(200);
        assert_eq!(
            style.header("content-type"),
            Some("text/css; charset=utf-8")
        );
        assert!(!style.text.contains("url("), "{}", style.text);

        let mut anchors = BTreeSet::new();
        for id in page.split(" id=\"").skip(1) {
            let id = id.split('"').next().unwrap_or_default();
            assert!(anchors.insert(id), "{id} is there twice");
        }
        for target in page.split("href=\"#").skip(1) {
            let target = target.split('"').next().unwrap_or_default();
            assert!(anchors.contains(target), "{target} leads nowhere");
        }
        for (path, methods) in operations(server) {
            for method in methods.keys() {
                let shown = format!("<code>{method} {path}</code>");
                assert!(page.contains(&shown), "{shown}");
            }
        }
    }
);
