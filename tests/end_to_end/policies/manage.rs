//! Policies are made, ordered and changed, and it is plain which holds for whom and why.

use serde_json::{Value, json};

use super::{DEFAULT, count_of_events, create, holding, newest_event, person, policy, update};
use crate::people::{Person, group, patch_of};
use crate::server::TestServer;

fn without_times(mut policy: Value) -> Value {
    for name in ["id", "created_at", "modified_at"] {
        assert!(policy[name].is_string(), "{policy}");
        policy.as_object_mut().expect("an object").remove(name);
    }
    policy
}

on_both_databases!(
    there_is_one_default_policy_with_what_held_before_there_were_policies,
    |server| {
        let admin = server.admin();
        let list = admin.get("/policies").expect(200).body;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
        assert_eq!(list["items"][0]["id"], DEFAULT);
        assert_eq!(
            without_times(list["items"][0].clone()),
            json!({
                "name": "Default",
                "rank": null,
                "is_default": true,
                "api_tokens": "allowed",
                "max_token_days": 365,
                "second_factor": "optional",
                "session_hours": 12,
                "idle_minutes": 60,
                "service_account_creators": "admins",
                "orphan_grace_days": null,
                "inactivity_days": null,
                "inactivity_notice_days": 7,
                "expiry_notice_days": [30, 14, 7, 1],
                "pending": null,
            })
        );
        let refused = admin.delete(&format!("/policies/{DEFAULT}")).expect(409);
        assert!(refused.text.contains("default policy cannot"));
        let somebody = person(server, "somebody");
        admin
            .post(
                &format!("/policies/{DEFAULT}/members"),
                &json!({"member_id": somebody.id}),
            )
            .expect(409);
        assert_eq!(holding(server, &somebody.id), DEFAULT);
    }
);

on_both_databases!(a_policy_is_made_shown_changed_and_deleted, |server| {
    let admin = server.admin();
    let made = create(
        server,
        "Contractors",
        &json!({"max_token_days": 30, "orphan_grace_days": 14}),
    )
    .expect(201);
    let id = made.id();
    assert_eq!(
        made.header("Location"),
        Some(format!("/admin/v1/policies/{id}").as_str())
    );
    assert_eq!(made.body["rank"], 1);
    assert_eq!(made.body["max_token_days"], 30);
    assert_eq!(made.body["orphan_grace_days"], 14);
    assert_eq!(made.body["session_hours"], 12);
    let path = format!("/policies/{id}");
    assert_eq!(admin.get(&path).expect(200).body, made.body);

    let changed = update(
        server,
        &id,
        &json!({"name": "Externals", "orphan_grace_days": null, "idle_minutes": 15}),
    )
    .expect(200)
    .body;
    assert_eq!(changed["name"], "Externals");
    assert_eq!(changed["orphan_grace_days"], Value::Null);
    assert_eq!(changed["max_token_days"], 30, "what is not named stays");
    let event = newest_event(server, "policy.updated");
    assert_eq!(event["target"]["id"], id.as_str());
    assert_eq!(
        event["detail"]["changed"],
        json!({
            "idle_minutes": {"from": 60, "to": 15},
            "orphan_grace_days": {"from": 14, "to": null},
        })
    );

    create(server, "EXTERNALS", &json!({})).expect(409);
    admin.delete(&path).expect(204);
    admin.get(&path).expect(404);
    admin.delete(&path).expect(404);
    update(server, &id, &json!({})).expect(404);
    assert_eq!(count_of_events(server, "policy.created"), 1);
    assert_eq!(count_of_events(server, "policy.deleted"), 1);
});

