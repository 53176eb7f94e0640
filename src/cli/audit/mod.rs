//! `audit`: events listed, exported and verified, receipts, notices.

mod export;
mod filter;

use std::path::PathBuf;

use clap::Subcommand;

use crate::audit::chain;
use crate::http::admin::view;
use crate::policies::PolicyError;
use crate::store::{audit_chain, audit_search, notices, receipts};

use super::CommandError;
use super::context::CommandContext;
use filter::{EventFilter, ReceiptFilter};

/// What to read of the records; lists are newest first.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Lists audit events
    List {
        #[command(flatten)]
        filter: EventFilter,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Shows one audit event, and its place in the chain
    Show {
        /// Its id
        id: String,
    },
    /// Writes audit events to a file, one JSON object on each line, oldest first
    Export {
        /// The file to make, or - for standard output
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        filter: EventFilter,
    },
    /// Checks that no audit event was changed, removed, inserted or moved; fails where one was
    Verify {
        /// The hash of a head that was noted earlier: it must still be part of the chain
        #[arg(long, value_name = "HASH")]
        head: Option<String>,
    },
    /// Lists the receipts of deprovisionings
    Receipts {
        #[command(flatten)]
        filter: ReceiptFilter,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Shows one receipt
    Receipt {
        /// Its id
        id: String,
    },
    /// Writes receipts to a file, one JSON object on each line, newest first
    ExportReceipts {
        /// The file to make, or - for standard output
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        filter: ReceiptFilter,
    },
    /// Lists notices to admins
    Notices {
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
}

pub(super) fn run(command: AuditCommand, context: &CommandContext) -> Result<(), CommandError> {
    match command {
        AuditCommand::List { filter, limit } => list(filter, limit, context),
        AuditCommand::Show { id } => show_event(&id, context),
        AuditCommand::Export { output, filter } => export::events(&output, filter, context),
        AuditCommand::Verify { head } => verify(head.as_deref(), context),
        AuditCommand::Receipts { filter, limit } => list_receipts(filter, limit, context),
        AuditCommand::Receipt { id } => show_receipt(&id, context),
        AuditCommand::ExportReceipts { output, filter } => {
            export::receipts(&output, filter, context)
        }
        AuditCommand::Notices { limit } => list_notices(limit, context),
    }
}

fn list(filter: EventFilter, limit: i64, context: &CommandContext) -> Result<(), CommandError> {
    let selection = filter.selection(context)?;
    let found =
        context.read(|connection| audit_search::list(connection, &selection, None, limit))?;
    let shown: Vec<_> = found.iter().map(view::audit_event).collect();
    let columns = [
        "at",
        "action",
        "outcome",
        "actor.kind",
        "actor.name",
        "actor.source_ip",
        "target.type",
        "target.name",
        "target.id",
    ];
    context.output.list(&shown, &columns)
}

fn show_event(id: &str, context: &CommandContext) -> Result<(), CommandError> {
    let found = context
        .read(|connection| audit_chain::find_event(connection, id))?
        .ok_or(PolicyError::NotFound("audit event"))?;
    context.output.one(&view::placed_event(&found))
}

fn verify(head: Option<&str>, context: &CommandContext) -> Result<(), CommandError> {
    let sealer = context.deployment.sealer();
    let report = context.read(|connection| chain::verify(connection, &sealer, head))?;
    context.output.one(&report)?;
    if report.verified {
        return Ok(());
    }
    Err(CommandError::Refused(
        "the audit events are not as they were written".to_owned(),
    ))
}

fn list_receipts(
    filter: ReceiptFilter,
    limit: i64,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let selection = filter.selection(context)?;
    let found = context.read(|connection| receipts::list(connection, &selection, None, limit))?;
    let shown: Vec<_> = found.iter().map(view::receipt).collect();
    let columns = [
        "effective_at",
        "user.user_name",
        "user.id",
        "reason",
        "actor.name",
        "revoked",
        "orphaned",
        "id",
    ];
    context.output.list(&shown, &columns)
}

fn show_receipt(id: &str, context: &CommandContext) -> Result<(), CommandError> {
    let found = context
        .read(|connection| receipts::find(connection, id))?
        .ok_or(PolicyError::NotFound("receipt"))?;
    context.output.one(&view::receipt(&found))
}

fn list_notices(limit: i64, context: &CommandContext) -> Result<(), CommandError> {
    let found = context.read(|connection| {
        notices::list(connection, &notices::Selection::default(), None, limit)
    })?;
    let shown: Vec<_> = found.iter().map(view::notice).collect();
    let columns = ["at", "kind", "subject", "read_at", "delivered_at"];
    context.output.list(&shown, &columns)
}
