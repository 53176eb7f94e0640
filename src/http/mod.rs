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
mod edge;
mod endpoint;
pub mod forwarded;
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
pub mod server;
mod state;
mod throttle;
mod token;
mod well_known;

use std::future::Future;
use std::sync::Arc;

use actix_service::ServiceFactory;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, web};

pub use endpoint::Endpoint;
use openapi::{ApiEndpoint, Document};
use server::Beat;
pub use server::{Listeners, ServeError};
pub use state::State;

/// The longest body of the interfaces that take no resources; SCIM has its own limits.
const MAX_BODY: usize = 256 * 1024;

/// Serves on the listeners until `stop` is ready; then takes no more connections, finishes the requests in
/// flight and returns. Must run inside an actix system.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    state: State,
    listeners: impl Into<Listeners>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let background = actix_web::rt::spawn(background::run(state.clone()));
    let chaining = actix_web::rt::spawn(chaining::run(state.clone()));
    let notices = actix_web::rt::spawn(notices::run(state.clone()));
    let outcome = answer(state.clone(), listeners, stop).await;
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
/// [`ServeError`].
pub async fn answer(
    state: State,
    listeners: impl Into<Listeners>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    server::run(state, listeners.into(), stop).await
}

/// Everything that is served, for one worker.
fn application(
    state: &State,
    document: &web::Data<Document>,
    beat: Arc<Beat>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .wrap(from_fn(edge::pass))
        .app_data(web::Data::from(beat))
        .configure(|config| configure(config, state, document))
}

/// What those who watch the server ask, on an address of its own.
fn watched(
    state: &State,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .wrap(from_fn(edge::pass))
        .app_data(web::Data::new(state.clone()))
        .configure(operations::configure_watched)
        .default_service(web::to(problem::no_such_path))
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
    config.configure(console::front_door);
    config.default_service(web::to(problem::no_such_path));
}
