//! The HTTP edges: who calls, with what rights, and how typed errors are answered in each protocol. No SQL
//! and no rules.
//!
//! [`State`] is what every handler needs, [`serve`] runs the server until it is told to stop.

mod account;
pub mod admin;
mod background;
pub mod caller;
mod chaining;
pub mod console;
mod endpoint;
mod gateway;
mod leaks;
mod lines;
pub mod metrics;
mod notices;
mod oauth;
pub mod openapi;
mod operations;
pub mod problem;
mod revocation;
pub mod scim;
mod state;
mod throttle;
mod token;
mod well_known;

use std::any::Any;
use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::http::KeepAlive;
use actix_web::middleware::from_fn;
use actix_web::rt::net::TcpStream;
use actix_web::{App, HttpServer, web};

pub use endpoint::Endpoint;
use openapi::{ApiEndpoint, Document};
pub use state::State;

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The longest body of the interfaces that take no resources; SCIM has its own limits.
const MAX_BODY: usize = 256 * 1024;

/// Serves on the listener until `stop` is ready; then takes no more connections, finishes the requests in
/// flight and returns. Must run inside an actix system.
///
/// # Errors
/// When the listener cannot be used.
pub async fn serve(
    state: State,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let background = actix_web::rt::spawn(background::run(state.clone()));
    let chaining = actix_web::rt::spawn(chaining::run(state.clone()));
    let notices = actix_web::rt::spawn(notices::run(state.clone()));
    let outcome = answer(state.clone(), listener, stop).await;
    background.abort();
    chaining.abort();
    notices.abort();
    background::flush(&state).await;
    background::flush_request_log(&state).await;
    chaining::chain_all(&state).await;
    outcome
}

/// Answers requests as [`serve`] does, without what is done beside them: nothing touches the database but what
/// a request asks for.
///
/// # Errors
/// When the listener cannot be used.
pub async fn answer(
    state: State,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let settings = state.settings.clone();
    let stopping = state.clone();
    let document = web::Data::new(Document::of(&state.base_url, &state.registry));
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let server = HttpServer::new(move || {
        App::new()
            .wrap(from_fn(metrics::measure))
            .configure(|config| configure(config, &state, &document))
    })
    .workers(workers)
    .keep_alive(KeepAlive::Timeout(KEEP_ALIVE))
    .shutdown_timeout(u64::from(settings.limits.shutdown_seconds))
    .on_connect(|connection, _| send_at_once(connection))
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let running = actix_web::rt::spawn(server);
    stop.await;
    stopping.stop();
    handle.stop(true).await;
    running.await.map_err(std::io::Error::other)?
}

/// The pieces of a long answer are sent as they are made, and do not wait for the client to acknowledge the
/// piece before.
fn send_at_once(connection: &dyn Any) {
    if let Some(connection) = connection.downcast_ref::<TcpStream>()
        && let Err(error) = connection.set_nodelay(true)
    {
        tracing::debug!(%error, "a connection keeps small packets back");
    }
}

/// An interface whose operations are described where they are mounted.
struct Interface {
    /// What it is called in the OpenAPI document.
    name: &'static str,
    /// Where it is mounted.
    prefix: &'static str,
    endpoints: fn() -> Vec<ApiEndpoint>,
}

/// All of them but the admin interface, which names scopes beside.
const INTERFACES: [Interface; 5] = [
    Interface {
        name: "account",
        prefix: "/account/v1",
        endpoints: account::endpoints,
    },
    Interface {
        name: "oauth2",
        prefix: "/oauth2",
        endpoints: oauth::endpoints,
    },
    Interface {
        name: "well-known",
        prefix: "",
        endpoints: well_known::endpoints,
    },
    Interface {
        name: "leaks",
        prefix: "",
        endpoints: leaks::endpoints,
    },
    Interface {
        name: "operations",
        prefix: "",
        endpoints: operations::endpoints,
    },
];

impl Interface {
    fn mount(&self, config: &mut web::ServiceConfig) {
        let mount = |config: &mut web::ServiceConfig| {
            for endpoint in (self.endpoints)() {
                config.service(endpoint);
            }
        };
        if self.prefix.is_empty() {
            mount(config);
        } else {
            config.service(
                web::scope(self.prefix)
                    .wrap(from_fn(problem::refuse_nul))
                    .configure(mount),
            );
        }
    }
}

/// Mounts every interface.
fn configure(config: &mut web::ServiceConfig, state: &State, document: &web::Data<Document>) {
    config
        .app_data(web::Data::new(state.clone()))
        .app_data(document.clone())
        .app_data(problem::json_config(MAX_BODY))
        .app_data(problem::query_config())
        .app_data(problem::path_config())
        .app_data(problem::form_config(MAX_BODY))
        .app_data(web::PayloadConfig::new(MAX_BODY))
        .service(web::scope("/scim/v2").configure(scim::configure))
        .service(
            web::scope("/admin/v1")
                .wrap(from_fn(problem::refuse_nul))
                .configure(admin::configure),
        )
        .service(
            web::scope("/console")
                .wrap(from_fn(problem::refuse_nul))
                .wrap(from_fn(console::guarded))
                .configure(console::configure),
        )
        .service(
            web::scope("/gateway")
                .wrap(from_fn(problem::refuse_nul))
                .configure(gateway::configure),
        );
    for interface in &INTERFACES {
        interface.mount(config);
    }
    config.default_service(web::to(problem::no_such_path));
}
