//! Which events and receipts are meant.

use clap::Args;

use crate::clock::Timestamp;
use crate::store::audit_events;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::receipts;

use super::super::CommandError;
use super::super::context::CommandContext;

/// Events that are all of what is said here.
#[derive(Debug, Args)]
pub(in crate::cli) struct EventFilter {
    /// About this thing, by its id
    #[arg(long)]
    target: Option<String>,
    /// Of this action, such as user.deprovisioned
    #[arg(long)]
    action: Option<String>,
    /// In this directory; id or name
    #[arg(long)]
    directory: Option<String>,
    /// By this person, by their id
    #[arg(long)]
    actor: Option<String>,
    /// By this person or about them, by their id
    #[arg(long)]
    user: Option<String>,
    /// By this credential or about it, by its id
    #[arg(long)]
    credential: Option<String>,
    /// With this outcome
    #[arg(long, value_parser = ["success", "refused"])]
    outcome: Option<String>,
    /// At this time or later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// Before this time
    #[arg(long, value_parser = instant)]
    until: Option<Timestamp>,
}

impl EventFilter {
    pub(super) fn selection(
        self,
        context: &CommandContext,
    ) -> Result<audit_events::Selection, CommandError> {
        Ok(audit_events::Selection {
            target_id: self.target,
            action: self.action,
            directory_id: directory(self.directory, context)?.map(|id| id.to_string()),
            actor_person_id: self.actor,
            person_id: self.user,
            credential_id: self.credential,
            outcome: self.outcome,
            since: self.since,
            until: self.until,
        })
    }
}

/// Receipts that are all of what is said here.
#[derive(Debug, Args)]
pub(in crate::cli) struct ReceiptFilter {
    /// Of this person, by their id
    #[arg(long)]
    user: Option<String>,
    /// Of people of this directory; id or name
    #[arg(long)]
    directory: Option<String>,
    /// That took effect at this time or later, such as 2026-01-31T12:00:00Z
    #[arg(long, value_parser = instant)]
    since: Option<Timestamp>,
    /// That took effect before this time
    #[arg(long, value_parser = instant)]
    until: Option<Timestamp>,
}

impl ReceiptFilter {
    pub(super) fn selection(
        self,
        context: &CommandContext,
    ) -> Result<receipts::Selection, CommandError> {
        Ok(receipts::Selection {
            person: self.user.map(ResourceId::new),
            directory: directory(self.directory, context)?,
            since: self.since,
            until: self.until,
        })
    }
}

fn directory(
    named: Option<String>,
    context: &CommandContext,
) -> Result<Option<DirectoryId>, CommandError> {
    match named {
        Some(named) => Ok(Some(context.directory(&named)?.id)),
        None => Ok(None),
    }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "it must be a time such as 2026-01-31T12:00:00Z".to_owned())
}
