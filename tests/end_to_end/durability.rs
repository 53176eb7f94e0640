//! P14: what was answered is on disk. Clients write, the process is killed at a random moment, and what it
//! had acknowledged is there when it is started again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::sql_types::{Integer, Text};
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};
use ureq::Agent;

use crate::people::{GROUP_SCHEMA, USER_SCHEMA, patch_of};
use crate::process::{Deployment, Process};
use crate::server::{Client, DatabaseKind};

const ROUNDS: usize = 6;
const CLIENTS: usize = 8;

/// What one client knows to be written, and what it had asked for when the answer failed to come.
#[derive(Default)]
struct Ledger {
    /// Users by id: the titles that they may have now, the acknowledged one first.
    users: BTreeMap<String, Vec<String>>,
    deleted: Vec<String>,
    /// Users who are to be members of the group.
    members: Vec<String>,
    /// Users who were deactivated.
    inactive: Vec<String>,
}

/// A client that goes on until it gets no answer.
struct Writer<'a> {
    agent: Agent,
    base: String,
    key: &'a str,
    group: &'a str,
    name: String,
    ledger: Ledger,
}

impl Writer<'_> {
    /// Status and body; none where the server has gone.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Authorization", format!("Bearer {}", self.key))
            .header("Content-Type", "application/scim+json")
            .body(body.to_string())
            .expect("a request");
        let mut response = self.agent.run(request).ok()?;
        let text = response.body_mut().read_to_string().ok()?;
        Some((
            response.status().as_u16(),
            serde_json::from_str(&text).unwrap_or_default(),
        ))
    }

    /// An acknowledgement; none where the server has gone.
    fn acknowledged(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let (status, body) = self.ask(method, path, body)?;
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {body}"
        );
        Some(body)
    }

    /// Creates, changes, admits, deactivates and deletes users until the server has gone.
    fn write(&mut self) -> Option<()> {
        for number in 0.. {
            let user_name = format!("{}-{number}@example.org", self.name);
            let user = json!({"schemas": [USER_SCHEMA], "userName": user_name, "title": "0"});
            let created = self.acknowledged("POST", "/Users", &user)?;
            let id = created["id"].as_str()?.to_owned();
            self.ledger.users.insert(id.clone(), vec!["0".to_owned()]);
            let path = format!("/Users/{id}");
            for title in ["1", "2"] {
                let titles = self.ledger.users.get_mut(&id)?;
                titles.push(title.to_owned());
                let change = json!([{"op": "replace", "path": "title", "value": title}]);
                self.acknowledged("PATCH", &path, &patch_of(&change))?;
                self.ledger.users.insert(id.clone(), vec![title.to_owned()]);
            }
            let add = json!([{"op": "add", "path": "members", "value": [{"value": id}]}]);
            let group = format!("/Groups/{}", self.group);
            self.acknowledged("PATCH", &group, &patch_of(&add))?;
            self.ledger.members.push(id.clone());
            match number % 3 {
                0 => {
                    let leave = json!([{"op": "replace", "value": {"active": false}}]);
                    self.acknowledged("PATCH", &path, &patch_of(&leave))?;
                    self.ledger.inactive.push(id);
                }
                1 => {
                    // From here on nobody knows until the answer is there.
                    self.ledger.users.remove(&id);
                    self.ledger.members.retain(|member| *member != id);
                    self.acknowledged("DELETE", &path, &Value::Null)?;
                    self.ledger.deleted.push(id);
                }
                _ => {}
            }
        }
        None
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// Lets clients write until the process is killed, at a moment that nobody chose.
fn write_until_killed(
    deployment: &Deployment,
    process: Process,
    group: &str,
    round: usize,
) -> Vec<Ledger> {
    let base = format!("{}/scim/v2", process.base_url);
    let key = deployment.first("scim_key");
    let all_write = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut writer = Writer {
                    agent: agent(),
                    base: base.clone(),
                    key,
                    group,
                    name: format!("round{round}-client{client}"),
                    ledger: Ledger::default(),
                };
                let all_write = &all_write;
                scope.spawn(move || {
                    all_write.store(true, Ordering::Relaxed);
                    // It ends when the server has gone.
                    let _ = writer.write();
                    writer.ledger
                })
            })
            .collect();
        while !all_write.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        let random = getrandom::u32().expect("random numbers") % 400;
        std::thread::sleep(Duration::from_millis(100 + u64::from(random)));
        process.kill();
        writers
            .into_iter()
            .map(|writer| writer.join().expect("a client must be answered well"))
            .collect()
    })
}

