//! A key in the console: its name, networks and rate are changed by those who may, and nothing is set back unseen.

use serde_json::{Value, json};

use crate::people::PASSWORD;
use crate::server::TestServer;

use super::{Browser, hidden, member};

/// What can be changed of a key.
fn limits(server: &TestServer, path: &str) -> Value {
    let key = server.admin().get(path).expect(200).body;
    json!([
        key["name"],
        key["allowed_networks"],
        key["requests_per_second"]
    ])
}

on_both_databases!(
    the_name_networks_and_rate_of_a_key_are_changed_and_hold_at_once,
    |server| {
        let admin = member(server, "admin", Some("admin"));
        let mut browser = Browser::of(&admin);
        let made = server
            .admin()
            .post(
                "/api-keys",
                &json!({"name": "Report", "scopes": ["users:read"], "allowed_networks": ["192.0.2.0/24"]}),
            )
            .expect(201);
        let path = format!("/api-keys/{}", made.id());
        let place = format!("/console/keys{path}");
        let call = || {
            let key = server.with_token(&made.text_at("/secret"));
            key.get("/admin/v1/users").status
        };
        assert_eq!(call(), 401);
        let page = browser.get(&place).expect(200).text;
        assert!(page.contains(&format!("href=\"{place}/change\"")), "{page}");
        server.clock.advance_millis(5 * 60_000);
        let form = browser.get(&format!("{place}/change")).expect(200).text;
        assert!(
            form.contains("1 Admin API key goes on with the same secret"),
            "{form}"
        );
        assert_eq!(hidden(&form, "seen_networks"), "192.0.2.0/24");

        let fields = [
            ("name", "Nightly report"),
            ("allowed_networks", "127.0.0.0/8, 192.0.2.0/24"),
            ("requests_per_second", "7"),
            ("seen_name", "Report"),
            ("seen_networks", "192.0.2.0/24"),
            ("seen_rate", ""),
        ];
        let change = format!("{place}/change");
        browser.submit(&change, &fields).expect(403);
        assert_eq!(
            limits(server, &path),
            json!(["Report", ["192.0.2.0/24"], null])
        );
        let shown = [&fields[..], &[("own_password", PASSWORD)]].concat();
        let done = browser.submit(&change, &shown).expect(303);
        assert_eq!(
            done.header("location"),
            Some(format!("{place}?done=key-changed").as_str())
        );
        assert_eq!(
            limits(server, &path),
            json!(["Nightly report", ["127.0.0.0/8", "192.0.2.0/24"], 7])
        );
        assert_eq!(call(), 200);
        let page = browser.get(&place).expect(200).text;
        assert!(
            page.contains("<dt>Requests a second</dt><dd>7</dd>"),
            "{page}"
        );
        for (field, value) in [
            ("name", " "),
            ("allowed_networks", "everywhere"),
            ("requests_per_second", "many"),
            ("requests_per_second", "1000001"),
        ] {
            let mut bad = vec![
                ("name", "Nightly report"),
                ("allowed_networks", "127.0.0.0/8 192.0.2.0/24"),
                ("requests_per_second", "7"),
                ("seen_name", "Nightly report"),
                ("seen_networks", "127.0.0.0/8 192.0.2.0/24"),
                ("seen_rate", "7"),
            ];
            bad.retain(|(name, _)| *name != field);
            bad.push((field, value));
            browser.submit(&change, &bad).expect(422);
        }
        assert_eq!(
            limits(server, &path),
            json!(["Nightly report", ["127.0.0.0/8", "192.0.2.0/24"], 7])
        );
    }
);

