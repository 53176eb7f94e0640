//! What a form must carry before it changes anything, and what is asked again before something dangerous.

use serde_json::{Value, json};

use crate::people::{Leaver, PASSWORD, Person};
use crate::second_factor::Enrolled;
use crate::server::TestServer;

use super::{Browser, encoded, member};

fn own_tokens(server: &TestServer, person: &Person) -> usize {
    let path = format!("/users/{}/tokens", person.id);
    server.admin().get(&path).expect(200).body["items"]
        .as_array()
        .expect("a list")
        .len()
}

on_both_databases!(
    a_form_from_elsewhere_or_of_another_session_changes_nothing,
    |server| {
        let person = member(server, "victim", None);
        let mut browser = Browser::of(&person);
        let token = browser.form_token();
        let attacker = Browser::of(&member(server, "attacker", None)).form_token();
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let ours = ("Origin", server.base_url.as_str());
        let days = ("expires_in_days", "30");
        let name = ("name", "Forged");
        for (what, headers, fields) in [
            ("no token", vec![form, ours], vec![name, days]),
            (
                "an empty token",
                vec![form, ours],
                vec![name, days, ("form_token", "")],
            ),
            (
                "another's token",
                vec![form, ours],
                vec![name, days, ("form_token", &attacker)],
            ),
            (
                "another origin",
                vec![form, ("Origin", "https://evil.example")],
                vec![name, days, ("form_token", &token)],
            ),
            (
                "an origin that is withheld",
                vec![form, ("Origin", "null")],
                vec![name, days, ("form_token", &token)],
            ),
            (
                "another site",
                vec![form, ("Sec-Fetch-Site", "cross-site")],
                vec![name, days, ("form_token", &token)],
            ),
        ] {
            let body = encoded(&fields);
            let answer = browser.request("POST", "/console/me/tokens/new", &headers, &body);
            assert_eq!(answer.status, 403, "{what}: {}", answer.text);
        }
        assert_eq!(own_tokens(server, &person), 0);
        let fields = [name, days, ("form_token", token.as_str())];
        browser.send("/console/me/tokens/new", &fields).expect(200);
        assert_eq!(own_tokens(server, &person), 1);
    }
);

on_both_databases!(another_site_signs_nobody_in, |server| {
    let person = member(server, "victim", None);
    let fields = [
        ("directory", person.directory_name.as_str()),
        ("user_name", person.user_name.as_str()),
        ("password", PASSWORD),
    ];
    let headers = [
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Origin", "https://evil.example"),
    ];
    let answer =
        Browser::new(server).request("POST", "/console/sign-in", &headers, &encoded(&fields));
    assert_eq!(answer.expect(403).header("set-cookie"), None);
});

on_both_databases!(what_cannot_be_stored_is_refused_as_such, |server| {
    let mut browser = Browser::of(&member(server, "writer", None));
    let long = "x".repeat(300_000);
    for (fields, status) in [
        (vec![("name", "a\0b")], 400),
        (vec![("name", long.as_str())], 413),
        (vec![("name", "One"), ("expires_in_days", "ten")], 422),
        (vec![("name", "One"), ("expires_in_days", "9999")], 422),
        (
            vec![("name", "One"), ("allowed_networks", "everywhere")],
            422,
        ),
        (vec![("name", "<b>&\"")], 200),
    ] {
        let answer = browser.submit("/console/me/tokens/new", &fields);
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(!answer.text.contains("<b>"), "{}", answer.text);
    }
});

/// An admin key to be revoked, and whether it works.
struct Target<'a> {
    server: &'a TestServer,
    id: String,
    secret: String,
}

impl<'a> Target<'a> {
    fn make(server: &'a TestServer) -> Self {
        let body = json!({"name": "Target", "scopes": ["users:read"]});
        let made = server.admin().post("/api-keys", &body).expect(201);
        Self {
            server,
            id: made.id(),
            secret: made.text_at("/secret"),
        }
    }

    fn place(&self) -> String {
        format!("/console/keys/api-keys/{}/revoke", self.id)
    }

    fn works(&self) -> bool {
        let client = self.server.with_token(&self.secret);
        client.get("/admin/v1/users").status == 200
    }
}

