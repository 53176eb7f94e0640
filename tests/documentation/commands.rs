//! Every command of the README and of the docs, run as it stands there. Each page is one shell, with one server
//! for all of them, and what the page says that a command prints is what it prints; `…` there stands for
//! anything within a line.
//!
//! Commands find what the README says that `quickstart` prints: `SCIM`, `KEY`, `SERVER` and `ADMIN`, the id of the
//! identity provider's directory as `DIRECTORY`, and `portcullis` with the settings of the server that runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use uuid::Uuid;

use crate::blocks::{DATABASES, is_runnable};
use crate::page::{self, Block, Page};
use crate::support::installation::{DatabaseKind, Installation};

/// Printed between two steps, so that the output of each can be told apart.
const BOUNDARY: &str = "--- next step ---";

#[test]
fn every_command_of_the_docs_works_on_sqlite() {
    every_command_works(DatabaseKind::Sqlite);
}

#[test]
fn every_command_of_the_docs_works_on_postgresql() {
    every_command_works(DatabaseKind::Postgres);
}

/// What is run, and what it prints where the page says it.
struct Step {
    line: usize,
    script: String,
    output: Option<String>,
}

fn every_command_works(kind: DatabaseKind) {
    let schemas = page::root().join("docs/schemas");
    let schemas = schemas.to_str().expect("a path of text");
    let installation = Installation::create(kind);
    let server = installation.serve(&["--schemas", schemas]);
    let mut run = 0;
    let mut not_run = 0;
    for page in page::all() {
        if !page.path.starts_with("docs") && page.path.as_os_str() != "README.md" {
            continue;
        }
        let steps = steps(&page, kind);
        run += steps.len();
        not_run += page
            .blocks()
            .iter()
            .filter(|block| block.markers.contains_key("not-run"))
            .count();
        if !steps.is_empty() {
            println!("{}: {} blocks", page.path.display(), steps.len());
            run_page(&page, &steps, &installation);
        }
    }
    println!("{run} blocks were run, {not_run} say why they are not");
    assert!(run >= 30, "only {run} blocks were found");
    server.stop();
}

fn run_page(page: &Page, steps: &[Step], installation: &Installation) {
    let directory = WorkingDirectory::create();
    let script = steps
        .iter()
        .map(|step| step.script.as_str())
        .collect::<Vec<_>>()
        .join(&format!("\necho; echo '{BOUNDARY}'\n"));
    let output = shell(&script, &directory.path, installation);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let outputs: Vec<&str> = printed.split(BOUNDARY).map(str::trim).collect();
    let last = &steps[outputs.len().min(steps.len()) - 1];
    let place = format!("{}:{}", page.path.display(), last.line);
    assert!(
        output.status.success() && outputs.len() == steps.len(),
        "{place}: failed\n{}\n{printed}\n{errors}",
        last.script
    );
    for (step, printed) in steps.iter().zip(outputs) {
        if let Some(expected) = &step.output {
            assert!(
                is_as_said(printed, expected),
                "{}:{}: prints\n{printed}\nand not\n{expected}\n{errors}",
                page.path.display(),
                step.line
            );
        }
    }
}

fn shell(script: &str, directory: &Path, installation: &Installation) -> Output {
    let base_url = installation.credential("scim_base_url");
    let binary = Path::new(env!("CARGO_BIN_EXE_portcullis"));
    let path = format!(
        "{}:{}:{}",
        binary.parent().expect("it is in a directory").display(),
        std::env::var("PATH").unwrap_or_default(),
        postgres_tools()
    );
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTCULLIS_") {
            command.env_remove(name);
        }
    }
    command
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(directory)
        .env("PATH", path)
        .env("SCIM", base_url)
        .env("SERVER", base_url.trim_end_matches("/scim/v2"))
        .env("KEY", installation.credential("scim_key"))
        .env("ADMIN", installation.credential("admin_api_key"))
        .env("DIRECTORY", installation.credential("directory_id"))
        .env("NO_PROXY", "127.0.0.1")
        .envs(installation.environment())
        .output()
        .expect("bash can be started")
}

/// What a page runs, each with the block of output that follows it at once.
fn steps(page: &Page, kind: DatabaseKind) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut follows_commands = false;
    for block in page.blocks() {
        let is_for_this = block
            .markers
            .get("only")
            .is_none_or(|database| database == name(kind));
        let is_run = is_runnable(&block) && !block.markers.contains_key("not-run") && is_for_this;
        if is_run {
            steps.push(Step {
                line: block.line,
                script: script(&block),
                output: None,
            });
        } else if follows_commands
            && block.follows
            && ["json", "text"].contains(&block.language.as_str())
            && let Some(step) = steps.last_mut()
        {
            step.output = Some(block.text);
        }
        follows_commands = is_run;
    }
    steps
}

/// As the marker `only` of a block names it.
fn name(kind: DatabaseKind) -> &'static str {
    match kind {
        DatabaseKind::Sqlite => DATABASES[0],
        DatabaseKind::Postgres => DATABASES[1],
    }
}

/// Where the tools of PostgreSQL are, where they are not in the path: those of the newest release.
fn postgres_tools() -> String {
    let installed = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let directories = installed.flatten().map(|entry| entry.path().join("bin"));
    let newest = directories
        .filter(|path| path.join("pg_dump").exists())
        .max();
    newest.map_or_else(String::new, |path| path.display().to_string())
}

fn script(block: &Block) -> String {
    match block.language.as_str() {
        "python" => format!("python3 - <<'END-OF-PYTHON'\n{}\nEND-OF-PYTHON", block.text),
        _ => block.text.clone(),
    }
}

/// Whether it is what the page says, where `…` stands for anything within a line.
fn is_as_said(printed: &str, said: &str) -> bool {
    let (printed, said) = (printed.lines(), said.lines());
    printed.clone().count() == said.clone().count()
        && printed
            .zip(said)
            .all(|(printed, said)| line_is_as_said(printed.trim_end(), said.trim_end()))
}

fn line_is_as_said(printed: &str, said: &str) -> bool {
    let mut parts = said.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = printed.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_stands_for_anything_within_a_line() {
    assert!(is_as_said("id 17 is new", "id … is new"));
    assert!(is_as_said("a1b2c", "a…b…c"));
    assert!(is_as_said("same\nagain", "same\nagain"));
    assert!(!is_as_said("id 17 is old", "id … is new"));
    assert!(!is_as_said("one\ntwo", "one…"));
    assert!(!is_as_said("abc", "ab"));
}

/// A directory that a page may write into, removed when dropped.
pub struct WorkingDirectory {
    /// Where it is.
    pub path: PathBuf,
}

impl WorkingDirectory {
    /// Makes an empty one.
    pub fn create() -> Self {
        let name = format!("portcullis_page_{}", Uuid::now_v7().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a temporary directory can be created");
        Self { path }
    }
}

impl Drop for WorkingDirectory {
    fn drop(&mut self) {
        // What is left of a temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
