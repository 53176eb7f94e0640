//! Holds the rooms of `docs/ARCHITECTURE.md` to their directions, reading the sources themselves.

#![expect(
    clippy::expect_used,
    reason = "a source that cannot be read has to fail the test"
)]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use source::Source;

/// From the top down: a room uses those after it, never those before.
const ROOMS: [&str; 11] = [
    "main",
    "cli",
    "http",
    "provisioning",
    "lifecycle",
    "credentials",
    "policies",
    "notices",
    "audit",
    "store",
    "scim",
];
/// Usable by every room but the protocol core, and using no room themselves.
const FOUNDATIONS: [&str; 7] = [
    "config", "clock", "gate", "legible", "meter", "secret", "sealed",
];

/// What keeps the protocol core pure: no I/O, clock, threads, HTTP or SQL.
const IMPURE_CRATES: [&str; 8] = [
    "actix_web",
    "diesel",
    "diesel_migrations",
    "getrandom",
    "tokio",
    "tracing",
    "ureq",
    "uuid",
];
const IMPURE_STD: [&str; 8] = [
    "env", "fs", "io", "net", "process", "sync", "thread", "time",
];
/// Sharing and computing once are no I/O.
const PURE_SYNC: [&str; 3] = ["Arc", "LazyLock", "OnceLock"];

const LONGEST_FILE: usize = 700;

#[test]
fn dependencies_between_rooms_point_down() {
    assert_none(&violations_in_sources(wrong_directions));
}

#[test]
fn only_the_store_speaks_sql() {
    assert_none(&violations_in_sources(sql_outside_store));
}

#[test]
fn the_protocol_core_is_pure() {
    assert_none(&violations_in_sources(impurity_in_scim));
}

#[test]
fn no_file_grows_too_long() {
    assert_none(&violations_in_sources(|source| {
        let lines = source.text.lines().count();
        (lines > LONGEST_FILE)
            .then(|| format!("has {lines} lines; at most {LONGEST_FILE} may be"))
            .into_iter()
            .collect()
    }));
}

#[test]
fn both_databases_have_the_same_migrations_and_each_can_be_undone() {
    let sqlite = migrations("sqlite");
    let postgres = migrations("postgres");
    assert!(!sqlite.is_empty());
    assert_eq!(sqlite, postgres);
}

/// A table that is forgotten there would be lost with the master key that it is sealed under.
#[test]
fn what_is_stored_sealed_is_sealed_again_when_the_master_key_changes() {
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/sealed_values.rs");
    let known = fs::read_to_string(known).expect("the list of columns can be read");
    assert_none(&violations_in_sources(|source| {
        let table = source
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let is_sealed = source.room() == "store"
            && table != "sealed_values"
            && source.tokens.iter().any(|token| token == "from_stored");
        let is_known = known.contains(&format!("table: \"{table}\""));
        (is_sealed && !is_known)
            .then(|| format!("store/sealed_values.rs does not name the table {table}"))
            .into_iter()
            .collect()
    }));
}

/// An endpoint of which the OpenAPI document says nothing serves pages to people.
#[test]
fn only_the_console_is_served_without_a_description() {
    let may = [
        "http/console.rs",
        "http/endpoint.rs",
        "http/mod.rs",
        "http/openapi/endpoint.rs",
    ];
    assert_none(&violations_in_sources(|source| {
        let is_free = may.iter().any(|path| source.path == Path::new(path))
            || source.path.starts_with("http/console");
        let is_plain = source.tokens.iter().any(|token| token == "Endpoint");
        (is_plain && !is_free)
            .then(|| "mounts an endpoint that is not described".to_owned())
            .into_iter()
            .collect()
    }));
}

#[test]
fn a_wrong_direction_is_caught() {
    assert_catches(
        wrong_directions,
        &[
            (false, "store/keys.rs", "use crate::scim::Filter;"),
            (true, "store/keys.rs", "use crate::lifecycle::Cause;"),
            (true, "store/keys.rs", "use crate::{clock, http::admin};"),
            (
                false,
                "store/keys.rs",
                "use crate::{clock, scim::{Filter, path}};",
            ),
            (true, "store/keys.rs", "fn f() { crate::policies::check() }"),
            (true, "store/keys.rs", "use super::super::audit::Actor;"),
            (true, "store/mod.rs", "use super::audit::Actor;"),
            (false, "store/keys.rs", "use super::audit::Actor;"),
            (false, "store/keys.rs", "// as crate::http does"),
            (
                false,
                "store/keys.rs",
                "/* crate::http */ const A: &str = \"crate::http\";",
            ),
            (
                true,
                "store/keys.rs",
                "const A: &str = r#\"\"crate::http\"\"#; use crate::http;",
            ),
            (
                true,
                "store/keys.rs",
                "const A: char = '\"'; use crate::http;",
            ),
            (false, "audit/mod.rs", "use crate::store::StoreError;"),
            (true, "audit/mod.rs", "use crate::scim::ScimError;"),
            (true, "scim/path.rs", "use crate::clock::Timestamp;"),
            (true, "clock.rs", "use crate::store::StoreError;"),
            (false, "sealed.rs", "use crate::config::MasterKey;"),
            (true, "sealed.rs", "use crate::store::StoreError;"),
            (true, "secret.rs", "use crate::sealed::Sealer;"),
            (false, "http/mod.rs", "use crate::secret::PlainSecret;"),
            (false, "main.rs", "fn main() { portcullis::cli::run() }"),
        ],
    );
}

