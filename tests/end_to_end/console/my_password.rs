//! One's own password, changed while signed in, over the account interface and in the console.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person, USER_SCHEMA};
use crate::second_factor::Enrolled;
use crate::server::{Answer, TestServer};

use super::{Browser, member};

const OTHER: &str = "another gate that never rusts";
const CHANGE: &str = "/account/v1/password/change";

fn change(server: &TestServer, session: &str, body: &Value) -> Answer {
    server.with_token(session).post(CHANGE, body)
}

on_both_databases!(
    whoever_shows_their_password_changes_it_and_their_other_sessions_end,
    |server| {
        let person = member(server, "changer", Some("admin"));
        let other = person.sign_in();
        let link = person.password_link();
        let session = person.sign_in();
        let both = |old: &str, new: &str| json!({"password": old, "new_password": new});
        for (body, status) in [
            (both("not the password", OTHER), 403),
            (both(PASSWORD, "too short"), 422),
            (both(PASSWORD, PASSWORD), 422),
            (json!({"password": PASSWORD}), 422),
        ] {
            change(server, &session, &body).expect(status);
        }
        server
            .with_token(&other)
            .get("/account/v1/session")
            .expect(200);

        let answer = change(server, &session, &both(PASSWORD, OTHER)).expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        // Whoever knew the secret of the session that asked is out, as those of the others are.
        for ended in [&other, &session] {
            server
                .with_token(ended)
                .get("/account/v1/session")
                .expect(401);
        }
        let renewed = server
            .with_token(&answer.text_at("/token"))
            .get("/account/v1/session")
            .expect(200)
            .body;
        let expected = json!({
            "id": renewed["id"],
            "token": answer.body["token"],
            "expires_at": renewed["expires_at"],
            "idle_expires_at": renewed["idle_expires_at"],
            "ended": 1,
        });
        assert_eq!(answer.body, expected);
        assert_eq!(renewed["second_factor_at"], Value::Null);
        person.set_password(&link, PASSWORD).expect(404);
        person.sign_in_with(PASSWORD).expect(401);
        // What the password opens stays as it was.
        let again = person.sign_in_with(OTHER).expect(201);
        assert_eq!(again.body["roles"], json!(["admin"]));

        let events = format!("/audit-events?action=password.set&user_id={}", person.id);
        let events = server.admin().get(&events).expect(200).body;
        assert_eq!(
            events["items"][0]["detail"],
            json!({"set_by": "person", "session_id": renewed["id"], "sessions_ended": 1})
        );
        let refused = server
            .admin()
            .get("/audit-events?action=session.refused")
            .expect(200);
        assert!(refused.text.contains(&person.id));
        let notices = server
            .admin()
            .get("/notices?kind=password_changed")
            .expect(200);
        assert!(!notices.text.contains(OTHER) && !notices.text.contains(PASSWORD));
    }
);

on_both_databases!(
    a_password_is_not_guessed_by_changing_it,
    |server| {
        let person = member(server, "guessed", None);
        let session = person.sign_in();
        for _ in 0..3 {
            let body = json!({"password": "a guess of it", "new_password": OTHER});
            change(server, &session, &body).expect(403);
        }
        let body = json!({"password": PASSWORD, "new_password": OTHER});
        let answer = change(server, &session, &body).expect(429);
        assert!(answer.header("retry-after").is_some());
    },
    |settings| settings.limits.sign_in_attempts = 3
);

on_both_databases!(
    whoever_has_a_second_factor_shows_a_code_to_change_their_password,
    |server| {
        let enrolled = Enrolled::arrange(server, "careful");
        let wrong = enrolled.app.wrong_code(server.clock.now());
        for code in [Value::Null, json!(wrong)] {
            let body = json!({"password": PASSWORD, "new_password": OTHER, "code": code});
            change(server, &enrolled.session, &body).expect(403);
        }
        let mut browser = Browser::with_session(server, &enrolled.session);
        let page = browser.get("/console/me/password").expect(200).text;
        assert!(page.contains("name=\"code\""), "{page}");
        let code = enrolled.code();
        let body = json!({"password": PASSWORD, "new_password": OTHER, "code": code});
        let renewed = change(server, &enrolled.session, &body).expect(200);
        // The code was shown: nothing else is asked of the session that goes on.
        let session = server
            .with_token(&renewed.text_at("/token"))
            .get("/account/v1/session")
            .expect(200);
        assert!(session.body["second_factor_at"].is_string());
        browser.get("/console/me").expect(303);
    }
);

on_both_databases!(
    a_password_of_an_identity_provider_is_changed_there,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let path = format!("/directories/{directory}");
        let allowed = json!({"password_allowed": true});
        let name = server
            .admin()
            .patch(&path, &allowed)
            .expect(200)
            .text_at("/name");
        let created = server.scim_with(&key).post(
            "/Users",
            &json!({"schemas": [USER_SCHEMA], "userName": "fed@example.org", "password": PASSWORD}),
        );
        created.expect(201);
        let body = json!({"directory": name, "user_name": "fed@example.org", "password": PASSWORD});
        let session = server
            .anonymous()
            .post("/account/v1/session", &body)
            .expect(201)
            .text_at("/token");
        let body = json!({"password": PASSWORD, "new_password": OTHER});
        let refused = change(server, &session, &body).expect(409);
        assert_eq!(
            refused.body["detail"],
            "your identity provider sets your password: change it there"
        );
        let mut browser = Browser::with_session(server, &session);
        for place in ["/console/me", "/console/me/password"] {
            let page = browser.get(place).expect(200).text;
            assert!(
                page.contains("Your identity provider sets your password: change it there."),
                "{page}"
            );
            assert!(!page.contains("name=\"new_password\""), "{page}");
        }
    }
);

on_both_databases!(a_password_is_changed_in_the_console, |server| {
    let person: Person = member(server, "changer", None);
    let mut browser = Browser::of(&person);
    let place = "/console/me/password";
    assert!(browser.get("/console/me").expect(200).text.contains(place));
    let fields = |old, new, again| {
        [
            ("password", old),
            ("new_password", new),
            ("repeated", again),
        ]
    };
    let refused = browser
        .submit(place, &fields(PASSWORD, OTHER, "another"))
        .expect(422);
    assert!(
        refused
            .text
            .contains("The two new passwords are not the same."),
        "{}",
        refused.text
    );
    let refused = browser
        .submit(place, &fields("not this one", OTHER, OTHER))
        .expect(403);
    assert!(
        refused
            .text
            .contains("The password is not right; nothing was changed.")
    );
    assert!(!refused.text.contains(OTHER), "it is not filled in again");
    let before = browser.cookie.clone();
    let done = browser
        .submit(place, &fields(PASSWORD, OTHER, OTHER))
        .expect(303);
    let set = done.header("set-cookie").expect("a cookie");
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert_ne!(browser.cookie, before);
    // Whoever has the old secret, such as one that they planted, is signed in no more.
    let mut planted = Browser::new(server);
    planted.cookie = before;
    let turned_away = planted.get("/console/me").expect(303);
    let place = turned_away.header("location").unwrap_or_default();
    assert!(place.starts_with("/console/sign-in"), "{place}");
    browser.get("/console/me?done=password-changed").expect(200);
    person.sign_in_with(OTHER).expect(201);
});
