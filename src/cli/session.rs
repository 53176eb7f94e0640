//! `session`

use clap::Subcommand;
use serde_json::json;

use crate::credentials::{CredentialError, open_sessions, sessions};
use crate::http::admin::view;
use crate::policies::PolicyError;
use crate::store::id::{CredentialId, ResourceId};

use super::CommandError;
use super::context::CommandContext;
use super::key::LIST_LIMIT;
use super::user::find;

const COLUMNS: [&str; 6] = [
    "id",
    "created_at",
    "last_used_at",
    "last_used_ip",
    "expires_at",
    "prefix",
];

/// What to do with where people are signed in.
#[derive(Debug, Subcommand)]
pub(super) enum SessionCommand {
    /// Lists where a person is signed in, newest first
    List {
        /// Whose
        #[arg(long)]
        user: String,
        /// Those last used from an address that begins so
        #[arg(long)]
        address: Option<String>,
    },
    /// Ends one session of a person, who stays active
    End {
        /// Its id
        id: String,
        /// Whose
        #[arg(long)]
        user: String,
    },
    /// Ends all sessions of a person, who stays active, and counts them
    EndAll {
        /// Whose
        #[arg(long)]
        user: String,
    },
}

pub(super) fn run(command: SessionCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    match command {
        SessionCommand::List { user, address } => {
            let id = ResourceId::new(user);
            let address = address.as_deref();
            let open = context.read(|connection| {
                find(connection, &id)?;
                let fetch = LIST_LIMIT + 1;
                let open =
                    open_sessions::list_open_from(connection, &id, address, None, fetch, now)?;
                Ok::<_, PolicyError>(open)
            })?;
            let shown: Vec<_> = open
                .sessions
                .iter()
                .map(|session| view::credential(session, now))
                .collect();
            output.list(&shown, &COLUMNS)
        }
        SessionCommand::End { id, user } => {
            let (id, user) = (CredentialId::new(id), ResourceId::new(user));
            context.write(move |connection| {
                sessions::end_by_admin(connection, &user, &id, &actor, now)
            })?;
            output.done("the session has ended")
        }
        SessionCommand::EndAll { user } => {
            let id = ResourceId::new(user);
            let ended = context.write(move |connection| {
                find(connection, &id)?;
                let ended = sessions::end_all_by_admin(connection, &id, &actor, now)?;
                Ok::<_, CredentialError>(ended)
            })?;
            output.one(&json!({"ended": ended}))
        }
    }
}
