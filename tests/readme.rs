//! The conversation that README.md shows, run as it stands there, on both databases.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

mod support;

use std::process::Command;

use support::installation::{DatabaseKind, Installation};

const README: &str = include_str!("../README.md");
/// Printed between two steps, so that the output of each can be told apart.
const BOUNDARY: &str = "--- next step ---";

#[test]
fn the_conversation_of_the_readme_works_on_sqlite() {
    the_conversation_works(DatabaseKind::Sqlite);
}

#[test]
fn the_conversation_of_the_readme_works_on_postgresql() {
    the_conversation_works(DatabaseKind::Postgres);
}

/// Commands, and what they print where the README says it.
struct Step {
    commands: String,
    output: Option<String>,
}

fn the_conversation_works(kind: DatabaseKind) {
    let steps = steps();
    assert!(steps.len() >= 8, "the README shows a whole conversation");
    let installation = Installation::create(kind);
    let server = installation.serve(&[]);
    let base_url = installation.credential("scim_base_url");
    let script = steps
        .iter()
        .map(|step| step.commands.as_str())
        .collect::<Vec<_>>()
        .join(&format!("\necho '{BOUNDARY}'\n"));

    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("SCIM", base_url)
        .env("SERVER", base_url.trim_end_matches("/scim/v2"))
        .env("KEY", installation.credential("scim_key"))
        .env("ADMIN", installation.credential("admin_api_key"))
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .expect("bash can be started");

    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    let outputs: Vec<&str> = printed.split(BOUNDARY).map(str::trim).collect();
    assert_eq!(outputs.len(), steps.len(), "{printed}\n{errors}");
    for (step, printed) in steps.iter().zip(outputs) {
        if let Some(expected) = &step.output {
            assert_eq!(printed, expected, "after:\n{}\n{errors}", step.commands);
        }
    }
    server.stop();
}

/// The `sh` blocks of the README, each with the block of output that follows it at once.
fn steps() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = README.lines();
    let mut follows_commands = false;
    while let Some(line) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            follows_commands = false;
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let text = block.join("\n");
        match language {
            "sh" => steps.push(Step {
                commands: text,
                output: None,
            }),
            "json" | "text" if follows_commands => {
                if let Some(step) = steps.last_mut() {
                    step.output = Some(text);
                }
            }
            _ => {}
        }
        follows_commands = language == "sh";
    }
    steps
}
