//! What was sent of notices, in the console: by mail and by webhook, and sent again.

use portcullis::config::{MailEncryption, MailSettings, Settings};
use portcullis::store::StoreError;
use portcullis::store::deliveries::{self, DeliveryRow, FAILED, PENDING, WITHHELD};
use portcullis::store::id::DeliveryId;
use portcullis::store::notices::{self, NoticeRow};
use serde_json::{Value, json};

use crate::server::TestServer;

use super::{Browser, member};

const DAY: i64 = 86_400_000;
const LIST: &str = "/console/deliveries";
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9/hooks";

fn with_mail(settings: &mut Settings) {
    settings.notifications.allow_private_webhooks = true;
    settings.notifications.mail = Some(MailSettings {
        host: "127.0.0.1".to_owned(),
        port: 9,
        encryption: MailEncryption::None,
        login: None,
        from: "Portcullis <portcullis@example.org>"
            .parse()
            .expect("an address"),
        to: vec!["ada@example.org".parse().expect("an address")],
    });
}

/// A delivery as it stands after so many attempts, tried last so long ago.
fn stood(server: &TestServer, channel: &str, target: &str, state: &str, ago: i64) -> String {
    let now = server.clock.now().as_millis();
    let row = DeliveryRow {
        id: DeliveryId::generate().to_string(),
        notice_id: DeliveryId::generate().to_string(),
        channel: channel.to_owned(),
        target: target.to_owned(),
        kind: "directory_removed".to_owned(),
        state: state.to_owned(),
        attempts: 7,
        created_at: now - ago,
        // What is tried again is not due before the test has ended.
        next_attempt_at: if state == PENDING {
            now + DAY
        } else {
            now - ago
        },
        give_up_at: now + 3 * DAY,
        claimed_until: None,
        delivered_at: None,
        last_error: Some(format!("{channel} was refused")),
        last_status: None,
    };
    let id = row.id.clone();
    let notice = NoticeRow {
        id: row.notice_id.clone(),
        at: row.created_at,
        kind: row.kind.clone(),
        directory_id: None,
        subject: "A directory was removed".to_owned(),
        detail: "{}".to_owned(),
        read_at: None,
        delivered_at: None,
        attempts: 0,
        person_id: None,
        distributed_at: Some(row.created_at),
    };
    server
        .database
        .write_blocking(move |connection| {
            notices::insert(connection, &notice)?;
            deliveries::insert(connection, &row)
        })
        .map_err(|error: StoreError| error.to_string())
        .expect("the database works");
    id
}

fn ids(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().expect("a list");
    items
        .iter()
        .map(|item| item["id"].as_str().expect("an id"))
        .collect()
}

