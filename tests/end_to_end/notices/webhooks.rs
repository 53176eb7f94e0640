//! Webhooks: signed as the Standard Webhooks specification says, tried again for three days, and never sent
//! where they must not go.

use portcullis::config::Settings;
use serde_json::{Value, json};

use super::receivers::{Receiver, eventually};
use super::{DAY, HOUR, MINUTE, deliver, happen, notices, stored, webhook};
use crate::server::{Answer, TestServer};

fn allow_private(settings: &mut Settings) {
    settings.notifications.allow_private_webhooks = true;
}

fn log(server: &TestServer, webhook: &str) -> Vec<Value> {
    let path = format!("/webhooks/{webhook}/deliveries");
    let found = server.admin().get(&path).expect(200);
    found.body["items"].as_array().expect("items").clone()
}

/// The only delivery to a webhook, once it is in this state.
#[track_caller]
fn delivery_in(server: &TestServer, webhook: &str, state: &str) -> Value {
    eventually(state, || {
        let log = log(server, webhook);
        assert!(log.len() <= 1, "{log:?}");
        log.into_iter().find(|delivery| delivery["state"] == state)
    })
}

on_both_databases!(
    a_notice_reaches_a_webhook_signed_as_another_implementation_expects,
    |server| {
        let receiver = Receiver::start();
        let (id, secret) = webhook(server, &receiver, &json!([]));
        happen(server);
        let request = receiver.wait_for(1).remove(0);
        assert!(request.is_signed_with(&secret));
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert!(!request.is_signed_with(other));
        let mut changed = request.clone();
        changed.text = changed.text.replace("was removed", "was not removed");
        assert!(!changed.is_signed_with(&secret));

        let notice = notices(server, "directory_removed").remove(0);
        assert_eq!(
            request.headers["webhook-id"],
            notice["id"].as_str().expect("it is there")
        );
        assert_eq!(request.headers["content-type"], "application/json");
        assert_eq!(
            request.body,
            json!({
                "type": "directory_removed",
                "timestamp": notice["at"],
                "data": {
                    "id": notice["id"],
                    "subject": notice["subject"],
                    "directory_id": notice["directory_id"],
                    "user_id": null,
                    "detail": notice["detail"],
                },
            })
        );

        let delivery = delivery_in(server, &id, "delivered");
        assert_eq!(delivery["attempts"], 1);
        assert_eq!(delivery["last_status"], 204);
        let path = format!("/notices/{}", notice["id"].as_str().expect("it is there"));
        let shown = server.admin().get(&path).expect(200);
        assert!(shown.body["delivered_at"].is_string(), "{}", shown.text);
        assert_eq!(shown.body["deliveries"], json!([delivery]));
        for _ in 0..3 {
            server.clock.advance_millis(DAY);
            deliver(server);
        }
        assert_eq!(
            receiver.requests().len(),
            1,
            "what has arrived is not sent again"
        );
    },
    allow_private
);

on_both_databases!(
    a_webhook_gets_the_kinds_that_it_wants_and_only_while_it_is_active,
    |server| {
        let (picky, other, idle) = (Receiver::start(), Receiver::start(), Receiver::start());
        webhook(server, &picky, &json!(["directory_removed"]));
        webhook(server, &other, &json!(["keys_orphaned"]));
        let (id, _) = webhook(server, &idle, &json!([]));
        let path = format!("/webhooks/{id}");
        server
            .admin()
            .patch(&path, &json!({"active": false}))
            .expect(200);
        happen(server);
        assert_eq!(picky.wait_for(1)[0].kind(), "directory_removed");
        deliver(server);
        assert!(other.requests().is_empty());
        assert!(idle.requests().is_empty());
    },
    allow_private
);

