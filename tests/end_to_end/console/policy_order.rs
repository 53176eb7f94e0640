//! Policies in the console come and go: made, told whom they name, put before others, dated, deleted, each after a
//! preview of whom that hits.

use serde_json::{Value, json};

use crate::people::{PASSWORD, group};
use crate::server::TestServer;

use super::{Browser, hidden, id_within, member};

const POLICIES: &str = "/console/policies/";

fn policy(server: &TestServer, id: &str) -> Value {
    let path = format!("/policies/{id}");
    server.admin().get(&path).expect(200).body
}

/// A policy that blocks tokens.
fn blocking(server: &TestServer, name: &str) -> String {
    let body = json!({"name": name, "api_tokens": "blocked"});
    server.admin().post("/policies", &body).expect(201).id()
}

/// The names of all policies, in their order.
fn order(server: &TestServer) -> Vec<String> {
    let list = server.admin().get("/policies").expect(200).body;
    let items = list["items"].as_array().expect("a list").clone();
    let named = items.iter().filter(|one| one["is_default"] == false);
    named
        .map(|one| one["name"].as_str().expect("a name").to_owned())
        .collect()
}

on_both_databases!(
    a_policy_is_made_and_names_people_and_groups_after_a_preview,
    |server| {
        let holder = member(server, "holder", None);
        holder.create_token(&holder.sign_in(), &json!({"name": "One"}));
        let team = group(&server.scim(), "Contractors", &[&holder.id]);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        browser.get("/console/policies/new").expect(200);
        let made = browser
            .submit("/console/policies/new", &[("name", "Contractors")])
            .expect(303);
        let place = made.header("location").expect("its page").to_owned();
        let id = id_within(&place, POLICIES);
        let path = format!("/policies/{id}");
        let body = json!({"api_tokens": "blocked"});
        server.admin().patch(&path, &body).expect(200);

        let add = format!("{place}/members/add");
        browser.get(&add).expect(200);
        let told = browser
            .get(&format!("{add}?kind=group&member=contractors"))
            .expect(200)
            .text;
        assert!(told.contains("<strong>1 person</strong>"), "{told}");
        assert!(
            told.contains("<strong>1</strong> API tokens stop working"),
            "{told}"
        );
        browser
            .get(&format!("{add}?kind=person&member=contractors"))
            .expect(422);
        let members = || {
            let path = format!("/policies/{id}/members");
            server.admin().get(&path).expect(200).body["items"].clone()
        };
        assert_eq!(members(), json!([]));
        browser
            .submit(&add, &[("member", &hidden(&told, "member"))])
            .expect(303);
        assert_eq!(members()[0]["id"], team);

        let remove = format!("{place}/members/{team}/remove");
        assert!(browser.get(&place).expect(200).text.contains(&remove));
        let told = browser.get(&remove).expect(200).text;
        assert!(
            told.contains("<strong>1</strong> API tokens work again"),
            "{told}"
        );
        browser.submit(&remove, &[]).expect(303);
        assert_eq!(members(), json!([]));

        browser.get(&format!("{place}/delete")).expect(200);
        browser.submit(&format!("{place}/delete"), &[]).expect(303);
        browser.get(&place).expect(404);
    }
);

on_both_databases!(
    a_policy_is_put_earlier_only_in_the_order_that_was_seen,
    |server| {
        let ids: Vec<String> = ["One", "Two", "Three"]
            .iter()
            .map(|name| blocking(server, name))
            .collect();
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let raise = format!("{POLICIES}{}/raise", ids[2]);
        assert!(
            browser
                .get("/console/policies")
                .expect(200)
                .text
                .contains(&raise)
        );
        let asked = browser.get(&raise).expect(200).text;
        assert!(asked.contains("Put Three before Two"), "{asked}");
        let stale: Vec<(&str, &str)> = ids.iter().map(|id| ("order", id.as_str())).collect();
        browser.submit(&raise, &stale).expect(409);
        let seen: Vec<(&str, &str)> = [&ids[0], &ids[2], &ids[1]]
            .iter()
            .map(|id| ("order", id.as_str()))
            .collect();
        browser.submit(&raise, &seen).expect(303);
        assert_eq!(order(server), ["One", "Three", "Two"]);
        let first = format!("{POLICIES}{}/raise", ids[0]);
        browser.get(&first).expect(409);
    }
);

on_both_databases!(a_change_waits_for_its_date_and_can_be_withdrawn, |server| {
    let id = blocking(server, "Contractors");
    let place = format!("{POLICIES}{id}");
    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let day = server.clock.now().plus_days(30).to_rfc3339();
    let date = &day[..16];
    let fields = [
        ("name", "Contractors"),
        ("api_tokens", "allowed"),
        ("second_factor", "optional"),
        ("max_token_days", "30"),
        ("session_hours", "12"),
        ("idle_minutes", "60"),
        ("orphan_grace_days", "14"),
        ("inactivity_days", ""),
        ("expiry_notice_days", "7 30"),
        ("effective_at", date),
    ];
    let asked = browser
        .submit(&format!("{place}/preview"), &fields)
        .expect(200)
        .text;
    let seen = hidden(&asked, "seen");
    let mut sent = fields.to_vec();
    sent.push(("seen", seen.as_str()));
    browser
        .submit(&format!("{place}/change"), &sent)
        .expect(303);
    let changed = policy(server, &id);
    assert_eq!(changed["api_tokens"], "blocked");
    // Only what differs is part of the change.
    let mut pending = changed["pending"].clone();
    let members = pending.as_object_mut().expect("a change waits");
    members.remove("effective_at").expect("its date");
    assert_eq!(
        pending,
        json!({
            "api_tokens": "allowed",
            "max_token_days": 30,
            "orphan_grace_days": 14,
            "expiry_notice_days": [30, 7],
            "shorten_existing": false,
        })
    );
    // Whoever looked before that does not undo it.
    browser
        .submit(&format!("{place}/change"), &sent)
        .expect(409);

    let page = browser.get(&place).expect(200).text;
    assert!(page.contains("orphan grace days"), "{page}");
    let withdraw = format!("{place}/withdraw");
    assert!(page.contains(&format!("href=\"{withdraw}\"")), "{page}");
    server.clock.advance_millis(5 * 60_000);
    let asked = browser.get(&withdraw).expect(200).text;
    assert!(
        asked.contains("orphan grace days") && asked.contains("name=\"own_password\""),
        "{asked}"
    );
    browser.submit(&withdraw, &[]).expect(403);
    assert!(policy(server, &id)["pending"].is_object());
    browser
        .submit(&withdraw, &[("own_password", PASSWORD)])
        .expect(303);
    assert_eq!(policy(server, &id)["pending"], Value::Null);
    browser.get(&withdraw).expect(409);
});

on_both_databases!(an_auditor_sees_policies_and_changes_none, |server| {
    let id = blocking(server, "Contractors");
    let place = format!("{POLICIES}{id}");
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let page = auditor.get(&place).expect(200).text;
    for action in ["change", "raise", "delete", "withdraw", "members/add"] {
        assert!(!page.contains(&format!("{place}/{action}")), "{action}");
        auditor
            .submit(&format!("{place}/{action}"), &[("name", "Mine")])
            .expect(403);
    }
    assert_eq!(order(server), ["Contractors"]);
});