on_both_databases!(
    what_was_sent_is_listed_over_all_receivers_and_mail_is_sent_again_too,
    |server| {
        let admin = server.admin();
        let webhook = admin.post("/webhooks", &json!({"url": NOBODY})).expect(201);
        let by_webhook = stood(server, "webhook", &webhook.id(), FAILED, 0);
        let by_mail = stood(server, "mail", "ada@example.org", FAILED, 0);
        let waiting = stood(server, "mail", "bob@example.org", PENDING, 0);
        let all = admin.get("/deliveries").expect(200).body;
        assert_eq!(
            ids(&all),
            [&waiting, &by_mail, &by_webhook].map(String::as_str)
        );
        assert_eq!(all["next_cursor"], Value::Null);
        let first = admin.get("/deliveries?limit=1").expect(200).body;
        assert_eq!(ids(&first), [waiting.as_str()]);
        let cursor = first["next_cursor"].as_str().expect("there are more");
        let rest = admin
            .get(&format!("/deliveries?cursor={cursor}"))
            .expect(200)
            .body;
        assert_eq!(ids(&rest), [&by_mail, &by_webhook].map(String::as_str));
        for (query, found) in [
            ("channel=mail", vec![&waiting, &by_mail]),
            ("state=failed", vec![&by_mail, &by_webhook]),
            ("channel=mail&state=failed", vec![&by_mail]),
            ("state=pending", vec![&waiting]),
            ("state=delivered", vec![]),
            ("kind=directory_removed&channel=webhook", vec![&by_webhook]),
            ("kind=secret_leaked", vec![]),
        ] {
            let list = admin.get(&format!("/deliveries?{query}")).expect(200).body;
            assert_eq!(ids(&list), found, "{query}");
        }
        for query in ["channel=pigeon", "state=lost", "kind=rumour"] {
            admin.get(&format!("/deliveries?{query}")).expect(422);
        }
        let one = admin
            .get(&format!("/deliveries/{by_mail}"))
            .expect(200)
            .body;
        assert_eq!(one, all["items"][1]);
        admin
            .get(&format!("/deliveries/{}", DeliveryId::generate()))
            .expect(404);

        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let list = browser
            .get(&format!("{LIST}?channel=mail&state=failed"))
            .expect(200)
            .text;
        assert!(
            list.contains("ada@example.org") && list.contains("mail was refused"),
            "{list}"
        );
        assert!(
            !list.contains("bob@example.org") && !list.contains(NOBODY),
            "{list}"
        );
        let linked = browser.get(&format!("{LIST}?channel=webhook")).expect(200);
        let link = format!("href=\"/console/webhooks/{}\"", webhook.id());
        assert!(linked.text.contains(&link), "{}", linked.text);
        browser
            .submit(&format!("{LIST}/{waiting}/redeliver"), &[])
            .expect(409);
        let again = browser
            .submit(&format!("{LIST}/{by_mail}/redeliver"), &[])
            .expect(303);
        assert_eq!(
            again.header("location"),
            Some("/console/deliveries?done=delivery-again")
        );
        let events = admin
            .get("/audit-events?action=mail.redelivered")
            .expect(200);
        assert_eq!(events.text_at("/items/0/target/id"), by_mail);
        // An address is in no record that stays.
        assert!(!events.text.contains("ada@example.org"), "{}", events.text);

        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let list = auditor.get(LIST).expect(200).text;
        assert!(
            list.contains("bob@example.org") && !list.contains("Send again"),
            "{list}"
        );
        auditor
            .submit(&format!("{LIST}/{by_webhook}/redeliver"), &[])
            .expect(403);
        Browser::of(&member(server, "plain", None))
            .get(LIST)
            .expect(403);
    },
    with_mail
);

on_both_databases!(
    mail_is_sent_again_only_to_whoever_is_still_told_of_it,
    |server| {
        let admin = server.admin();
        let bob = member(server, "bob", Some("admin"));
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let first = stood(server, "mail", "Bob@example.org", FAILED, 0);
        let path = |id: &str| format!("/deliveries/{id}/redeliver");
        admin.post(&path(&first), &Value::Null).expect(202);
        let path_of_bob = format!("/users/{}/deprovision", bob.id);
        admin.post(&path_of_bob, &json!({})).expect(200);
        let second = stood(server, "mail", "Bob@example.org", FAILED, 0);
        let refused = admin.post(&path(&second), &Value::Null).expect(409);
        let why = "whoever has this address is not told of this any more";
        assert!(refused.text.contains(why), "{}", refused.text);
        let page = browser
            .submit(&format!("{LIST}/{second}/redeliver"), &[])
            .expect(409);
        assert!(
            page.text.contains("is not told of this any more"),
            "{}",
            page.text
        );
        let shown = admin.get(&format!("/deliveries/{second}")).expect(200).body;
        assert_eq!(shown["state"], FAILED);
        let events = admin
            .get("/audit-events?action=mail.redelivered")
            .expect(200)
            .body;
        assert_eq!(events["items"].as_array().map(Vec::len), Some(1));
    },
    with_mail
);

