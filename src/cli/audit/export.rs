//! Events and receipts as files of one JSON object on each line.

use std::path::Path;

use indicatif::ProgressBar;

use crate::audit::chain;
use crate::http::admin::view;
use crate::store::{audit_chain, receipts as table};

use super::super::CommandError;
use super::super::context::CommandContext;
use super::super::lines::{Lines, bar};
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
    let progress = bar(u64::try_from(head - after).unwrap_or_default());
    while after < head {
        let through = head.min(after + WINDOW);
        let found = context.read(|connection| {
            audit_chain::events_between(connection, &selection, after, through)
        })?;
        for event in &found {
            lines.write(&serde_json::to_string(&view::chained_event(event))?)?;
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
            lines.write(&serde_json::to_string(&view::receipt(receipt))?)?;
        }
        progress.inc(u64::try_from(found.len()).unwrap_or_default());
    }
}
