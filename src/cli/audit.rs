//! `audit`: events, receipts, notices.

use clap::Subcommand;

use crate::http::admin::view;
use crate::store::audit_events::{self, Selection};
use crate::store::id::ResourceId;
use crate::store::{notices, receipts};

use super::CommandError;
use super::context::CommandContext;

/// What to read of the records; newest first.
#[derive(Debug, Subcommand)]
pub(super) enum AuditCommand {
    /// Lists audit events
    List {
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
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Lists the receipts of deprovisionings
    Receipts {
        /// Of this person alone
        #[arg(long)]
        user: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Lists notices to admins
    Notices {
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
}

pub(super) fn run(command: AuditCommand, context: &CommandContext) -> Result<(), CommandError> {
    let output = context.output;
    match command {
        AuditCommand::List {
            target,
            action,
            directory,
            actor,
            limit,
        } => {
            let directory_id = match directory {
                Some(named) => Some(context.directory(&named)?.id.to_string()),
                None => None,
            };
            let selection = Selection {
                target_id: target,
                action,
                directory_id,
                actor_person_id: actor,
            };
            let found = context
                .read(|connection| audit_events::list(connection, &selection, None, limit))?;
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
            output.list(&shown, &columns)
        }
        AuditCommand::Receipts { user, limit } => {
            let user = user.map(ResourceId::new);
            let found = context
                .read(|connection| receipts::list(connection, user.as_ref(), None, limit))?;
            let shown: Vec<_> = found.iter().map(view::receipt).collect();
            let columns = [
                "effective_at",
                "user.user_name",
                "user.id",
                "reason",
                "actor.name",
                "revoked",
                "orphaned",
            ];
            output.list(&shown, &columns)
        }
        AuditCommand::Notices { limit } => {
            let found = context.read(|connection| notices::list(connection, None, limit))?;
            let shown: Vec<_> = found.iter().map(view::notice).collect();
            output.list(
                &shown,
                &["at", "kind", "subject", "read_at", "delivered_at"],
            )
        }
    }
}