on_both_databases!(
    what_is_wrong_is_refused_by_name_and_changes_nothing,
    |server| {
        let admin = server.admin();
        let id = create(server, "One", &json!({})).expect(201).id();
        let before = admin.get("/policies").expect(200).body;
        let of_policy = format!("/audit-events?target_id={id}");
        let events = admin.get(&of_policy).expect(200).body;
        for (body, named) in [
            (json!({"max_token_days": 0}), "max_token_days"),
            (json!({"max_token_days": 366}), "max_token_days"),
            (json!({"max_token_days": "many"}), "max_token_days"),
            (json!({"api_tokens": "sometimes"}), "api_tokens"),
            (json!({"session_hours": 0}), "session_hours"),
            (json!({"idle_minutes": 1}), "idle_minutes"),
            (json!({"inactivity_days": 5}), "inactivity_notice_days"),
            (json!({"expiry_notice_days": [400]}), "expiry_notice_days"),
            (json!({"nonsense": 1}), "nonsense"),
            (json!({"effective_at": "tomorrow"}), "effective_at"),
            (
                json!({"effective_at": "2020-01-01T00:00:00Z"}),
                "effective_at",
            ),
        ] {
            for answer in [
                update(server, &id, &body),
                admin.post(&format!("/policies/{id}/preview"), &body),
            ] {
                let answer = answer.expect(422);
                assert!(answer.text.contains(named), "{body}: {}", answer.text);
            }
        }
        create(server, "Two", &json!({"members": ["nobody"]})).expect(404);
        create(server, "", &json!({})).expect(422);
        update(server, &id, &json!({"name": ""})).expect(422);
        let missing = format!("/policies/{id}/members");
        admin
            .post(&missing, &json!({"member_id": "nobody"}))
            .expect(404);
        admin.delete(&format!("{missing}/nobody")).expect(404);
        let after = admin.get("/policies").expect(200).body;
        assert_eq!(after, before);
        let newest = admin.get(&of_policy).expect(200).body;
        assert_eq!(newest, events);
    }
);

/// A person in a group within a group, both in the first directory.
fn nested<'a>(server: &'a TestServer, name: &str) -> (Person<'a>, String, String) {
    let person = person(server, name);
    let inner = group(&server.scim(), &format!("Inner {name}"), &[&person.id]);
    let outer = group(&server.scim(), &format!("Outer {name}"), &[&inner]);
    (person, inner, outer)
}

on_both_databases!(
    the_first_policy_that_names_a_person_or_a_group_of_theirs_holds_and_says_why,
    |server| {
        let admin = server.admin();
        let (somebody, inner, outer) = nested(server, "somebody");
        let through_outer = policy(server, "Outer", &[&outer], &json!({}));
        let by_name = policy(server, "By name", &[&somebody.id], &json!({}));
        let unrelated = policy(server, "Unrelated", &[], &json!({}));
        let why = |path: &str| {
            let answer = admin
                .get(&format!("/users/{}/policy", somebody.id))
                .expect(200);
            answer.body.pointer(path).cloned().unwrap_or_default()
        };

        // Rank decides, and not how directly somebody is named.
        assert_eq!(why("/policy/id"), through_outer.as_str());
        assert_eq!(why("/through/0/id"), outer.as_str());
        assert_eq!(why("/through/0/type"), "Group");
        assert_eq!(why("/overruled/0/id"), by_name.as_str());
        assert_eq!(
            why("/overruled/0/through/0/user_name"),
            somebody.user_name.as_str()
        );
        assert_eq!(why("/overruled/1/id"), DEFAULT);
        assert_eq!(why("/overruled/2"), Value::Null);

        admin
            .post(
                "/policies/reorder",
                &json!({"order": [unrelated, by_name, through_outer]}),
            )
            .expect(200);
        let order: Vec<Value> = admin.get("/policies").expect(200).body["items"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|item| json!([item["id"], item["rank"]]))
            .collect();
        assert_eq!(
            order,
            [
                json!([unrelated, 1]),
                json!([by_name, 2]),
                json!([through_outer, 3]),
                json!([DEFAULT, null]),
            ]
        );
        assert_eq!(holding(server, &somebody.id), by_name);

        // Each order that names not exactly these is refused.
        for order in [
            json!([unrelated, by_name]),
            json!([unrelated, by_name, through_outer, DEFAULT]),
            json!([unrelated, by_name, by_name]),
        ] {
            admin
                .post("/policies/reorder", &json!({"order": order}))
                .expect(422);
        }

        // Membership moves them, at once, whoever changes it.
        admin
            .delete(&format!("/policies/{by_name}/members/{}", somebody.id))
            .expect(204);
        assert_eq!(holding(server, &somebody.id), through_outer);
        let leave =
            json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", somebody.id)}]);
        server
            .scim()
            .patch(&format!("/Groups/{inner}"), &patch_of(&leave))
            .expect(200);
        assert_eq!(holding(server, &somebody.id), DEFAULT);
    }
);

