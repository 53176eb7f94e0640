//! `master-key`

use clap::Subcommand;

use crate::credentials::resealing;
use crate::store::DatabaseConnection;

use super::CommandError;
use super::context::CommandContext;

/// What to do with the master key.
#[derive(Debug, Subcommand)]
pub(super) enum MasterKeyCommand {
    /// Makes the present master key the one that holds, and seals under it what is sealed under the previous
    /// one; servers that have both go on working meanwhile
    Rotate,
}

pub(super) fn run(
    command: &MasterKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let MasterKeyCommand::Rotate = command;
    let (cause, now, output) = (context.cause(), context.now, context.output);
    let fingerprint = context.deployment.master_key.fingerprint();
    let holds = fingerprint.clone();
    context.write(move |connection| resealing::rotate(connection, &holds, &cause.actor, now))?;
    let sealer = std::sync::Arc::new(context.deployment.sealer());
    sealer.follow(&fingerprint);
    let mut total = 0;
    loop {
        let sealer = sealer.clone();
        let count = context.write(move |connection: &mut DatabaseConnection| {
            resealing::reseal(connection, &sealer)
        })?;
        if count == 0 {
            break;
        }
        total += count;
    }
    output.done(&format!(
        "sealed {total} values again; once every server has taken notice and this says 0, the previous master \
         key can go"
    ))
}
