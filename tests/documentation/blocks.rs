//! What fenced blocks hold is what they are said to hold.

use std::path::Path;

use crate::page::{self, Block};

/// Why a block of commands may be left alone.
pub const REASONS: [&str; 10] = [
    "builds-for-minutes",
    "needs-an-identity-provider",
    "needs-another-library",
    "needs-docker",
    "needs-kubernetes",
    "needs-other-tools",
    "needs-root",
    "run-by-another-test",
    "serves-until-stopped",
    "values-to-fill-in",
];

/// What the marker `only` may name: the database that a block of commands is for.
pub const DATABASES: [&str; 2] = ["sqlite", "postgresql"];

/// The languages of what can be run.
pub fn is_runnable(block: &Block) -> bool {
    ["sh", "python"].contains(&block.language.as_str())
}

#[test]
fn a_block_that_is_not_run_says_why() {
    for page in page::all() {
        for block in page.blocks() {
            let place = format!("{}:{}", page.path.display(), block.line);
            assert!(
                !["shell", "console", "bash", "py", ""].contains(&block.language.as_str()),
                "{place}: say `sh` or `python` for what can be run, `text` for what cannot"
            );
            if let Some(database) = block.markers.get("only") {
                assert!(
                    DATABASES.contains(&database.as_str()),
                    "{place}: the databases are {DATABASES:?}"
                );
            }
            match block.markers.get("not-run") {
                Some(reason) => {
                    assert!(is_runnable(&block), "{place}: this could not be run anyway");
                    assert!(
                        REASONS.contains(&reason.as_str()),
                        "{place}: the reasons are {REASONS:?}"
                    );
                }
                // Only these pages are run; see `commands`.
                None if is_runnable(&block) => assert!(
                    page.path.starts_with("docs") || page.path.as_os_str() == "README.md",
                    "{place}: say why this is not run"
                ),
                None => {}
            }
        }
    }
}

#[test]
fn commands_are_in_blocks_that_are_run() {
    let commands = [
        "$ ",
        "cargo ",
        "curl ",
        "docker ",
        "kubectl ",
        "portcullis ",
        "sudo ",
        "systemctl ",
    ];
    for page in page::all() {
        // How each command is called, made of its definition.
        if page.path == Path::new("docs/cli.md") {
            continue;
        }
        for block in page
            .blocks()
            .iter()
            .filter(|block| block.language == "text")
        {
            for line in block.text.lines() {
                assert!(
                    !commands.iter().any(|command| line.starts_with(command)),
                    "{}:{}: this is a command and never run: {line}",
                    page.path.display(),
                    block.line
                );
            }
        }
    }
}

#[test]
fn blocks_of_json_and_toml_can_be_read_and_those_with_a_file_are_that_file() {
    let mut files = 0;
    for page in page::all() {
        for block in page.blocks() {
            let place = format!("{}:{}", page.path.display(), block.line);
            match block.language.as_str() {
                // What commands print is compared with what they print; several lines may be several objects.
                "json" if !block.follows => {
                    let read = serde_json::from_str::<serde_json::Value>(&block.text);
                    assert!(read.is_ok(), "{place}: {read:?}");
                }
                "toml" => {
                    let read = toml::from_str::<toml::Table>(&block.text);
                    assert!(read.is_ok(), "{place}: {read:?}");
                }
                _ => {}
            }
            if let Some(file) = block.markers.get("file") {
                let path = page.path.parent().expect("it is in a directory").join(file);
                let there =
                    std::fs::read_to_string(page::root().join(path)).expect("the file is there");
                assert_eq!(
                    there.trim_end(),
                    block.text,
                    "{place}: {file} says otherwise"
                );
                files += 1;
            }
        }
    }
    assert!(files > 0, "no block shows a file");
}
