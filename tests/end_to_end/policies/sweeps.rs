//! Orphans that nobody adopts and tokens that nobody uses end, after it was told, and nothing else does.

use portcullis::clock::Timestamp;
use portcullis::credentials::sweeps;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use super::{DEFAULT, is_active, newest_event, person, policy, product, update};
use crate::people::{Leaver, PASSWORD};
use crate::server::TestServer;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn run(
    server: &TestServer,
    sweep: fn(&mut DatabaseConnection, Timestamp) -> Result<usize, StoreError>,
) -> usize {
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| sweep(connection, now))
        .expect("it can be swept")
}

fn notices(server: &TestServer, kind: &str) -> Vec<Value> {
    let found = server.admin().get("/notices?limit=1000").expect(200).body;
    let items = found["items"].as_array().cloned().unwrap_or_default();
    let mut items = items;
    items.retain(|notice| notice["kind"] == kind);
    items
}

fn shown(server: &TestServer, key: &str) -> Value {
    server
        .admin()
        .get(&format!("/scim-keys/{key}"))
        .expect(200)
        .body
}

on_both_databases!(
    an_orphan_is_revoked_when_its_grace_period_is_over,
    |server| {
        let (leaver, kept) = (
            Leaver::arrange(server, "leaver"),
            Leaver::arrange(server, "kept"),
        );
        // The policy that held for the maker counts, even after they and their groups are gone.
        policy(
            server,
            "Grace",
            &[&leaver.person.id],
            &json!({"orphan_grace_days": 14}),
        );
        for one in [&leaver, &kept] {
            let path = format!("/users/{}/deprovision", one.person.id);
            server.admin().post(&path, &Value::Null).expect(200);
        }
        let adopted = format!("/api-keys/{}/adopt", leaver.api_key.id);
        server.clock.advance_millis(14 * DAY - MINUTE);
        assert_eq!(run(server, sweeps::revoke_unadopted), 0);
        server.admin().post(&adopted, &Value::Null).expect(200);
        server.clock.advance_millis(MINUTE);
        run(server, sweeps::revoke_unadopted);
        assert_eq!(run(server, sweeps::revoke_unadopted), 0, "once");

        let row = shown(server, &leaver.scim_key.id);
        assert_eq!(row["status"], "revoked");
        assert_eq!(row["revoked_reason"], "orphan_grace_over");
        leaver.scim().get("/Users?count=0").expect(401);
        server
            .with_token(&leaver.api_key.secret)
            .get("/admin/v1/directories")
            .expect(200);
        assert_eq!(shown(server, &kept.scim_key.id)["status"], "active");
        kept.scim().get("/Users?count=0").expect(200);
        let event = newest_event(server, "credential.revoked");
        assert_eq!(event["actor"]["kind"], "system");
        assert_eq!(event["detail"]["reason"], "orphan_grace_over");
        let told = notices(server, "orphans_revoked");
        let keys: Vec<&Value> = told
            .iter()
            .flat_map(|notice| notice["detail"]["keys"].as_array().into_iter().flatten())
            .map(|key| &key["id"])
            .collect();
        assert!(keys.contains(&&json!(leaver.scim_key.id)), "{keys:?}");
        assert!(!keys.contains(&&json!(leaver.api_key.id)), "{keys:?}");

        // A grace period that comes later counts for those that were left before, by when they were left.
        update(server, DEFAULT, &json!({"orphan_grace_days": 30})).expect(200);
        server.clock.advance_millis(16 * DAY - MINUTE);
        assert_eq!(run(server, sweeps::revoke_unadopted), 0);
        server.clock.advance_millis(MINUTE);
        run(server, sweeps::revoke_unadopted);
        assert_eq!(shown(server, &kept.scim_key.id)["status"], "revoked");
    }
);