on_both_databases!(
    what_a_form_leaves_as_it_was_is_not_set_back_from_what_another_has_made_of_it,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let body = json!({"name": "Okta", "requests_per_second": 5});
        let directory = &server.directory_id;
        let made = server
            .admin()
            .post(&format!("/directories/{directory}/scim-keys"), &body)
            .expect(201);
        let path = format!("/scim-keys/{}", made.id());
        // Another narrows it while the form is open, in which the rate alone is taken away.
        let narrowed = json!({"name": "Okta Berlin", "allowed_networks": ["192.0.2.7"]});
        server.admin().patch(&path, &narrowed).expect(200);
        let fields = [
            ("name", "Okta"),
            ("allowed_networks", ""),
            ("requests_per_second", ""),
            ("seen_name", "Okta"),
            ("seen_networks", ""),
            ("seen_rate", "5"),
        ];
        let place = format!("/console/keys{path}");
        browser
            .submit(&format!("{place}/change"), &fields)
            .expect(303);
        assert_eq!(
            limits(server, &path),
            json!(["Okta Berlin", ["192.0.2.7/32"], null])
        );
        browser.submit(&format!("{place}/revoke"), &[]).expect(303);
        let page = browser.get(&place).expect(200).text;
        assert!(!page.contains(&format!("{place}/change")), "{page}");
        browser
            .submit(&format!("{place}/change"), &[("name", "Again")])
            .expect(409);
    }
);

on_both_databases!(
    a_form_that_is_refused_and_sent_again_sets_nothing_back_either,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let body = json!({"name": "Okta"});
        let directory = &server.directory_id;
        let made = server
            .admin()
            .post(&format!("/directories/{directory}/scim-keys"), &body)
            .expect(201);
        let path = format!("/scim-keys/{}", made.id());
        let narrowed = json!({"allowed_networks": ["192.0.2.7"]});
        server.admin().patch(&path, &narrowed).expect(200);
        let mut fields = [
            ("name", "Okta Berlin"),
            ("allowed_networks", ""),
            ("requests_per_second", "many"),
            ("seen_name", "Okta"),
            ("seen_networks", ""),
            ("seen_rate", ""),
        ];
        let change = format!("/console/keys{path}/change");
        let again = browser.submit(&change, &fields).expect(422).text;
        for name in ["seen_name", "seen_networks", "seen_rate"] {
            let sent = fields.iter().find(|(field, _)| *field == name);
            let shown = hidden(&again, name);
            assert_eq!(
                sent.map(|(_, value)| *value),
                Some(shown.as_str()),
                "{name}"
            );
        }
        fields[2] = ("requests_per_second", "7");
        browser.submit(&change, &fields).expect(303);
        assert_eq!(
            limits(server, &path),
            json!(["Okta Berlin", ["192.0.2.7/32"], 7])
        );
    }
);

on_both_databases!(a_new_key_has_the_rate_that_its_form_says, |server| {
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let fields = [
        ("name", "Import"),
        ("expires_in_days", "30"),
        ("scopes", "users:read"),
        ("requests_per_second", "0"),
    ];
    let made = browser
        .submit("/console/keys/api-keys/new", &fields)
        .expect(200)
        .text;
    let id = super::id_within(&made, "/console/keys/api-keys/");
    assert_eq!(
        limits(server, &format!("/api-keys/{id}")),
        json!(["Import", [], 0])
    );
    let page = browser
        .get(&format!("/console/keys/api-keys/{id}"))
        .expect(200)
        .text;
    assert!(page.contains("<dd>no bound</dd>"), "{page}");
});

on_both_databases!(an_auditor_sees_a_key_and_does_not_change_it, |server| {
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let keys = server.admin().get("/scim-keys").expect(200);
    let path = format!("/scim-keys/{}", keys.text_at("/items/0/id"));
    let place = format!("/console/keys{path}");
    let before = limits(server, &path);
    let page = auditor.get(&place).expect(200).text;
    assert!(!page.contains(&format!("{place}/change")), "{page}");
    auditor
        .submit(&format!("{place}/change"), &[("name", "Mine")])
        .expect(403);
    assert_eq!(limits(server, &path), before);
});