on_both_databases!(
    what_is_dangerous_asks_for_the_password_again_after_five_minutes,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let target = Target::make(server);
        let mut browser = Browser::of(&admin);
        let asks = |page: &str| page.contains("name=\"own_password\"");
        assert!(
            !asks(&browser.get(&target.place()).expect(200).text),
            "they have just signed in"
        );

        server.clock.advance_millis(5 * 60_000);
        assert!(asks(&browser.get(&target.place()).expect(200).text));
        browser.submit(&target.place(), &[]).expect(403);
        browser
            .submit(&target.place(), &[("own_password", "")])
            .expect(403);
        browser
            .submit(&target.place(), &[("own_password", "not this one")])
            .expect(403);
        assert!(target.works());

        browser
            .submit(&target.place(), &[("own_password", PASSWORD)])
            .expect(303);
        assert!(!target.works());
        let next = Target::make(server);
        assert!(
            !asks(&browser.get(&next.place()).expect(200).text),
            "it holds for a while"
        );
        browser.submit(&next.place(), &[]).expect(303);
        assert!(!next.works());

        // It is this session's alone, and holds no longer.
        let last = Target::make(server);
        server.clock.advance_millis(5 * 60_000);
        browser.submit(&last.place(), &[]).expect(403);
        assert!(last.works());
        let events = server
            .admin()
            .get("/audit-events?action=session.confirmed")
            .expect(200);
        let items = events.body["items"].as_array().expect("a list").clone();
        assert_eq!(items.len(), 1, "{items:?}");
        assert_eq!(items[0]["actor"]["user_id"], Value::from(admin.id.as_str()));
        let events = server
            .admin()
            .get("/audit-events?action=session.refused")
            .expect(200);
        assert_eq!(events.body["items"].as_array().map(Vec::len), Some(1));
    }
);

on_both_databases!(
    a_password_is_not_guessed_with_a_session_that_was_found,
    |server| {
        let target = Target::make(server);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        server.clock.advance_millis(5 * 60_000);
        for _ in 0..3 {
            browser
                .submit(&target.place(), &[("own_password", "a guess")])
                .expect(403);
        }
        let answer = browser
            .submit(&target.place(), &[("own_password", PASSWORD)])
            .expect(429);
        assert!(answer.header("retry-after").is_some());
        assert!(target.works());
    },
    |settings| settings.limits.sign_in_attempts = 3
);

on_both_databases!(
    whoever_has_a_second_factor_shows_a_code_of_it_too,
    |server| {
        let enrolled = Enrolled::arrange(server, "careful");
        enrolled.person.assign("admin");
        let target = Target::make(server);
        let mut browser = Browser::with_session(server, &enrolled.session);
        server.clock.advance_millis(5 * 60_000);
        let page = browser.get(&target.place()).expect(200).text;
        assert!(page.contains("name=\"own_code\""));
        let wrong = enrolled.app.wrong_code(server.clock.now());
        for fields in [
            vec![("own_password", PASSWORD)],
            vec![("own_password", PASSWORD), ("own_code", wrong.as_str())],
        ] {
            browser.submit(&target.place(), &fields).expect(403);
            assert!(target.works());
        }
        let code = enrolled.code();
        let fields = [("own_password", PASSWORD), ("own_code", code.as_str())];
        browser.submit(&target.place(), &fields).expect(303);
        assert!(!target.works());
    }
);

on_both_databases!(
    making_and_taking_over_what_opens_something_asks_for_the_password_too,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let admin = member(server, "admin", Some("admin"));
        let owner = json!({"name": "Nightly", "purpose": "Builds", "owner_id": leaver.person.id});
        let account = server
            .admin()
            .post("/service-accounts", &owner)
            .expect(201)
            .id();
        let path = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&path, &json!({})).expect(200);
        let mut browser = Browser::of(&admin);
        let first = [("name", "First"), ("expires_in_days", "30")];
        browser.submit("/console/me/tokens/new", &first).expect(200);
        let page = browser.get("/console/me").expect(200).text;
        let token = super::id_within(&page, "/console/me/tokens/");
        let key = &leaver.scim_key.id;
        for (place, fields, status) in [
            (
                "/console/me/tokens/new".to_owned(),
                vec![("name", "One"), ("expires_in_days", "30")],
                200,
            ),
            (
                format!("/console/me/tokens/{token}/rotate"),
                vec![("overlap_hours", "0")],
                200,
            ),
            (format!("/console/keys/scim-keys/{key}/adopt"), vec![], 303),
            (
                format!("/console/service-accounts/{account}/adopt"),
                vec![],
                303,
            ),
        ] {
            server.clock.advance_millis(5 * 60_000);
            let page = browser.get(&place).expect(200).text;
            assert!(page.contains("name=\"own_password\""), "{place}");
            let refused = browser.submit(&place, &fields).expect(403);
            assert!(!refused.text.contains("id=\"secret\""), "{place}");
            let mut shown = fields.clone();
            shown.push(("own_password", PASSWORD));
            browser.submit(&place, &shown).expect(status);
        }
        let adopted = server.admin().get(&format!("/scim-keys/{key}")).expect(200);
        assert_eq!(adopted.body["orphaned_at"], Value::Null);
    }
);
