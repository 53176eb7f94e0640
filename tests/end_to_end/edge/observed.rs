//! What is logged and counted, and that neither tells a secret or of a person.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use portcullis::clock::Timestamp;
use serde_json::{Value, json};

use crate::people::USER_SCHEMA;
use crate::process::Deployment;
use crate::server::{Client, DatabaseKind, TestServer};

use super::raw;

/// The lines of requests, by the identifier that the request was given.
fn request_lines(log: &str) -> BTreeMap<String, Value> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|entry| entry["message"] == "request")
        .map(|entry| (entry["id"].as_str().unwrap_or_default().to_owned(), entry))
        .collect()
}

#[test]
fn a_request_is_one_line_that_says_who_asked_what_and_how_it_went() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let options = ["--trusted-proxies", "127.0.0.0/8"];
    let server = deployment.serve_with(&options);
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    let headers = [
        ("X-Request-Id", "of-a-list"),
        ("X-Forwarded-For", "203.0.113.9, 198.51.100.7"),
    ];
    scim.request("GET", "/Users?filter=userName eq \"canary\"", &headers, b"")
        .expect(200);
    let anonymous = Client::new(&server.base_url, None);
    let headers = [("X-Request-Id", "of-nobody")];
    let path = "/admin/v1/products/canary";
    anonymous.request("GET", path, &headers, b"").expect(401);
    server.signal("TERM");
    let (code, log) = server.wait();
    assert_eq!(code, Some(0));

    let lines = request_lines(&log);
    let line = &lines["of-a-list"];
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["target"], "portcullis::request");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/scim/v2/Users");
    assert_eq!(line["status"], 200);
    assert_eq!(line["kind"], "scim_key");
    assert_eq!(line["directory"], deployment.first("directory_id"));
    assert_eq!(line["client"], "198.51.100.7");
    // The kind and six characters, of thirty.
    let beginning = &deployment.first("scim_key")[.."pcscim_".len() + 6];
    assert_eq!(line["credential"], beginning);
    let millis: f64 = line["ms"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("milliseconds");
    assert!(millis > 0.0, "{line}");

    let line = &lines["of-nobody"];
    assert_eq!(line["route"], "/admin/v1/products/{id}");
    assert_eq!(line["status"], 401);
    assert_eq!(line["credential"], Value::Null);
    assert_eq!(line["client"], "127.0.0.1");
    assert!(!log.contains("canary"), "{log}");
}

#[test]
fn a_scim_request_that_is_refused_is_logged_with_its_route_and_what_is_no_request_quietly() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let server = deployment.serve();
    let anonymous = Client::new(&server.base_url, None);
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    for (client, method, path, id, status) in [
        (
            &anonymous,
            "GET",
            "/scim/v2/Users/canary",
            "unauthorised",
            401,
        ),
        (
            &anonymous,
            "POST",
            "/scim/v2/Groups/.search",
            "a-search",
            401,
        ),
        (&scim, "GET", "/Groups/canary", "absent", 404),
        (&scim, "PUT", "/Users", "not-offered", 405),
        (&scim, "GET", "/Canary/canary", "no-endpoint", 404),
    ] {
        let headers = [("X-Request-Id", id)];
        client.request(method, path, &headers, b"").expect(status);
    }
    let mut stream = raw::connect(&server.base_url);
    raw::write(&mut stream, "CANARY canary canary\r\n\r\n");
    let answer = raw::read_to_end(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let log = server.stop();
    let lines = request_lines(&log);
    for (id, route) in [
        ("unauthorised", "/scim/v2/Users/{id}"),
        ("a-search", "/scim/v2/Groups/.search"),
        ("absent", "/scim/v2/Groups/{id}"),
        ("not-offered", "/scim/v2/Users"),
        ("no-endpoint", "/scim/v2"),
    ] {
        assert_eq!(lines[id]["route"], route, "{id}");
    }
    assert!(!log.to_lowercase().contains("canary"), "{log}");
    assert!(!log.contains("actix_http"), "{log}");
    assert!(!log.contains("\"ERROR\""), "{log}");
    let of_no_request: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("held what is no request"))
        .collect();
    assert_eq!(of_no_request.len(), 1, "{log}");
    assert!(of_no_request[0].contains("\"DEBUG\""), "{log}");
}