on_both_databases!(
    an_endpoint_that_fails_is_tried_again_with_the_same_id_after_a_pause_that_grows,
    |server| {
        let receiver = Receiver::start();
        let (id, _) = webhook(server, &receiver, &json!(["directory_removed"]));
        receiver.answer_with(500);
        happen(server);
        let first = receiver.wait_for(1).remove(0);
        // Once the failure is written down, and not before, the clock may go on.
        let paused = || {
            eventually("a pause", || {
                let delivery = delivery_in(server, &id, "pending");
                let next = delivery["next_attempt_at"].as_str()?.to_owned();
                (next > server.clock.now().to_rfc3339()).then_some(delivery)
            })
        };
        let delivery = paused();
        assert_eq!(delivery["last_status"], 500);
        assert!(
            delivery["last_error"]
                .as_str()
                .is_some_and(|error| error.contains("500"))
        );
        for count in 2..5 {
            server.clock.advance_millis(2 * MINUTE);
            let requests = receiver.wait_for(count);
            let last = &requests[count - 1];
            assert_eq!(last.headers["webhook-id"], first.headers["webhook-id"]);
            assert_eq!(last.text, first.text);
            assert_eq!(paused()["attempts"], count);
        }
        receiver.answer_with(200);
        server.clock.advance_millis(HOUR);
        let delivery = delivery_in(server, &id, "delivered");
        assert_eq!(delivery["attempts"], 5);
        assert_eq!(delivery["last_error"], Value::Null);
    },
    allow_private
);

on_both_databases!(
    what_has_not_arrived_in_three_days_has_failed_is_told_once_and_can_be_sent_again,
    |server| {
        let (dead, witness) = (Receiver::start(), Receiver::start());
        let (id, _) = webhook(server, &dead, &json!(["directory_removed"]));
        let (_, _) = webhook(server, &witness, &json!(["deliveries_failing"]));
        dead.answer_with(503);
        happen(server);
        dead.wait_for(1);
        let mut hours = 0;
        let failed = eventually("it has failed", || {
            let delivery = log(server, &id).remove(0);
            if delivery["state"] == "failed" {
                return Some(delivery);
            }
            server.clock.advance_millis(HOUR);
            hours += 1;
            deliver(server);
            None
        });
        assert!(hours >= 72, "{hours}");
        assert_eq!(failed["last_status"], 503);
        assert_eq!(failed["next_attempt_at"], Value::Null);

        let told = witness.wait_for(1);
        assert_eq!(told[0].kind(), "deliveries_failing");
        assert_eq!(told[0].body["data"]["detail"]["target"], id);
        let told = notices(server, "deliveries_failing");
        assert!(told.len() <= 4, "once a day: {told:?}");
        let text = Value::from(told).to_string();
        assert!(
            !text.contains("token=kept"),
            "an address may be a secret: {text}"
        );

        dead.answer_with(200);
        let path = format!(
            "/deliveries/{}/redeliver",
            failed["id"].as_str().expect("it is there")
        );
        let again = server.admin().post(&path, &json!({})).expect(202);
        assert_eq!(again.body["state"], "pending");
        let delivery = delivery_in(server, &id, "delivered");
        assert_eq!(delivery["attempts"], 1);
        server.admin().post(&path, &json!({})).expect(202);
    },
    allow_private
);

on_both_databases!(
    a_receiver_that_is_gone_is_sent_nothing_more_and_that_is_told,
    |server| {
        let (gone, witness) = (Receiver::start(), Receiver::start());
        let (id, _) = webhook(server, &gone, &json!(["directory_removed"]));
        webhook(server, &witness, &json!(["deliveries_failing"]));
        gone.answer_with(410);
        happen(server);
        let told = witness.wait_for(1);
        assert_eq!(told[0].body["data"]["detail"]["target"], id);
        let path = format!("/webhooks/{id}");
        let shown = server.admin().get(&path).expect(200);
        assert_eq!(shown.body["active"], false);
        assert_eq!(delivery_in(server, &id, "failed")["last_status"], 410);
        assert_eq!(audited(server, &id), ["webhook.created", "webhook.updated"]);
        happen(server);
        server.clock.advance_millis(HOUR);
        deliver(server);
        assert_eq!(gone.requests().len(), 1);
    },
    allow_private
);