on_both_databases!(without_mail_none_is_sent_again, |server| {
    let by_mail = stood(server, "mail", "ada@example.org", FAILED, 0);
    let path = format!("/deliveries/{by_mail}/redeliver");
    let refused = server.admin().post(&path, &Value::Null).expect(409);
    assert!(
        refused.text.contains("no mail is set up"),
        "{}",
        refused.text
    );
    let shown = server.admin().get(&format!("/deliveries/{by_mail}"));
    assert_eq!(shown.expect(200).body["state"], FAILED);
});

on_both_databases!(
    the_first_page_tells_of_what_does_not_arrive_of_alarms_and_of_the_certificate,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let mut attention = || {
            let page = browser.get("/console/").expect(200).text;
            let (_, rest) = page
                .split_once("<h2>Needs attention</h2>")
                .expect("it is there");
            rest.split("<ul class=\"tiles\"")
                .next()
                .expect("it ends")
                .to_owned()
        };
        let quiet = attention();
        for part in ["deliver", "certificate", "Unusually"] {
            assert!(!quiet.contains(part), "{part}: {quiet}");
        }
        let failed = stood(server, "mail", "ada@example.org", FAILED, 0);
        stood(server, "mail", "old@example.org", FAILED, 8 * DAY);
        // Nothing is wrong with what was not to be sent any more.
        let withheld = stood(server, "mail", "left@example.org", WITHHELD, 0);
        let of_state = |state: &str| {
            let path = format!("/deliveries?state={state}");
            let found = server.admin().get(&path).expect(200).body;
            ids(&found).contains(&withheld.as_str())
        };
        assert_eq!([FAILED, WITHHELD].map(of_state), [false, true]);
        let told = attention();
        for part in [
            "1 delivery has failed within a week: somebody was not told of something.",
            "href=\"/console/deliveries?state=failed\"",
        ] {
            assert!(told.contains(part), "no {part}: {told}");
        }
        stood(server, "mail", "bob@example.org", PENDING, 0);
        let told = attention();
        let both = "1 delivery has failed within a week, and 1 delivery is tried again and again.";
        assert!(told.contains(both), "{told}");
        let now = server.clock.now();
        server
            .state
            .metrics
            .set_certificate(now.plus_days(15), false);
        assert!(!attention().contains("certificate"));
        server
            .state
            .metrics
            .set_certificate(now.plus_days(9).plus_seconds(60), false);
        let told = attention();
        assert!(
            told.contains("The TLS certificate expires in 9 days: renew its files"),
            "{told}"
        );
        server
            .state
            .metrics
            .set_certificate(now.plus_days(-1), false);
        assert!(attention().contains("The TLS certificate has expired"));
        server
            .state
            .metrics
            .set_certificate(now.plus_days(90), true);
        assert!(attention().contains("hold what cannot be served with"));

        let threshold = json!({"percent": 0, "people": 1});
        let alarm = "/alarms/mass-deprovisioning";
        server.admin().patch(alarm, &threshold).expect(200);
        let gone = member(server, "gone", None);
        server.scim().delete(&gone.path()).expect(204);
        let told = attention();
        let name = &gone.directory_name;
        let why = format!("Unusually many people have left {name} at once.");
        let place = format!("href=\"/console/directories/{}\"", server.directory_id);
        // The most urgent first.
        let at = |part: &str| told.find(part);
        assert!(at(&why).is_some() && at(&place).is_some(), "{told}");
        assert!(at(&why) < at("TLS certificate") && at("TLS certificate") < at("deliver"));
        let path = format!("/directories/{}/alarm", server.directory_id);
        let alarmed = server.admin().get(&path).expect(200).body;
        let seen = json!({"alarmed_at": alarmed["alarmed_at"]});
        let lift = format!("{path}/lift");
        server.admin().post(&lift, &seen).expect(200);
        assert!(!attention().contains("Unusually"));
        let again = format!("/deliveries/{failed}/redeliver");
        server.admin().post(&again, &Value::Null).expect(202);
        assert!(!attention().contains("failed within a week"));
    },
    with_mail
);