#[test]
fn the_log_tells_no_secret_and_of_no_person_wherever_they_are_sent() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let server = deployment.serve();
    let secrets: Vec<String> = ["scim_key", "admin_api_key"]
        .iter()
        .map(|name| deployment.first(name).to_owned())
        .collect();
    let canary = "canary.lovelace@example.org";
    let mut told: Vec<String> = vec![canary.to_owned(), "canarypassword".to_owned()];
    for secret in &secrets {
        let client = Client::new(&server.base_url, Some(secret));
        let cookie = format!("__Host-portcullis={secret}; portcullis={secret}");
        let headers = [
            ("Cookie", cookie.as_str()),
            ("X-Api-Key", secret.as_str()),
            ("X-Portcullis-Product-Credential", secret.as_str()),
            ("User-Agent", secret.as_str()),
            ("Referer", secret.as_str()),
        ];
        for path in [
            "/scim/v2/Users",
            "/admin/v1/products",
            "/account/v1/session",
            "/account/v1/password",
            "/oauth2/introspect",
            "/oauth2/token",
            "/oauth2/revoke",
            "/leaks",
            "/gateway/auth",
            "/console/sign-in",
        ] {
            let body = json!({
                "schemas": [USER_SCHEMA], "userName": canary, "user_name": canary,
                "password": "canarypassword", "token": secret, "link": secret, "name": canary,
            });
            let form = format!("token={secret}&user_name={canary}&password=canarypassword");
            let query = format!("{path}?token={secret}&filter=userName eq \"{canary}\"");
            client.request("GET", &query, &headers, b"");
            let sent = [
                ("application/json", body.to_string()),
                ("application/scim+json", body.to_string()),
                ("application/x-www-form-urlencoded", form),
            ];
            for (media_type, body) in sent {
                let mut headers = headers.to_vec();
                headers.push(("Content-Type", media_type));
                client.request("POST", path, &headers, body.as_bytes());
            }
        }
        client.get(&format!("/{secret}/{canary}"));
    }
    told.extend(secrets);
    let log = server.stop();
    assert!(log.lines().count() > 80, "{log}");
    for secret in told {
        for line in log.lines() {
            assert!(!line.contains(&secret), "{secret} is in: {line}");
        }
    }
}

/// The samples by their whole name, and the metrics by their name, as the format has them.
fn parsed(text: &str) -> (BTreeMap<String, f64>, BTreeMap<String, String>) {
    let (mut samples, mut kinds) = (BTreeMap::new(), BTreeMap::new());
    let mut helped = BTreeSet::new();
    let mut present = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(help.ends_with('.'), "{line}");
            assert!(helped.insert(name.to_owned()), "{name} is there twice");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a kind");
            assert!(helped.contains(name), "{name} has no help");
            kinds.insert(name.to_owned(), kind.to_owned());
            name.clone_into(&mut present);
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            let value: f64 = value.parse().expect("a number");
            let bare = name.split('{').next().unwrap_or_default();
            let suffix = bare.strip_prefix(&present).unwrap_or("?");
            let is_histogram = kinds[&present] == "histogram";
            let fits = match suffix {
                "" => !is_histogram,
                "_bucket" | "_sum" | "_count" => is_histogram,
                _ => false,
            };
            assert!(fits, "{line} is not below its metric");
            let is_new = samples.insert(name.to_owned(), value).is_none();
            assert!(is_new, "{name} is there twice");
        }
    }
    (samples, kinds)
}

