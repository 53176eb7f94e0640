//! Mail: to owners and admins, to those who are configured, and to whom it concerns; many at once in one.

use portcullis::config::{MailEncryption, MailSettings, Settings};
use portcullis::notices::{Notice, NoticeKind, put};
use portcullis::store::StoreError;
use portcullis::store::id::ResourceId;
use serde_json::{Value, json};

use super::receivers::{MailServer, eventually};
use super::{DAY, HOUR, MINUTE, deliver, happen, stored};
use crate::people::{USER_SCHEMA, patch_of};
use crate::server::{DatabaseKind, TestServer};

const CONFIGURED: &str = "security@example.org";

fn start(kind: DatabaseKind, mail: &MailServer) -> TestServer {
    let port = mail.port;
    TestServer::start_with(kind, move |settings: &mut Settings| {
        settings.notifications.mail = Some(MailSettings {
            host: "127.0.0.1".to_owned(),
            port,
            encryption: MailEncryption::None,
            login: None,
            from: "Portcullis <portcullis@example.org>"
                .parse()
                .expect("an address"),
            to: vec![CONFIGURED.parse().expect("an address")],
        });
    })
}

/// A person with an address of this name.
fn person(server: &TestServer, name: &str) -> String {
    let address = format!("{name}@example.org");
    let user = json!({
        "schemas": [USER_SCHEMA],
        "userName": name,
        "emails": [{"value": address, "primary": true}],
    });
    server.scim().post("/Users", &user).expect(201).id()
}

fn assign(server: &TestServer, id: &str, role: &str) {
    let assignment = json!({"user_id": id, "role": role});
    server
        .admin()
        .post("/roles/assignments", &assignment)
        .expect(201);
}

/// Waits out the time in which mail is gathered.
fn gather(server: &TestServer) {
    deliver(server);
    // The server itself may be at some of them.
    eventually("all are distributed", || {
        let waiting = "SELECT id AS text FROM notices WHERE distributed_at IS NULL";
        stored(server, waiting).is_empty().then_some(())
    });
    server.clock.advance_millis(MINUTE + 1_000);
    deliver(server);
}

fn admins_and_those_configured_are_told_in_text_and_html(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    let (admin, auditor) = (person(&server, "ada"), person(&server, "bob"));
    assign(&server, &admin, "admin");
    assign(&server, &auditor, "auditor");
    person(&server, "carol");
    happen(&server);
    gather(&server);
    for address in ["ada@example.org", CONFIGURED] {
        let mails = mail.wait_for(address, 1);
        let told = &mails[0];
        assert_eq!(told["from"], "portcullis@example.org");
        let subject = told["subject"].as_str().expect("a subject");
        assert!(subject.contains("was removed"), "{subject}");
        assert!(told["text"].as_str().expect("a text").contains(subject));
        assert!(told["html"].as_str().expect("HTML").contains("<h3>"));
        assert_eq!(told["auto_submitted"], "auto-generated");
        assert!(
            told["message_id"]
                .as_str()
                .is_some_and(|id| id.ends_with("@example.org>"))
        );
    }
    server.clock.advance_millis(DAY);
    deliver(&server);
    assert_eq!(mail.mails().len(), 2, "{:?}", mail.mails());
}

/// Each of these leaves 500 people without their keys: a wrong synchronisation, or a directory removed.
fn five_hundred_notices_of_a_kind_are_one_mail_that_lists_them(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| {
            for number in 0..500 {
                let subject = format!("Keys that person {number} made are <orphaned>");
                put(
                    connection,
                    now,
                    Notice::new(NoticeKind::KeysOrphaned, subject),
                )?;
            }
            Ok::<_, StoreError>(())
        })
        .expect("the database works");
    gather(&server);
    let told = mail.wait_for(CONFIGURED, 1).remove(0);
    assert_eq!(told["subject"], "Keys were orphaned (500 notices)");
    let (text, html) = (told["text"].as_str(), told["html"].as_str());
    let (text, html) = (text.expect("a text"), html.expect("HTML"));
    for number in 0..500 {
        let name = format!("Keys that person {number} made are ");
        assert!(text.contains(&name) && html.contains(&name), "{number}");
    }
    assert!(!html.contains("<orphaned>"));
    server.clock.advance_millis(DAY);
    deliver(&server);
    assert_eq!(mail.mails().len(), 1);
}

/// What follows shortly after a mail waits longer: ten times the time in which mail is gathered.
fn a_flood_that_goes_on_is_a_mail_now_and_then(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    happen(&server);
    gather(&server);
    mail.wait_for(CONFIGURED, 1);
    for _ in 0..5 {
        happen(&server);
        gather(&server);
    }
    assert_eq!(mail.mails().len(), 1);
    server.clock.advance_millis(10 * MINUTE);
    deliver(&server);
    let mails = mail.wait_for(CONFIGURED, 2);
    assert_eq!(mails[1]["subject"], "Directories were removed (5 notices)");
}

fn what_concerns_a_person_is_told_to_them_alone(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    let id = person(&server, "dora");
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| {
            let person = ResourceId::new(id.clone());
            let notice = Notice::new(NoticeKind::TokenExpiring, "Your token expires in 7 days");
            put(connection, now, notice.of(Some(&person)))
        })
        .expect("the database works");
    gather(&server);
    let told = mail.wait_for("dora@example.org", 1);
    assert_eq!(told[0]["subject"], "Your token expires in 7 days");
    assert_eq!(mail.mails().len(), 1, "{:?}", mail.mails());
}

