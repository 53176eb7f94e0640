//! `service-account-key`

use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::credentials::public_keys::PublicKey;
use crate::credentials::registered_keys;
use crate::credentials::{NewCredential, service_accounts};
use crate::http::admin::view;
use crate::secret::SecretKind;
use crate::store::credentials::{self as table, Selection};
use crate::store::id::{ProductId, ServiceAccountId};

use super::CommandError;
use super::context::CommandContext;
use super::key;

/// What to do with the public keys of service accounts.
#[derive(Debug, Subcommand)]
pub(super) enum ServiceAccountKeyCommand {
    /// Lists the public keys of a service account
    List {
        /// The account's id
        account: String,
    },
    /// Registers a public key of a service account
    Register {
        /// The account's id
        account: String,
        /// What the key is called
        #[arg(long)]
        name: String,
        /// A file with the public key: PEM or a JWK
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        /// What it may be used for, separated by commas: scopes of the admin interface, or of the product
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// The directory that it speaks SCIM with, by id or name, and nothing else
        #[arg(long, conflicts_with_all = ["scopes", "product"])]
        directory: Option<String>,
        /// The id of the product that its tokens are for
        #[arg(long)]
        product: Option<String>,
        /// Days that it works, 1 to 365 [default: 365]
        #[arg(long)]
        expires_in_days: Option<i64>,
    },
    /// Revokes a public key, and with it every access token that was issued from it
    Revoke {
        /// The key's id
        id: String,
    },
}

pub(super) fn run(
    command: ServiceAccountKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        ServiceAccountKeyCommand::List { account } => {
            let account = ServiceAccountId::new(account);
            let found = context.read(|connection| {
                service_accounts::find(connection, &account)?;
                let selection = Selection {
                    kinds: vec![SecretKind::ServiceAccountKey],
                    service_account: Some(account.clone()),
                    ..Selection::default()
                };
                let found = table::list(connection, &selection, None, key::LIST_LIMIT)?;
                registered_keys::with_keys(connection, found)
            })?;
            let shown: Vec<_> = found
                .iter()
                .map(|one| view::registered_key(one, now))
                .collect();
            let columns = ["id", "name", "algorithm", "key_id", "status", "expires_at"];
            output.list(&shown, &columns)
        }
        ServiceAccountKeyCommand::Register {
            account,
            name,
            file,
            scopes,
            directory,
            product,
            expires_in_days,
        } => {
            let public_key = read(&file)?;
            let directory = match directory {
                Some(named) => Some(context.directory(&named)?.id),
                None => None,
            };
            let new = NewCredential {
                service_account_id: Some(ServiceAccountId::new(account)),
                scopes,
                directory_id: directory,
                product_id: product.map(ProductId::new),
                expires_in_days,
                ..NewCredential::new(SecretKind::ServiceAccountKey, &name)
            };
            let made = context.write(move |connection| {
                registered_keys::register(connection, &new, &public_key, &cause.actor, now)
            })?;
            output.one(&view::registered_key(&made, now))
        }
        ServiceAccountKeyCommand::Revoke { id } => {
            key::revoke(context, SecretKind::ServiceAccountKey, &id)
        }
    }
}

fn read(file: &Path) -> Result<PublicKey, CommandError> {
    let text = std::fs::read_to_string(file).map_err(|cause| CommandError::Io {
        what: format!("{} cannot be read", file.display()),
        cause,
    })?;
    Ok(match serde_json::from_str(&text) {
        Ok(jwk) => PublicKey::from_jwk(&jwk)?,
        Err(_) => PublicKey::from_pem(&text)?,
    })
}
