//! P1, P7: under a load that never pauses, whoever ends a key waits for those who act with it at that moment, and not
//! for those who come later. It is PostgreSQL that lets several act at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl};
use portcullis::audit::Actor;
use portcullis::clock::Timestamp;
use portcullis::lifecycle::{Cause, LifecycleError, remove_directory};
use portcullis::store::credentials::{
    hold_with_owner, record_use, record_use_soon, record_uses, revoke_orphans,
};
use portcullis::store::id::{CredentialId, DirectoryId, PolicyId};
use portcullis::store::{Database, DatabaseConnection, StoreError, resources};
use serde_json::{Value, json};

use crate::people::{Leaver, USER_SCHEMA};
use crate::server::{DatabaseKind, TestServer};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Waits until so many transactions wait for a lock.
#[track_caller]
fn until_waiting(database: &Database, expected: i64) {
    let waiting = || {
        let count = database.read_now(|connection| match connection {
            DatabaseConnection::Sqlite(_) => panic!("this is about PostgreSQL"),
            DatabaseConnection::Postgres(postgres) => diesel::sql_query(
                "SELECT COUNT(*) AS count FROM pg_stat_activity \
                 WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .get_result::<Count>(postgres)
            .map_err(StoreError::from),
        });
        count.expect("the database answers").count
    };
    let found = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        waiting() == expected
    });
    assert!(found, "{} wait instead of {expected}", waiting());
}

/// A transaction that acts with a key until it is told to go on with the rest, and then ends.
struct Acting {
    go_on: Sender<()>,
    thread: JoinHandle<Result<(), StoreError>>,
}

impl Acting {
    fn begin(
        server: &TestServer,
        key: &str,
        rest: impl Fn(&mut DatabaseConnection) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        let (begun, begins): (Sender<()>, Receiver<()>) = channel();
        let (go_on, told) = channel();
        let told = Mutex::new(told);
        let (database, key) = (server.database.clone(), CredentialId::new(key.to_owned()));
        let thread = thread::spawn(move || {
            database.write_blocking(move |connection| {
                hold_with_owner(connection, &key)?.expect("the key is there");
                begun.send(()).expect("somebody waits for this");
                let told: &Receiver<()> = &told.lock().expect("nobody else has it");
                told.recv().expect("somebody says so");
                rest(connection)
            })
        });
        begins.recv().expect("it begins");
        Self { go_on, thread }
    }

    fn end(self) {
        self.go_on.send(()).expect("it waits for this");
        let ended = self.thread.join().expect("it does not panic");
        ended.expect("it succeeds");
    }
}

fn user(name: &str) -> Value {
    json!({"schemas": [USER_SCHEMA], "userName": name})
}

/// What a deed and a creation are answered that come, one after the other, while somebody acts with the key.
fn answers_of(
    server: &TestServer,
    leaver: &Leaver<'_>,
    deed: impl FnOnce() -> u16 + Send,
    name: &str,
) -> (u16, u16) {
    let acting = Acting::begin(server, &leaver.scim_key.id, |_| Ok(()));
    thread::scope(|scope| {
        let done = scope.spawn(deed);
        until_waiting(&server.database, 1);
        let created = scope.spawn(|| {
            let scim = server.scim_with(&leaver.scim_key.secret);
            scim.post("/Users", &user(name))
        });
        // Without its turn it would be let in beside the first.
        until_waiting(&server.database, 2);
        acting.end();
        let done = done.join().expect("an answer");
        (done, created.join().expect("an answer").status)
    })
}

fn default_policy(server: &TestServer) -> PolicyId {
    let policies = server.admin().get("/policies").expect(200).body;
    let items = policies["items"].as_array().expect("a list");
    let default = items.iter().find(|policy| policy["is_default"] == true);
    let id = default.and_then(|policy| policy["id"].as_str());
    PolicyId::new(id.expect("there is one"))
}

