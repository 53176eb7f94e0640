//! Two independent SCIM testers, two OAuth clients, and a tester that calls what the OpenAPI document describes,
//! against the real binary, on both databases: every check passes, and none is skipped or excluded. `tests/conformance/README.md` says what they are and where they come from.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use support::installation::{DatabaseKind, Installation, from_scripts_test};

/// What scim2-tester 0.5.2 finds to check in its own sister server, which serves users and groups.
const SCIM2_TESTER_CHECKS: usize = 135;
/// What scim-sanity 0.7.4 finds to check where users, groups, agents and their applications are served.
const SCIM_SANITY_CHECKS: usize = 45;
/// What `PyJWT` and Authlib try with each algorithm and each form of a key.
const OAUTH_CHECKS: usize = 175;

/// How many operations schemathesis calls: all that are described but those that `schemathesis.toml` names.
const OPENAPI_OPERATIONS: u64 = 182;
/// In how many ways it calls them.
const OPENAPI_CASES: u64 = 6_000;

#[test]
fn scim2_tester_passes_every_check_on_sqlite() {
    scim2_tester_passes_every_check(DatabaseKind::Sqlite);
}

#[test]
fn scim2_tester_passes_every_check_on_postgresql() {
    scim2_tester_passes_every_check(DatabaseKind::Postgres);
}

#[test]
fn oauth_clients_pass_every_check_on_sqlite() {
    oauth_clients_pass_every_check(DatabaseKind::Sqlite);
}

#[test]
fn oauth_clients_pass_every_check_on_postgresql() {
    oauth_clients_pass_every_check(DatabaseKind::Postgres);
}

#[test]
fn scim_sanity_passes_every_check_on_sqlite() {
    scim_sanity_passes_every_check(DatabaseKind::Sqlite);
}

#[test]
fn scim_sanity_passes_every_check_on_postgresql() {
    scim_sanity_passes_every_check(DatabaseKind::Postgres);
}

#[test]
fn what_is_answered_is_what_the_openapi_document_says_on_sqlite() {
    what_is_answered_is_what_the_openapi_document_says(DatabaseKind::Sqlite);
}

#[test]
fn what_is_answered_is_what_the_openapi_document_says_on_postgresql() {
    what_is_answered_is_what_the_openapi_document_says(DatabaseKind::Postgres);
}

/// The document is valid, and schemathesis finds no server error, no status, media type, header or body that is not
/// described, and nothing that is open to whoever has no credential.
fn what_is_answered_is_what_the_openapi_document_says(kind: DatabaseKind) {
    let installation = Installation::create(kind);
    // It calls quickly, and with credentials that nobody knows.
    let server = installation.serve(&[
        "--scim-key-rate",
        "0",
        "--api-key-rate",
        "0",
        "--session-rate",
        "0",
        "--unknown-credential-rate",
        "0",
    ]);
    let admin_key = installation.credential("admin_api_key");
    let scim_key = installation.credential("scim_key");

    let checks = run_python(
        "run_schemathesis.py",
        base_url(&installation),
        &format!("{admin_key}\n{scim_key}\n"),
    );
    assert_none_but(&checks, &["pass"]);
    let run = checks.last().expect("the run is a check");
    let count = |what: &str| run[what].as_u64().expect("it is counted");
    assert!(count("operations") >= OPENAPI_OPERATIONS, "{run:#}");
    assert!(count("cases") >= OPENAPI_CASES, "{run:#}");
    server.stop();
}

fn scim2_tester_passes_every_check(kind: DatabaseKind) {
    let installation = Installation::create(kind);
    let server = installation.serve(&[]);

    let checks = run_python(
        "run_scim2_tester.py",
        installation.credential("scim_base_url"),
        installation.credential("scim_key"),
    );
    assert_none_but(&checks, &["SUCCESS", "COMPLIANT", "ACCEPTABLE"]);
    assert!(
        checks.len() >= SCIM2_TESTER_CHECKS,
        "only {} checks were made",
        checks.len()
    );
    server.stop();
}

/// `PyJWT` and Authlib get access tokens, use and verify them, and try what must be refused.
fn oauth_clients_pass_every_check(kind: DatabaseKind) {
    let installation = Installation::create(kind);
    // What must be refused comes from one address, and quickly.
    let server = installation.serve(&["--unknown-credential-rate", "0"]);
    let admin_key = installation.credential("admin_api_key");
    let checks = run_python("run_oauth_clients.py", base_url(&installation), admin_key);
    assert_none_but(&checks, &["pass"]);
    assert!(
        checks.len() >= OAUTH_CHECKS,
        "only {} checks were made",
        checks.len()
    );
    server.stop();
}

/// The URL that everything is below, without a slash at its end.
fn base_url(installation: &Installation) -> &str {
    installation
        .credential("scim_base_url")
        .strip_suffix("/scim/v2")
        .expect("the SCIM interface is below it")
}

/// Runs a script that takes a URL, and a secret on its standard input, and prints its checks as a JSON array.
fn run_python(script: &str, url: &str, secret: &str) -> Vec<Value> {
    let mut process = Command::new(from_scripts_test("PORTCULLIS_TEST_SCIM2_TESTER"))
        .arg(in_tests(script))
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{script} cannot be started: {error}"));
    process
        .stdin
        .take()
        .expect("its standard input is a pipe")
        .write_all(secret.as_bytes())
        .expect("it reads the key");
    let output = process.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{script} ended with {}",
        output.status
    );
    serde_json::from_slice(&output.stdout).expect("it prints a JSON array")
}

fn scim_sanity_passes_every_check(kind: DatabaseKind) {
    let installation = Installation::create(kind);
    let server = installation.serve(&["--schemas", &in_tests("schemas")]);

    let output = Command::new(from_scripts_test("PORTCULLIS_TEST_SCIM_SANITY"))
        .args(["probe", installation.credential("scim_base_url")])
        .args(["--token", installation.credential("scim_key")])
        .args(["--strict", "--i-accept-side-effects", "--json-output"])
        .output()
        .expect("scim-sanity can be started");

    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "scim-sanity printed no report ({error}): {}",
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let checks = report["results"]
        .as_array()
        .expect("a report lists its results");
    assert_none_but(checks, &["pass"]);
    assert!(
        checks.len() >= SCIM_SANITY_CHECKS,
        "only {} checks were made",
        checks.len()
    );
    assert!(
        output.status.success(),
        "scim-sanity ended with {}",
        output.status
    );
    server.stop();
}

fn assert_none_but(checks: &[Value], accepted: &[&str]) {
    let others: Vec<String> = checks
        .iter()
        .filter(|check| {
            !check["status"]
                .as_str()
                .is_some_and(|status| accepted.contains(&status))
        })
        .map(|check| format!("{check:#}"))
        .collect();
    assert!(
        others.is_empty(),
        "{} of {} checks did not pass:\n{}",
        others.len(),
        checks.len(),
        others.join("\n")
    );
}

fn in_tests(name: &str) -> String {
    format!("{}/tests/conformance/{name}", env!("CARGO_MANIFEST_DIR"))
}
