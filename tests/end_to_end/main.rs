//! Portcullis from outside: every test sends requests to a server that runs in this process, on SQLite and
//! on PostgreSQL. One crate, so that linking happens once.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what a test needs and does not get fails the test"
)]

#[macro_use]
mod server;

mod admin_routes;
mod any_input;
mod audit;
mod backup;
mod bad_input;
mod climbing;
mod command_line;
mod configuration;
mod console;
mod credentials;
mod deprovisioning;
mod doctor;
mod durability;
mod edge;
mod faults;
mod filters;
mod gateway;
mod growth;
mod identity_providers;
mod isolation;
mod machine;
mod many_nodes;
mod notices;
mod openapi;
mod outages;
mod people;
mod policies;
mod process;
mod products;
mod quickstart;
mod races;
mod recovery;
mod replica;
mod rfc7644;
mod second_factor;
mod service_accounts;
mod transfer;
mod two_processes;
mod upgrades;