on_both_databases!(
    that_nothing_can_be_told_is_not_told_without_end,
    |server| {
        let dead = Receiver::start();
        webhook(server, &dead, &json!([]));
        dead.answer_with(500);
        happen(server);
        for _ in 0..200 {
            server.clock.advance_millis(HOUR);
            deliver(server);
        }
        let told = notices(server, "deliveries_failing");
        assert!((1..=5).contains(&told.len()), "{}", told.len());
        let path = format!("/notices/{}", told[0]["id"].as_str().expect("it is there"));
        let shown = server.admin().get(&path).expect(200);
        assert_eq!(
            shown.body["deliveries"],
            json!([]),
            "not to the one that fails"
        );
    },
    allow_private
);

on_both_databases!(
    a_rotated_secret_signs_beside_the_old_one_until_the_overlap_ends,
    |server| {
        let receiver = Receiver::start();
        let (id, old) = webhook(server, &receiver, &json!(["directory_removed"]));
        let path = format!("/webhooks/{id}/rotate-secret");
        let rotated = server
            .admin()
            .post(&path, &json!({"overlap_hours": 2}))
            .expect(201);
        let new = rotated.text_at("/secret");
        assert_ne!(old, new);
        happen(server);
        let both = receiver.wait_for(1).remove(0);
        assert!(both.is_signed_with(&new) && both.is_signed_with(&old));

        let again = server
            .admin()
            .post(&path, &json!({"overlap_hours": 0}))
            .expect(201);
        let newest = again.text_at("/secret");
        happen(server);
        let one = receiver.wait_for(2).remove(1);
        assert!(one.is_signed_with(&newest) && !one.is_signed_with(&new));

        let third = server.admin().post(&path, &json!({})).expect(201);
        assert!(third.body["previous_secret_until"].is_string());
        server.clock.advance_millis(25 * HOUR);
        happen(server);
        let signatures = &receiver.wait_for(3)[2].headers["webhook-signature"];
        assert_eq!(signatures.split(' ').count(), 1, "{signatures}");
    },
    allow_private
);

on_both_databases!(
    a_webhook_can_be_tried_and_says_how_it_went,
    |server| {
        let receiver = Receiver::start();
        let (id, secret) = webhook(server, &receiver, &json!(["keys_orphaned"]));
        let path = format!("/webhooks/{id}/test");
        let tried = server.admin().post(&path, &json!({})).expect(200);
        assert_eq!(tried.body["state"], "delivered");
        assert_eq!(tried.body["last_status"], 204);
        let request = receiver.wait_for(1).remove(0);
        assert_eq!(request.kind(), "webhook_test");
        assert!(request.is_signed_with(&secret));

        receiver.answer_with(302);
        let tried = server.admin().post(&path, &json!({})).expect(200);
        assert_eq!(tried.body["state"], "failed");
        assert_eq!(tried.body["last_status"], 302);
        assert!(tried.text.contains("redirects are not followed"));
        server.clock.advance_millis(HOUR);
        deliver(server);
        assert_eq!(receiver.requests().len(), 2, "a test is not tried again");
        assert_eq!(notices(server, "deliveries_failing"), Vec::<Value>::new());
    },
    allow_private
);

on_both_databases!(no_request_goes_to_a_private_network, |server| {
    let receiver = Receiver::start();
    for url in [
        receiver.url.replace("http:", "https:"),
        receiver.url.clone(),
        "https://localhost/".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[::1]/".to_owned(),
        "http://hooks.example.org/".to_owned(),
    ] {
        let refused = server.admin().post("/webhooks", &json!({"url": url}));
        refused.expect(422);
    }
    let found = server.admin().get("/webhooks").expect(200);
    assert_eq!(found.body, json!({"items": [], "next_cursor": null}));
    assert!(receiver.requests().is_empty());
});

