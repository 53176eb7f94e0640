//! Events and receipts as files of one JSON object on each line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::audit::chain;
use crate::http::admin::view;
use crate::store::{audit_chain, receipts as table};

use super::super::CommandError;
use super::super::context::CommandContext;
use super::filter::{EventFilter, ReceiptFilter};

/// Positions of the chain read at a time.
const WINDOW: i64 = 1_000;
/// Receipts read at a time.
const PAGE: i64 = 500;

/// Writes the selected events, oldest first, in the order of the chain.
pub(super) fn events(
    path: &Path,
    filter: EventFilter,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let selection = filter.selection(context)?;
    let mut lines = Lines::create(path)?;
    chain_all(context)?;
    let head = context
        .read(audit_chain::last)?
        .map_or(0, |last| last.position);
    let mut after = context
        .read(audit_chain::newest_anchor)?
        .map_or(0, |anchor| anchor.position);
    let progress =
        ProgressBar::new(u64::try_from(head - after).unwrap_or_default()).with_style(style());
    while after < head {
        let through = head.min(after + WINDOW);
        let found = context.read(|connection| {
            audit_chain::events_between(connection, &selection, after, through)
        })?;
        for event in &found {
            lines.write(&view::chained_event(event))?;
        }
        progress.inc(u64::try_from(through - after).unwrap_or_default());
        after = through;
    }
    progress.finish_and_clear();
    lines.finish("events", context)
}

/// What is recorded and not chained yet is exported too.
fn chain_all(context: &CommandContext) -> Result<(), CommandError> {
    while context.read(audit_chain::has_pending)? {
        let sealer = context.deployment.sealer();
        let chained = context.write(move |connection| chain::append(connection, &sealer))?;
        if chained < chain::BATCH {
            break;
        }
    }
    Ok(())
}

/// Writes the selected receipts, newest first.
pub(super) fn receipts(
    path: &Path,
    filter: ReceiptFilter,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let selection = filter.selection(context)?;
    let mut lines = Lines::create(path)?;
    let progress = ProgressBar::new_spinner();
    let mut before: Option<String> = None;
    loop {
        let found = context
            .read(|connection| table::list(connection, &selection, before.as_deref(), PAGE))?;
        let Some(last) = found.last() else {
            progress.finish_and_clear();
            return lines.finish("receipts", context);
        };
        before = Some(last.id.clone());
        for receipt in &found {
            lines.write(&view::receipt(receipt))?;
        }
        progress.inc(u64::try_from(found.len()).unwrap_or_default());
    }
}

/// The default where the template is not understood.
fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Where lines go, and how many went.
struct Lines<'a> {
    path: &'a Path,
    output: BufWriter<Box<dyn Write>>,
    count: u64,
}

impl<'a> Lines<'a> {
    /// A new file, for nobody else to read; an existing one stays as it is.
    fn create(path: &'a Path) -> Result<Self, CommandError> {
        let output: Box<dyn Write> = if is_standard_output(path) {
            Box::new(io::stdout())
        } else {
            Box::new(create_private(path).map_err(|cause| failed(path, cause))?)
        };
        Ok(Self {
            path,
            output: BufWriter::new(output),
            count: 0,
        })
    }

    fn write(&mut self, item: &impl Serialize) -> Result<(), CommandError> {
        let item = serde_json::to_string(item)?;
        let written = writeln!(self.output, "{item}");
        written.map_err(|cause| failed(self.path, cause))?;
        self.count += 1;
        Ok(())
    }

    fn finish(mut self, what: &str, context: &CommandContext) -> Result<(), CommandError> {
        let flushed = self.output.flush();
        flushed.map_err(|cause| failed(self.path, cause))?;
        if is_standard_output(self.path) {
            return Ok(());
        }
        let (count, path) = (self.count, self.path.display());
        context
            .output
            .done(&format!("wrote {count} {what} to {path}"))
    }
}

fn is_standard_output(path: &Path) -> bool {
    path == Path::new("-")
}

fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn failed(path: &Path, cause: io::Error) -> CommandError {
    CommandError::Io {
        what: format!("writing {}", path.display()),
        cause,
    }
}
