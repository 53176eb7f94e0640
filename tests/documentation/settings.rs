//! Every setting that a page, or a file of `deploy/`, names is one that there is; and the settings file that
//! packages install is taken, also with everything in it that is commented out.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::commands::WorkingDirectory;
use crate::page;

const PREFIX: &str = "PORTCULLIS_";

/// For the tests alone.
const OF_THE_TESTS: &str = "PORTCULLIS_TEST_";

/// Read by the server without being options, or by the examples.
const NO_OPTIONS: [&str; 5] = [
    "PORTCULLIS_CREDENTIAL_FILE",
    "PORTCULLIS_MASTER_KEY",
    "PORTCULLIS_PREVIOUS_MASTER_KEY",
    "PORTCULLIS_SMTP_PASSWORD",
    "PORTCULLIS_URL",
];

#[test]
fn every_setting_that_is_named_is_there() {
    let there = variables_of_the_binary();
    assert!(there.len() > 40, "only {} were found", there.len());
    let mut files: Vec<PathBuf> = page::all().into_iter().map(|page| page.path).collect();
    files.push("Dockerfile".into());
    collect(Path::new("deploy"), &mut files);
    let mut named = 0;
    for file in files {
        let text = fs::read_to_string(page::root().join(&file)).expect("a file of text");
        for variable in variables_in(&text) {
            named += 1;
            assert!(
                there.contains(&variable)
                    || NO_OPTIONS.contains(&variable.as_str())
                    || variable.starts_with(OF_THE_TESTS),
                "{}: there is no {variable}",
                file.display()
            );
        }
    }
    assert!(named > 20, "only {named} are named");
}

#[test]
fn the_settings_file_of_the_packages_is_taken_with_all_that_is_commented_out() {
    let text =
        fs::read_to_string(page::root().join("deploy/portcullis.toml")).expect("it is there");
    let directory = WorkingDirectory::create();
    let schemas = directory.path.join("schemas");
    fs::create_dir(&schemas).expect("a directory can be made");
    let whole: String = text
        .lines()
        // What is reached over the network is not there.
        .filter(|line| !line.contains("database-url"))
        .map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.starts_with('[') || setting.contains(" = ") => setting,
            _ => line,
        })
        .map(|line| line.replace("/etc/portcullis/schemas", &schemas.display().to_string()) + "\n")
        .collect();
    assert!(whole.contains("\npublic-url = "), "{whole}");
    assert!(whole.contains("\n[notifications]\nsmtp-url = "), "{whole}");
    let file = directory.path.join("portcullis.toml");
    fs::write(&file, &whole).expect("a file can be written");
    let output = binary()
        .args(["doctor", "--json", "--config"])
        .arg(&file)
        .arg("--data-dir")
        .arg(directory.path.join("data"))
        .env("PORTCULLIS_SMTP_PASSWORD", "for this test")
        .output()
        .expect("the binary can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    let checks: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let configuration = checks["items"].as_array().and_then(|checks| {
        checks
            .iter()
            .find(|check| check["check"] == "configuration")
    });
    assert_eq!(
        configuration.map(|check| &check["verdict"]),
        Some(&Value::from("good")),
        "{errors}"
    );
}

/// Those that `--help` names.
fn variables_of_the_binary() -> BTreeSet<String> {
    let output = binary()
        .args(["serve", "--help"])
        .output()
        .expect("the binary can be started");
    variables_in(&String::from_utf8_lossy(&output.stdout))
}

/// The binary, without the settings of whoever runs the tests.
fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(PREFIX) {
            command.env_remove(name);
        }
    }
    command
}

/// The names of variables in a text. `PORTCULLIS_…` stands for any of them.
fn variables_in(text: &str) -> BTreeSet<String> {
    text.match_indices(PREFIX)
        .map(|(at, _)| {
            text[at..]
                .chars()
                .take_while(|character| {
                    character.is_ascii_uppercase()
                        || character.is_ascii_digit()
                        || *character == '_'
                })
                .collect::<String>()
        })
        .filter(|name| name != PREFIX)
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(page::root().join(directory)).expect("a directory can be read") {
        let entry = entry.expect("it can be read to its end");
        let path = directory.join(entry.file_name());
        if entry.path().is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
