//! A PostgreSQL server of a test's own, which can be taken away, and a streaming replica of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use uuid::Uuid;

/// Made by `scripts/postgres`; stopped, and its data removed, when dropped.
pub struct OwnPostgres {
    directory: PathBuf,
    /// With a role that may do anything.
    pub url: String,
}

impl OwnPostgres {
    pub fn start() -> Self {
        let directory = new_directory();
        let url = script(&["start", &text(&directory)]);
        Self { directory, url }
    }

    /// A replica of this one.
    pub fn replica(&self) -> Self {
        let directory = new_directory();
        let url = script(&["replica", &text(&directory), &text(&self.directory)]);
        Self { directory, url }
    }

    /// It ends as in a crash.
    pub fn halt(&self) {
        script(&["halt", &text(&self.directory)]);
    }

    /// It is there again.
    pub fn resume(&self) {
        script(&["resume", &text(&self.directory)]);
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        script(&["stop", &text(&self.directory)]);
    }
}

/// Which every user may enter: the server does not run as root.
fn new_directory() -> PathBuf {
    std::env::temp_dir().join(format!("portcullis-postgres-{}", Uuid::now_v7().simple()))
}

fn text(path: &Path) -> String {
    path.to_str().expect("a name of text").to_owned()
}

/// Runs the script, and gives what it prints.
fn script(arguments: &[&str]) -> String {
    let path = format!("{}/scripts/postgres", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(path)
        .args(arguments)
        .env_remove("PORTCULLIS_TEST_POSTGRES_URL")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the script can be started");
    assert!(output.status.success(), "scripts/postgres {arguments:?}");
    let printed = String::from_utf8_lossy(&output.stdout);
    printed.trim().to_owned()
}
