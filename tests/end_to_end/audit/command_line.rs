//! `portcullis audit` against the database of a deployment.

use serde_json::json;

use super::lines;
use crate::process::Deployment;
use crate::server::{DatabaseKind, databases};

fn exported(deployment: &Deployment, arguments: &[&str]) -> Vec<serde_json::Value> {
    let file = deployment.directory().join("export.ndjson");
    let path = file.to_str().expect("a path of text");
    let mut all = vec!["audit"];
    all.extend_from_slice(arguments);
    all.extend_from_slice(&["--output", path]);
    deployment.run(&all);
    let text = std::fs::read_to_string(&file).expect("the file was made");
    std::fs::remove_file(file).expect("the file can be removed");
    lines(&text)
}

#[test]
fn the_command_line_lists_exports_and_verifies() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let events = exported(&deployment, &["export"]);
        assert!(events.len() > 4);
        let of_one_kind = exported(&deployment, &["export", "--action", "directory.created"]);
        assert_eq!(of_one_kind.len(), 2);
        let listed = deployment.run(&["audit", "list", "--action", "directory.created"]);
        assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));

        let head = events[events.len() - 1]["hash"].as_str().expect("a hash");
        let report = deployment.run(&["audit", "verify", "--head", head]);
        assert_eq!(report["verified"], true, "{report}");
        assert_eq!(report["head"]["hash"], head);

        let local = &of_one_kind[0]["target"]["id"];
        assert_eq!(local, &of_one_kind[0]["directory_id"]);
        assert_eq!(
            exported(&deployment, &["export-receipts"]),
            [json!(null); 0]
        );
    }
}

#[test]
fn a_verification_that_finds_something_fails_and_no_file_is_overwritten() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let (status, _) = deployment.try_run(&["audit", "verify", "--head", &"0".repeat(64)]);
    assert_eq!(status, Some(1));
    let file = deployment.directory().join("kept");
    std::fs::write(&file, "kept").expect("a file can be made");
    let path = file.to_str().expect("a path of text");
    let (status, error) = deployment.try_run(&["audit", "export", "--output", path]);
    assert_eq!(status, Some(1), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "kept");
}
