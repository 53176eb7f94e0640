//! The bodies of the fuzz targets: what is done with one input, and what must hold whatever it is.
//!
//! Each takes bytes and panics where something does not hold. libFuzzer calls them (`fuzz_targets/`), and
//! `tests/fuzzing.rs` of the crate above runs each over its kept corpus. Nothing here knows of either.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what must hold and does not is what a fuzzer looks for"
)]

mod assertion;
mod bulk;
mod config;
mod filter;
mod forwarded;
mod import_line;
mod json;
mod patch;
mod path;
mod public_key;
mod query;
mod schema;
mod secret;
mod typed;
mod world;

/// A target: its name, which is that of its corpus, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 13] = [
    ("assertion", assertion::run),
    ("bulk", bulk::run),
    ("config", config::run),
    ("filter", filter::run),
    ("forwarded", forwarded::run),
    ("import_line", import_line::run),
    ("json", json::run),
    ("patch", patch::run),
    ("path", path::run),
    ("public_key", public_key::run),
    ("query", query::run),
    ("schema", schema::run),
    ("secret", secret::run),
];

/// Runs one target on one input.
///
/// # Panics
/// Where something does not hold that must, and where there is no such target.
pub fn run(target: &str, data: &[u8]) {
    let (_, body) = TARGETS
        .into_iter()
        .find(|(name, _)| *name == target)
        .expect("there is such a target");
    body(data);
}
