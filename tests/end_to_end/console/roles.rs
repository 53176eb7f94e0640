//! Groups that give a role in the console: mapped after a preview of who gets it, and unmapped after one of who
//! loses it.

use serde_json::{Value, json};

use crate::people::group;
use crate::server::TestServer;

use super::{Browser, hidden, id_within, member};

fn mappings(server: &TestServer) -> Value {
    let list = server.admin().get("/roles/mappings").expect(200).body;
    list["items"].clone()
}

on_both_databases!(
    a_group_gives_a_role_after_a_preview_and_then_no_more,
    |server| {
        let member_of = member(server, "member", None);
        let team = group(&server.scim(), "Operations", &[&member_of.id]);
        let mut browser = Browser::of(&member(server, "admin", Some("admin")));
        let new = "/console/roles/mappings/new";
        browser.get(new).expect(200);
        browser
            .get(&format!("{new}?group=Nobodies&role=auditor"))
            .expect(422);
        let asked = browser
            .get(&format!("{new}?group=operations&role=auditor"))
            .expect(200)
            .text;
        assert!(
            asked.contains("<strong>1 person</strong> in it has the role"),
            "{asked}"
        );
        assert_eq!(mappings(server), json!([]));
        let chosen = hidden(&asked, "group");
        assert_eq!(chosen, team);
        browser
            .submit(new, &[("group", chosen.as_str()), ("role", "owner")])
            .expect(403);
        browser
            .submit(new, &[("group", chosen.as_str()), ("role", "auditor")])
            .expect(303);
        assert_eq!(mappings(server)[0]["group_id"], team);
        // The link to set the password was made before: it opens no role, but the role is theirs.
        let roles = server.admin().get(&format!("/users/{}", member_of.id));
        assert_eq!(roles.expect(200).body["roles"], json!(["auditor"]));

        let list = browser.get("/console/roles").expect(200).text;
        let id = id_within(&list, "/console/roles/mappings/");
        let remove = format!("/console/roles/mappings/{id}/remove");
        let asked = browser.get(&remove).expect(200).text;
        assert!(asked.contains("loses the role auditor"), "{asked}");
        browser.submit(&remove, &[]).expect(303);
        assert_eq!(mappings(server), json!([]));
    }
);

on_both_databases!(an_auditor_sees_mappings_and_makes_none, |server| {
    let team = group(&server.scim(), "Operations", &[]);
    server
        .admin()
        .post(
            "/roles/mappings",
            &json!({"group_id": team, "role": "auditor"}),
        )
        .expect(201);
    let mut auditor = Browser::of(&member(server, "auditor", Some("auditor")));
    let list = auditor.get("/console/roles").expect(200).text;
    assert!(list.contains(">Operations</a>") && !list.contains("/console/roles/mappings/"));
    let id = mappings(server)[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    auditor
        .submit(&format!("/console/roles/mappings/{id}/remove"), &[])
        .expect(403);
    auditor
        .submit(
            "/console/roles/mappings/new",
            &[("group", team.as_str()), ("role", "admin")],
        )
        .expect(403);
    assert_eq!(mappings(server).as_array().map(Vec::len), Some(1));
});
