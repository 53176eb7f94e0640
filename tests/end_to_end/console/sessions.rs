//! Signing in and out, and that the next click of somebody who has left is refused (P1).

use serde_json::{Value, json};

use crate::people::{PASSWORD, patch_of};
use crate::second_factor::{Enrolled, STEP};
use crate::server::{Answer, TestServer};

use super::{Browser, hidden, member};

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}

on_both_databases!(
    a_sign_in_gives_the_browser_a_new_session_that_scripts_cannot_read,
    |server| {
        let person = member(server, "signer", Some("admin"));
        // Somebody else has left a session of their own in the browser.
        let planted = member(server, "planter", None).sign_in();
        let mut browser = Browser::with_session(server, &planted);
        let answer = browser.sign_in(&person).expect(303);
        assert_eq!(location(&answer), "/console/");
        let set = answer.header("set-cookie").expect("a cookie");
        assert!(
            set.ends_with("; Path=/; HttpOnly; SameSite=Strict"),
            "{set}"
        );
        assert!(!set.contains(&planted), "{set}");
        assert!(
            browser
                .get("/console/")
                .expect(200)
                .text
                .contains("The signer")
        );

        let first = browser.cookie.clone();
        browser.sign_in(&person).expect(303);
        assert_ne!(
            browser.cookie, first,
            "each sign-in has a session of its own"
        );
    }
);

on_both_databases!(
    over_tls_the_cookie_is_of_this_host_alone,
    |server| {
        // What is behind the proxy that its clients reach over TLS.
        let server = &TestServer::start_beside(server);
        let person = member(server, "signer", None);
        let answer = Browser::at(server, "https://portcullis.example.org")
            .sign_in(&person)
            .expect(303);
        let set = answer.header("set-cookie").expect("a cookie");
        assert!(set.starts_with("__Host-portcullis_session=pcses_"), "{set}");
        assert!(
            set.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict"),
            "{set}"
        );
        // Nor is a page taken for the console that somebody else has served without TLS.
        Browser::new(server).sign_in(&person).expect(403);
        // The name that is taken without TLS opens nothing here.
        let secret = person.sign_in();
        Browser::with_session(server, &secret)
            .get("/console/me")
            .expect(303);
    },
    |settings| settings.public_url = Some("https://portcullis.example.org".to_owned())
);

on_both_databases!(
    a_refused_sign_in_says_why_to_nobody_and_gives_no_session,
    |server| {
        let person = member(server, "signer", None);
        let mut browser = Browser::new(server);
        let wrong = [
            ("directory", person.directory_name.as_str()),
            ("user_name", person.user_name.as_str()),
            ("password", "not this one"),
        ];
        let known = browser.send("/console/sign-in", &wrong).expect(401);
        let unknown = [wrong[0], ("user_name", "nobody@example.org"), wrong[2]];
        let unknown = browser.send("/console/sign-in", &unknown).expect(401);
        assert_eq!(known.header("set-cookie"), None);
        let alert = "User name or password is wrong, or the person may not sign in.";
        assert!(known.text.contains(alert), "{}", known.text);
        assert_eq!(
            known.text.replace(&person.user_name, ""),
            unknown.text.replace("nobody@example.org", "")
        );
    }
);

on_both_databases!(
    whoever_signs_in_goes_where_they_wanted_and_never_elsewhere,
    |server| {
        let person = member(server, "signer", Some("admin"));
        for (next, place) in [
            ("/console/keys?state=active", "/console/keys?state=active"),
            ("https://evil.example/", "/console/"),
            ("//evil.example/", "/console/"),
            ("/console/\\evil", "/console/"),
        ] {
            let fields = [
                ("directory", person.directory_name.as_str()),
                ("user_name", person.user_name.as_str()),
                ("password", PASSWORD),
                ("next", next),
            ];
            let answer = Browser::new(server)
                .send("/console/sign-in", &fields)
                .expect(303);
            assert_eq!(location(&answer), place, "{next}");
        }
        let asked = Browser::new(server)
            .get("/console/keys?state=active")
            .expect(303);
        let page = Browser::new(server).get(location(&asked)).expect(200).text;
        assert_eq!(hidden(&page, "next"), "/console/keys?state=active");
    }
);

