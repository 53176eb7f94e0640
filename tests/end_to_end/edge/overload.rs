//! More than the database can take: told at once, each in their own protocol, and over at once.

use std::io::Read;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use portcullis::store::{Database, StoreError};
use serde_json::json;

use crate::people::{PASSWORD, Person, USER_SCHEMA};
use crate::server::{Answer, DatabaseKind, TestServer};

use super::raw;

/// Keeps the database busy until it is dropped.
struct Busy {
    go: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is kept busy.
#[derive(Clone, Copy)]
enum Held {
    /// So many connections, by reads.
    Connections(usize),
    /// The writer of SQLite.
    Writer,
}

impl Busy {
    fn with(database: &Database, held: Held) -> Self {
        let (go, wait) = channel();
        let wait = Arc::new(Mutex::new(wait));
        let (begun, begins) = channel();
        let database = database.clone();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(hold(database, held, begun, wait));
        });
        let holders = match held {
            Held::Connections(count) => count,
            Held::Writer => 1,
        };
        for _ in 0..holders {
            begins.recv().expect("the database is not busy yet");
        }
        Self {
            go: Some(go),
            thread: Some(thread),
        }
    }
}

async fn hold(database: Database, held: Held, begun: Sender<()>, wait: Arc<Mutex<Receiver<()>>>) {
    let holder = move || {
        let (begun, wait) = (begun.clone(), Arc::clone(&wait));
        move || {
            // Whoever waits for that is gone where a test has failed.
            let _ = begun.send(());
            let _ = wait.lock().map(|wait| wait.recv());
            Ok::<(), StoreError>(())
        }
    };
    match held {
        Held::Writer => {
            let wait = holder();
            let held = database.write(move |_| wait()).await;
            held.expect("the writer is held");
        }
        Held::Connections(count) => {
            let tasks: Vec<_> = (0..count)
                .map(|_| {
                    let (database, holder) = (database.clone(), holder.clone());
                    // Where the server itself has one, it is waited for.
                    actix_web::rt::spawn(async move {
                        loop {
                            let wait = holder();
                            match database.read(move |_| wait()).await {
                                Err(StoreError::Busy) => {}
                                held => return held,
                            }
                        }
                    })
                })
                .collect();
            for task in tasks {
                let held = task.await.expect("it is not aborted");
                held.expect("a connection is held");
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.go.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// All but those that are kept for checking credentials.
const CONNECTIONS: Held = Held::Connections(7);

fn assert_is_told_to_come_again(answer: Answer) -> Answer {
    let answer = answer.expect(503);
    assert_eq!(answer.header("retry-after"), Some("1"), "{}", answer.text);
    answer
}

on_both_databases!(
    who_finds_no_connection_is_told_in_their_own_protocol_and_served_once_there_is_one,
    |server| {
        let (scim, admin) = (server.scim(), server.admin());
        let product = json!({"name": "Wiki", "scopes": []});
        let product = admin.post("/products", &product).expect(201).id();
        let path = format!("/products/{product}/credentials");
        let name = json!({"name": "Wiki server"});
        let credential = admin.post(&path, &name).expect(201).text_at("/secret");
        let asking = server.with_token(&credential);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let ask = || asking.request("POST", "/oauth2/introspect", &form, b"token=x");
        scim.get("/Users").expect(200);
        ask().expect(200);

        let busy = Busy::with(&server.database, CONNECTIONS);
        assert_is_told_to_come_again(scim.get("/Users")).expect_error(503, None);
        let answer = assert_is_told_to_come_again(admin.get("/products"));
        assert_eq!(answer.body["type"], "urn:portcullis:problem:unavailable");
        server.anonymous().get("/readyz").expect(503);
        // Those who only have a credential checked find a connection that is kept for them.
        ask().expect(200);
        server
            .with_token("pcadm_x")
            .get("/admin/v1/products")
            .expect(401);
        drop(busy);

        scim.get("/Users").expect(200);
        admin.get("/products").expect(200);
        ask().expect(200);
        server.anonymous().get("/readyz").expect(200);
        let metrics = server.anonymous().get("/metrics").expect(200).text;
        let turned_away = metrics
            .lines()
            .find_map(|line| line.strip_prefix("portcullis_database_turned_away_total "));
        assert!(turned_away.is_some_and(|count| count != "0"), "{metrics}");
    },
    |settings| settings.limits.database_wait_ms = 500
);

#[test]
fn what_waited_too_long_for_the_writer_is_refused_and_never_done() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.database_wait_ms = 500;
    });
    let (scim, admin) = (server.scim(), server.admin());
    scim.get("/Users").expect(200);
    admin.get("/products").expect(200);
    let user = |name: &str| json!({"schemas": [USER_SCHEMA], "userName": name});

    let busy = Busy::with(&server.database, Held::Writer);
    assert_is_told_to_come_again(scim.post("/Users", &user("late"))).expect_error(503, None);
    let product = json!({"name": "Late", "scopes": []});
    assert_is_told_to_come_again(admin.post("/products", &product));
    let answer = server.anonymous().get("/readyz").expect(503);
    assert_eq!(answer.body["detail"], "the database takes no writes");
    scim.get("/Users").expect(200);
    drop(busy);

    scim.post("/Users", &user("early")).expect(201);
    let people = scim.get("/Users?filter=userName eq \"late\"").expect(200);
    assert_eq!(people.body["totalResults"], 0, "{}", people.text);
    let products = admin.get("/products").expect(200);
    assert_eq!(products.body["items"], json!([]), "{}", products.text);
    server.anonymous().get("/readyz").expect(200);
}

/// So many people that their list is more than sockets hold, and a request for it.
fn long_list(server: &TestServer, key: &str) -> String {
    let scim = server.scim();
    for number in 0..200 {
        let name = format!("{number}@example.org");
        let user =
            json!({"schemas": [USER_SCHEMA], "userName": name, "title": "x".repeat(100_000)});
        scim.post("/Users", &user).expect(201);
    }
    format!(
        "GET /scim/v2/Users?count=1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n"
    )
}

#[test]
fn one_credential_that_reads_nothing_of_its_lists_leaves_places_for_others() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        // Long enough for what comes before, and waited for only by those who find no place.
        settings.limits.database_wait_ms = 500;
    });
    let figure = |name: &str| -> u64 {
        let text = server.anonymous().get("/metrics").expect(200).text;
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse().ok()).expect(name)
    };
    let path = format!("/directories/{}/scim-keys", server.directory_id);
    let greedy = server.admin().post(&path, &json!({"name": "greedy"}));
    let request = long_list(&server, &greedy.expect(201).text_at("/secret"));
    let places = figure("portcullis_database_connections_max") / 2;

    let streams: Vec<_> = (0..places)
        .map(|_| {
            let mut stream = raw::connect(&server.base_url);
            raw::write(&mut stream, &request);
            let mut status = [0; 12];
            stream.read_exact(&mut status).expect("an answer comes");
            (String::from_utf8_lossy(&status).into_owned(), stream)
        })
        .collect();
    let with = |status: &str| {
        let found = streams.iter().filter(|(line, _)| line.ends_with(status));
        u64::try_from(found.count()).expect("there are few")
    };
    assert_eq!(with("200"), places.div_ceil(2));
    assert_eq!(with("503"), places / 2);
    assert_eq!(figure("portcullis_streams"), places.div_ceil(2));
    assert_eq!(figure("portcullis_streams_turned_away_total"), places / 2);
    server.scim().get("/Users?count=1").expect(200);
}