fn assert_all_is_there(
    deployment: &Deployment,
    process: &Process,
    group: &str,
    ledgers: &[Ledger],
) {
    let scim = process.client("/scim/v2", deployment.first("scim_key"));
    let group = scim.get(&format!("/Groups/{group}")).expect(200);
    let members: Vec<&str> = group.body["members"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|member| member["value"].as_str())
        .collect();
    for ledger in ledgers {
        for (id, titles) in &ledger.users {
            let user = scim.get(&format!("/Users/{id}")).expect(200);
            let title = user.text_at("/title");
            assert!(
                titles.contains(&title),
                "{id}: {title} is not of {titles:?}"
            );
        }
        for id in &ledger.deleted {
            scim.get(&format!("/Users/{id}")).expect(404);
        }
        for id in &ledger.members {
            assert!(members.contains(&id.as_str()), "{id} is no member");
        }
        for id in &ledger.inactive {
            let user = scim.get(&format!("/Users/{id}")).expect(200);
            assert_eq!(user.body["active"], false, "{id}");
        }
    }
    assert_cascades_are_whole(deployment, process);
    // The counts that are kept agree with what is there.
    let findings = deployment.findings(&[]);
    let of_counts = findings.iter().find(|finding| finding["check"] == "counts");
    assert_eq!(
        of_counts.map(|finding| &finding["verdict"]),
        Some(&json!("good")),
        "{findings:?}"
    );
}

/// P2: whoever is not active has a receipt and an audit event, and nobody else has.
fn assert_cascades_are_whole(deployment: &Deployment, process: &Process) {
    let admin = process.client("/admin/v1", deployment.first("admin_api_key"));
    let directory = deployment.first("directory_id");
    let users = all(&admin, &format!("/users?directory_id={directory}"));
    let receipts = all(&admin, "/receipts?");
    let events = all(&admin, "/audit-events?action=user.deprovisioned");
    let ids = |items: &[Value], pointer: &str, reason: &str| -> BTreeSet<String> {
        items
            .iter()
            .filter(|item| {
                item.to_string()
                    .contains(&format!("\"reason\":\"{reason}\""))
            })
            .filter_map(|item| item.pointer(pointer)?.as_str())
            .map(str::to_owned)
            .collect()
    };
    let there: BTreeSet<&str> = users
        .iter()
        .filter_map(|user| user["id"].as_str())
        .collect();
    let inactive: BTreeSet<String> = users
        .iter()
        .filter(|user| user["active"] == false)
        .filter_map(|user| user["id"].as_str())
        .map(str::to_owned)
        .collect();
    let deactivated = ids(&receipts, "/user/id", "deactivated");
    assert_eq!(deactivated, inactive);
    assert_eq!(ids(&events, "/target/id", "deactivated"), inactive);
    let deleted = ids(&receipts, "/user/id", "deleted");
    assert_eq!(ids(&events, "/target/id", "deleted"), deleted);
    assert!(deleted.iter().all(|id| !there.contains(id.as_str())));
}

/// Every item of a list.
fn all(client: &Client, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client
            .get(&format!("{path}&limit=1000{cursor}"))
            .expect(200);
        items.extend(page.body["items"].as_array().cloned().unwrap_or_default());
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn survives(kind: DatabaseKind) {
    let deployment = Deployment::create(kind);
    let mut process = deployment.serve();
    let group = process
        .client("/scim/v2", deployment.first("scim_key"))
        .post(
            "/Groups",
            &json!({"schemas": [GROUP_SCHEMA], "displayName": "All"}),
        )
        .expect(201)
        .id();
    let mut ledgers = Vec::new();
    for round in 0..ROUNDS {
        ledgers.extend(write_until_killed(&deployment, process, &group, round));

        process = deployment.serve();

        assert_all_is_there(&deployment, &process, &group, &ledgers);
    }
    let acknowledged: usize = ledgers.iter().map(|ledger| ledger.users.len()).sum();
    assert!(acknowledged > 0, "clients have written");
}

#[test]
fn no_acknowledged_write_is_lost_when_the_process_is_killed_on_sqlite() {
    survives(DatabaseKind::Sqlite);
}

#[test]
fn no_acknowledged_write_is_lost_when_the_process_is_killed_on_postgresql() {
    survives(DatabaseKind::Postgres);
}

#[derive(diesel::QueryableByName)]
struct Synchronous {
    #[diesel(sql_type = Integer)]
    synchronous: i32,
}

#[derive(diesel::QueryableByName)]
struct SynchronousCommit {
    #[diesel(sql_type = Text)]
    synchronous_commit: String,
}

// Killing a process does not show what a power cut would; that commits wait for the disk is a setting.
on_both_databases!(commits_wait_for_the_disk, |server| {
    server
        .database
        .write_blocking(|connection| {
            match connection {
                DatabaseConnection::Sqlite(connection) => {
                    let set: Synchronous =
                        diesel::sql_query("PRAGMA synchronous").get_result(connection)?;
                    assert_eq!(set.synchronous, 2, "FULL");
                }
                DatabaseConnection::Postgres(connection) => {
                    let set: SynchronousCommit =
                        diesel::sql_query("SHOW synchronous_commit").get_result(connection)?;
                    assert_eq!(set.synchronous_commit, "on");
                }
            }
            Ok::<_, StoreError>(())
        })
        .expect("the database works");
});
