//! `serve`: everything up to the signal that ends it.

use std::net::{SocketAddr, TcpListener};

use tokio::signal::unix::{SignalKind, signal};

use crate::clock::Clock;
use crate::config::Settings;
use crate::http::{self, Listeners, State};

use super::CommandError;
use super::startup::Deployment;

/// Serves until SIGTERM or SIGINT.
pub(super) fn run(settings: Settings) -> Result<(), CommandError> {
    let listener = listen(&settings)?;
    serve(Deployment::open(settings)?, listener)
}

/// Takes the address, so that nobody else can; connections wait until [`serve`].
pub(super) fn listen(settings: &Settings) -> Result<TcpListener, CommandError> {
    bind(settings.listen)
}

fn bind(address: SocketAddr) -> Result<TcpListener, CommandError> {
    TcpListener::bind(address).map_err(|cause| CommandError::Io {
        what: format!("cannot listen on {address}"),
        cause,
    })
}

/// The URL that clients use.
pub(super) fn base_url(
    deployment: &Deployment,
    listener: &TcpListener,
) -> Result<String, CommandError> {
    let bound = listener.local_addr().map_err(failed)?;
    Ok(deployment.settings.base_url(bound))
}

pub(super) fn serve(mut deployment: Deployment, listener: TcpListener) -> Result<(), CommandError> {
    let redirect = deployment.settings.server.http_redirect;
    let redirect = redirect.map(bind).transpose()?;
    let metrics = deployment.settings.server.metrics_listen;
    let metrics = metrics.map(bind).transpose()?;
    deployment.use_replica()?;
    let base_url = base_url(&deployment, &listener)?;
    let state = State::new(
        deployment.database,
        deployment.registry,
        deployment.settings,
        Clock::system(),
        &deployment.master_key,
        &base_url,
    );
    state.sealer.follow(&deployment.holding_master_key);
    actix_web::rt::System::new().block_on(async {
        // Before the first connection is taken, so that no signal is missed.
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tracing::info!(url = base_url, "serving");
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        };
        let listeners = Listeners {
            main: listener,
            redirect,
            metrics,
        };
        Ok(http::serve(state, listeners, stop).await?)
    })
}

fn failed(cause: std::io::Error) -> CommandError {
    CommandError::Io {
        what: "serving".to_owned(),
        cause,
    }
}
