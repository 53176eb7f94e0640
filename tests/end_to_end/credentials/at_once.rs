//! On PostgreSQL a user is created by one statement, in which the key is looked at again. It adds all that belongs
//! to a user, or nothing where the key has ended in any way; the longer way then says in which.

use diesel::connection::SimpleConnection;
use diesel::sql_types::{BigInt, Text};
use diesel::{PgConnection, QueryableByName, RunQueryDsl};
use portcullis::audit::{Action, Actor, Event, row_of};
use portcullis::clock::Timestamp;
use portcullis::store::creation::insert_under;
use portcullis::store::id::{CredentialId, DirectoryId, ResourceId};
use portcullis::store::resources::Resource;
use portcullis::store::side_values::{ResourceWriteError, SideValues};
use portcullis::store::{DatabaseConnection, StoreError};

use crate::server::{DatabaseKind, TestServer};

/// When the statement is run: in the year 2033.
const NOW: i64 = 2_000_000_000_000;

const COUNTS: &str = "SELECT \
    (SELECT COUNT(*) FROM resources WHERE user_name = 'Ada' AND active AND version = 3) AS resources, \
    (SELECT COUNT(*) FROM indexed_values WHERE value IN ('ada@example.org', 'ada@example.com')) AS looked_up, \
    (SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM resource_counts \
     WHERE resource_type = 'User' AND directory_id = $1) AS counted, \
    (SELECT COUNT(*) FROM audit_pending JOIN audit_events ON id = event_id WHERE target_name = 'Ada') AS events";

const NOTHING: Counts = Counts {
    resources: 0,
    looked_up: 0,
    counted: 0,
    events: 0,
};

#[derive(Debug, PartialEq, Eq, QueryableByName)]
struct Counts {
    #[diesel(sql_type = BigInt)]
    resources: i64,
    #[diesel(sql_type = BigInt)]
    looked_up: i64,
    #[diesel(sql_type = BigInt)]
    counted: i64,
    #[diesel(sql_type = BigInt)]
    events: i64,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Text)]
    id: String,
}

fn ada(directory: &DirectoryId) -> Resource {
    Resource {
        id: ResourceId::generate(),
        directory_id: directory.clone(),
        resource_type: "User".to_owned(),
        user_name: Some("Ada".to_owned()),
        external_id: None,
        display_name: None,
        active: true,
        version: 3,
        created_at: Timestamp::from_millis(NOW),
        modified_at: Timestamp::from_millis(NOW),
        document: r#"{"userName":"Ada"}"#.to_owned(),
    }
}

fn create(
    connection: &mut DatabaseConnection,
    directory: &DirectoryId,
    key: &CredentialId,
    unique: &[(String, String)],
) -> Result<bool, ResourceWriteError> {
    let mail = |value: &str| ("emails.value".to_owned(), value.to_owned());
    let side = SideValues {
        indexed: vec![mail("ada@example.org"), mail("ada@example.com")],
        unique: unique.to_vec(),
    };
    let (resource, now) = (ada(directory), Timestamp::from_millis(NOW));
    let event = Event::new(Action::ResourceCreated).to("User", resource.id.as_str(), Some("Ada"));
    let event = row_of(&Actor::system(), now, event);
    insert_under(connection, key, now, &resource, &side, &event)
}

fn postgres(connection: &mut DatabaseConnection) -> &mut PgConnection {
    match connection {
        DatabaseConnection::Postgres(connection) => connection,
        DatabaseConnection::Sqlite(_) => panic!("this is about PostgreSQL"),
    }
}

/// What the statement says after a change of the key, and what there is then; both are undone.
fn created_after(server: &TestServer, change: &str, unique: &[(String, String)]) -> (bool, Counts) {
    let directory = DirectoryId::new(server.directory_id.clone());
    let change = format!("UPDATE credentials SET {change} WHERE kind = 'scim_key'");
    let seen = server.database.read_now(|connection| {
        connection.batch_execute("BEGIN")?;
        connection.batch_execute(&change)?;
        let key: Found = diesel::sql_query("SELECT id FROM credentials WHERE kind = 'scim_key'")
            .get_result(postgres(connection))?;
        let is_created = create(connection, &directory, &CredentialId::new(key.id), unique)
            .expect("the statement can be run");
        let counts = diesel::sql_query(COUNTS)
            .bind::<Text, _>(directory.as_str())
            .get_result(postgres(connection))?;
        connection.batch_execute("ROLLBACK")?;
        Ok::<_, StoreError>((is_created, counts))
    });
    seen.expect("the database answers")
}

#[test]
fn a_user_is_created_with_all_that_belongs_to_one_or_not_at_all() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let all = Counts {
        resources: 1,
        looked_up: 2,
        counted: 1,
        events: 1,
    };
    let later = format!("expires_at = {NOW} + 1");
    for stands in [
        later.clone(),
        format!("{later}, retires_at = {NOW} + 1, idle_expires_at = {NOW} + 1"),
    ] {
        let (is_created, counts) = created_after(&server, &stands, &[]);
        assert!(is_created, "{stands}");
        assert_eq!(counts, all, "{stands}");
    }
    for ended in [
        format!("expires_at = {NOW}"),
        format!("{later}, revoked_at = 1"),
        format!("{later}, retires_at = {NOW}"),
        format!("{later}, idle_expires_at = {NOW}"),
        format!("{later}, owner_id = 'somebody'"),
        format!("{later}, service_account_id = 'some program'"),
    ] {
        let (is_created, counts) = created_after(&server, &ended, &[]);
        assert!(!is_created, "{ended}");
        assert_eq!(counts, NOTHING, "{ended}");
    }
}

#[test]
fn values_that_must_be_unique_are_left_to_the_longer_way() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let unique = [("badge".to_owned(), "7".to_owned())];
    let change = format!("expires_at = {NOW} + 1");
    assert_eq!(created_after(&server, &change, &unique), (false, NOTHING));
}

#[test]
fn sqlite_is_left_to_the_longer_way() {
    let server = TestServer::start(DatabaseKind::Sqlite);
    let directory = DirectoryId::new(server.directory_id.clone());
    let is_created = server
        .database
        .write_blocking(move |connection| {
            create(connection, &directory, &CredentialId::generate(), &[])
        })
        .expect("nothing fails");
    assert!(!is_created);
}