on_both_databases!(requests_and_what_is_stored_are_counted, |server| {
    let scim = server.scim();
    let user = json!({"schemas": [USER_SCHEMA], "userName": "ada@example.org"});
    let id = scim.post("/Users", &user).expect(201).id();
    scim.get(&format!("/Users/{id}")).expect(200);
    scim.get("/Users?count=0").expect(200);
    scim.get("/Users/none").expect(404);
    scim.get("/Nothing").expect(404);
    server.anonymous().get("/scim/v2/Users").expect(401);
    server.admin().get("/directories").expect(200);
    server
        .admin()
        .get(&format!("/directories/{}", server.directory_id))
        .expect(200);
    server
        .anonymous()
        .request("BREW", "/docs", &[], b"")
        .expect(405);
    let dead = format!("{}x", server.scim_key);
    server.scim_with(&dead).get("/Users").expect(401);
    let sign_in = json!({"user_name": "ada@example.org", "password": "wrong"});
    server
        .anonymous()
        .post("/account/v1/session", &sign_in)
        .expect(401);

    let answer = server.anonymous().get("/metrics").expect(200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let (samples, kinds) = parsed(&answer.text);
    let count = |name: &str| samples.get(name).copied().unwrap_or_default();
    let requests = |method: &str, route: &str, status: u16| {
        count(&format!(
            "portcullis_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        ))
    };
    let whole = |number: f64| number.to_string();
    for (method, route, status, expected) in [
        ("POST", "/scim/v2/Users", 201, "1"),
        ("GET", "/scim/v2/Users/{id}", 200, "1"),
        ("GET", "/scim/v2/Users/{id}", 404, "1"),
        ("GET", "/scim/v2/Users", 200, "1"),
        ("GET", "/scim/v2", 404, "1"),
        ("GET", "/scim/v2/Users", 401, "2"),
        ("GET", "/admin/v1/directories", 200, "1"),
        ("GET", "/admin/v1/directories/{id}", 200, "1"),
        ("other", "/docs", 405, "1"),
        ("POST", "/account/v1/session", 401, "1"),
    ] {
        let counted = whole(requests(method, route, status));
        assert_eq!(
            counted, expected,
            "{method} {route} {status}: {}",
            answer.text
        );
    }
    let of = "method=\"POST\",route=\"/scim/v2/Users\"";
    let name = "portcullis_http_request_duration_seconds";
    assert_eq!(whole(count(&format!("{name}_count{{{of}}}"))), "1");
    assert_eq!(
        whole(count(&format!("{name}_bucket{{{of},le=\"+Inf\"}}"))),
        "1"
    );
    assert!(count(&format!("{name}_sum{{{of}}}")) > 0.0);
    let name = "portcullis_credentials_refused_total{reason=\"unknown\"}";
    assert_eq!(whole(count(name)), "1");
    let name = "portcullis_sign_in_failures_total{reason=\"refused\"}";
    assert_eq!(whole(count(name)), "1");
    let name = "portcullis_keys{kind=\"scim_key\",state=\"active\"}";
    assert_eq!(whole(count(name)), "1");
    assert!(count("process_start_time_seconds") > 0.0);
    assert!(count("process_resident_memory_bytes") > 0.0);
    assert!(count("portcullis_database_connections_max") > 0.0);
    let is_sqlite = matches!(server.kind, DatabaseKind::Sqlite);
    assert_eq!(kinds.contains_key("portcullis_writer_queue"), is_sqlite);
});

#[test]
fn what_the_database_holds_is_not_counted_anew_for_each_scrape() {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let keys = || {
        let text = server.anonymous().get("/metrics").expect(200).text;
        let (samples, _) = parsed(&text);
        samples["portcullis_keys{kind=\"api_key\",state=\"active\"}"].to_string()
    };
    assert_eq!(keys(), "1");
    let another = json!({"name": "Another", "scopes": []});
    server.admin().post("/api-keys", &another).expect(201);
    assert_eq!(keys(), "1");
    server.clock.advance_millis(61_000);
    assert_eq!(keys(), "2");
}

/// The names of everything that can be exposed.
fn exposed() -> BTreeSet<String> {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let at = Timestamp::from_millis(4_102_444_800_000);
    server.state.metrics.set_certificate(at, false);
    let text = server.anonymous().get("/metrics").expect(200).text;
    parsed(&text).1.into_keys().collect()
}

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of metrics that a text holds, without the endings of a histogram's samples.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| word.starts_with("portcullis_") || word.starts_with("process_"))
        .map(|word| {
            let endings = ["_bucket", "_sum", "_count"];
            let bare = endings.iter().find_map(|ending| word.strip_suffix(ending));
            bare.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn the_documentation_names_every_metric_and_dashboards_and_alerts_none_that_is_not_there() {
    let exposed = exposed();
    let table: BTreeSet<String> = file("docs/operations.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split(['`', '{']).next())
        .filter(|name| name.starts_with("portcullis_") || name.starts_with("process_"))
        .map(str::to_owned)
        .collect();
    assert_eq!(table, exposed);
    for path in [
        "deploy/grafana/portcullis.json",
        "deploy/prometheus/alerts.yml",
    ] {
        let used = named(&file(path));
        assert!(used.len() > 5, "{path} uses {used:?}");
        let unknown: Vec<&String> = used.difference(&exposed).collect();
        assert!(unknown.is_empty(), "{path} uses {unknown:?}");
    }
    let dashboard: Value =
        serde_json::from_str(&file("deploy/grafana/portcullis.json")).expect("it is JSON");
    assert_eq!(dashboard["uid"], "portcullis");
}
