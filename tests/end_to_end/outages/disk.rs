//! A disk without room: writes are refused as a whole and told to come again, reads go on, and all is well once
//! there is room.

use diesel::connection::SimpleConnection;
use portcullis::store::StoreError;
use serde_json::{Value, json};

use crate::people::{Leaver, RoleBy, USER_SCHEMA};
use crate::server::{DatabaseKind, TestServer};

/// More people than fit into what a database has in reserve.
const ENOUGH: usize = 500;

/// How many pages the writer may use from now on.
fn limit(server: &TestServer, pages: u32) {
    server
        .database
        .write_blocking(move |connection| {
            let limit = format!("PRAGMA max_page_count = {pages}");
            Ok::<_, StoreError>(connection.batch_execute(&limit)?)
        })
        .expect("the limit can be set");
}

#[test]
fn a_full_disk_refuses_writes_as_a_whole_and_stops_nobody_from_reading() {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let (directory, key) = (&server.directory_id, &server.scim_key);
    let leaver = Leaver::arrange_in(&server, directory, key, "leaver", &RoleBy::Assignment);
    limit(&server, 1);
    // Until no free room is left in what there is.
    let user = |number: usize| {
        let name = format!("{number}-{}@example.org", "x".repeat(1_000));
        server.scim().post(
            "/Users",
            &json!({"schemas": [USER_SCHEMA], "userName": name}),
        )
    };
    let refused = (0..ENOUGH)
        .map(user)
        .find(|answer| answer.status != 201)
        .expect("the disk is full");
    assert_eq!(refused.header("Retry-After"), Some("1"));
    refused.expect_error(503, None);

    let deprovision = format!("/users/{}/deprovision", leaver.person.id);
    let answer = server.admin().post(&deprovision, &json!({}));
    if answer.status == 503 {
        leaver.assert_everything_works();
        let receipts = format!("/receipts?user_id={}", leaver.person.id);
        let receipts = server.admin().get(&receipts).expect(200);
        assert_eq!(receipts.body["items"], json!([]));
    } else {
        answer.expect(200);
    }
    server.scim().get(&leaver.person.path()).expect(200);

    limit(&server, 1_000_000);

    assert_eq!(user(ENOUGH).status, 201);
    server.admin().post(&deprovision, &Value::Null).expect(200);
    leaver.assert_nothing_authenticates();
}