#[test]
fn who_comes_after_the_end_of_a_key_that_waits_waits_behind_it() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let admin = server.admin();
    let revoked = Leaver::arrange(&server, "revoked");
    let path = format!("/scim-keys/{}", revoked.scim_key.id);
    let answers = answers_of(&server, &revoked, || admin.delete(&path).status, "late");
    assert_eq!(answers, (204, 401));

    let rotated = Leaver::arrange(&server, "rotated");
    let path = format!("/scim-keys/{}/rotate", rotated.scim_key.id);
    let at_once = json!({"overlap_hours": 0});
    let answers = answers_of(
        &server,
        &rotated,
        || admin.post(&path, &at_once).status,
        "later",
    );
    assert_eq!(answers, (201, 401));

    // The key of somebody who has left goes on working, as an orphan.
    let left = Leaver::arrange(&server, "left");
    let path = format!("/users/{}/deprovision", left.person.id);
    let answers = answers_of(
        &server,
        &left,
        || admin.post(&path, &Value::Null).status,
        "orphan",
    );
    assert_eq!(answers, (200, 201));

    // Until its grace is over, which no request does.
    let sweep = || {
        let (now, of_default) = (server.clock.now(), default_policy(&server));
        let revoked = server.database.write_blocking(move |connection| {
            revoke_orphans(connection, &of_default, true, now, "test", now)
        });
        u16::try_from(revoked.expect("the sweep succeeds").len()).expect("a few")
    };
    let (swept, created) = answers_of(&server, &left, sweep, "late too");
    assert!(swept > 0);
    assert_eq!(created, 401);

    let names = server.admin().get("/users").expect(200).text;
    assert!(!names.contains("late"), "{names}");
    assert!(names.contains("orphan"), "{names}");
}

#[test]
fn the_last_use_of_a_key_that_is_held_holds_up_no_other() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let [held, free] = ["held", "free"].map(|name| Leaver::arrange(&server, name).scim_key.id);
    let at = Timestamp::from_millis(4_000_000_000_000);
    let seen = |id: &str| (CredentialId::new(id.to_owned()), at, None);
    let acting = Acting::begin(&server, &held, |_| Ok(()));
    let uses = [seen(&held), seen(&free)];
    let left = server
        .database
        .write_blocking(move |connection| record_uses(connection, &uses))
        .expect("it waits for nobody");
    assert_eq!(left, [seen(&held)]);
    let last_use = |id: &str| {
        let path = format!("/scim-keys/{id}");
        server.admin().get(&path).expect(200).body["last_used_at"].clone()
    };
    assert_eq!(last_use(&free), "2096-10-02T07:06:40.000Z");
    assert_ne!(last_use(&held), last_use(&free));

    // Nor does it wait for longer than a moment where somebody acts for long: all who come would wait behind it.
    let one = seen(&held);
    let soon = server
        .database
        .write_blocking(move |connection| record_use_soon(connection, &one));
    assert!(soon.is_err());

    thread::scope(|scope| {
        let (database, one) = (&server.database, seen(&held));
        let writing = scope
            .spawn(move || database.write_blocking(move |connection| record_use(connection, &one)));
        until_waiting(&server.database, 1);
        acting.end();
        writing.join().expect("no panic").expect("it is written");
    });
    assert_eq!(last_use(&held), last_use(&free));
}

#[test]
fn who_removes_a_directory_takes_its_keys_before_its_people() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let leaver = Leaver::arrange(&server, "last");
    let directory = DirectoryId::new(leaver.person.directory_id.clone());
    let (within, person) = (directory.clone(), leaver.person.id.clone());
    // As a request does that changes the person: the key, and then the person.
    let acting = Acting::begin(&server, &leaver.scim_key.id, move |connection| {
        resources::find_for_update(connection, &within, "User", &person)?
            .expect("the person is there");
        Ok(())
    });
    let runs = Arc::new(AtomicU32::new(0));
    let (counted, database) = (Arc::clone(&runs), server.database.clone());
    let now = server.clock.now();
    let removing = thread::spawn(move || {
        database.write_blocking(move |connection| {
            counted.fetch_add(1, Ordering::Relaxed);
            let cause = Cause {
                actor: Actor::system(),
                requested_at: now,
                now,
            };
            remove_directory(connection, &directory, &cause)?;
            Ok::<_, LifecycleError>(())
        })
    });
    until_waiting(&server.database, 1);
    acting.end();
    removing.join().expect("no panic").expect("it is removed");
    // A deadlock would have had it run again.
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}