on_both_databases!(groups_that_contain_each_other_end_the_search, |server| {
    let (somebody, inner, outer) = nested(server, "somebody");
    let circle = json!([{"op": "add", "path": "members", "value": [{"value": outer}]}]);
    server
        .scim()
        .patch(&format!("/Groups/{inner}"), &patch_of(&circle))
        .expect(200);
    let named = policy(server, "Circle", &[&outer], &json!({}));
    assert_eq!(holding(server, &somebody.id), named);
    let members = server
        .admin()
        .post(&format!("/policies/{named}/delete/preview"), &json!({}))
        .expect(200);
    assert_eq!(members.body["people"], 0, "the settings are the same");
});

on_both_databases!(
    whoever_is_deleted_is_named_no_more_and_members_are_listed_page_by_page,
    |server| {
        let admin = server.admin();
        let people: Vec<String> = (0..3)
            .map(|number| person(server, &format!("person-{number}")).id)
            .collect();
        let named = policy(server, "Few", &[], &json!({}));
        let path = format!("/policies/{named}/members");
        for id in &people {
            let body = json!({"member_id": id});
            admin.post(&path, &body).expect(201);
            admin.post(&path, &body).expect(200);
        }
        let ids = |query: &str| -> Vec<String> {
            let page = admin.get(&format!("{path}{query}")).expect(200).body;
            let items = page["items"].as_array().cloned().unwrap_or_default();
            items
                .iter()
                .filter_map(|item| item["id"].as_str().map(str::to_owned))
                .collect()
        };
        assert_eq!(ids("?limit=2"), people[..2]);
        assert_eq!(ids(&format!("?limit=2&cursor={}", people[1])), people[2..]);

        server
            .scim()
            .delete(&format!("/Users/{}", people[0]))
            .expect(204);
        assert_eq!(ids(""), people[1..]);
        let event = newest_event(server, "policy.member_removed");
        assert_eq!(event["detail"]["reason"], "deleted");
        assert_eq!(event["actor"]["kind"], "scim_key");
        admin
            .delete(&format!("/directories/{}", server.directory_id))
            .expect(204);
        assert_eq!(ids(""), Vec::<String>::new());
        assert_eq!(count_of_events(server, "policy.member_added"), 3);
    }
);

on_both_databases!(
    an_auditor_sees_policies_and_tries_changes_but_makes_none,
    |server| {
        let admin = server.admin();
        let named = policy(server, "One", &[], &json!({}));
        let auditor = Person::create(server, &server.directory_id, &server.scim_key, "auditor");
        auditor.assign("auditor");
        auditor
            .set_password(&auditor.password_link(), crate::people::PASSWORD)
            .expect(204);
        let session = auditor.sign_in();
        let reader = server.with_token(&session);
        let base = "/admin/v1/policies";
        reader.get(base).expect(200);
        reader.get(&format!("{base}/{named}/members")).expect(200);
        reader
            .post(
                &format!("{base}/{named}/preview"),
                &json!({"api_tokens": "blocked"}),
            )
            .expect(200);
        reader
            .patch(
                &format!("{base}/{named}"),
                &json!({"api_tokens": "blocked"}),
            )
            .expect(403);
        reader
            .post(
                &format!("{base}/{named}/members"),
                &json!({"member_id": auditor.id}),
            )
            .expect(403);
        assert_eq!(
            admin.get(&format!("/policies/{named}")).expect(200).body["api_tokens"],
            "allowed"
        );
    }
);
