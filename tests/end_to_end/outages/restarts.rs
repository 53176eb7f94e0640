//! PostgreSQL goes away under load and comes back: whoever asks is told to come again, what was answered is
//! there, nothing is half-done, and nobody restarts Portcullis.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use serde_json::{Value, json};

use crate::people::{USER_SCHEMA, patch_of};
use crate::server::{Answer, Client, DatabaseKind, OwnPostgres, TestDatabase, TestServer};

const CLIENTS: usize = 6;
const PEOPLE: usize = 12;
/// How long it may take until the database is back.
const PATIENCE: Duration = Duration::from_secs(120);

/// Does something until it is done, as identity providers do that are told to come again. The answer may say
/// that it has been done already, by an attempt of which nobody knew how it ended.
fn insist(ask: impl Fn() -> Answer) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if answer.status < 500 {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{}", answer.text);
        assert_eq!(answer.header("Retry-After"), Some("1"), "{}", answer.text);
        answer.expect_error(503, None);
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Hires and lets go, and gives whom.
fn work(scim: &Client, client: usize, done: &AtomicUsize) -> BTreeSet<String> {
    let hire = |number| {
        let name = format!("{client}-{number}@example.org");
        let user = json!({"schemas": [USER_SCHEMA], "userName": name});
        let made = insist(|| scim.post("/Users", &user));
        let id = if made.status == 409 {
            let query = format!("/Users?filter=userName eq \"{name}\"");
            insist(|| scim.get(&query)).text_at("/Resources/0/id")
        } else {
            made.expect(201).id()
        };
        let leave = patch_of(&json!([{"op": "replace", "value": {"active": false}}]));
        let path = format!("/Users/{id}");
        insist(|| scim.patch(&path, &leave)).expect(200);
        done.fetch_add(1, Ordering::SeqCst);
        id
    };
    (0..PEOPLE).map(hire).collect()
}

fn items(server: &TestServer, path: &str) -> Vec<Value> {
    let found = server.admin().get(&format!("{path}&limit=1000"));
    let found = found.expect(200);
    found.body["items"].as_array().expect("items").clone()
}

/// P2, P16: everybody is there once, has left, and has one event of each.
fn assert_is_whole(server: &TestServer, hired: &BTreeSet<String>) {
    let listed = server.scim().get("/Users?count=1000").expect(200);
    assert_eq!(listed.body["totalResults"], hired.len());
    let resources = listed.body["Resources"].as_array().expect("resources");
    let there: BTreeSet<String> = resources
        .iter()
        .filter_map(|user| user["id"].as_str())
        .map(str::to_owned)
        .collect();
    assert_eq!(&there, hired);
    assert!(resources.iter().all(|user| user["active"] == false));
    for action in ["resource.created", "user.deprovisioned"] {
        let directory = &server.directory_id;
        let path = format!("/audit-events?action={action}&directory_id={directory}");
        let events = items(server, &path);
        let of: BTreeSet<String> = events
            .iter()
            .filter_map(|event| event["target"]["id"].as_str())
            .map(str::to_owned)
            .collect();
        assert_eq!(&of, hired, "{action}");
        if action == "resource.created" {
            assert_eq!(events.len(), hired.len(), "{action}");
        }
    }
    let receipts = items(
        server,
        &format!("/receipts?directory_id={}", server.directory_id),
    );
    let people = receipts
        .iter()
        .filter_map(|receipt| receipt["user"]["id"].as_str());
    assert_eq!(people.map(str::to_owned).collect::<BTreeSet<_>>(), *hired);
}

/// Clients work while something happens to the database.
fn survives(server: &TestServer, trouble: impl FnOnce(&dyn Fn() -> usize) + Send) {
    let done = AtomicUsize::new(0);
    let start = Barrier::new(CLIENTS + 1);
    let hired: BTreeSet<String> = std::thread::scope(|scope| {
        let (done, start) = (&done, &start);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    start.wait();
                    work(&server.scim(), client, done)
                })
            })
            .collect();
        start.wait();
        trouble(&|| done.load(Ordering::SeqCst));
        let hired = clients.into_iter();
        let hired = hired.map(|client| client.join().expect("it is told to come again"));
        hired.flatten().collect()
    });
    assert_eq!(hired.len(), CLIENTS * PEOPLE);
    server.anonymous().get("/readyz").expect(200);
    assert_is_whole(server, &hired);
}

/// Until so many are done.
fn wait_for(done: &dyn Fn() -> usize, count: usize) {
    let begun = Instant::now();
    while done() < count {
        assert!(begun.elapsed() < PATIENCE, "nobody gets on");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn postgresql_crashes_under_load_and_comes_back() {
    let postgres = OwnPostgres::start();
    let database = TestDatabase::create_on(&postgres.url);
    let server = TestServer::start_on_database(database, |_| {});
    survives(&server, |done| {
        wait_for(done, CLIENTS * PEOPLE / 4);
        postgres.halt();
        // It is told at once, also while the database is away.
        for _ in 0..3 {
            let answer = server.scim().get("/Users?count=1").expect_error(503, None);
            assert_eq!(answer.header("Retry-After"), Some("1"));
            server.admin().get("/directories").expect(503);
            server.anonymous().get("/readyz").expect(503);
            server.anonymous().get("/healthz").expect(200);
        }
        postgres.resume();
    });
}

#[test]
fn connections_are_cut_under_load_again_and_again() {
    let server = TestServer::start(DatabaseKind::Postgres);
    survives(&server, |done| {
        let mut connection =
            PgConnection::establish(&crate::server::postgres_url()).expect("it is there");
        let name = super::name_of_database(&server);
        let cut = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        for cuts in 1..=8 {
            wait_for(done, cuts * CLIENTS * PEOPLE / 10);
            connection.batch_execute(&cut).expect("they can be cut");
        }
    });
}
