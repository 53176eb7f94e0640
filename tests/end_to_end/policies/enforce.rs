//! P10: a policy acts at once, and a dated change from its instant on.

use portcullis::policies::authentication::settle_due;
use portcullis::store::StoreError;
use serde_json::{Value, json};

use super::{DEFAULT, count_of_events, is_active, newest_event, person, policy, product, update};
use crate::people::{PASSWORD, Person, group, patch_of};
use crate::server::{Answer, TestServer};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const BLOCKED: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\", error_description=\"API tokens are blocked by policy\"";

/// A person who is signed in and has a token.
struct Member<'a> {
    person: Person<'a>,
    session: String,
    token: String,
}

impl<'a> Member<'a> {
    fn arrange(server: &'a TestServer, name: &str) -> Self {
        let person = person(server, name);
        person
            .set_password(&person.password_link(), PASSWORD)
            .expect(204);
        let session = person.sign_in();
        let token = person.create_token(&session, &json!({"name": "Token"}));
        Self {
            person,
            session,
            token,
        }
    }

    fn try_token(&self, body: &Value) -> Answer {
        let mut whole = json!({"name": "Another"});
        for (name, value) in body.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        self.person
            .server
            .with_token(&self.session)
            .post("/account/v1/tokens", &whole)
    }

    fn session_status(&self) -> u16 {
        self.person
            .server
            .with_token(&self.session)
            .get("/account/v1/session")
            .status
    }

    /// The first token as the admin interface shows it.
    fn shown(&self) -> Value {
        let path = format!("/users/{}/tokens", self.person.id);
        self.person.server.admin().get(&path).expect(200).body["items"][0].clone()
    }

    /// In how many days from now the first token expires, or a bit less.
    fn days_left(&self) -> i64 {
        let text = self.shown()["expires_at"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let at = chrono::DateTime::parse_from_rfc3339(&text).expect("a time");
        let left = at.timestamp_millis() - self.person.server.clock.now().as_millis();
        (left + HOUR) / DAY
    }
}

/// An instant so far ahead.
fn ahead(server: &TestServer, millis: i64) -> String {
    server.clock.now().plus_millis(millis).to_rfc3339()
}

fn settle(server: &TestServer) -> usize {
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| settle_due(connection, now))
        .map_err(|error: StoreError| error.to_string())
        .expect("it can be settled")
}

on_both_databases!(
    blocked_tokens_stop_at_the_next_request_and_come_back_when_allowed,
    |server| {
        let (_, gate) = product(server, "Gate");
        let member = Member::arrange(server, "member");
        let other = Member::arrange(server, "other");
        assert!(is_active(server, &gate, &member.token));

        let named = policy(
            server,
            "No tokens",
            &[&member.person.id],
            &json!({"api_tokens": "blocked"}),
        );
        assert!(!is_active(server, &gate, &member.token));
        assert!(is_active(server, &gate, &other.token));
        let refused = server
            .with_token(&member.token)
            .get("/admin/v1/directories")
            .expect(401);
        assert_eq!(refused.header("WWW-Authenticate"), Some(BLOCKED));
        let refused = member.try_token(&json!({})).expect(403);
        assert_eq!(
            refused.body["detail"],
            "API tokens are blocked by the policy \"No tokens\""
        );
        assert_eq!(member.session_status(), 200, "only tokens are blocked");
        let shown = member.shown();
        assert_eq!(
            shown["revoked_at"],
            Value::Null,
            "blocking is no revocation"
        );

        update(server, &named, &json!({"api_tokens": "allowed"})).expect(200);
        assert!(is_active(server, &gate, &member.token));
        member.try_token(&json!({})).expect(201);
    }
);

on_both_databases!(
    joining_a_group_that_a_policy_names_blocks_at_once_and_so_does_the_default,
    |server| {
        let (_, gate) = product(server, "Gate");
        let member = Member::arrange(server, "member");
        let inner = group(&server.scim(), "Inner", &[]);
        let outer = group(&server.scim(), "Outer", &[&inner]);
        policy(
            server,
            "No tokens",
            &[&outer],
            &json!({"api_tokens": "blocked"}),
        );
        assert!(is_active(server, &gate, &member.token));
        let join =
            json!([{"op": "add", "path": "members", "value": [{"value": member.person.id}]}]);
        let groups = server.scim();
        groups
            .patch(&format!("/Groups/{inner}"), &patch_of(&join))
            .expect(200);
        assert!(!is_active(server, &gate, &member.token));
        groups.delete(&format!("/Groups/{outer}")).expect(204);
        assert!(is_active(server, &gate, &member.token));

        update(server, DEFAULT, &json!({"api_tokens": "blocked"})).expect(200);
        assert!(!is_active(server, &gate, &member.token));
        // Keys belong to nobody and are under no policy.
        server.scim().get("/Users?count=0").expect(200);
        server.admin().get("/policies").expect(200);
    }
);

