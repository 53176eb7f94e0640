//! `signing-key`

use clap::Subcommand;

use crate::credentials::signing_keys;
use crate::http::admin::view;

use super::CommandError;
use super::context::CommandContext;

/// What to do with the keys that access tokens are signed with.
#[derive(Debug, Subcommand)]
pub(super) enum SigningKeyCommand {
    /// Lists the signing keys, oldest first
    List,
    /// Makes the next signing key: published now, signing in an hour
    Rotate {
        /// Ends the present keys now, and with them every access token that they signed
        #[arg(long)]
        compromised: bool,
    },
}

pub(super) fn run(
    command: &SigningKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        SigningKeyCommand::List => {
            let found = context.read(signing_keys::list)?;
            let shown: Vec<_> = found
                .iter()
                .map(|key| view::signing_key(key, now))
                .collect();
            output.list(
                &shown,
                &["id", "algorithm", "status", "activates_at", "retires_at"],
            )
        }
        SigningKeyCommand::Rotate { compromised } => {
            let sealer = context.deployment.sealer();
            let compromised = *compromised;
            let made = context.write(move |connection| {
                signing_keys::rotate(connection, &sealer, compromised, &cause.actor, now)
            })?;
            output.one(&view::signing_key(&made, now))
        }
    }
}
