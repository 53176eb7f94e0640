//! `import` and `export`: whole directories as files of one SCIM resource on each line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::audit::Actor;
use crate::legible::{escaped, json_escaped};
use crate::provisioning::transfer::{self, Import, Line, Refusal, Report};
use crate::provisioning::{Context, ProvisioningError};
use crate::store::{resource_counts, snapshot};

use super::CommandError;
use super::context::CommandContext;
use super::lines::{Lines, bar, is_standard};

/// Lines that are created in one transaction.
const LINES_A_TRANSACTION: usize = 500;
/// Transactions' worth of lines that may wait for the database.
const WAITING: usize = 2;
/// What is kept of the memory of a long line, in bytes.
const ROOM_FOR_A_LINE: usize = 64 * 1024;
/// The longest line, in bytes.
const LONGEST_LINE: u64 = 256 * 1024 * 1024;

/// What to read, and where to.
#[derive(Debug, Args)]
pub(super) struct ImportArguments {
    /// The file, one resource as SCIM shows it on each line; - is standard input
    file: PathBuf,
    /// The directory that they go to; id or name
    #[arg(long)]
    directory: String,
    /// Gives each resource the id that it has, which must be a UUID, so that identity providers which know it need
    /// not be told of another
    #[arg(long)]
    keep_ids: bool,
}

/// What to write, and where to.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    /// The file, which must not be there yet; - is standard output
    file: PathBuf,
    /// The directory; id or name
    #[arg(long)]
    directory: String,
}

/// Writes a directory.
pub(super) fn export(
    arguments: &ExportArguments,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let scope = scope(&arguments.directory, context)?;
    let mut lines = Lines::create(&arguments.file)?;
    let mut broken = None;
    context.read(|connection| {
        snapshot(connection, |connection| {
            let mut total = 0;
            for resource_type in scope.registry.resource_types() {
                total +=
                    resource_counts::count(connection, &scope.directory.id, &resource_type.name)?;
            }
            let progress = bar(u64::try_from(total).unwrap_or_default());
            transfer::export(connection, &scope, &mut |line, begun| {
                progress.inc(begun);
                broken = lines.write(line).err();
                broken.is_none()
            })?;
            progress.finish_and_clear();
            Ok::<_, ProvisioningError>(())
        })
    })?;
    match broken {
        Some(error) => Err(error),
        None => lines.finish("lines", context),
    }
}

/// Reads lines into a directory: one thread understands them, this one has them stored.
pub(super) fn import(
    arguments: &ImportArguments,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let scope = Arc::new(scope(&arguments.directory, context)?);
    let (file, progress) = open(&arguments.file)?;
    let (sender, receiver) = sync_channel(WAITING);
    let mut import = Import::new(Arc::clone(&scope), arguments.keep_ids);
    let report = thread::scope(|threads| {
        let reader = Reader {
            context: &scope,
            keeps_ids: arguments.keep_ids,
            progress: &progress,
        };
        threads.spawn(move || reader.read(file, &sender));
        for batch in receiver {
            let Batch { lines, refused } = batch?;
            import.count_refused(refused.len());
            let unstored = import.take(&context.deployment.database, lines)?;
            tell(&refused, context, &progress);
            tell(&unstored, context, &progress);
        }
        let (report, refused) = import.finish(&context.deployment.database)?;
        tell(&refused, context, &progress);
        Ok::<_, CommandError>(report)
    })?;
    progress.finish_and_clear();
    finish(&report, context)
}

fn finish(report: &Report, context: &CommandContext) -> Result<(), CommandError> {
    context.output.one(report)?;
    match report.refused {
        0 => Ok(()),
        1 => Err(CommandError::Refused("1 line was refused".to_owned())),
        many => Err(CommandError::Refused(format!("{many} lines were refused"))),
    }
}

fn scope(directory: &str, context: &CommandContext) -> Result<Context, CommandError> {
    let directory = context.directory(directory)?;
    let surroundings = context.surroundings();
    Ok(surroundings.context(directory, Actor::command_line(), context.now))
}

/// Names the refused lines on standard error.
fn tell(refusals: &[Refusal], context: &CommandContext, progress: &ProgressBar) {
    for Refusal { line, error } in refusals {
        let text = if context.output.json {
            let error = error.to_json();
            json_escaped(&json!({"line": line, "error": error}).to_string()).into_owned()
        } else {
            escaped(&format!("line {line}: {error}")).into_owned()
        };
        progress.suspend(|| eprintln!("{text}"));
    }
}

fn open(path: &Path) -> Result<(Box<dyn Read + Send>, ProgressBar), CommandError> {
    if is_standard(path) {
        return Ok((Box::new(io::stdin()), ProgressBar::new_spinner()));
    }
    let failed = |cause| reading(path, cause);
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let progress = ProgressBar::new(length).with_style(style);
    Ok((Box::new(file), progress))
}

fn reading(path: &Path, cause: io::Error) -> CommandError {
    CommandError::Io {
        what: format!("reading {}", path.display()),
        cause,
    }
}

/// Lines that go to the database together, and those among them that do not.
#[derive(Default)]
struct Batch {
    lines: Vec<Line>,
    refused: Vec<Refusal>,
}

/// Understands lines beside the thread that stores them.
struct Reader<'a> {
    context: &'a Context,
    keeps_ids: bool,
    progress: &'a ProgressBar,
}

impl Reader<'_> {
    /// Sends everything in batches; the first failure is the last thing sent.
    fn read(&self, file: impl Read, sender: &SyncSender<Result<Batch, CommandError>>) {
        if let Err(error) = self.batches(file, sender) {
            // Where nobody listens any more, another failure came first.
            let _ = sender.send(Err(error));
        }
    }

    fn batches(
        &self,
        file: impl Read,
        sender: &SyncSender<Result<Batch, CommandError>>,
    ) -> Result<(), CommandError> {
        let mut reader = BufReader::new(file);
        let mut batch = Batch::default();
        let mut text = Vec::new();
        let mut number = 0;
        loop {
            text.clear();
            text.shrink_to(ROOM_FOR_A_LINE);
            let length = reader
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut text);
            let length = length.map_err(|cause| reading(Path::new("the lines"), cause))?;
            if length == 0 {
                break;
            }
            number += 1;
            self.progress.inc(u64::try_from(length).unwrap_or_default());
            if u64::try_from(length) == Ok(LONGEST_LINE) {
                let reason = format!("line {number} is longer than {LONGEST_LINE} bytes");
                return Err(CommandError::Refused(reason));
            }
            if text.trim_ascii().is_empty() {
                continue;
            }
            match Line::prepare(self.context, self.keeps_ids, number, &text) {
                Ok(line) => batch.lines.push(line),
                Err(error) => batch.refused.push(Refusal {
                    line: number,
                    error: error.into_refusal()?,
                }),
            }
            if batch.lines.len() + batch.refused.len() >= LINES_A_TRANSACTION
                && sender.send(Ok(std::mem::take(&mut batch))).is_err()
            {
                return Ok(());
            }
        }
        // Where nobody listens any more, there was a failure.
        let _ = sender.send(Ok(batch));
        Ok(())
    }
}
