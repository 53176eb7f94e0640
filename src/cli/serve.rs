//! `serve`: everything up to the signal that ends it.

use std::net::TcpListener;

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::Settings;
use crate::http::{self, State};

use super::CommandError;
use super::startup::Deployment;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(settings: Settings) -> Result<(), CommandError> {
    let deployment = Deployment::open(settings)?;
    serve(deployment)
}

pub(super) fn serve(deployment: Deployment) -> Result<(), CommandError> {
    let listen = deployment.settings.listen;
    let failed = |cause| CommandError::Io {
        what: format!("listening on {listen}"),
        cause,
    };
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let base_url = deployment.settings.base_url(bound);
    let state = State::new(
        deployment.database,
        deployment.registry,
        deployment.settings,
        Clock::system(),
        &deployment.master_key,
        &base_url,
    );
    actix_web::rt::System::new().block_on(async {
        // Before the first connection is taken, so that no signal is missed.
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tracing::info!(address = %bound, url = base_url, "serving");
        http::serve(state, listener, async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        })
        .await
        .map_err(failed)
    })
}
