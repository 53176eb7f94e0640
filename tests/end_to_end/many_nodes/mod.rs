//! P1, P14, P17 across nodes: several processes over one PostgreSQL under mixed load, while they are killed
//! and started again. Every answer is written down, and the history is judged afterwards.

mod history;
mod load;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use serde_json::{Value, json};

use crate::notices::receivers::{Receiver, eventually};
use crate::people::{GROUP_SCHEMA, USER_SCHEMA};
use crate::process::{Deployment, Process};
use crate::server::DatabaseKind;
use history::{Fact, violations};
use load::{Client, Cluster};

const CLIENTS: usize = 4;
const PROBERS: usize = 2;
const ROUNDS: usize = 6;
/// A node is killed whenever so many requests were answered.
const BETWEEN_KILLS: usize = 350;
const KILLS: usize = 3;
/// How long a node that has died keeps others from delivering what it had taken, in milliseconds.
const CLAIM_MILLIS: i64 = 90_000;

/// The processes, each of which has a port of its own, also after a restart.
struct Nodes<'a> {
    deployment: &'a Deployment,
    ports: Vec<u16>,
    running: Vec<Process>,
}

impl<'a> Nodes<'a> {
    fn start(deployment: &'a Deployment, count: usize) -> Self {
        let ports: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let running = ports.iter().map(|port| serve(deployment, *port)).collect();
        Self {
            deployment,
            ports,
            running,
        }
    }

