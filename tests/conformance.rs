//! Two independent SCIM testers against the real binary, on both databases: every check passes, and none
//! is skipped or excluded. `tests/conformance/README.md` says what they are and where they come from.

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

#[test]
fn scim2_tester_passes_every_check_on_sqlite() {
    scim2_tester_passes_every_check(DatabaseKind::Sqlite);
}

#[test]
fn scim2_tester_passes_every_check_on_postgresql() {
    scim2_tester_passes_every_check(DatabaseKind::Postgres);
}

#[test]
fn scim_sanity_passes_every_check_on_sqlite() {
    scim_sanity_passes_every_check(DatabaseKind::Sqlite);
}

#[test]
fn scim_sanity_passes_every_check_on_postgresql() {
    scim_sanity_passes_every_check(DatabaseKind::Postgres);
}

fn scim2_tester_passes_every_check(kind: DatabaseKind) {
    let installation = Installation::create(kind);
    let server = installation.serve(&[]);

    let mut tester = Command::new(from_scripts_test("PORTCULLIS_TEST_SCIM2_TESTER"))
        .arg(in_tests("run_scim2_tester.py"))
        .arg(installation.credential("scim_base_url"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scim2-tester can be started");
    tester
        .stdin
        .take()
        .expect("its standard input is a pipe")
        .write_all(installation.credential("scim_key").as_bytes())
        .expect("it reads the key");
    let output = tester.wait_with_output().expect("scim2-tester ends");
    assert!(
        output.status.success(),
        "scim2-tester ended with {}",
        output.status
    );

    let checks: Vec<Value> =
        serde_json::from_slice(&output.stdout).expect("scim2-tester's runner prints a JSON array");
    assert_none_but(&checks, &["SUCCESS", "COMPLIANT", "ACCEPTABLE"]);
    assert!(
        checks.len() >= SCIM2_TESTER_CHECKS,
        "only {} checks were made",
        checks.len()
    );
    server.stop();
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
