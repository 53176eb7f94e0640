//! Spans arrive at a collector, within the trace that the caller has begun.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::json;

use crate::people::USER_SCHEMA;
use crate::process::Deployment;
use crate::server::DatabaseKind;

/// A collector: its address, and what it is sent.
fn collector() -> (String, Receiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has an address");
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or_default() == 0 || line == "\r\n" {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).expect("the whole body");
            assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\
                Content-Length: 0\r\nConnection: close\r\n\r\n";
            stream.get_mut().write_all(answer).expect("it is read");
            let spans = ExportTraceServiceRequest::decode(body.as_slice()).expect("protobuf");
            if sender.send(spans).is_err() {
                break;
            }
        }
    });
    (format!("http://{address}"), received)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// All spans that were sent, where the server has ended: it sends them before.
fn arrived(received: &Receiver<ExportTraceServiceRequest>) -> Vec<Span> {
    let mut spans = Vec::new();
    while let Ok(batch) = received.recv_timeout(Duration::from_secs(5)) {
        let resources = batch.resource_spans.into_iter();
        spans.extend(
            resources
                .flat_map(|resource| resource.scope_spans)
                .flat_map(|scope| scope.spans),
        );
    }
    spans
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &AnyValue| match value {
        AnyValue::StringValue(text) => text.clone(),
        AnyValue::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    };
    span.attributes
        .iter()
        .map(|attribute| {
            let value = attribute
                .value
                .as_ref()
                .and_then(|value| value.value.as_ref());
            (attribute.key.clone(), value.map(text).unwrap_or_default())
        })
        .collect()
}

fn a_request_its_transaction_and_the_commit_are_spans_of_the_callers_trace(kind: DatabaseKind) {
    let (endpoint, received) = collector();
    let deployment = Deployment::create(kind);
    let proxies = ["--trusted-proxies", "127.0.0.0/8"];
    let server = deployment.serve_with(&[&["--otlp-endpoint", &endpoint][..], &proxies].concat());
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
    let traceparent = format!("00-{trace}-{parent}-01");
    let headers = [
        ("traceparent", traceparent.as_str()),
        ("X-Request-Id", "of-a-trace"),
    ];
    let user = json!({"schemas": [USER_SCHEMA], "userName": "canary@example.org"});
    scim.send("POST", "/Users?attributes=userName", &headers, &user)
        .expect(201);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));

    let mut spans = arrived(&received);
    spans.retain(|span| hex(&span.trace_id) == trace);
    let find = |parent: &str, name: &str| -> Span {
        let mut found = spans.iter();
        found
            .find(|span| hex(&span.parent_span_id) == parent && span.name == name)
            .unwrap_or_else(|| panic!("{name} within {parent}: {spans:?}"))
            .clone()
    };
    let request = find(parent, "POST /scim/v2/Users");
    let said = attributes(&request);
    for (name, expected) in [
        ("http.request.method", "POST"),
        ("http.route", "/scim/v2/Users"),
        ("http.response.status_code", "201"),
        ("http.request.header.x_request_id", "of-a-trace"),
    ] {
        assert_eq!(said.get(name).map(String::as_str), Some(expected), "{name}");
    }
    let transaction = find(&hex(&request.span_id), "transaction");
    find(&hex(&transaction.span_id), "commit");
    let all = format!("{spans:?}");
    assert!(!all.contains("canary"), "{all}");
    assert!(!all.contains(deployment.first("scim_key")), "{all}");
}

#[test]
fn spans_are_those_of_the_callers_trace_on_sqlite() {
    a_request_its_transaction_and_the_commit_are_spans_of_the_callers_trace(DatabaseKind::Sqlite);
}

#[test]
fn spans_are_those_of_the_callers_trace_on_postgres() {
    a_request_its_transaction_and_the_commit_are_spans_of_the_callers_trace(DatabaseKind::Postgres);
}

#[test]
fn nobody_but_a_trusted_proxy_says_which_trace_a_request_is_of() {
    let (endpoint, received) = collector();
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let options = [
        "--otlp-endpoint",
        &endpoint,
        "--trusted-proxies",
        "192.0.2.0/24",
    ];
    let server = deployment.serve_with(&options);
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    let trace = "0af7651916cd43dd8448eb211c80319c";
    // One that asks to be traced and one that asks not to be.
    for flags in ["01", "00"] {
        let traceparent = format!("00-{trace}-b7ad6b7169203331-{flags}");
        let headers = [("traceparent", traceparent.as_str())];
        scim.request("GET", "/Users?count=0", &headers, b"")
            .expect(200);
    }
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    let spans = arrived(&received);
    let requests: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name == "GET /scim/v2/Users")
        .collect();
    assert_eq!(requests.len(), 2, "{spans:?}");
    for request in requests {
        assert_ne!(hex(&request.trace_id), trace);
        assert_eq!(hex(&request.parent_span_id), "");
    }
}

#[test]
fn a_collector_that_is_away_holds_nothing_up() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    // Nobody listens there.
    let server = deployment.serve_with(&["--otlp-endpoint", "http://127.0.0.1:9"]);
    let scim = server.client("/scim/v2", deployment.first("scim_key"));
    scim.get("/Users?count=0").expect(200);
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
    let outcome = deployment.try_run(&["serve", "--otlp-endpoint", "collector"]);
    assert_eq!(outcome.0, Some(2));
    assert!(outcome.1.contains("otlp-endpoint"), "{}", outcome.1);
}