on_both_databases!(
    signing_out_ends_the_session_and_takes_the_cookie,
    |server| {
        let mut browser = Browser::of(&member(server, "leaver", None));
        let cookie = browser.cookie.clone();
        let answer = browser.submit("/console/sign-out", &[]).expect(303);
        assert!(
            answer
                .header("set-cookie")
                .is_some_and(|set| set.contains("Max-Age=0"))
        );
        browser.cookie = cookie;
        let answer = browser.get("/console/me").expect(303);
        assert!(location(&answer).contains("ended=true"));
    }
);

on_both_databases!(
    the_next_click_of_somebody_who_was_deprovisioned_is_refused,
    |server| {
        let person = member(server, "leaver", Some("admin"));
        let mut browser = Browser::of(&person);
        let token = browser.form_token();
        browser.get("/console/keys").expect(200);
        let operations = json!([{"op": "replace", "path": "active", "value": false}]);
        server
            .scim()
            .patch(&person.path(), &patch_of(&operations))
            .expect(200);

        let click = browser.get("/console/keys").expect(303);
        assert!(
            location(&click).starts_with("/console/sign-in?"),
            "{}",
            location(&click)
        );
        let page = browser.get(location(&click)).expect(200);
        assert!(
            page.text
                .contains("the session has ended, or your access has")
        );
        let sent = browser.send(
            "/console/me/tokens/new",
            &[("form_token", &token), ("name", "Late")],
        );
        assert_eq!(sent.status, 303, "{}", sent.text);
        browser.sign_in(&person).expect(401);

        // What a script asks for is not shown in the middle of a page.
        let script = browser.request("GET", "/console/keys", &[("HX-Request", "true")], "");
        assert!(script.expect(200).header("hx-redirect").is_some());
    }
);

on_both_databases!(
    without_the_code_a_sign_in_reaches_only_the_page_that_asks_for_it,
    |server| {
        let enrolled = Enrolled::arrange(server, "careful");
        let mut browser = Browser::of(&enrolled.person);
        assert_eq!(
            location(&browser.get("/console/me").expect(303)),
            "/console/second-factor?next=%2Fconsole%2Fme"
        );
        let page = browser.get("/console/second-factor").expect(200).text;
        let token = hidden(&page, "form_token");
        let wrong = enrolled.app.wrong_code(server.clock.now());
        let refused = browser.send(
            "/console/second-factor",
            &[("form_token", &token), ("code", &wrong)],
        );
        assert!(refused.expect(403).text.contains("The code is not right"));

        let half_way = browser.cookie.clone();
        let code = enrolled.code();
        let passed = browser.send(
            "/console/second-factor",
            &[("form_token", &token), ("code", &code)],
        );
        assert_eq!(location(&passed.expect(303)), "/console/");
        assert_ne!(browser.cookie, half_way, "the session is a new one");
        browser.get("/console/me").expect(200);
        browser.cookie = half_way;
        assert!(location(&browser.get("/console/me").expect(303)).contains("/console/sign-in"));
    }
);

on_both_databases!(
    whoever_signs_in_with_a_code_comes_to_the_page_that_they_wanted,
    |server| {
        let enrolled = Enrolled::arrange(server, "careful");
        let wanted = "/console/me?q=laptop";
        let mut browser = Browser::new(server);
        let fields = [
            ("directory", enrolled.person.directory_name.as_str()),
            ("user_name", enrolled.person.user_name.as_str()),
            ("password", PASSWORD),
            ("next", wanted),
        ];
        let signed_in = browser.send("/console/sign-in", &fields).expect(303);
        assert_eq!(location(&signed_in), wanted);
        let asked = browser.get(wanted).expect(303);
        let place = location(&asked).to_owned();
        assert_eq!(
            place,
            "/console/second-factor?next=%2Fconsole%2Fme%3Fq%3Dlaptop"
        );
        let page = browser.get(&place).expect(200).text;
        let token = hidden(&page, "form_token");
        let mut next = hidden(&page, "next");
        let elsewhere = "/console/second-factor?next=https%3A%2F%2Fevil.example%2F";
        let page = browser.get(elsewhere).expect(200).text;
        assert_eq!(hidden(&page, "next"), "/console/");

        let wrong = enrolled.app.wrong_code(server.clock.now());
        for (code, status) in [(wrong, 403), (enrolled.code(), 303)] {
            let fields = [("form_token", &*token), ("code", &*code), ("next", &*next)];
            let answer = browser.send("/console/second-factor", &fields);
            let answer = answer.expect(status);
            if status == 303 {
                assert_eq!(location(&answer), wanted);
            } else {
                next = hidden(&answer.text, "next");
            }
        }
    }
);

