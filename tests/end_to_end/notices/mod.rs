//! P17: no notice is lost. What is told reaches webhooks and mailboxes, at least once, signed, and each thing
//! is told once.

mod expiry;
mod mail;
mod observed;
mod processes;
mod product;
pub mod receivers;
mod webhooks;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use portcullis::notices::delivery::deliver_all;
use portcullis::scim::leniency::Dialect;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use crate::server::TestServer;
use receivers::Receiver;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A webhook for a receiver, which gets notices of these kinds: its id and its secret.
fn webhook(server: &TestServer, receiver: &Receiver, kinds: &Value) -> (String, String) {
    let body = json!({"url": receiver.url, "kinds": kinds});
    let made = server.admin().post("/webhooks", &body).expect(201);
    (made.id(), made.text_at("/secret"))
}

/// Something happens that is told: a directory is removed.
fn happen(server: &TestServer) {
    let (directory, _) = server.new_directory(Dialect::Lenient);
    let path = format!("/directories/{directory}");
    server.admin().delete(&path).expect(204);
}

/// What is due is sent now, and not when the server next looks.
fn deliver(server: &TestServer) {
    deliver_all(&server.database, &server.state.channels, &server.clock)
        .expect("the outbox can be emptied");
}

/// The notices of a kind, newest first.
fn notices(server: &TestServer, kind: &str) -> Vec<Value> {
    let path = format!("/notices?kind={kind}&limit=1000");
    let found = server.admin().get(&path).expect(200);
    found.body["items"].as_array().expect("items").clone()
}

#[derive(diesel::QueryableByName)]
struct Stored {
    #[diesel(sql_type = Text)]
    text: String,
}

/// What is in the database: the column `text` of a query.
fn stored(server: &TestServer, query: &str) -> Vec<String> {
    let rows: Vec<Stored> = server
        .database
        .read_now(|connection| {
            Ok::<_, StoreError>(match connection {
                DatabaseConnection::Sqlite(connection) => {
                    diesel::sql_query(query).load(connection)?
                }
                DatabaseConnection::Postgres(connection) => {
                    diesel::sql_query(query).load(connection)?
                }
            })
        })
        .expect("the database works");
    rows.into_iter().map(|row| row.text).collect()
}
