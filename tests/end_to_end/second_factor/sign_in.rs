//! Signing in with a second factor.

use serde_json::{Value, json};

use super::{Enrolled, STEP, assert_is_barred, assert_is_open, member, pass};
use crate::people::PASSWORD;

const MINUTE: i64 = 60_000;

on_both_databases!(
    a_password_alone_opens_nothing_and_a_code_renews_the_session,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        ada.person.assign("admin");
        let half = ada.begin_sign_in();
        assert_is_barred(server, &half);
        let client = server.with_token(&half);
        // Whoever is asked for a code cannot enrol another authenticator instead, or take this one away.
        for path in ["", "/confirm", "/remove", "/recovery-codes"] {
            let path = format!("/account/v1/second-factor{path}");
            let answer = client.post(&path, &json!({"code": ada.code()})).expect(403);
            assert_eq!(
                answer.body["type"],
                super::REQUIRED,
                "{path}: {}",
                answer.text
            );
        }
        assert_eq!(
            client.get("/account/v1/second-factor").expect(200).body["enrolled"],
            true
        );

        let passed = pass(server, &half, &ada.code()).expect(200);
        assert_eq!(passed.header("Cache-Control"), Some("no-store"));
        let whole = passed.text_at("/token");
        assert_ne!(whole, half);
        client.get("/account/v1/second-factor").expect(401);
        pass(server, &half, &ada.code()).expect(401);
        assert_is_open(server, &whole);
        server
            .with_token(&whole)
            .get("/admin/v1/directories")
            .expect(200);
        pass(server, &whole, &ada.code()).expect(409);
    }
);

on_both_databases!(a_code_is_taken_once_even_in_a_race, |server| {
    let ada = Enrolled::arrange(server, "ada");
    let sessions: Vec<String> = (0..6).map(|_| ada.begin_sign_in()).collect();
    let code = ada.code();
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = sessions
            .iter()
            .map(|session| scope.spawn(|| pass(server, session, &code).status))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((count(200), count(403)), (1, 5), "{answers:?}");
    pass(server, &ada.begin_sign_in(), &code).expect(403);
    // Nor is an older one taken after a younger one.
    server.clock.advance_millis(STEP);
    let older = ada.code();
    server.clock.advance_millis(STEP);
    pass(server, &ada.begin_sign_in(), &ada.code()).expect(200);
    pass(server, &ada.begin_sign_in(), &older).expect(403);
});

on_both_databases!(
    guesses_are_counted_by_person_and_refused_beyond_a_number,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        let wrong = ada.app.wrong_code(server.clock.now());
        for _ in 0..10 {
            pass(server, &ada.begin_sign_in(), &wrong).expect(403);
        }
        let refused = pass(server, &ada.begin_sign_in(), &ada.code()).expect(429);
        assert!(refused.header("Retry-After").is_some());
        let grace = Enrolled::arrange(server, "grace");
        pass(server, &grace.begin_sign_in(), &grace.code()).expect(200);
        server.clock.advance_millis(15 * MINUTE);
        pass(server, &ada.begin_sign_in(), &ada.code()).expect(200);
    }
);

on_both_databases!(a_sign_in_that_nobody_completes_ends_soon, |server| {
    let ada = Enrolled::arrange(server, "ada");
    let half = ada.begin_sign_in();
    server.clock.advance_millis(15 * MINUTE);
    pass(server, &half, &ada.code()).expect(401);
    let half = ada.begin_sign_in();
    server
        .with_token(&half)
        .delete("/account/v1/session")
        .expect(204);
    pass(server, &half, &ada.code()).expect(401);
});

on_both_databases!(whoever_has_no_second_factor_signs_in_as_before, |server| {
    let ada = member(server, "ada");
    let answer = ada.sign_in_with(PASSWORD).expect(201);
    assert_eq!(answer.body["second_factor"], "not_required");
    let session = answer.text_at("/token");
    assert_is_open(server, &session);
    pass(server, &session, "123456").expect(409);
    server
        .anonymous()
        .post(
            "/account/v1/session/second-factor",
            &json!({"code": "123456"}),
        )
        .expect(401);
    server
        .with_token(&session)
        .post(
            "/account/v1/second-factor/confirm",
            &json!({"code": "123456"}),
        )
        .expect(404);
    for body in [
        Value::Null,
        json!({}),
        json!({"code": 1}),
        json!({"code": "1", "more": 1}),
    ] {
        let status = server
            .with_token(&session)
            .post("/account/v1/session/second-factor", &body)
            .status;
        assert!(status == 400 || status == 422, "{body}: {status}");
    }
});

on_both_databases!(
    what_is_refused_for_another_reason_gives_no_further_guesses,
    |server| {
        let ada = Enrolled::arrange(server, "ada");
        let session = pass(server, &ada.begin_sign_in(), &ada.code())
            .expect(200)
            .text_at("/token");
        let own = server.with_token(&session);
        let wrong = json!({"code": ada.app.wrong_code(server.clock.now())});
        for _ in 0..9 {
            own.post("/account/v1/second-factor/remove", &wrong)
                .expect(403);
        }
        // Who is enrolled confirms nothing.
        own.post("/account/v1/second-factor/confirm", &wrong)
            .expect(409);
        own.post("/account/v1/second-factor/remove", &wrong)
            .expect(429);
    }
);
