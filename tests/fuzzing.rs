//! The corpus of each fuzz target, run once on any toolchain: what a fuzzer has found does not come back.
//!
//! The bodies are those of `fuzz/`; see `docs/fuzzing.md`.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a corpus that cannot be read fails the test"
)]

#[path = "../fuzz/src/lib.rs"]
mod bodies;

use std::fs;
use std::path::Path;

/// Runs a target over its corpus, in the order of the names.
fn run(target: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no corpus");
    for path in paths {
        let input = fs::read(&path).unwrap();
        // A test that fails shows what it printed last.
        println!("{}", path.display());
        bodies::run(target, &input);
    }
}

/// One test for each target.
macro_rules! corpora {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn every_target_has_a_test_a_corpus_and_a_binary() {
            let named = [$(stringify!($name)),*];
            assert_eq!(bodies::TARGETS.map(|(name, _)| name), named);
            let binaries = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/Cargo.toml"));
            let binaries = binaries.unwrap();
            for name in named {
                assert!(binaries.contains(&format!("name = \"{name}\"")), "{name}");
            }
            let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
            let mut kept: Vec<_> = fs::read_dir(corpora)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            kept.sort();
            assert_eq!(kept, named);
        }
    };
}

corpora! {
    assertion bulk config filter forwarded import_line json patch path public_key query schema secret
}