on_both_databases!(a_token_lives_as_long_as_the_policy_allows, |server| {
    let member = Member::arrange(server, "member");
    let named = policy(
        server,
        "Short",
        &[&member.person.id],
        &json!({"max_token_days": 30}),
    );
    let days = |answer: &Answer| {
        let at = |name: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(&answer.text_at(name));
            time.expect("a time").timestamp_millis()
        };
        (at("/expires_at") - at("/created_at")) / DAY
    };
    assert_eq!(days(&member.try_token(&json!({})).expect(201)), 30);
    assert_eq!(
        days(&member.try_token(&json!({"expires_in_days": 7})).expect(201)),
        7
    );
    let refused = member
        .try_token(&json!({"expires_in_days": 31}))
        .expect(422);
    assert!(refused.text.contains("1 to 30"), "{}", refused.text);
    assert_eq!(member.days_left(), 365, "what was there is left as it was");

    // Counted from the change on, not from when the token was made: nobody's stops by surprise.
    server.clock.advance_millis(100 * DAY);
    assert_eq!(member.days_left(), 265);
    update(
        server,
        &named,
        &json!({"max_token_days": 20, "shorten_existing": true}),
    )
    .expect(200);
    assert_eq!(member.days_left(), 20);
    assert_eq!(
        newest_event(server, "policy.updated")["detail"]["shortened"],
        1
    );
    // And is not lengthened again.
    update(
        server,
        &named,
        &json!({"max_token_days": 365, "shorten_existing": true}),
    )
    .expect(200);
    assert_eq!(member.days_left(), 20);
    let (_, gate) = product(server, "Gate");
    server.clock.advance_millis(20 * DAY - MINUTE);
    assert!(is_active(server, &gate, &member.token));
    server.clock.advance_millis(MINUTE);
    assert!(!is_active(server, &gate, &member.token));
});

on_both_databases!(only_tokens_of_those_it_holds_for_are_shortened, |server| {
    let member = Member::arrange(server, "member");
    let other = Member::arrange(server, "other");
    let first = policy(server, "First", &[&member.person.id], &json!({}));
    let second = policy(
        server,
        "Second",
        &[&member.person.id, &other.person.id],
        &json!({}),
    );
    let shorten = json!({"max_token_days": 9, "shorten_existing": true});
    update(server, &second, &shorten).expect(200);
    assert_eq!((member.days_left(), other.days_left()), (365, 9));
    update(server, DEFAULT, &shorten).expect(200);
    assert_eq!(member.days_left(), 365);
    update(server, &first, &shorten).expect(200);
    assert_eq!(member.days_left(), 9);
});

on_both_databases!(
    sessions_end_by_age_and_idleness_as_the_policy_says_now,
    |server| {
        let member = Member::arrange(server, "member");
        let id = member.person.id.clone();
        let named = policy(server, "Sessions", &[&id], &json!({}));
        // Idle for twenty minutes, which was allowed until now.
        server.clock.advance_millis(20 * MINUTE);
        update(server, &named, &json!({"idle_minutes": 15})).expect(200);
        assert_eq!(member.session_status(), 401);

        let session = member.person.sign_in();
        let again = Member { session, ..member };
        for _ in 0..5 {
            server.clock.advance_millis(14 * MINUTE);
            assert_eq!(again.session_status(), 200, "use keeps it alive");
        }
        server.clock.advance_millis(16 * MINUTE);
        assert_eq!(again.session_status(), 401);

        let session = again.person.sign_in();
        let again = Member { session, ..again };
        update(server, &named, &json!({"idle_minutes": 240})).expect(200);
        assert_eq!(again.session_status(), 200);
        server.clock.advance_millis(3 * HOUR);
        assert_eq!(
            again.session_status(),
            200,
            "longer idleness from the next use on"
        );
        update(server, &named, &json!({"session_hours": 4})).expect(200);
        assert_eq!(again.session_status(), 200);
        update(server, &named, &json!({"session_hours": 2})).expect(200);
        assert_eq!(again.session_status(), 401, "older than it may become");

        let opened = again.person.sign_in_with(PASSWORD).expect(201);
        let at = |name: &str| {
            let time = chrono::DateTime::parse_from_rfc3339(&opened.text_at(name));
            time.expect("a time").timestamp_millis() - server.clock.now().as_millis()
        };
        assert_eq!((at("/expires_at") + MINUTE) / HOUR, 2);
        assert_eq!((at("/idle_expires_at") + MINUTE) / HOUR, 4);
    }
);

