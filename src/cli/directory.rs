//! `directory`

use clap::Subcommand;

use crate::credentials::bulk::TokensOf;
use crate::http::admin::view;
use crate::lifecycle::{create_directory, impact_of_removing, remove_directory, update_directory};
use crate::scim::leniency::Dialect;
use crate::store::directories::{self, DirectoryKind};

use super::CommandError;
use super::context::CommandContext;
use super::policy;

const COLUMNS: [&str; 6] = [
    "id",
    "name",
    "kind",
    "dialect",
    "password_allowed",
    "created_at",
];

/// What to do with directories.
#[derive(Debug, Subcommand)]
pub(super) enum DirectoryCommand {
    /// Lists all directories
    List,
    /// Makes a directory for an identity provider
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// Which deviations are forgiven: lenient, strict, entra or okta
        #[arg(long, value_parser = dialect, default_value = "lenient")]
        dialect: Dialect,
        /// Lets the identity provider set passwords
        #[arg(long)]
        allow_passwords: bool,
    },
    /// Shows one directory
    Show {
        /// Its id or name
        directory: String,
    },
    /// Changes a directory
    Update {
        /// Its id or name
        directory: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// Which deviations are forgiven: lenient, strict, entra or okta
        #[arg(long, value_parser = dialect)]
        dialect: Option<Dialect>,
        /// Whether the identity provider may set passwords
        #[arg(long, value_name = "true|false")]
        allow_passwords: Option<bool>,
    },
    /// Revokes all API tokens of the people of a directory
    RevokeTokens {
        /// Its id or name
        directory: String,
    },
    /// Tells what removing a directory would end
    Impact {
        /// Its id or name
        directory: String,
    },
    /// Removes a directory and deprovisions everybody in it
    Remove {
        /// Its id or name
        directory: String,
    },
}

fn dialect(name: &str) -> Result<Dialect, String> {
    Dialect::from_name(name).ok_or_else(|| "it must be lenient, strict, entra or okta".to_owned())
}

pub(super) fn run(command: DirectoryCommand, context: &CommandContext) -> Result<(), CommandError> {
    let cause = context.cause();
    let output = context.output;
    match command {
        DirectoryCommand::List => {
            let found = context.read(directories::list)?;
            let shown: Vec<_> = found.iter().map(view::directory).collect();
            output.list(&shown, &COLUMNS)
        }
        DirectoryCommand::Create {
            name,
            dialect,
            allow_passwords,
        } => {
            let made = context.write(move |connection| {
                create_directory(
                    connection,
                    &name,
                    DirectoryKind::Scim,
                    dialect,
                    allow_passwords,
                    &cause,
                )
            })?;
            output.one(&view::directory(&made))
        }
        DirectoryCommand::Show { directory } => {
            output.one(&view::directory(&context.directory(&directory)?))
        }
        DirectoryCommand::Update {
            directory,
            name,
            dialect,
            allow_passwords,
        } => {
            let id = context.directory(&directory)?.id;
            let changed = context.write(move |connection| {
                update_directory(
                    connection,
                    &id,
                    name.as_deref(),
                    dialect,
                    allow_passwords,
                    &cause,
                )
            })?;
            output.one(&view::directory(&changed))
        }
        DirectoryCommand::RevokeTokens { directory } => {
            let id = context.directory(&directory)?.id;
            policy::revoke_tokens(context, TokensOf::Directory(id))
        }
        DirectoryCommand::Impact { directory } => {
            let id = context.directory(&directory)?.id;
            policy::show_impact(context, |connection, now| {
                impact_of_removing(connection, &id, now)
            })
        }
        DirectoryCommand::Remove { directory } => {
            let id = context.directory(&directory)?.id;
            context.write(move |connection| remove_directory(connection, &id, &cause))?;
            output.done("removed")
        }
    }
}
