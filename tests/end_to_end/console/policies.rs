//! Policies and roles in the console: changed after a preview, and ended in bulk by whoever types the name.

use serde_json::{Value, json};

use crate::server::TestServer;

use super::{Browser, hidden, member};

fn default_policy(server: &TestServer) -> (String, String) {
    let list = server.admin().get("/policies").expect(200).body;
    let items = list["items"].as_array().expect("a list").clone();
    let default = items
        .iter()
        .find(|one| one["is_default"] == true)
        .expect("a default one");
    let text = |name: &str| default[name].as_str().expect("a text").to_owned();
    (text("id"), text("name"))
}

on_both_databases!(a_policy_is_changed_after_its_preview, |server| {
    let person = member(server, "holder", None);
    person.create_token(&person.sign_in(), &json!({"name": "One"}));
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let (id, _) = default_policy(server);
    let place = format!("/console/policies/{id}");
    browser.get(&format!("{place}/change")).expect(200);
    let fields = [
        ("api_tokens", "blocked"),
        ("second_factor", "optional"),
        ("max_token_days", "90"),
        ("session_hours", "8"),
        ("idle_minutes", "60"),
    ];
    let told = browser
        .submit(&format!("{place}/preview"), &fields)
        .expect(200)
        .text;
    assert!(
        told.contains("<strong>1</strong> API tokens stop working"),
        "{told}"
    );
    let before = server.admin().get(&format!("/policies/{id}")).expect(200);
    assert_eq!(before.body["api_tokens"], "allowed", "{}", before.text);
    browser
        .submit(&format!("{place}/change"), &fields)
        .expect(303);
    let after = server.admin().get(&format!("/policies/{id}")).expect(200);
    assert_eq!(after.body["api_tokens"], "blocked");
    assert_eq!(after.body["session_hours"], Value::from(8));
    assert!(
        browser
            .get("/console/policies")
            .expect(200)
            .text
            .contains(">blocked</span>")
    );
});

on_both_databases!(
    what_another_has_made_of_a_policy_meanwhile_is_not_undone_by_sending_again,
    |server| {
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let (id, _) = default_policy(server);
        let place = format!("/console/policies/{id}");
        let fields = [
            ("api_tokens", "allowed"),
            ("second_factor", "optional"),
            ("max_token_days", "90"),
            ("session_hours", "10"),
            ("idle_minutes", "60"),
        ];
        let preview = format!("{place}/preview");
        let told = browser.submit(&preview, &fields).expect(200).text;
        let mut seen = hidden(&told, "seen");
        server.clock.advance_millis(1000);
        let path = format!("/policies/{id}");
        let blocked = json!({"api_tokens": "blocked"});
        server.admin().patch(&path, &blocked).expect(200);
        // However often it is sent, and by what is shown in answer too.
        for _ in 0..2 {
            let sent = [&fields[..], &[("seen", seen.as_str())]].concat();
            let again = browser.submit(&format!("{place}/change"), &sent);
            seen = hidden(&again.expect(409).text, "seen");
        }
        let after = server.admin().get(&path).expect(200).body;
        assert_eq!(after["api_tokens"], "blocked");
        assert_ne!(after["session_hours"], 10);
    }
);

on_both_databases!(all_tokens_of_a_policy_end_only_by_its_name, |server| {
    let person = member(server, "holder", None);
    let session = person.sign_in();
    for name in ["One", "Two"] {
        person.create_token(&session, &json!({"name": name}));
    }
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let (id, name) = default_policy(server);
    let place = format!("/console/policies/{id}/revoke-tokens");
    let asked = browser.get(&place).expect(200).text;
    assert!(asked.contains("<strong>2 API tokens</strong>"), "{asked}");
    browser.submit(&place, &[("typed", "another")]).expect(422);
    browser
        .submit(&place, &[("typed", name.as_str())])
        .expect(303);
    let path = format!("/users/{}/tokens", person.id);
    let items = server.admin().get(&path).expect(200).body["items"].clone();
    let items = items.as_array().expect("a list");
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|token| token["status"] == "revoked"));
});

on_both_databases!(a_role_is_granted_and_taken_away, |server| {
    let person = member(server, "climber", None);
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let form = browser
        .get(&format!("/console/roles/grant?user={}", person.id))
        .expect(200)
        .text;
    assert!(form.contains("value=\"admin\"") && !form.contains("value=\"owner\""));
    let fields = |role| [("user", person.id.as_str()), ("role", role)];
    browser
        .submit("/console/roles/grant", &fields("owner"))
        .expect(403);
    browser
        .submit("/console/roles/grant", &fields("auditor"))
        .expect(303);
    assert!(
        browser
            .get("/console/roles")
            .expect(200)
            .text
            .contains(">The climber</a>")
    );
    let place = format!("/console/roles/{}/auditor/take", person.id);
    assert!(
        browser
            .get(&place)
            .expect(200)
            .text
            .contains("The climber loses the role auditor.")
    );
    browser.submit(&place, &[]).expect(303);
    assert!(
        !browser
            .get("/console/roles")
            .expect(200)
            .text
            .contains(">The climber</a>")
    );
});

on_both_databases!(notices_are_read_and_the_log_is_narrowed, |server| {
    let leaver = crate::people::Leaver::arrange(server, "leaver");
    let path = format!("/users/{}/deprovision", leaver.person.id);
    server.admin().post(&path, &json!({})).expect(200);
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    assert!(
        browser
            .get("/console/notices")
            .expect(200)
            .text
            .contains(">unread</span>")
    );
    browser.submit("/console/notices/read", &[]).expect(303);
    assert!(
        !browser
            .get("/console/notices")
            .expect(200)
            .text
            .contains(">unread</span>")
    );

    let all = browser.get("/console/audit").expect(200).text;
    assert!(all.contains("user.deprovisioned") && all.contains("session.started"));
    let some = browser
        .get("/console/audit?action=user.deprovisioned")
        .expect(200)
        .text;
    assert!(some.contains("The leaver") && !some.contains("<code>session.started"));
    let none = browser
        .get("/console/audit?outcome=refused")
        .expect(200)
        .text;
    assert!(none.contains("Nothing is on record."));
});
