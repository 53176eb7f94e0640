//! Tests that pages name are there, under the name that the page gives, and so are the files and directories of
//! tests. Otherwise what a page says is tested may not be.

use std::fs;
use std::path::Path;

use crate::page;

/// Pages that name tests.
const PAGES: [&str; 2] = ["docs/security.md", "docs/promises.md"];

#[test]
fn every_test_that_a_page_names_is_there() {
    let mut sources = String::new();
    collect(&page::root().join("tests"), &mut sources);
    collect(&page::root().join("src"), &mut sources);
    let mut found = 0;
    for path in PAGES {
        let page = page::read(Path::new(path));
        for name in page.text.split('`').skip(1).step_by(2) {
            if name.starts_with("tests/") {
                assert!(
                    page::root().join(name).exists(),
                    "{path}: {name} is not there"
                );
                found += 1;
            } else if is_name_of_a_test(name) {
                assert!(
                    is_defined(name, &sources),
                    "{path}: there is no test {name}"
                );
                found += 1;
            }
        }
    }
    assert!(found > 60, "only {found} were found");
}

/// Names of tests are sentences.
fn is_name_of_a_test(name: &str) -> bool {
    name.matches('_').count() >= 3
        && name.chars().all(|character| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        })
}

/// Whether it is a function, or what the macro makes one of: a name with a comma behind it.
fn is_defined(name: &str, sources: &str) -> bool {
    sources.match_indices(name).any(|(at, _)| {
        let before = sources[..at].trim_end();
        let after = &sources[at + name.len()..];
        (before.ends_with("fn") && after.starts_with('('))
            || (after.starts_with(',') && (before.ends_with('(') || is_behind_comments(before)))
    })
}

fn is_behind_comments(before: &str) -> bool {
    before
        .lines()
        .last()
        .is_some_and(|line| line.trim_start().starts_with("//"))
}

fn collect(directory: &Path, sources: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory of the repository can be read") {
        let path = entry.expect("it can be read to its end").path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&fs::read_to_string(&path).expect("a source can be read"));
        }
    }
}

#[test]
fn a_test_is_known_by_its_function_or_its_macro() {
    let sources = "on_both_databases!(\n    /// Why.\n    one_that_is_there, |s| {})\nfn another_that_is_there() {}\n// not_one_at_all";
    assert!(is_defined("one_that_is_there", sources));
    assert!(is_defined("another_that_is_there", sources));
    assert!(!is_defined("not_one_at_all", sources));
    assert!(!is_defined("one_that_is", sources));
}