#[test]
fn a_list_that_a_client_reads_too_slowly_breaks_off() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.stream_seconds = 1;
    });
    let request = long_list(&server, &server.scim_key);
    let mut stream = raw::connect(&server.base_url);
    raw::write(&mut stream, &request);
    // It always takes something, so that no patience with it ends but that with the whole.
    let (mut total, mut piece) = (0, vec![0; 1 << 16]);
    while let Ok(length @ 1..) = stream.read(&mut piece) {
        total += length;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(total < 200 * 100_000, "all {total} bytes were sent");
    assert!(total > 100_000, "only {total} bytes were sent");
    server.scim().get("/Users?count=1").expect(200);
}

#[test]
fn whoever_could_not_be_signed_in_has_not_failed() {
    let server = TestServer::start_with(DatabaseKind::Sqlite, |settings| {
        settings.limits.database_wait_ms = 300;
        settings.limits.sign_in_attempts = 1;
    });
    let ada = Person::create(&server, &server.directory_id, &server.scim_key, "ada");
    ada.set_password(&ada.password_link(), PASSWORD).expect(204);

    let busy = Busy::with(&server.database, Held::Writer);
    // More than one name, and more than one address, may fail.
    for _ in 0..11 {
        assert_is_told_to_come_again(ada.sign_in_with(PASSWORD));
    }
    drop(busy);
    ada.sign_in();
}

#[test]
fn a_full_disk_is_told_by_readyz_until_there_is_room() {
    use diesel::connection::SimpleConnection;
    let server = TestServer::start(DatabaseKind::Sqlite);
    let limit = |pages: u32| {
        let statement = format!("PRAGMA max_page_count = {pages}");
        server
            .database
            .write_blocking(move |connection| {
                Ok::<_, StoreError>(connection.batch_execute(&statement)?)
            })
            .expect("the limit can be set");
    };
    limit(1);
    let scim = server.scim();
    let user = |number: usize| {
        let name = format!("{number}-{}@example.org", "x".repeat(1_000));
        json!({"schemas": [USER_SCHEMA], "userName": name})
    };
    let refused = (0..500).find(|number| scim.post("/Users", &user(*number)).status == 503);
    assert!(refused.is_some(), "the disk is not full");
    let answer = server.anonymous().get("/readyz").expect(503);
    assert_eq!(answer.body["detail"], "the disk of the database is full");
    let metrics = server.anonymous().get("/metrics").expect(200).text;
    assert!(
        metrics.contains("portcullis_database_full 1\n"),
        "{metrics}"
    );
    limit(1_000_000);
    server.anonymous().get("/readyz").expect(200);
    let metrics = server.anonymous().get("/metrics").expect(200).text;
    assert!(
        metrics.contains("portcullis_database_full 0\n"),
        "{metrics}"
    );
}