    /// `kill -9`, and a new process in its place. Gives when there was none.
    fn restart(&mut self, node: usize) -> Instant {
        self.running.remove(node).kill();
        let killed_at = Instant::now();
        let started = serve(self.deployment, self.ports[node]);
        self.running.insert(node, started);
        killed_at
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn serve(deployment: &Deployment, port: u16) -> Process {
    let address = format!("127.0.0.1:{port}");
    deployment.serve_with(&["--listen", &address, "--allow-private-webhooks"])
}

/// What the clients need, made at the first node.
fn prepare(nodes: &Nodes<'_>, receiver: &Receiver) -> Cluster {
    let deployment = nodes.deployment;
    let first = |name: &str| deployment.first(name).to_owned();
    let admin = nodes.running[0].client("/admin/v1", deployment.first("admin_api_key"));
    let scim = nodes.running[0].client("/scim/v2", deployment.first("scim_key"));
    let product = admin
        .post("/products", &json!({"name": "Gate"}))
        .expect(201)
        .id();
    let product_key = admin
        .post(
            &format!("/products/{product}/credentials"),
            &json!({"name": "Gate"}),
        )
        .expect(201)
        .text_at("/secret");
    let owner = json!({"schemas": [USER_SCHEMA], "userName": "owner@example.org"});
    let owner = scim.post("/Users", &owner).expect(201).id();
    let account = json!({"name": "Program", "purpose": "Tests.", "owner_id": owner});
    let account = admin.post("/service-accounts", &account).expect(201).id();
    let group = json!({"schemas": [GROUP_SCHEMA], "displayName": "All"});
    let group = scim.post("/Groups", &group).expect(201).id();
    let webhook = json!({"url": receiver.url, "kinds": ["keys_orphaned"]});
    admin.post("/webhooks", &webhook).expect(201);
    let directory = admin
        .get(&format!(
            "/directories/{}",
            deployment.first("directory_id")
        ))
        .expect(200)
        .text_at("/name");
    let addresses = nodes.running.iter().map(|node| node.base_url.clone());
    Cluster::new(
        addresses.collect(),
        [first("scim_key"), first("admin_api_key"), product_key],
        [account, directory, group],
    )
}

/// Lets the clients work while nodes are killed and started again. Gives whom they have hired, and when each
/// of the kills was.
fn work(cluster: &Cluster, nodes: &mut Nodes<'_>) -> (Vec<String>, Vec<Instant>) {
    let (is_over, have_worked) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| scope.spawn(move || Client::new(cluster, number).work(ROUNDS)))
            .collect();
        for number in 0..PROBERS {
            let is_over = &is_over;
            scope.spawn(move || Client::new(cluster, CLIENTS + number).probe(is_over));
        }
        let have_worked = &have_worked;
        let killer = scope.spawn(move || {
            let mut kills = Vec::new();
            for kill in 1..=KILLS {
                while cluster.answered.load(Ordering::SeqCst) < kill * BETWEEN_KILLS {
                    if have_worked.load(Ordering::SeqCst) {
                        return kills;
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                kills.push(nodes.restart(kill % nodes.ports.len()));
            }
            kills
        });
        let hired = clients.into_iter().flat_map(|client| {
            client
                .join()
                .expect("a client must be answered well by the nodes that are there")
        });
        let hired = hired.collect();
        have_worked.store(true, Ordering::SeqCst);
        let kills = killer.join().expect("nodes can be restarted");
        is_over.store(true, Ordering::SeqCst);
        (hired, kills)
    })
}

fn holds_across(count: usize) {
    let deployment = Deployment::create(DatabaseKind::Postgres);
    let receiver = Receiver::start();
    let mut nodes = Nodes::start(&deployment, count);
    let cluster = prepare(&nodes, &receiver);

    let (hired, kills) = work(&cluster, &mut nodes);
    Client::new(&cluster, 0).look_at_everything(&hired);

    let entries = cluster.history.entries();
    let found = violations(&entries);
    assert!(found.is_empty(), "{found:#?}");
    for fact in [Fact::Held, Fact::DidNotHold, Fact::Ended] {
        let is_seen = entries.iter().any(|entry| entry.fact == fact);
        assert!(is_seen, "{fact:?} never came up");
    }
    let answered = cluster.answered.load(Ordering::SeqCst);
    let unanswered = cluster.unanswered.load(Ordering::SeqCst);
    println!(
        "{count} nodes: {answered} answers, {unanswered} without, {} statements, {} kills",
        entries.len(),
        kills.len()
    );
    assert_eq!(kills.len(), KILLS);
    assert_each_notice_was_sent_once(&deployment, &nodes, &receiver, &kills);
}

/// P17: what is in the outbox has arrived, and only what a killed node was about to write down came twice.
fn assert_each_notice_was_sent_once(
    deployment: &Deployment,
    nodes: &Nodes<'_>,
    receiver: &Receiver,
    kills: &[Instant],
) {
    let admin = nodes.running[0].client("/admin/v1", deployment.first("admin_api_key"));
    // As if the time were over for which the dead are waited for.
    let age = format!(
        "UPDATE deliveries SET claimed_until = claimed_until - {CLAIM_MILLIS}
         WHERE state = 'pending' AND claimed_until IS NOT NULL;"
    );
    let is_all_delivered = || {
        let found = admin
            .get("/notices?kind=keys_orphaned&limit=1000")
            .expect(200);
        let items = found.body["items"].as_array().expect("items").clone();
        let is_delivered = |item: &Value| item["delivered_at"] != Value::Null;
        items.iter().all(is_delivered).then_some(items)
    };
    let begun = Instant::now();
    let mut has_aged = false;
    let notices = eventually("every notice is delivered", || {
        if !has_aged && begun.elapsed() > Duration::from_secs(5) {
            has_aged = true;
            let mut connection = deployment.connect();
            connection
                .batch_execute(&age)
                .expect("the claims can be aged");
        }
        is_all_delivered()
    });
    let mut arrivals: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    for request in receiver.requests() {
        let id = request.headers["webhook-id"].clone();
        arrivals.entry(id).or_default().push(request.at);
    }
    assert!(!notices.is_empty());
    for notice in &notices {
        let id = notice["id"].as_str().expect("an id");
        assert!(arrivals.contains_key(id), "lost: {notice}");
    }
    for (id, times) in &arrivals {
        let [first, .., last] = times.as_slice() else {
            continue;
        };
        let is_of_a_kill = kills.iter().any(|kill| first < kill && kill < last);
        assert!(
            is_of_a_kill && times.len() == 2,
            "{id} came more than once: {times:?}"
        );
    }
}

#[test]
fn two_nodes_answer_as_one_while_they_are_killed_and_restarted() {
    holds_across(2);
}

#[test]
fn four_nodes_answer_as_one_while_they_are_killed_and_restarted() {
    holds_across(4);
}
