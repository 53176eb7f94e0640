//! Sessions end by time, by signing out, and are not opened by guessing.

use serde_json::json;

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
