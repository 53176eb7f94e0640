//! A streaming replica, which may be behind: it serves lists, and nobody gets in by it.

use diesel::RunQueryDsl;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Bool;
use diesel::{Connection, PgConnection};
use serde_json::{Value, json};

use crate::notices::receivers::eventually;
use crate::people::{Leaver, RoleBy, USER_SCHEMA};
use crate::process::Deployment;
use crate::server::{DatabaseKind, OwnPostgres, TestDatabase, TestServer};

#[derive(diesel::QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    holds: bool,
}

fn holds(connection: &mut PgConnection, condition: &str) -> bool {
    let query = format!("SELECT {condition} AS holds");
    let answer: Answer = diesel::sql_query(query)
        .get_result(connection)
        .expect("it can be asked");
    answer.holds
}

/// A server whose lists come from a replica, and both PostgreSQL servers.
struct Replicated {
    server: TestServer,
    on_primary: PgConnection,
    on_replica: PgConnection,
    replica: OwnPostgres,
    _primary: OwnPostgres,
}

impl Replicated {
    fn start() -> Self {
        let primary = OwnPostgres::start();
        let replica = primary.replica();
        let database = TestDatabase::create_on(&primary.url);
        let url = database.on_replica(&replica.url).expect("it is PostgreSQL");
        let server = TestServer::start_on_database(database, |settings| {
            settings.replica_url = Some(url);
        });
        let connect = |url: &str| PgConnection::establish(url).expect("it is there");
        Self {
            server,
            on_primary: connect(&primary.url),
            on_replica: connect(&replica.url),
            replica,
            _primary: primary,
        }
    }

    /// From now on the replica stays where it is.
    fn pause(&mut self) {
        self.catch_up();
        self.on_replica
            .batch_execute("SELECT pg_wal_replay_pause()")
            .expect("it can be paused");
        eventually("the replica stands still", || {
            let paused = "pg_get_wal_replay_pause_state() = 'paused'";
            holds(&mut self.on_replica, paused).then_some(())
        });
    }

    fn resume(&mut self) {
        self.on_replica
            .batch_execute("SELECT pg_wal_replay_resume()")
            .expect("it can go on");
        self.catch_up();
    }

    /// Until the replica has everything that there is now.
    fn catch_up(&mut self) {
        #[derive(diesel::QueryableByName)]
        struct Place {
            #[diesel(sql_type = diesel::sql_types::Text)]
            place: String,
        }
        let place: Place = diesel::sql_query("SELECT pg_current_wal_lsn()::text AS place")
            .get_result(&mut self.on_primary)
            .expect("it can be asked");
        let there = format!("pg_last_wal_replay_lsn() >= '{}'::pg_lsn", place.place);
        eventually("the replica has caught up", || {
            holds(&mut self.on_replica, &there).then_some(())
        });
    }

    fn listed(&self) -> Value {
        let list = self.server.scim().get("/Users?count=100").expect(200);
        list.body["totalResults"].clone()
    }
}

#[test]
fn lists_may_be_old_and_nothing_that_decides_ever_is() {
    let mut replicated = Replicated::start();
    let leaver = {
        let server = &replicated.server;
        let (directory, key) = (&server.directory_id, &server.scim_key);
        let leaver = Leaver::arrange_in(server, directory, key, "leaver", &RoleBy::Assignment);
        (
            leaver.person.id.clone(),
            leaver.scim_key.secret.clone(),
            leaver.scim_key.id.clone(),
        )
    };
    replicated.pause();
    assert_nobody_gets_in_by_it(&replicated, leaver);
    assert_who_has_joined_is_found(&replicated);

    replicated.resume();
    let list = replicated.server.scim().get("/Users?count=100").expect(200);
    assert_eq!(list.body["totalResults"], 3);
    let resources = list.body["Resources"].as_array().into_iter().flatten();
    assert_eq!(resources.filter(|user| user["active"] == false).count(), 2);

    // Without it, the primary is asked; what a connection that was lost has spoilt is asked again.
    replicated.replica.halt();
    eventually("lists come from the primary", || {
        let answer = replicated.server.scim().get("/Users?count=100");
        (answer.status == 200).then_some(())
    });
    for _ in 0..5 {
        assert_eq!(replicated.listed(), 3);
    }
    replicated.replica.resume();
}

