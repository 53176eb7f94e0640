//! P10: before a policy is changed, a dry run tells what it hits, changes nothing, and is right.

use serde_json::{Value, json};

use super::{DEFAULT, count_of_events, is_active, person, policy, product, update};
use crate::people::{PASSWORD, group};
use crate::server::TestServer;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

fn nothing() -> Value {
    json!({
        "people": 0,
        "credentials": {},
        "blocked": {},
        "unblocked": {},
        "shortened": {},
        "sessions_ended": {},
        "inactive": {},
        "orphans_due": {},
        "second_factor_required": 0,
    })
}

fn expected(parts: &Value) -> Value {
    let mut whole = nothing();
    for (name, value) in parts.as_object().into_iter().flatten() {
        whole[name] = value.clone();
    }
    whole
}

/// Tries a change twice, and finds it tell the same and leave everything as it was.
#[track_caller]
fn tried(server: &TestServer, path: &str, body: &Value) -> Value {
    let admin = server.admin();
    let state = || {
        (
            admin.get("/policies").expect(200).body,
            ["policy.created", "policy.updated", "policy.deleted"]
                .map(|action| count_of_events(server, action)),
        )
    };
    let before = state();
    let told = admin.post(path, body).expect(200).body;
    assert_eq!(admin.post(path, body).expect(200).body, told);
    assert_eq!(state(), before);
    told
}

/// People with a session and so many tokens each.
fn people(server: &TestServer, tokens: &[usize]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut ids = Vec::new();
    let mut secrets = Vec::new();
    for (number, count) in tokens.iter().enumerate() {
        let somebody = person(server, &format!("person-{number}"));
        somebody
            .set_password(&somebody.password_link(), PASSWORD)
            .expect(204);
        let session = somebody.sign_in();
        let body = json!({"name": "Token", "expires_in_days": 100});
        secrets.push(
            (0..*count)
                .map(|_| somebody.create_token(&session, &body))
                .collect(),
        );
        ids.push(somebody.id);
    }
    (ids, secrets)
}

on_both_databases!(a_dry_run_tells_what_a_change_then_does, |server| {
    let (_, gate) = product(server, "Gate");
    let (ids, tokens) = people(server, &[3, 2, 1]);
    let team = group(&server.scim(), "Team", &[&ids[0], &ids[1]]);
    let first = policy(server, "First", &[&ids[0]], &json!({}));
    let second = policy(server, "Second", &[&team], &json!({}));
    let working = || -> Vec<usize> {
        let is_working = |token: &&String| is_active(server, &gate, token);
        let each = tokens.iter();
        each.map(|some| some.iter().filter(is_working).count())
            .collect()
    };

    // The second holds for those whom the first does not name.
    let block = json!({"api_tokens": "blocked"});
    let told = tried(server, &format!("/policies/{second}/preview"), &block);
    let blocked = json!({"user_token": 2});
    assert_eq!(
        told,
        expected(&json!({"people": 1, "credentials": blocked, "blocked": blocked}))
    );
    assert_eq!(working(), [3, 2, 1]);
    update(server, &second, &block).expect(200);
    assert_eq!(working(), [3, 0, 1]);

    // Without the first, its people fall under the second.
    let told = tried(
        server,
        &format!("/policies/{first}/delete/preview"),
        &json!({}),
    );
    let blocked = json!({"user_token": 3});
    let deletion = expected(&json!({"people": 1, "credentials": blocked, "blocked": blocked}));
    assert_eq!(told, deletion);
    let swapped = json!({"order": [second, first]});
    assert_eq!(
        tried(server, "/policies/reorder/preview", &swapped),
        deletion
    );
    server
        .admin()
        .post("/policies/reorder", &swapped)
        .expect(200);
    assert_eq!(working(), [0, 0, 1]);

    // Whom a policy names decides, too.
    let leave = json!({"add": [ids[2]], "remove": [team]});
    let told = tried(
        server,
        &format!("/policies/{second}/members/preview"),
        &leave,
    );
    assert_eq!(
        told,
        expected(&json!({
            "people": 3,
            "credentials": {"user_token": 1},
            "blocked": {"user_token": 1},
            "unblocked": {"user_token": 5},
        }))
    );
    let members = format!("/policies/{second}/members");
    server
        .admin()
        .post(&members, &json!({"member_id": ids[2]}))
        .expect(201);
    server
        .admin()
        .delete(&format!("{members}/{team}"))
        .expect(204);
    assert_eq!(working(), [3, 2, 0]);

    // A policy to be comes last, before the default one.
    let new = json!({"name": "New", "members": [team, ids[2]], "api_tokens": "blocked"});
    let told = tried(server, "/policies/preview", &new);
    assert_eq!(told["blocked"], json!({"user_token": 2}));
    assert_eq!(told["people"], 1);
});

on_both_databases!(
    a_dry_run_counts_sessions_shortenings_and_idle_tokens,
    |server| {
        let (ids, _) = people(server, &[1, 2]);
        let named = policy(server, "One", &[&ids[0]], &json!({}));
        let path = format!("/policies/{named}/preview");
        let default = format!("/policies/{DEFAULT}/preview");
        server.clock.advance_millis(30 * MINUTE);

        let shorter = json!({"idle_minutes": 10});
        let ended = json!({"session": 1});
        assert_eq!(
            tried(server, &path, &shorter),
            expected(&json!({"people": 1, "credentials": ended, "sessions_ended": ended}))
        );
        // The person of the default policy, and the admin.
        let told = tried(server, &default, &shorter);
        assert_eq!(
            (&told["people"], &told["sessions_ended"]),
            (&json!(2), &json!({"session": 1}))
        );

        let cut = json!({"max_token_days": 40, "shorten_existing": true});
        let shortened = json!({"user_token": 2});
        assert_eq!(
            tried(server, &default, &cut),
            expected(&json!({"people": 2, "credentials": shortened, "shortened": shortened}))
        );
        let kept = json!({"max_token_days": 40});
        assert_eq!(
            tried(server, &default, &kept),
            expected(&json!({"people": 2}))
        );
        // Counted from the date on, which they do not live to see.
        let at = server.clock.now().plus_days(70).to_rfc3339();
        let later = json!({"max_token_days": 40, "shorten_existing": true, "effective_at": at});
        assert_eq!(
            tried(server, &default, &later),
            expected(&json!({"people": 2}))
        );

        let factor = json!({"second_factor": "required"});
        assert_eq!(
            tried(server, &path, &factor),
            expected(&json!({"people": 1, "second_factor_required": 1}))
        );

        server.clock.advance_millis(31 * DAY);
        let idle = json!({"inactivity_days": 30});
        let inactive = json!({"user_token": 1});
        assert_eq!(
            tried(server, &path, &idle),
            expected(&json!({"people": 1, "credentials": inactive, "inactive": inactive}))
        );
        let patient = json!({"inactivity_days": 90});
        assert_eq!(
            tried(server, &path, &patient),
            expected(&json!({"people": 1}))
        );
    }
);
