//! From listeners to requests: connections are accepted, put under TLS, bounded in number and time, and drained
//! when the server stops. What is answered to requests is not known here.

mod connection;
mod notify;
mod pulse;
mod redirect;
mod renewal;
pub mod tls;

use std::fmt;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol, Request, Response};
use actix_server::{GracefulShutdownSignal, Server, ServerBuilder};
use actix_service::{
    IntoServiceFactory, ServiceFactory, ServiceFactoryExt, fn_service, map_config,
};
use actix_web::body::MessageBody;
use actix_web::dev::AppConfig;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::State;
use super::openapi::Document;
pub(super) use connection::Turn;
use connection::{Connection, Patience, Transport};
pub(super) use pulse::Beat;
use pulse::Pulse;
use tls::{Certificates, TlsError};

/// How long closing a connection may take.
const CLOSING: Duration = Duration::from_secs(5);

/// Where connections come from.
pub struct Listeners {
    /// What is served.
    pub main: TcpListener,
    /// Where http is sent on to https from.
    pub redirect: Option<TcpListener>,
    /// Where those who watch the server ask.
    pub metrics: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Self {
        Self {
            main,
            redirect: None,
            metrics: None,
        }
    }
}

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener cannot be used, or the server failed.
    #[error("the server cannot serve")]
    Io(#[from] std::io::Error),
    /// The certificate cannot be served with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Connections of those who watch the server.
const WATCHING: usize = 64;

/// How connections are treated.
#[derive(Clone)]
struct Manner {
    patience: Patience,
    acceptor: Option<TlsAcceptor>,
    stopping: GracefulShutdownSignal,
}

/// Answers requests until `stop` is ready; then takes no more connections and finishes the requests in flight.
///
/// # Errors
/// [`ServeError`].
pub(super) async fn run(
    state: State,
    listeners: Listeners,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let files = state.settings.server.tls.clone();
    let certificates = files.map(Certificates::load).transpose()?.map(Arc::new);
    let acceptor = match &certificates {
        Some(certificates) => Some(TlsAcceptor::from(Arc::new(certificates.server_config()?))),
        None => None,
    };
    if let Some(certificates) = &certificates {
        state
            .metrics
            .set_certificate(certificates.expires_at(), false);
    }
    let pulse = Pulse::default();
    let (server, watched) = build(&state, listeners, acceptor, &pulse)?;
    let handle = server.handle();
    let watched_handle = watched.as_ref().map(Server::handle);
    let watched = watched.map(actix_web::rt::spawn);
    let renewal = actix_web::rt::spawn(renewal::run(certificates, state.clone()));
    let watchdog = actix_web::rt::spawn(notify::keep_alive(pulse, state.database.clone()));
    let running = actix_web::rt::spawn(server);
    notify::ready();
    stop.await;
    // Whoever sends requests here sees it and sends them elsewhere, before connections are refused.
    state.drain();
    notify::stopping();
    let drain = state.settings.limits.drain_seconds;
    tokio::time::sleep(Duration::from_secs(drain.into())).await;
    state.stop();
    handle.stop(true).await;
    let outcome = running.await.map_err(std::io::Error::other);
    if let (Some(handle), Some(watched)) = (watched_handle, watched) {
        handle.stop(false).await;
        // How it ended matters to nobody any more.
        let _ = watched.await;
    }
    renewal.abort();
    watchdog.abort();
    Ok(outcome??)
}

fn build(
    state: &State,
    listeners: Listeners,
    acceptor: Option<TlsAcceptor>,
    pulse: &Pulse,
) -> Result<(Server, Option<Server>), ServeError> {
    let limits = &state.settings.limits;
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let connections = usize::try_from(limits.max_connections).unwrap_or(usize::MAX);
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(connections.div_ceil(workers))
        .shutdown_timeout(limits.shutdown_seconds.into())
        .disable_signals();
    let manner = Manner {
        patience: Patience::of(limits),
        acceptor,
        stopping: builder.graceful_shutdown_signal(),
    };
    let plain = Manner {
        acceptor: None,
        ..manner.clone()
    };
    let document = web::Data::new(Document::of(&state.base_url, &state.registry));
    let (served, pulse) = (state.clone(), pulse.clone());
    let mut builder = listen(builder, "main", listeners.main, manner, move || {
        super::application(&served, &document, pulse.begin())
    })?;
    if let Some(listener) = listeners.redirect {
        let state = state.clone();
        builder = listen(builder, "redirect", listener, plain, move || {
            App::new()
                .wrap(from_fn(super::edge::pass))
                .configure(|config| redirect::configure(config, &state))
        })?;
    }
    let watched = listeners.metrics.map(|listener| watched(state, listener));
    Ok((builder.run(), watched.transpose()?))
}

/// What operators ask, on a server of its own: however many clients there are, its connections are not theirs.
fn watched(state: &State, listener: TcpListener) -> Result<Server, ServeError> {
    let limits = &state.settings.limits;
    let builder = Server::build()
        .workers(1)
        .max_concurrent_connections(WATCHING)
        .shutdown_timeout(limits.shutdown_seconds.into())
        .disable_signals();
    let manner = Manner {
        patience: Patience::of(limits),
        acceptor: None,
        stopping: builder.graceful_shutdown_signal(),
    };
    let state = state.clone();
    let builder = listen(builder, "metrics", listener, manner, move || {
        super::watched(&state)
    })?;
    Ok(builder.run())
}

/// Serves an application, made anew for each worker, on a listener.
fn listen<F, I, S, B>(
    builder: ServerBuilder,
    name: &str,
    listener: TcpListener,
    manner: Manner,
    application: F,
) -> Result<ServerBuilder, std::io::Error>
where
    F: Fn() -> I + Send + Clone + 'static,
    I: IntoServiceFactory<S, Request>,
    S: ServiceFactory<Request, Config = AppConfig> + 'static,
    S::Error: Into<actix_web::Error>,
    S::InitError: fmt::Debug,
    S::Response: Into<Response<B>> + 'static,
    <S::Service as actix_service::Service<Request>>::Future: 'static,
    B: MessageBody + 'static,
{
    builder.listen(name, listener, move || {
        let manner = manner.clone();
        let stopping = manner.stopping.clone();
        let requests = application().into_factory().map_err(|error| {
            let error: actix_web::Error = error.into();
            error.error_response()
        });
        let requests = HttpService::build()
            .keep_alive(KeepAlive::Timeout(manner.patience.idle))
            .client_request_timeout(manner.patience.head)
            .client_disconnect_timeout(CLOSING)
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .on_connect_ext(|connection: &Connection, data| {
                data.insert(connection.turn());
            })
            .finish(map_config(requests, |()| AppConfig::default()));
        fn_service(move |stream: TcpStream| open(stream, manner.clone()))
            .and_then(requests)
            .map_err(|error| {
                tracing::debug!(%error, "a connection ended early, or held what is no request");
                error
            })
    })
}

/// Greets a client.
async fn open(
    stream: TcpStream,
    manner: Manner,
) -> Result<(Connection, Protocol, Option<SocketAddr>), DispatchError> {
    let peer = stream.peer_addr().ok();
    // The pieces of a long answer are sent as they are made, and do not wait for the client to acknowledge the
    // piece before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps small packets back");
    }
    let transport = match &manner.acceptor {
        None => Transport::Plain(stream),
        Some(acceptor) => {
            let greeting = timeout(manner.patience.head, acceptor.accept(stream));
            match greeting.await.unwrap_or_else(|late| Err(late.into())) {
                Ok(stream) => Transport::Tls(Box::new(stream)),
                Err(error) => {
                    tracing::debug!(%error, client = ?peer, "a TLS handshake failed");
                    return Err(DispatchError::Io(error));
                }
            }
        }
    };
    let connection = Connection::new(transport, manner.patience);
    Ok((connection, Protocol::Http1, peer))
}