on_both_databases!(
    a_page_that_is_left_open_does_not_keep_its_session_from_falling_idle,
    |server| {
        super::own::policy_of_all(server, &json!({"idle_minutes": 15}));
        let person = member(server, "admin", Some("admin"));
        let (mut idle, mut at_work) = (Browser::of(&person), Browser::of(&person));
        let place = format!("/console/directories/{}/requests", server.directory_id);
        let page = idle.get(&place).expect(200).text;
        assert!(
            page.contains("hx-headers=\"{&quot;Portcullis-Unattended&quot;:&quot;true&quot;}\""),
            "{page}"
        );
        let headers = [("HX-Request", "true"), ("Portcullis-Unattended", "true")];
        let mut last = None;
        for _ in 0..3 {
            server.clock.advance_millis(6 * 60_000);
            last = Some(idle.request("GET", &place, &headers, "").expect(200));
            at_work.get(&place).expect(200);
        }
        let last = last.expect("it has asked");
        let sign_in = last.header("hx-redirect").expect("it leads to the sign-in");
        assert!(sign_in.starts_with("/console/sign-in?next="), "{sign_in}");
    }
);

on_both_databases!(a_person_sets_up_an_authenticator_in_the_console, |server| {
    let person = member(server, "careful", None);
    let mut browser = Browser::of(&person);
    let page = browser
        .submit("/console/second-factor/enrolment", &[])
        .expect(200)
        .text;
    assert!(page.contains("src=\"data:image/svg+xml;base64,"));
    let app = crate::second_factor::Authenticator::typed(&super::shown_secret(&page));
    let code = app.code(server.clock.now());
    let fields = [("code", code.as_str())];
    let before = browser.cookie.clone();
    let done = browser
        .submit("/console/second-factor/enrolment/confirm", &fields)
        .expect(200);
    assert_eq!(done.text.matches("<li><code>").count(), 10);
    assert_ne!(browser.cookie, before);
    assert!(
        browser
            .get("/console/me")
            .expect(200)
            .text
            .contains("set up")
    );

    server.clock.advance_millis(STEP);
    let removal = [("code", &*app.code(server.clock.now()))];
    browser
        .submit("/console/me/second-factor/remove", &removal)
        .expect(303);
    let standing = server
        .with_token(&person.sign_in())
        .get("/account/v1/second-factor")
        .expect(200);
    assert_eq!(standing.body["enrolled"], Value::Bool(false));
});

on_both_databases!(
    an_authenticator_is_set_up_long_after_the_sign_in_by_whoever_shows_the_password,
    |server| {
        let person = member(server, "careful", None);
        let mut browser = Browser::of(&person);
        let asks = |page: &str| page.contains("name=\"own_password\"");
        assert!(!asks(&browser.get("/console/me").expect(200).text));

        server.clock.advance_millis(5 * 60_000);
        assert!(asks(&browser.get("/console/me").expect(200).text));
        let place = "/console/second-factor/enrolment";
        browser.submit(place, &[]).expect(403);
        browser
            .submit(place, &[("own_password", "not this one")])
            .expect(403);
        let page = browser
            .submit(place, &[("own_password", PASSWORD)])
            .expect(200)
            .text;
        let app = crate::second_factor::Authenticator::typed(&super::shown_secret(&page));
        let code = app.code(server.clock.now());
        browser
            .submit(
                "/console/second-factor/enrolment/confirm",
                &[("code", &*code)],
            )
            .expect(200);
        let page = browser.get("/console/me").expect(200).text;
        assert!(
            page.contains("href=\"/console/me/second-factor\""),
            "{page}"
        );
    }
);

on_both_databases!(
    a_person_ends_their_other_sessions_and_nobody_elses,
    |server| {
        let person = member(server, "roamer", None);
        let other = person.sign_in();
        let stranger = member(server, "stranger", None).sign_in();
        let mut browser = Browser::of(&person);
        for (secret, status) in [(&other, 303), (&stranger, 404)] {
            let id = id_of(server, secret);
            browser
                .submit(&format!("/console/me/sessions/{id}/end"), &[])
                .expect(status);
        }
        server
            .with_token(&other)
            .get("/account/v1/session")
            .expect(401);
        server
            .with_token(&stranger)
            .get("/account/v1/session")
            .expect(200);
        browser.get("/console/me").expect(200);
    }
);

fn id_of(server: &TestServer, session: &str) -> String {
    server
        .with_token(session)
        .get("/account/v1/session")
        .expect(200)
        .id()
}