on_both_databases!(
    an_unused_token_is_told_of_once_and_revoked_only_after_that,
    |server| {
        let (_, gate) = product(server, "Gate");
        let (idle, other) = (person(server, "idle"), person(server, "other"));
        let token_of = |person: &crate::people::Person<'_>| {
            person
                .set_password(&person.password_link(), PASSWORD)
                .expect(204);
            person.create_token(&person.sign_in(), &json!({"name": "Token"}))
        };
        let (unused, used, others) = (token_of(&idle), token_of(&idle), token_of(&other));
        let settings = json!({"inactivity_days": 30, "inactivity_notice_days": 7});
        policy(server, "Idle", &[&idle.id], &settings);

        server.clock.advance_millis(23 * DAY - MINUTE);
        run(server, sweeps::tell_inactive);
        assert_eq!(notices(server, "tokens_inactive").len(), 0);
        server.clock.advance_millis(MINUTE);
        // The use is written before it is answered, since a sweep on another node knows only the database.
        assert!(is_active(server, &gate, &used));
        run(server, sweeps::tell_inactive);
        assert_eq!(run(server, sweeps::tell_inactive), 0);
        let told = notices(server, "tokens_inactive");
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["user_id"], idle.id.as_str());
        assert_eq!(
            told[0]["detail"]["tokens"].as_array().map(Vec::len),
            Some(1)
        );

        server.clock.advance_millis(7 * DAY - MINUTE);
        assert_eq!(run(server, sweeps::revoke_inactive), 0);
        server.clock.advance_millis(MINUTE);
        run(server, sweeps::revoke_inactive);
        assert_eq!(run(server, sweeps::revoke_inactive), 0);
        let event = newest_event(server, "credentials.revoked");
        assert_eq!(event["detail"]["reason"], "inactive");
        assert_eq!(event["detail"]["revoked"], json!({"user_token": 1}));
        assert_eq!(notices(server, "inactive_tokens_revoked").len(), 1);
        let working = [&unused, &used, &others].map(|token| is_active(server, &gate, token));
        assert_eq!(working, [false, true, true]);
    }
);

on_both_databases!(a_use_after_the_notice_begins_the_time_anew, |server| {
    let (_, gate) = product(server, "Gate");
    let somebody = person(server, "somebody");
    somebody
        .set_password(&somebody.password_link(), PASSWORD)
        .expect(204);
    let token = somebody.create_token(&somebody.sign_in(), &json!({"name": "Token"}));
    server.clock.advance_millis(200 * DAY);
    // Unused for long when the policy begins: told first all the same.
    let settings = json!({"inactivity_days": 10, "inactivity_notice_days": 3});
    update(server, DEFAULT, &settings).expect(200);
    run(server, sweeps::tell_inactive);
    assert_eq!(run(server, sweeps::revoke_inactive), 0);
    server.clock.advance_millis(2 * DAY);
    assert!(is_active(server, &gate, &token));
    server.clock.advance_millis(2 * DAY);
    assert_eq!(
        run(server, sweeps::revoke_inactive),
        0,
        "it was used meanwhile"
    );

    server.clock.advance_millis(5 * DAY);
    run(server, sweeps::tell_inactive);
    assert_eq!(
        notices(server, "tokens_inactive").len(),
        2,
        "for each time it falls idle"
    );
    assert_eq!(run(server, sweeps::revoke_inactive), 0);
    server.clock.advance_millis(3 * DAY);
    run(server, sweeps::revoke_inactive);
    assert!(!is_active(server, &gate, &token));
});

on_both_databases!(
    each_is_told_of_an_expiry_on_the_days_of_their_policy,
    |server| {
        let (early, other) = (person(server, "early"), person(server, "other"));
        policy(
            server,
            "Early",
            &[&early.id],
            &json!({"expiry_notice_days": [60]}),
        );
        for one in [&early, &other] {
            one.set_password(&one.password_link(), PASSWORD).expect(204);
            one.create_token(&one.sign_in(), &json!({"name": "Token"}));
        }
        let told_after = |days: i64| -> Vec<Value> {
            server.clock.advance_millis(days * DAY);
            while run(server, portcullis::credentials::expiry::tell) > 0 {}
            let told = notices(server, "token_expiring");
            told.iter()
                .map(|notice| notice["user_id"].clone())
                .collect()
        };
        assert_eq!(told_after(304), Vec::<Value>::new());
        assert_eq!(told_after(2), [json!(early.id)]);
        assert_eq!(told_after(30), [json!(other.id), json!(early.id)]);
    }
);