#[test]
fn sql_outside_the_store_is_caught() {
    assert_catches(
        sql_outside_store,
        &[
            (true, "http/mod.rs", "use diesel::prelude::*;"),
            (
                true,
                "http/mod.rs",
                "use {diesel_migrations::embed_migrations};",
            ),
            (false, "http/mod.rs", "// diesel lives in the store"),
            (false, "store/keys.rs", "use diesel::prelude::*;"),
        ],
    );
}

#[test]
fn impurity_in_the_protocol_core_is_caught() {
    assert_catches(
        impurity_in_scim,
        &[
            (true, "scim/path.rs", "use std::{fmt, fs};"),
            (true, "scim/path.rs", "use std::sync::{Arc, Mutex};"),
            (false, "scim/path.rs", "use std::sync::Arc;"),
            (true, "scim/path.rs", "fn f() { chrono::Utc::now(); }"),
            (
                true,
                "scim/path.rs",
                "fn f() { std::time::Instant::now(); }",
            ),
            (true, "scim/path.rs", "use actix_web::HttpRequest;"),
            (false, "scim/path.rs", "use std::fmt;"),
        ],
    );
}

/// Each case says whether the check finds fault with a file of this path and text.
fn assert_catches(check: fn(&Source) -> Vec<String>, cases: &[(bool, &str, &str)]) {
    for (caught, file, text) in cases {
        let found = check(&Source::new(Path::new(file), text));
        assert_eq!(!found.is_empty(), *caught, "{file}: {text}: {found:?}");
    }
}

fn wrong_directions(source: &Source) -> Vec<String> {
    let room = source.room();
    let position = |name: &str| ROOMS.iter().position(|known| *known == name);
    let is_foundation = |name: &str| FOUNDATIONS.contains(&name);
    let allowed = |used: &str| match (room.as_str(), used) {
        ("lib", _) => true,
        (room, used) if room == used => true,
        ("scim", _) => false,
        // The key of what is sealed comes from the master key.
        ("sealed", "config") => true,
        (room, _) if is_foundation(room) => false,
        (_, used) if is_foundation(used) => true,
        ("audit", used) => used == "store",
        (room, used) => position(room) < position(used),
    };
    source
        .rooms_used()
        .into_iter()
        .filter(|used| position(used).is_some() || is_foundation(used))
        .filter(|used| !allowed(used))
        .map(|used| format!("`{room}` may not use `{used}`"))
        .collect()
}

fn sql_outside_store(source: &Source) -> Vec<String> {
    let speaks_sql = |token: &&String| matches!(token.as_str(), "diesel" | "diesel_migrations");
    if source.room() == "store" {
        return Vec::new();
    }
    source
        .tokens
        .iter()
        .find(speaks_sql)
        .map(|token| format!("names `{token}`"))
        .into_iter()
        .collect()
}

fn impurity_in_scim(source: &Source) -> Vec<String> {
    if source.room() != "scim" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, token) in source.tokens.iter().enumerate() {
        if IMPURE_CRATES.contains(&token.as_str()) {
            found.push(format!("names `{token}`"));
        }
        if token == "Utc" || token == "Local" {
            let now = source.children(index).into_iter();
            found.extend(
                now.filter(|(name, _)| name == "now")
                    .map(|_| "asks the clock".to_owned()),
            );
        }
        if token != "std" {
            continue;
        }
        for (module, position) in source.children(index) {
            let pure = module == "sync"
                && source
                    .children(position)
                    .iter()
                    .all(|(name, _)| PURE_SYNC.contains(&name.as_str()));
            if IMPURE_STD.contains(&module.as_str()) && !pure {
                found.push(format!("uses `std::{module}`"));
            }
        }
    }
    found
}

fn violations_in_sources(check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect_sources(&root, &mut files);
    assert!(files.len() > 30, "the sources were not found");
    files
        .iter()
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a source is readable UTF-8");
            let path = file.strip_prefix(&root).expect("a source lies under src");
            let source = Source::new(path, &text);
            let shown = format!("src/{}", path.display());
            check(&source)
                .into_iter()
                .map(move |violation| format!("{shown}: {violation}"))
        })
        .collect()
}

fn collect_sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory of sources can be listed") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect_sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The migrations of one database, each with the files that it consists of.
fn migrations(database: &str) -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(database);
    let names = |directory: &Path| -> BTreeSet<String> {
        fs::read_dir(directory)
            .expect("a directory of migrations can be listed")
            .map(|entry| entry.expect("an entry can be read").file_name())
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    names(&root)
        .into_iter()
        .map(|name| {
            let mut files = names(&root.join(&name));
            assert!(
                files.contains("up.sql") && files.contains("down.sql"),
                "migrations/{database}/{name} lacks up.sql or down.sql"
            );
            // How it is run is a matter of the database: PostgreSQL makes indexes beside writers outside a transaction.
            files.remove("metadata.toml");
            (name, files)
        })
        .collect()
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}
