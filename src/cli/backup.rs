//! `backup`: a checked copy of a SQLite database, taken while servers run on it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::{Clock, Timestamp};
use crate::config::Settings;
use crate::store::{
    Database, DatabaseConnection, DatabaseUrl, StoreError, backup, health, migrate,
};

use super::CommandError;
use super::files::PartialFile;
use super::output::{Output, print};
use super::startup;

/// How often the progress is shown.
const TICK: Duration = Duration::from_millis(200);

/// Where a backup goes.
#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// The file to write; nothing may be there
    file: PathBuf,
}

/// What a backup holds.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    taken_at: String,
    bytes: u64,
    version: String,
    resources: i64,
    credentials: i64,
    audit_events: i64,
}

/// What is to be said of every backup.
const NOTE: &str = "The master key is not in it: keep a copy of master.key, or of PORTCULLIS_MASTER_KEY, apart from \
     it. Whoever has both can read second factors and sign access tokens.";

pub(super) fn run(
    arguments: &BackupArguments,
    settings: &Settings,
    output: Output,
) -> Result<(), CommandError> {
    let url = startup::existing_database_url(settings)?;
    let DatabaseUrl::Sqlite(database) = &url else {
        return Err(CommandError::Refused(
            "PostgreSQL is backed up by its own tools, pg_dump or pg_basebackup: see docs/backup.md"
                .to_owned(),
        ));
    };
    let file = &arguments.file;
    if file.exists() {
        return Err(CommandError::Refused(format!(
            "{} is there already, and is not overwritten",
            file.display()
        )));
    }
    let mut connection = url.connect()?;
    let state = migrate::state(&mut connection)?;
    if let Some(newest) = state.unknown.last() {
        return Err(CommandError::Refused(format!(
            "a newer release has migrated the database to version {newest}: take the backup with that release"
        )));
    }
    let failed = |cause| CommandError::Io {
        what: format!("writing {}", file.display()),
        cause,
    };
    let partial = PartialFile::beside(file).map_err(failed)?;
    let taken_at = Clock::system().now();
    let expected = health::sqlite_size(&mut connection)?.unwrap_or_default();
    with_progress(partial.path(), expected, output, || {
        backup::copy_into(&mut connection, partial.path())
    })?;
    drop(connection);
    backup::mark(partial.path(), taken_at)?;
    let mut copy = backup::open_unchanged(partial.path())?;
    refuse_damaged(&mut copy)?;
    let copied = migrate::state(&mut copy)?;
    if copied.applied != state.applied {
        return Err(CommandError::Refused(
            "the database was migrated meanwhile: take the backup again".to_owned(),
        ));
    }
    let contents = backup::contents(&mut copy)?;
    drop(copy);
    let bytes = partial.path().metadata().map_err(failed)?.len();
    partial.put_in_place().map_err(failed)?;
    if state.pending.is_empty() {
        record(&DatabaseUrl::Sqlite(database.clone()), file, taken_at)?;
    }
    output.one(&Report {
        file: file.display().to_string(),
        taken_at: taken_at.to_rfc3339(),
        bytes,
        version: copied.applied.last().cloned().unwrap_or_default(),
        resources: contents.resources,
        credentials: contents.credentials,
        audit_events: contents.audit_events,
    })?;
    if output.json { Ok(()) } else { print(NOTE) }
}

/// Reads all of a copy.
pub(super) fn refuse_damaged(copy: &mut DatabaseConnection) -> Result<(), CommandError> {
    match health::sqlite_damage(copy, true)?.first() {
        None => Ok(()),
        Some(damage) => Err(CommandError::Refused(format!(
            "the copy is damaged: {}",
            damage.replace('\n', " ")
        ))),
    }
}

/// A copy of everybody's data has been made: that is audited like any change.
fn record(url: &DatabaseUrl, file: &Path, taken_at: Timestamp) -> Result<(), CommandError> {
    let database = Database::open(url.clone(), 1)?;
    let name = file.display().to_string();
    Ok(database.write_blocking::<_, StoreError>(move |connection| {
        let event = Event::new(Action::BackupMade)
            .with("file", name.as_str())
            .with("taken_at", taken_at.to_rfc3339());
        audit::record(connection, &Actor::command_line(), taken_at, event)
    })?)
}

/// Shows how far a file has grown while something writes it.
fn with_progress<T>(file: &Path, expected: i64, output: Output, work: impl FnOnce() -> T) -> T {
    let bar = if output.json {
        ProgressBar::hidden()
    } else {
        // Shows nothing where standard error is no terminal.
        ProgressBar::new(expected.unsigned_abs())
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} of at most {total_bytes}") {
        bar.set_style(style);
    }
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                bar.set_position(file.metadata().map_or(0, |metadata| metadata.len()));
                std::thread::park_timeout(TICK);
            }
            bar.finish_and_clear();
        });
        let outcome = work();
        is_done.store(true, Ordering::Relaxed);
        outcome
    })
}
