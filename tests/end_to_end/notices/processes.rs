//! The outbox across crashes and nodes.

use serde_json::{Value, json};

use super::receivers::{MailServer, Receiver, eventually};
use crate::process::{Deployment, Process};
use crate::server::{Client, DatabaseKind, databases};

const ALLOW: [&str; 1] = ["--allow-private-webhooks"];

fn admin(deployment: &Deployment, process: &Process) -> Client {
    process.client("/admin/v1", deployment.first("admin_api_key"))
}

/// Makes a directory and removes it, which is told.
fn happen(admin: &Client, name: &str) {
    let body = json!({"name": name});
    let id = admin.post("/directories", &body).expect(201).id();
    admin.delete(&format!("/directories/{id}")).expect(204);
}

fn webhook(admin: &Client, receiver: &Receiver) -> String {
    let body = json!({"url": receiver.url, "kinds": ["directory_removed"]});
    admin.post("/webhooks", &body).expect(201).id()
}

fn subjects(receiver: &Receiver) -> Vec<String> {
    let requests = receiver.requests().into_iter();
    let mut subjects: Vec<_> = requests
        .map(|request| request.body["data"]["subject"].to_string())
        .collect();
    subjects.sort();
    subjects
}

/// P17: killed while its receiver is away, with notices that it has not even distributed yet.
#[test]
fn a_notice_survives_the_kill_of_its_process_and_is_delivered_after_the_restart() {
    for kind in databases() {
        let deployment = Deployment::create(kind);
        let receiver = Receiver::start();
        receiver.answer_with(500);
        let process = deployment.serve_with(&ALLOW);
        let client = admin(&deployment, &process);
        webhook(&client, &receiver);
        happen(&client, "First");
        receiver.wait_for(1);
        happen(&client, "Second");
        process.kill();
        // Whoever is not there any more makes no notice either.
        let _ = deployment.run(&["directory", "create", "--name", "Third"]);
        let _ = deployment.run(&["directory", "remove", "Third"]);

        receiver.answer_with(200);
        let process = deployment.serve_with(&ALLOW);
        let client = admin(&deployment, &process);
        eventually("all three are delivered", || {
            let found = client.get("/notices?kind=directory_removed").expect(200);
            let items = found.body["items"].as_array().expect("items").clone();
            (items.len() == 3 && items.iter().all(|item| item["delivered_at"] != Value::Null))
                .then_some(())
        });
        let mut told = subjects(&receiver);
        told.dedup();
        assert_eq!(told.len(), 3, "{told:?}");
    }
}

/// P17: what two nodes look after is still sent once.
#[test]
fn two_processes_over_one_database_deliver_each_notice_once() {
    const COUNT: usize = 60;
    let deployment = Deployment::create(DatabaseKind::Postgres);
    let receiver = Receiver::start();
    let (first, second) = (deployment.serve_with(&ALLOW), deployment.serve_with(&ALLOW));
    let clients = [admin(&deployment, &first), admin(&deployment, &second)];
    webhook(&clients[0], &receiver);
    for number in 0..COUNT {
        happen(&clients[number % 2], &format!("Directory {number}"));
    }
    eventually("all are delivered", || {
        let found = clients[0]
            .get("/notices?kind=directory_removed&limit=1000")
            .expect(200);
        let items = found.body["items"].as_array().expect("items").clone();
        (items.len() == COUNT && items.iter().all(|item| item["delivered_at"] != Value::Null))
            .then_some(())
    });
    let told = subjects(&receiver);
    let mut once = told.clone();
    once.dedup();
    assert_eq!(once.len(), COUNT);
    assert_eq!(told, once, "none twice");
}

const PASSWORD: &str = "open sesame";

/// What became of the mail about what happens now.
fn delivery_of_mail(client: &Client, name: &str) -> Value {
    happen(client, name);
    eventually("the mail was sent or not", || {
        let found = client.get("/notices?kind=directory_removed").expect(200);
        let id = found.body["items"][0]["id"].as_str()?.to_owned();
        let shown = client.get(&format!("/notices/{id}")).expect(200);
        let delivery = shown.body["deliveries"][0].clone();
        let is_over = delivery["state"] == "delivered" || delivery["last_error"].is_string();
        is_over.then_some(delivery)
    })
}

/// P8: the password goes to the mail server alone, and only once that has shown who it is.
#[test]
fn mail_goes_over_starttls_with_a_password_to_a_server_whose_certificate_is_trusted() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let certificate = deployment.directory().join("mail.pem");
    let mail = MailServer::start_guarded(&certificate);
    let url = format!("smtp://portcullis%40example.org@localhost:{}", mail.port);
    let options = [
        "--smtp-url",
        &url,
        "--mail-from",
        "portcullis@example.org",
        "--mail-to",
        "security@example.org",
        "--mail-digest-seconds",
        "0",
    ];
    let password = ("PORTCULLIS_SMTP_PASSWORD", PASSWORD);
    let path = certificate.to_str().expect("a name of text");

    let process = deployment.serve_in(&options, &[password, ("SSL_CERT_FILE", path)]);
    let delivery = delivery_of_mail(&admin(&deployment, &process), "First");
    assert_eq!(delivery["state"], "delivered", "{delivery}");
    let taken = mail.wait_for("security@example.org", 1).remove(0);
    assert_eq!(taken["encrypted"], true);
    assert_eq!(taken["login"], json!(["portcullis@example.org", PASSWORD]));
    let log = process.stop();
    assert!(!log.contains(PASSWORD), "{log}");

    let process = deployment.serve_in(&options, &[password]);
    let delivery = delivery_of_mail(&admin(&deployment, &process), "Second");
    assert_eq!(delivery["state"], "pending", "{delivery}");
    let error = delivery["last_error"].as_str().expect("an error");
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    assert_eq!(mail.mails().len(), 1);
    assert!(!process.stop().contains(PASSWORD));
}
