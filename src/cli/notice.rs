//! `notice`: what the product has to tell.

use clap::Subcommand;
use serde_json::json;

use crate::http::admin::view;
use crate::notices::{NoticeError, NoticeKind};
use crate::store::deliveries;
use crate::store::notices::{self, Selection};

use super::CommandError;
use super::context::CommandContext;

/// What to do with notices.
#[derive(Debug, Subcommand)]
pub(super) enum NoticeCommand {
    /// Lists notices, newest first
    List {
        /// Of this kind, such as `keys_orphaned`
        #[arg(long)]
        kind: Option<String>,
        /// Only those that nobody has read
        #[arg(long)]
        unread: bool,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Shows one notice with the way of it to each receiver
    Show {
        /// Its id
        id: String,
    },
    /// Marks one notice as read
    Read {
        /// Its id
        id: String,
    },
    /// Marks all notices as read
    ReadAll {
        /// Only those of this kind
        #[arg(long)]
        kind: Option<String>,
    },
}

pub(super) fn run(command: NoticeCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (output, now) = (context.output, context.now.as_millis());
    match command {
        NoticeCommand::List {
            kind,
            unread,
            limit,
        } => {
            check_kind(kind.as_deref())?;
            let selection = Selection { kind, unread };
            let found =
                context.read(|connection| notices::list(connection, &selection, None, limit))?;
            let shown: Vec<_> = found.iter().map(view::notice).collect();
            let columns = ["id", "at", "kind", "subject", "read_at", "delivered_at"];
            output.list(&shown, &columns)
        }
        NoticeCommand::Show { id } => {
            let (notice, deliveries) = context.read(|connection| {
                let notice =
                    notices::find(connection, &id)?.ok_or(NoticeError::NotFound("notice"))?;
                let deliveries = deliveries::of_notice(connection, &id)?;
                Ok::<_, NoticeError>((notice, deliveries))
            })?;
            output.one(&view::notice_with_deliveries(&notice, &deliveries))
        }
        NoticeCommand::Read { id } => {
            context.write(move |connection| {
                if notices::mark_read(connection, &id, now)? {
                    Ok(())
                } else {
                    Err(NoticeError::NotFound("notice"))
                }
            })?;
            output.done("marked as read")
        }
        NoticeCommand::ReadAll { kind } => {
            check_kind(kind.as_deref())?;
            let marked = context.write(move |connection| {
                notices::mark_all_read(connection, kind.as_deref(), now)
            })?;
            output.one(&json!({"marked": marked}))
        }
    }
}

fn check_kind(kind: Option<&str>) -> Result<(), NoticeError> {
    match kind {
        Some(name) if NoticeKind::from_name(name).is_none() => Err(NoticeError::Invalid(format!(
            "kind is {name:?}, which is no kind of notice"
        ))),
        _ => Ok(()),
    }
}