fn mail_that_waits_is_not_sent_to_whoever_is_told_no_more(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    let (left, lost) = (person(&server, "left"), person(&server, "lost"));
    for id in [&left, &lost] {
        assign(&server, id, "admin");
    }
    happen(&server);
    let id = super::notices(&server, "directory_removed")[0]["id"].clone();
    let path = format!("/notices/{}", id.as_str().expect("an id"));
    let deliveries = || {
        let shown = server.admin().get(&path).expect(200).body;
        shown["deliveries"].as_array().cloned().unwrap_or_default()
    };
    eventually("it is distributed", || {
        deliver(&server);
        (deliveries().len() == 3).then_some(())
    });
    server.scim().delete(&format!("/Users/{left}")).expect(204);
    let role = format!("/roles/assignments/{lost}/admin");
    server.admin().delete(&role).expect(204);
    server.clock.advance_millis(MINUTE + 1_000);
    let ended = eventually("what waited has ended", || {
        deliver(&server);
        let all = deliveries();
        let waits = all.iter().any(|one| one["state"] == "pending");
        (!waits).then_some(all)
    });
    let told = mail.mails();
    assert!(!told.is_empty());
    assert!(
        told.iter().all(|mail| mail["to"] == json!([CONFIGURED])),
        "{told:?}"
    );
    let notice = server.admin().get(&path).expect(200).body;
    assert!(notice["delivered_at"].is_string(), "{notice}");
    for delivery in ended {
        let is_told = delivery["target"] == CONFIGURED;
        let expected = if is_told { "delivered" } else { "withheld" };
        assert_eq!(delivery["state"], expected, "{delivery}");
        let reason = "whoever has this address is not told of this any more: they have left, lost their role, or \
                      have another address now";
        let expected = if is_told { Value::Null } else { json!(reason) };
        assert_eq!(delivery["last_error"], expected, "{delivery}");
    }
}

/// Whoever changes the address of somebody does not keep from them what is done with their account.
fn what_concerns_a_person_reaches_the_address_that_they_had(kind: DatabaseKind) {
    let mail = MailServer::start();
    let server = start(kind, &mail);
    let id = person(&server, "dora");
    let (now, about) = (server.clock.now(), ResourceId::new(id.clone()));
    server
        .database
        .write_blocking(move |connection| {
            let notice = Notice::new(NoticeKind::TokenExpiring, "Your token expires in 7 days");
            put(connection, now, notice.of(Some(&about)))
        })
        .expect("the database works");
    let path = format!(
        "/notices/{}",
        super::notices(&server, "token_expiring")[0]["id"]
            .as_str()
            .expect("an id")
    );
    eventually("it is distributed", || {
        deliver(&server);
        let shown = server.admin().get(&path).expect(200).body;
        (shown["deliveries"][0]["target"] == "dora@example.org").then_some(())
    });
    let moved =
        json!([{"op": "replace", "path": "emails", "value": [{"value": "other@example.org"}]}]);
    server
        .scim()
        .patch(&format!("/Users/{id}"), &patch_of(&moved))
        .expect(200);
    gather(&server);
    let told = mail.wait_for("dora@example.org", 1);
    assert_eq!(told[0]["subject"], "Your token expires in 7 days");
    assert_eq!(mail.mails().len(), 1, "{:?}", mail.mails());
}

fn a_mail_server_that_is_away_is_tried_again(kind: DatabaseKind) {
    let mut mail = MailServer::start();
    let server = start(kind, &mail);
    mail.order("refuse");
    happen(&server);
    gather(&server);
    let id = super::notices(&server, "directory_removed")[0]["id"].clone();
    let path = format!("/notices/{}", id.as_str().expect("an id"));
    let failed = eventually("the failure is written down", || {
        let shown = server.admin().get(&path).expect(200);
        let delivery = shown.body["deliveries"][0].clone();
        delivery["last_error"].is_string().then_some(delivery)
    });
    assert_eq!(failed["state"], "pending");
    assert_eq!(failed["channel"], "mail");
    assert_eq!(failed["last_status"], 451);
    mail.order("take");
    server.clock.advance_millis(HOUR);
    let told = mail.wait_for(CONFIGURED, 1);
    assert_eq!(told.len(), 1);
    eventually("it is delivered", || {
        let shown = server.admin().get(&path).expect(200);
        (shown.body["deliveries"][0]["state"] == "delivered"
            && shown.body["delivered_at"] != Value::Null)
            .then_some(())
    });
}

macro_rules! on_both {
    ($($name:ident)*) => {$(
        mod $name {
            use crate::server::DatabaseKind;

            #[test]
            fn sqlite() {
                super::$name(DatabaseKind::Sqlite);
            }

            #[test]
            fn postgres() {
                super::$name(DatabaseKind::Postgres);
            }
        }
    )*};
}

on_both! {
    admins_and_those_configured_are_told_in_text_and_html
    five_hundred_notices_of_a_kind_are_one_mail_that_lists_them
    a_flood_that_goes_on_is_a_mail_now_and_then
    what_concerns_a_person_is_told_to_them_alone
    mail_that_waits_is_not_sent_to_whoever_is_told_no_more
    what_concerns_a_person_reaches_the_address_that_they_had
    a_mail_server_that_is_away_is_tried_again
}
