//! `scim-key` and `api-key`

use clap::{Args, Subcommand};

use crate::credentials::keys::{self, KeyChange};
use crate::credentials::{NewCredential, issue};
use crate::http::admin::view;
use crate::policies::rate_limits::Rate;
use crate::policies::{Scope, networks};
use crate::secret::SecretKind;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::CredentialId;

use super::CommandError;
use super::context::CommandContext;

/// How many rows a list holds at most.
pub(super) const LIST_LIMIT: i64 = 10_000;
const COLUMNS: [&str; 8] = [
    "id",
    "name",
    "prefix",
    "status",
    "created_by.user_name",
    "expires_at",
    "last_used_at",
    "orphaned_at",
];

/// What to do with SCIM keys.
#[derive(Debug, Subcommand)]
pub(super) enum ScimKeyCommand {
    /// Lists SCIM keys
    List {
        /// Of this directory alone; id or name
        #[arg(long)]
        directory: Option<String>,
    },
    /// Makes a key and shows its secret, this once
    Create {
        /// The directory that it is bound to; id or name
        #[arg(long)]
        directory: String,
        #[command(flatten)]
        key: NewKey,
    },
    #[command(flatten)]
    Any(KeyCommand),
}

/// What to do with admin API keys.
#[derive(Debug, Subcommand)]
pub(super) enum ApiKeyCommand {
    /// Lists admin API keys
    List,
    /// Makes a key and shows its secret, this once
    Create {
        /// What it may do, separated by commas; `all` for everything
        #[arg(long, value_delimiter = ',', required = true)]
        scopes: Vec<String>,
        #[command(flatten)]
        key: NewKey,
    },
    #[command(flatten)]
    Any(KeyCommand),
}

/// What is done with keys of either kind.
#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Shows one key
    Show {
        /// Its id
        id: String,
    },
    /// Changes what a key is called and its limits; what is not given stays
    Update {
        /// Its id
        id: String,
        /// What it is called
        #[arg(long)]
        name: Option<String>,
        /// Networks that it may be used from, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "CIDR,…")]
        allowed_networks: Option<Vec<String>>,
        /// Requests a second that it may make: a number, 0 for no bound, or default for the rate of its kind
        #[arg(long, value_name = "N|default", value_parser = rate)]
        requests_per_second: Option<Rate>,
    },
    /// Makes a successor and shows its secret, this once; the key itself works until the overlap ends
    Rotate {
        /// Its id
        id: String,
        /// Hours that the key goes on working after the first use of its successor [default: 24]
        #[arg(long)]
        overlap_hours: Option<i64>,
        /// Days that the successor works [default: 365]
        #[arg(long)]
        expires_in_days: Option<i64>,
    },
    /// Takes an orphaned key over
    Adopt {
        /// Its id
        id: String,
    },
    /// Revokes a key
    Revoke {
        /// Its id
        id: String,
    },
}

fn rate(text: &str) -> Result<Rate, std::num::ParseIntError> {
    if text == "default" {
        return Ok(Rate::OfKind);
    }
    text.parse().map(Rate::Own)
}

/// What is said of a new key of either kind.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    /// What it is called
    #[arg(long)]
    name: String,
    /// Days that it works, 1 to 365 [default: 365]
    #[arg(long)]
    expires_in_days: Option<i64>,
    /// Networks that it may be used from, separated by commas [default: any]
    #[arg(long, value_delimiter = ',', value_name = "CIDR,…")]
    allowed_networks: Vec<String>,
    /// Requests a second that it may make, 0 for no bound [default: the rate of its kind]
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u32>,
}

impl NewKey {
    fn credential(self, kind: SecretKind) -> Result<NewCredential, CommandError> {
        Ok(NewCredential {
            allowed_networks: networks::parse(&self.allowed_networks)?,
            expires_in_days: self.expires_in_days,
            requests_per_second: self.requests_per_second,
            ..NewCredential::new(kind, &self.name)
        })
    }
}