on_both_databases!(
    a_dated_change_holds_from_its_instant_and_can_be_withdrawn,
    |server| {
        let admin = server.admin();
        let (_, gate) = product(server, "Gate");
        let member = Member::arrange(server, "member");
        let named = policy(server, "Later", &[&member.person.id], &json!({}));
        let at = ahead(server, HOUR);
        let change = json!({"api_tokens": "blocked", "effective_at": at});
        let answer = update(server, &named, &change).expect(200).body;
        assert_eq!(answer["api_tokens"], "allowed");
        assert_eq!(
            answer["pending"],
            json!({"effective_at": at, "shorten_existing": false, "api_tokens": "blocked"})
        );
        // One at a time, so that nobody has to guess what will hold.
        update(server, &named, &change).expect(409);
        let event = newest_event(server, "policy.change_scheduled");
        assert_eq!(event["detail"]["effective_at"], at.as_str());

        let pending = format!("/policies/{named}/pending");
        let withdrawn = admin.delete(&pending).expect(200).body;
        assert_eq!(withdrawn["pending"], Value::Null);
        admin.delete(&pending).expect(404);
        server.clock.advance_millis(2 * HOUR);
        assert!(is_active(server, &gate, &member.token));

        let change = json!({"api_tokens": "blocked", "effective_at": ahead(server, HOUR)});
        update(server, &named, &change).expect(200);
        server.clock.advance_millis(HOUR - MINUTE);
        assert!(is_active(server, &gate, &member.token));
        server.clock.advance_millis(MINUTE);
        assert!(!is_active(server, &gate, &member.token));
        let shown = admin.get(&format!("/policies/{named}")).expect(200).body;
        assert_eq!(shown["api_tokens"], "blocked");
        assert_eq!(shown["pending"], Value::Null);

        // Written down once, by whoever comes first, and not again.
        settle(server);
        assert_eq!(settle(server), 0);
        let event = newest_event(server, "policy.updated");
        assert_eq!(event["actor"]["kind"], "system");
        assert_eq!(
            event["detail"]["changed"],
            json!({"api_tokens": {"from": "allowed", "to": "blocked"}})
        );
        assert_eq!(count_of_events(server, "policy.updated"), 1);
        assert!(!is_active(server, &gate, &member.token));
    }
);

on_both_databases!(a_dated_change_shortens_from_its_instant, |server| {
    let (_, gate) = product(server, "Gate");
    let member = Member::arrange(server, "member");
    let named = policy(server, "Later", &[&member.person.id], &json!({}));
    let change = json!({
        "max_token_days": 10,
        "shorten_existing": true,
        "effective_at": ahead(server, DAY),
    });
    update(server, &named, &change).expect(200);
    assert_eq!(member.days_left(), 365);
    // Days after the instant: it is counted from there, whenever it is written down.
    server.clock.advance_millis(4 * DAY);
    settle(server);
    assert_eq!(member.days_left(), 7);
    assert_eq!(
        newest_event(server, "policy.updated")["detail"]["shortened"],
        1
    );
    server.clock.advance_millis(7 * DAY - MINUTE);
    assert!(is_active(server, &gate, &member.token));
    server.clock.advance_millis(MINUTE);
    assert!(!is_active(server, &gate, &member.token));
});

on_both_databases!(
    who_may_make_service_accounts_is_the_makers_policy,
    |server| {
        let account = |name: &str| {
            let body = json!({"name": name, "purpose": "Builds every night."});
            server.admin().post("/service-accounts", &body)
        };
        account("Before").expect(201);
        let owner = server.admin_id.as_str();
        let strict = policy(
            server,
            "Strict",
            &[owner],
            &json!({"service_account_creators": "nobody"}),
        );
        // The key makes them in the name of its maker.
        let refused = account("Refused").expect(403);
        assert!(refused.text.contains("Strict"), "{}", refused.text);
        update(
            server,
            &strict,
            &json!({"service_account_creators": "admins"}),
        )
        .expect(200);
        account("Refused").expect(201);
        update(
            server,
            &strict,
            &json!({"service_account_creators": "everybody"}),
        )
        .expect(422);
    }
);
