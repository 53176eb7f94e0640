//! Sessions end by time, by signing out, and are not opened by guessing.

use serde_json::{Value, json};

use super::{EXPIRED, HOUR, MINUTE, REVOKED, assert_challenge, member};
use crate::people::PASSWORD;

on_both_databases!(a_session_ends_an_hour_after_its_last_use, |server| {
    let session = server.with_token(&member(server, "idle").sign_in());
    for _ in 0..3 {
        server.clock.advance_millis(59 * MINUTE);
        session.get("/account/v1/session").expect(200);
    }
    server.clock.advance_millis(60 * MINUTE);
    let answer = session.get("/account/v1/session").expect(401);
    assert_challenge(&answer, EXPIRED);
    // Asking did not bring it back.
    session.get("/account/v1/session").expect(401);
});

on_both_databases!(
    a_session_ends_after_twelve_hours_however_much_it_is_used,
    |server| {
        let session = server.with_token(&member(server, "busy").sign_in());
        for _ in 0..23 {
            server.clock.advance_millis(30 * MINUTE);
            session.get("/account/v1/session").expect(200);
        }
        server.clock.advance_millis(30 * MINUTE);
        let answer = session.get("/account/v1/session").expect(401);
        assert_challenge(&answer, EXPIRED);
    }
);

on_both_databases!(
    whoever_signs_out_is_signed_out_in_that_session_alone,
    |server| {
        let person = member(server, "leaving");
        let (one, other) = (person.sign_in(), person.sign_in());
        let one = server.with_token(&one);
        one.delete("/account/v1/session").expect(204);
        let answer = one.get("/account/v1/session").expect(401);
        assert_challenge(&answer, REVOKED);
        server
            .with_token(&other)
            .get("/account/v1/session")
            .expect(200);
    }
);

on_both_databases!(
    a_sign_in_that_fails_says_the_same_whatever_was_wrong,
    |server| {
        let person = member(server, "guessed");
        let sign_in = |directory: &str, name: &str, password: &str| {
            let body = json!({"directory": directory, "user_name": name, "password": password});
            server
                .anonymous()
                .post("/account/v1/session", &body)
                .expect(401)
                .text
        };
        let (directory, name) = (person.directory_name.as_str(), person.user_name.as_str());
        let wrong = sign_in(directory, name, "wrong");
        assert_eq!(sign_in(directory, "nobody@example.org", PASSWORD), wrong);
        assert_eq!(sign_in("nowhere", name, PASSWORD), wrong);
        assert_eq!(sign_in(directory, name, ""), wrong);
        assert_eq!(sign_in("Local", name, PASSWORD), wrong);
        // Not a password of anybody: they are in the directory, but have set none.
        assert_eq!(sign_in("Local", crate::server::ADMIN, PASSWORD), wrong);
    }
);

on_both_databases!(
    guessing_is_held_off_and_let_in_again_after_a_while,
    |server| {
        let (person, other) = (member(server, "target"), member(server, "bystander"));
        for _ in 0..10 {
            person.sign_in_with("wrong").expect(401);
        }
        let held_off = person.sign_in_with(PASSWORD).expect(429);
        let seconds: i64 = held_off
            .header("Retry-After")
            .and_then(|text| text.parse().ok())
            .expect("it says when to come back");
        assert!((1..=900).contains(&seconds));
        assert!(
            held_off.header("RateLimit").is_some() && held_off.header("RateLimit-Policy").is_some()
        );
        other.sign_in();
        server.clock.advance_millis(HOUR / 4);
        person.sign_in();
    }
);

on_both_databases!(
    a_person_sees_their_sessions_and_ends_one_or_all_others,
    |server| {
        let person = member(server, "roamer");
        let stranger = server.with_token(&member(server, "stranger").sign_in());
        let sessions: Vec<_> = (0..4)
            .map(|_| {
                // One after another, by the clock.
                server.clock.advance_millis(MINUTE);
                server.with_token(&person.sign_in())
            })
            .collect();
        let ids: Vec<String> = sessions
            .iter()
            .map(|session| session.get("/account/v1/session").expect(200).id())
            .collect();
        let listed = |path: &str| {
            let page = sessions[3].get(path).expect(200).body;
            let items = page["items"].as_array().expect("a list").clone();
            let shown: Vec<(String, bool)> = items
                .iter()
                .map(|item| {
                    let id = item["id"].as_str().expect("an id").to_owned();
                    (id, item["current"] == true)
                })
                .collect();
            (shown, page["next_cursor"].clone())
        };
        let expected = |numbers: &[usize]| -> Vec<(String, bool)> {
            let shown = numbers
                .iter()
                .map(|number| (ids[*number].clone(), *number == 3));
            shown.collect()
        };
        let (shown, next) = listed("/account/v1/sessions?limit=3");
        assert_eq!(shown, expected(&[3, 2, 1]));
        let next = next.as_str().expect("there is one more").to_owned();
        let rest = listed(&format!("/account/v1/sessions?limit=3&cursor={next}"));
        assert_eq!(rest, (expected(&[0]), Value::Null));
        let mut whole = sessions[3].get("/account/v1/sessions?limit=1").expect(200);
        let opened = sessions[3].get("/account/v1/session").expect(200).body;
        // Uses are written down every few seconds, this one's perhaps already.
        let used = whole.body["items"][0]["last_used_at"].take();
        assert!(used.as_str() >= opened["created_at"].as_str(), "{used}");
        assert_eq!(
            whole.body["items"][0],
            json!({
                "id": ids[3],
                "current": true,
                "created_at": opened["created_at"],
                "last_used_at": null,
                "last_used_ip": "127.0.0.1",
                "expires_at": opened["expires_at"],
                "idle_expires_at": opened["idle_expires_at"],
                "second_factor_at": null,
            })
        );

        let first = format!("/account/v1/sessions/{}", ids[0]);
        stranger.delete(&first).expect(404);
        sessions[0].get("/account/v1/session").expect(200);
        sessions[3].delete(&first).expect(204);
        let answer = sessions[0].get("/account/v1/session").expect(401);
        assert_challenge(&answer, REVOKED);
        assert_eq!(listed("/account/v1/sessions").0, expected(&[3, 2, 1]));

        let ended = sessions[3].delete("/account/v1/sessions").expect(200);
        assert_eq!(ended.body, json!({"ended": 2}));
        assert_eq!(listed("/account/v1/sessions").0, expected(&[3]));
        stranger.get("/account/v1/session").expect(200);
        let path = format!("/audit-events?action=session.ended&user_id={}", person.id);
        let events = server.admin().get(&path).expect(200);
        assert_eq!(events.body["items"].as_array().map(Vec::len), Some(3));
    }
);

on_both_databases!(
    a_session_that_nobody_uses_is_not_listed_once_it_has_ended,
    |server| {
        let person = member(server, "idle");
        person.sign_in();
        server.clock.advance_millis(30 * MINUTE);
        let other = server.with_token(&person.sign_in());
        let count = || {
            let page = other.get("/account/v1/sessions").expect(200);
            page.body["items"].as_array().map(Vec::len)
        };
        assert_eq!(count(), Some(2));
        server.clock.advance_millis(30 * MINUTE);
        assert_eq!(count(), Some(1));
    }
);