fn audited(server: &TestServer, id: &str) -> Vec<String> {
    let path = format!("/audit-events?target_id={id}");
    let found = server.admin().get(&path).expect(200);
    let items = found.body["items"].as_array().expect("items");
    let actions = items.iter().map(|event| event["action"].as_str());
    actions
        .rev()
        .map(|action| action.expect("it is there").to_owned())
        .collect()
}

on_both_databases!(
    a_webhook_is_made_changed_and_deleted_and_its_secret_is_seen_once,
    |server| {
        let admin = server.admin();
        let url = "https://hooks.example.org/a";
        let made = admin
            .post(
                "/webhooks",
                &json!({"url": url, "kinds": ["keys_orphaned"]}),
            )
            .expect(201);
        let (id, secret) = (made.id(), made.text_at("/secret"));
        assert!(secret.starts_with("whsec_"));
        let path = format!("/webhooks/{id}");
        let shown = admin.get(&path).expect(200);
        let expected = json!({
            "id": id,
            "url": url,
            "kinds": ["keys_orphaned"],
            "active": true,
            "previous_secret_until": null,
            "created_at": made.body["created_at"],
            "modified_at": made.body["modified_at"],
        });
        assert_eq!(shown.body, expected);
        assert_eq!(
            admin.get("/webhooks").expect(200).body["items"],
            json!([expected])
        );
        assert!(!is_stored(server, &secret), "the secret is sealed");

        let change = json!({"url": "https://hooks.example.org/b", "kinds": []});
        let changed = admin.patch(&path, &change).expect(200);
        assert_eq!(changed.body["url"], "https://hooks.example.org/b");
        assert_eq!(changed.body["kinds"], json!([]));
        let rotate = format!("{path}/rotate-secret");
        admin.post(&rotate, &json!({})).expect(201);
        admin.delete(&path).expect(204);
        let gone: [Answer; 4] = [
            admin.get(&path),
            admin.delete(&path),
            admin.post(&rotate, &json!({})),
            admin.get(&format!("{path}/deliveries")),
        ];
        for answer in gone {
            answer.expect(404);
        }
        assert_eq!(
            audited(server, &id),
            [
                "webhook.created",
                "webhook.updated",
                "webhook.secret_rotated",
                "webhook.deleted"
            ]
        );
    }
);

on_both_databases!(what_a_webhook_cannot_be_is_refused, |server| {
    let admin = server.admin();
    let url = "https://hooks.example.org/";
    for (body, status) in [
        (json!({}), 422),
        (json!({"url": 1}), 422),
        (json!({"url": "nowhere"}), 422),
        (json!({"url": url, "kinds": ["everything"]}), 422),
        (json!({"url": url, "secret": "mine"}), 422),
    ] {
        admin.post("/webhooks", &body).expect(status);
    }
    let id = admin
        .post("/webhooks", &json!({"url": url}))
        .expect(201)
        .id();
    let path = format!("/webhooks/{id}");
    for body in [
        json!({"url": "http://hooks.example.org/"}),
        json!({"kinds": ["everything"]}),
        json!({"active": "yes"}),
    ] {
        admin.patch(&path, &body).expect(422);
    }
    let rotate = format!("{path}/rotate-secret");
    for hours in [-1, 169, i64::MAX] {
        let body = json!({"overlap_hours": hours});
        admin.post(&rotate, &body).expect(422);
    }
    admin
        .get(&format!("{path}/deliveries?state=lost"))
        .expect(422);
    admin
        .post("/deliveries/none/redeliver", &json!({}))
        .expect(404);
    let shown = admin.get(&path).expect(200);
    assert_eq!(shown.body["url"], url);
    assert_eq!(audited(server, &id), ["webhook.created"]);
});

/// Whether the bytes of a secret are in the row of a webhook, in the form that would give them away.
fn is_stored(server: &TestServer, secret: &str) -> bool {
    let bare = secret.trim_start_matches("whsec_");
    let rows = stored(server, "SELECT secret AS text FROM webhooks");
    assert!(!rows.is_empty());
    rows.iter().any(|row| row.contains(bare))
}
