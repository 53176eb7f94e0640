//! Trouble that comes from outside: a database that goes away, a disk without room, clocks that go wrong.

mod clocks;
mod disk;
mod restarts;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::json;

use crate::server::{DatabaseKind, TestServer, postgres_url};

#[derive(QueryableByName)]
struct Name {
    #[diesel(sql_type = Text)]
    name: String,
}

/// What PostgreSQL calls the server's database.
fn name_of_database(server: &TestServer) -> String {
    let found: Vec<Name> = server
        .database
        .read_now(|connection| match connection {
            DatabaseConnection::Postgres(connection) => {
                let query = diesel::sql_query("SELECT current_database()::text AS name");
                query.load(connection).map_err(StoreError::from)
            }
            DatabaseConnection::Sqlite(_) => Ok(Vec::new()),
        })
        .expect("the database can be asked");
    found.first().expect("it is PostgreSQL").name.clone()
}

/// Ends every connection that the server has, as a restart of PostgreSQL does.
fn end_connections(server: &TestServer) {
    let name = name_of_database(server);
    let statement =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    PgConnection::establish(&postgres_url())
        .and_then(|mut connection| {
            connection
                .batch_execute(&statement)
                .map_err(ConnectionError::CouldntSetupConfiguration)
        })
        .expect("the connections can be ended");
}

#[test]
fn reads_and_writes_work_again_once_postgresql_is_back() {
    let server = TestServer::start(DatabaseKind::Postgres);
    assert_eq!(server.scim().get("/Users").status, 200);
    end_connections(&server);
    // Each connection that was lost may spoil one request, and is replaced then.
    let mut statuses: Vec<u16> = (0..20)
        .map(|_| server.scim().get("/Users").status)
        .collect();
    assert_eq!(statuses.pop(), Some(200), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [200, 503].contains(status)),
        "{statuses:?}"
    );
    let user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "ada@example.org",
    });
    assert_eq!(server.scim().post("/Users", &user).status, 201);
}
