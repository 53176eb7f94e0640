//! Webhooks in the console: made with a secret that is shown once, tried, paused and deleted by those who may.

use portcullis::config::Settings;
use serde_json::{Value, json};

use crate::server::TestServer;

use super::{Browser, id_within, member, shown_secret};

const WEBHOOKS: &str = "/console/webhooks/";
/// Nobody listens there.
const NOBODY: &str = "http://127.0.0.1:9/hooks";

fn allow_private(settings: &mut Settings) {
    settings.notifications.allow_private_webhooks = true;
}

fn webhook(server: &TestServer, id: &str) -> Value {
    let path = format!("/webhooks/{id}");
    server.admin().get(&path).expect(200).body
}

on_both_databases!(
    a_webhook_is_made_tried_changed_and_deleted_and_its_secret_is_shown_once,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        browser.get("/console/webhooks/new").expect(200);
        browser
            .submit("/console/webhooks/new", &[("url", "ftp://example.org")])
            .expect(422);
        let fields = [("url", NOBODY), ("kinds", "keys_orphaned")];
        let made = browser
            .submit("/console/webhooks/new", &fields)
            .expect(200)
            .text;
        let secret = shown_secret(&made);
        assert!(secret.starts_with("whsec_"));
        let id = id_within(&made, WEBHOOKS);
        let place = format!("{WEBHOOKS}{id}");
        assert_eq!(webhook(server, &id)["kinds"], json!(["keys_orphaned"]));

        browser.submit(&format!("{place}/test"), &[]).expect(303);
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("webhook_test") && page.contains("1 attempt"),
            "{page}"
        );
        assert!(!page.contains(&secret));
        let none = browser
            .get(&format!("{place}?state=delivered"))
            .expect(200)
            .text;
        assert!(!none.contains("webhook_test"));

        browser.get(&format!("{place}/rotate-secret")).expect(200);
        let rotated = browser
            .submit(&format!("{place}/rotate-secret"), &[("overlap_hours", "1")])
            .expect(200)
            .text;
        assert_ne!(shown_secret(&rotated), secret);
        assert_ne!(webhook(server, &id)["previous_secret_until"], Value::Null);

        browser.get(&format!("{place}/change")).expect(200);
        browser
            .submit(&format!("{place}/change"), &[("url", NOBODY)])
            .expect(303);
        let changed = webhook(server, &id);
        assert_eq!(
            (&changed["kinds"], &changed["active"]),
            (&json!([]), &json!(false))
        );

        browser.get(&format!("{place}/delete")).expect(200);
        browser.submit(&format!("{place}/delete"), &[]).expect(303);
        browser.get(&place).expect(404);
    },
    allow_private
);

on_both_databases!(
    what_did_not_arrive_is_sent_again_by_hand,
    |server| {
        let made = server
            .admin()
            .post("/webhooks", &json!({"url": NOBODY}))
            .expect(201);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let place = format!("{WEBHOOKS}{}", made.id());
        browser.submit(&format!("{place}/test"), &[]).expect(303);
        let page = browser.get(&place).expect(200).text;
        let (_, rest) = page
            .split_once("action=\"/console/deliveries/")
            .expect("it can be sent again");
        let again = format!(
            "/console/deliveries/{}",
            rest.split('"').next().expect("it ends")
        );
        let sent = browser.submit(&again, &[]).expect(303);
        assert!(
            sent.header("location")
                .is_some_and(|to| to.starts_with(&place))
        );
        let events = server
            .admin()
            .get("/audit-events?action=webhook.redelivered")
            .expect(200);
        assert_eq!(events.body["items"].as_array().map(Vec::len), Some(1));
    },
    allow_private
);

on_both_databases!(
    an_auditor_sees_a_webhook_and_changes_nothing_of_it,
    |server| {
        let made = server
            .admin()
            .post("/webhooks", &json!({"url": NOBODY}))
            .expect(201);
        let place = format!("{WEBHOOKS}{}", made.id());
        let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
        let page = auditor.get(&place).expect(200).text;
        for action in ["change", "test", "rotate-secret", "delete"] {
            assert!(!page.contains(&format!("{place}/{action}")), "{action}");
            auditor
                .submit(&format!("{place}/{action}"), &[("url", NOBODY)])
                .expect(403);
        }
        assert_eq!(webhook(server, &made.id())["active"], true);
        Browser::of(&member(server, "plain", None))
            .get(&place)
            .expect(403);
    },
    allow_private
);
