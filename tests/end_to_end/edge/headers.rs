//! What every answer says about itself.

use std::collections::BTreeSet;

use crate::server::{Answer, DatabaseKind, TestServer};

/// Every path of every interface with a method that it offers, and pages beside.
fn routes(server: &TestServer) -> BTreeSet<(String, String)> {
    let document = server.anonymous().get("/openapi.json").expect(200).body;
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = BTreeSet::new();
    for (path, item) in paths {
        let methods = item.as_object().expect("methods").keys();
        for method in methods
            .filter(|name| ["get", "post", "put", "patch", "delete"].contains(&name.as_str()))
        {
            routes.insert((method.to_uppercase(), path.clone()));
        }
    }
    for route in portcullis::http::console::routes() {
        routes.insert((route.method.to_string(), format!("/console{}", route.path)));
    }
    for page in [
        "/console/",
        "/console/sign-in",
        "/console/assets/style.css",
        "/docs",
        "/nowhere",
        "/scim/v2/Nothing",
        "/console/nothing",
        "/admin/v1/%00",
    ] {
        routes.insert(("GET".to_owned(), page.to_owned()));
    }
    routes
}

fn address(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        if segment.contains('{') {
            "00000000-0000-7000-8000-000000000000"
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn assert_is_safe(answer: &Answer, what: &str) {
    let header = |name: &str| answer.header(name).unwrap_or_default();
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert!(
        ["no-referrer", "same-origin"].contains(&header("referrer-policy")),
        "{what}: {:?}",
        answer.headers
    );
    assert!(
        header("content-security-policy").contains("frame-ancestors 'none'"),
        "{what}: {:?}",
        answer.headers
    );
    assert!(!header("x-request-id").is_empty(), "{what}");
    assert_eq!(answer.header("server"), None, "{what}");
    let is_kept_by_caches = ["/.well-known/", "/openapi.json", "/docs", "/console/"]
        .iter()
        .any(|start| what.contains(start));
    assert!(
        is_kept_by_caches || header("cache-control").contains("no-store"),
        "{what}: {:?}",
        answer.headers
    );
}

#[test]
fn every_answer_of_every_route_has_the_headers_that_keep_it_safe() {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let routes = routes(&server);
    assert!(routes.len() > 150, "{}", routes.len());
    for (method, path) in routes {
        let key = if path.starts_with("/scim/") {
            &server.scim_key
        } else {
            &server.admin_key
        };
        let client = server.with_token(key);
        // What is asked for is not there or not complete, and nothing is removed that the next one needs.
        let answer = client.request(&method, &address(&path), &[], b"");
        assert_is_safe(&answer, &format!("{method} {path}"));
        assert_eq!(answer.header("strict-transport-security"), None);
        let answer = server
            .anonymous()
            .request(&method, &address(&path), &[], b"");
        assert_is_safe(&answer, &format!("anonymous {method} {path}"));
    }
}

#[test]
fn what_is_public_over_https_says_that_it_is_so_for_good() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.public_url = Some("https://portcullis.example.org".to_owned());
    });
    let answer = server_client(&server).get("/healthz").expect(200);
    assert_eq!(
        answer.header("strict-transport-security"),
        Some("max-age=63072000")
    );
}

fn server_client(server: &TestServer) -> crate::server::Client {
    let base = format!("http://{}", server.state.settings.listen);
    crate::server::Client::new(&base, None)
}

#[test]
fn a_request_keeps_its_identifier_where_that_is_fit_for_a_log() {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let id_of = |headers: &[(&str, &str)]| -> String {
        let answer = server.anonymous().request("GET", "/healthz", headers, b"");
        answer.header("x-request-id").unwrap_or_default().to_owned()
    };
    assert_eq!(id_of(&[("X-Request-Id", "trace-1/2")]), "trace-1/2");
    let own = id_of(&[("X-Request-Id", "a\"b")]);
    assert!(uuid::Uuid::parse_str(&own).is_ok(), "{own}");
    assert_ne!(own, id_of(&[]));
}