pub(super) fn run_scim(
    command: ScimKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let kind = SecretKind::ScimKey;
    match command {
        ScimKeyCommand::List { directory } => {
            let directory = match directory {
                Some(named) => Some(context.directory(&named)?.id),
                None => None,
            };
            let selection = Selection {
                kinds: vec![kind],
                directory,
                ..Selection::default()
            };
            list(context, &selection, &COLUMNS)
        }
        ScimKeyCommand::Create { directory, key } => {
            let directory_id = Some(context.directory(&directory)?.id);
            create(
                context,
                NewCredential {
                    directory_id,
                    ..key.credential(kind)?
                },
            )
        }
        ScimKeyCommand::Any(command) => run_any(kind, command, context),
    }
}

pub(super) fn run_api(
    command: ApiKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let kind = SecretKind::AdminKey;
    match command {
        ApiKeyCommand::List => {
            let selection = Selection {
                kinds: vec![kind],
                ..Selection::default()
            };
            list(context, &selection, &COLUMNS)
        }
        ApiKeyCommand::Create { scopes, key } => {
            let scopes = if scopes.iter().any(|scope| scope == "all") {
                Scope::ALL.map(|scope| scope.name().to_owned()).to_vec()
            } else {
                scopes
            };
            create(
                context,
                NewCredential {
                    scopes,
                    ..key.credential(kind)?
                },
            )
        }
        ApiKeyCommand::Any(command) => run_any(kind, command, context),
    }
}

fn run_any(
    kind: SecretKind,
    command: KeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        KeyCommand::Show { id } => {
            let id = CredentialId::new(id);
            let found = context.read(|connection| keys::find(connection, kind, &id))?;
            output.one(&view::credential(&found, now))
        }
        KeyCommand::Update {
            id,
            name,
            allowed_networks,
            requests_per_second,
        } => {
            let id = CredentialId::new(id);
            let change = KeyChange {
                name,
                allowed_networks: allowed_networks
                    .map(|texts| networks::parse(&texts))
                    .transpose()?,
                requests_per_second,
            };
            let changed = context.write(move |connection| {
                keys::update(connection, kind, &id, &change, &cause.actor, now)
            })?;
            output.one(&view::credential(&changed, now))
        }
        KeyCommand::Rotate {
            id,
            overlap_hours,
            expires_in_days,
        } => {
            let id = CredentialId::new(id);
            let issued = context.write(move |connection| {
                keys::rotate(
                    connection,
                    kind,
                    &id,
                    overlap_hours,
                    expires_in_days,
                    &cause.actor,
                    now,
                )
            })?;
            output.one(&view::issued(&issued, now))
        }
        KeyCommand::Adopt { id } => {
            let id = CredentialId::new(id);
            let adopted = context
                .write(move |connection| keys::adopt(connection, kind, &id, &cause.actor, now))?;
            output.one(&view::credential(&adopted, now))
        }
        KeyCommand::Revoke { id } => revoke(context, kind, &id),
    }
}

/// A list of credentials as a table of these columns.
pub(super) fn list(
    context: &CommandContext,
    selection: &Selection,
    columns: &[&str],
) -> Result<(), CommandError> {
    let found = context.read(|connection| table::list(connection, selection, None, LIST_LIMIT))?;
    let shown: Vec<_> = found
        .iter()
        .map(|credential| view::credential(credential, context.now))
        .collect();
    context.output.list(&shown, columns)
}

/// Issues a credential and shows its secret.
pub(super) fn create(context: &CommandContext, new: NewCredential) -> Result<(), CommandError> {
    let (cause, now) = (context.cause(), context.now);
    let issued = context.write(move |connection| issue(connection, &new, &cause.actor, now))?;
    context.output.one(&view::issued(&issued, now))
}

/// Revokes a credential of a kind.
pub(super) fn revoke(
    context: &CommandContext,
    kind: SecretKind,
    id: &str,
) -> Result<(), CommandError> {
    let (cause, now) = (context.cause(), context.now);
    let id = CredentialId::new(id);
    context.write(move |connection| {
        keys::revoke(connection, kind, &id, "revoked_by_admin", &cause.actor, now)
    })?;
    context.output.done("revoked")
}