/// P1 while the replica knows of nothing: what was revoked is refused in the very next request.
fn assert_nobody_gets_in_by_it(
    replicated: &Replicated,
    (person, scim_key, scim_key_id): (String, String, String),
) {
    let server = &replicated.server;
    let admin = server.admin();
    let theirs = server.scim_with(&scim_key);
    theirs.get("/Users?count=10").expect(200);
    // A second leaver, made and let go while the replica stands still.
    let (directory, key) = (&server.directory_id, &server.scim_key);
    let late = Leaver::arrange_in(server, directory, key, "late", &RoleBy::Assignment);
    for id in [&person, &late.person.id] {
        let path = format!("/users/{id}/deprovision");
        admin.post(&path, &json!({})).expect(200);
    }
    late.assert_nothing_authenticates();
    late.assert_keys_are_orphaned("deactivated");
    admin
        .delete(&format!("/scim-keys/{scim_key_id}"))
        .expect(204);
    theirs.get("/Users?count=10").expect_error(401, None);

    // The replica is what lists come from: it has not heard of any of it.
    let list = server.scim().get("/Users?count=100").expect(200);
    assert_eq!(list.body["totalResults"], 1);
    assert_eq!(list.body["Resources"][0]["id"], person.as_str());
    assert_eq!(list.body["Resources"][0]["active"], true);
    let read = server.scim().get(&format!("/Users/{person}")).expect(200);
    assert_eq!(read.body["active"], false, "reads by id are never old");
    let shown = admin.get(&format!("/users/{person}")).expect(200);
    assert_eq!(shown.body["active"], false);
}

/// An identity provider that looks for somebody before it creates them is not misled.
fn assert_who_has_joined_is_found(replicated: &Replicated) {
    let server = &replicated.server;
    let user = json!({
        "schemas": [USER_SCHEMA], "userName": "new@example.org", "externalId": "new-1",
        "title": "Gatekeeper",
    });
    let id = server.scim().post("/Users", &user).expect(201).id();
    for filter in [
        "userName eq \"new@example.org\"".to_owned(),
        "externalId eq \"new-1\"".to_owned(),
        format!("id eq \"{id}\""),
    ] {
        let found = server.scim().get(&format!("/Users?filter={filter}"));
        let found = found.expect(200);
        assert_eq!(found.body["totalResults"], 1, "{filter}");
    }
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": "title eq \"Gatekeeper\"",
    });
    let found = server.scim().post("/.search", &search).expect(200);
    assert_eq!(found.body["totalResults"], 0);
    let events = server
        .admin()
        .get(&format!("/audit-events?target_id={id}"))
        .expect(200);
    assert_eq!(events.body["items"], json!([]));
    assert_eq!(replicated.listed(), 1);
}

#[test]
fn a_replica_of_another_deployment_is_refused_and_one_that_is_away_is_not_missed() {
    let deployment = Deployment::create(DatabaseKind::Postgres);
    let other = Deployment::create(DatabaseKind::Postgres);
    let url = other.database_url();
    // Whatever else listens where servers do by themselves.
    let refused = ["serve", "--listen", "127.0.0.1:0", "--replica-url", &url];
    let (code, error) = deployment.try_run(&refused);
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("replica-url"), "{error}");

    let nowhere = "postgres://portcullis@127.0.0.1:1/nothing";
    let process = deployment.serve_with(&["--replica-url", nowhere]);
    let scim = process.client("/scim/v2", deployment.first("scim_key"));
    for _ in 0..3 {
        scim.get("/Users").expect(200);
    }
    let findings = deployment.findings(&["--replica-url", nowhere]);
    let of_replica = findings
        .iter()
        .find(|finding| finding["check"] == "replica")
        .expect("it is looked at");
    assert_eq!(of_replica["verdict"], "remark");
    let log = process.stop();
    assert!(!log.contains(nowhere), "{log}");
}
