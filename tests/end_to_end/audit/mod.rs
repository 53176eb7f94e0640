//! What is on record (promise P16): found by whatever one asks for, exported whole, followed while it happens, and
//! shown to be as it was written.

mod chain;
mod command_line;
mod export;
mod filters;
mod growth;
mod receipts;
mod retention;

use portcullis::audit::chain::{ChainError, append};
use portcullis::store::audit_chain::{self, ChainRow};
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use crate::people::USER_SCHEMA;
use crate::server::TestServer;

/// Makes a person in the first directory.
fn hire(server: &TestServer, name: &str) -> String {
    server
        .scim()
        .post(
            "/Users",
            &json!({"schemas": [USER_SCHEMA], "userName": name}),
        )
        .expect(201)
        .id()
}

/// The items of a list, which has one page.
#[track_caller]
fn items(server: &TestServer, path: &str) -> Vec<Value> {
    let answer = server.admin().get(path).expect(200);
    assert_eq!(answer.body["next_cursor"], Value::Null, "{path}");
    answer.body["items"].as_array().cloned().unwrap_or_default()
}

/// The JSON objects of an answer, one a line.
fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// Chains everything that waits.
fn chain_all(server: &TestServer) {
    let sealer = server.state.sealer.clone();
    server
        .database
        .write_blocking(move |connection| {
            while append(connection, &sealer)? > 0 {}
            Ok::<_, ChainError>(())
        })
        .expect("events can be chained");
}

/// The whole chain.
fn positions(server: &TestServer) -> Vec<ChainRow> {
    server
        .database
        .read_now(|connection: &mut DatabaseConnection| {
            audit_chain::page(connection, 0, i64::from(i32::MAX))
        })
        .map_err(|error: StoreError| error.to_string())
        .expect("the chain can be read")
}
