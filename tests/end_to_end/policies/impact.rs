//! Before somebody goes it can be seen what would end, and that is what then ends.

use std::collections::BTreeMap;

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::person;
use crate::people::{Leaver, Person, RoleBy, Team, group, map_to_admin, owner_session};
use crate::server::TestServer;

fn impact(server: &TestServer, path: &str) -> Value {
    server
        .admin()
        .get(&format!("{path}/impact"))
        .expect(200)
        .body
}

/// The receipts of these people together: what was revoked and orphaned, by kind.
fn receipts(server: &TestServer, people: &[&str], reason: &str) -> (Value, Value) {
    let mut sums = [BTreeMap::new(), BTreeMap::new()];
    for person in people {
        let path = format!("/receipts?user_id={person}");
        let found = server.admin().get(&path).expect(200).body;
        for receipt in found["items"].as_array().into_iter().flatten() {
            if receipt["reason"] != reason {
                continue;
            }
            for (name, sum) in ["revoked", "orphaned"].into_iter().zip(&mut sums) {
                for (kind, count) in receipt[name].as_object().into_iter().flatten() {
                    *sum.entry(kind.clone()).or_insert(0) += count.as_i64().unwrap_or_default();
                }
            }
        }
    }
    let [revoked, orphaned] = sums;
    (json!(revoked), json!(orphaned))
}

fn ids(items: &Value) -> Vec<String> {
    let mut ids: Vec<String> = items
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| item["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort();
    ids
}

fn orphans(server: &TestServer) -> Vec<String> {
    ids(&server
        .admin()
        .get("/orphaned-keys?limit=1000")
        .expect(200)
        .body["items"])
}

on_both_databases!(what_a_deprovisioning_would_end_is_what_it_ends, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let _bystander = Leaver::arrange(server, "bystander");
    let id = leaver.person.id.as_str();
    let told = impact(server, &format!("/users/{id}"));
    assert_eq!(
        impact(server, &format!("/users/{id}")),
        told,
        "nothing is changed"
    );
    leaver.assert_everything_works();
    assert_eq!(told["people"], 1);
    assert_eq!(told["revoked"]["session"], 2);
    assert_eq!(told["revoked"]["user_token"], 2);
    assert_eq!(told["roles_lost"][0]["user"]["id"], id);
    assert_eq!(told["roles_lost"][0]["roles"], json!(["admin"]));
    assert_eq!(told["last_owner"], false);

    server
        .admin()
        .post(&format!("/users/{id}/deprovision"), &Value::Null)
        .expect(200);
    let (revoked, orphaned) = receipts(server, &[id], "deactivated");
    assert_eq!(told["revoked"], revoked);
    assert_eq!(told["orphaned"], orphaned);
    assert_eq!(ids(&told["orphaned_keys"]), orphans(server));
    server.admin().get("/users/nobody/impact").expect(404);
});

on_both_databases!(
    what_the_loss_of_a_role_would_end_is_what_it_ends,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let id = leaver.person.id.as_str();
        let path = format!("/roles/assignments/{id}/admin");
        leaver.person.assign("auditor");
        let other = Person::create(server, &server.directory_id, &server.scim_key, "other");
        let link = format!("/admin/v1/users/{}/password-link", other.id);
        let caller = server.with_token(&leaver.sessions[0]);
        caller.post(&link, &json!({})).expect(201);
        let told = impact(server, &path);
        assert_eq!(told["revoked"], json!({"password_link": 1, "session": 2}));
        assert_eq!(told["roles_lost"][0]["roles"], json!(["admin"]));
        server.admin().delete(&path).expect(204);
        assert_eq!(
            (told["revoked"].clone(), told["orphaned"].clone()),
            receipts(server, &[id], "role_lost")
        );
        server.admin().get(&format!("{path}/impact")).expect(404);

        // Whoever keeps the role by another way loses nothing.
        let both = Leaver::arrange(server, "both");
        let scim = server.scim_with(&both.scim_key.secret);
        let team = group(&scim, "Team", &[&both.person.id]);
        let mapping = map_to_admin(server, &team);
        for path in [
            format!("/roles/assignments/{}/admin", both.person.id),
            format!("/roles/mappings/{mapping}"),
        ] {
            let told = impact(server, &path);
            assert_eq!(
                told,
                json!({
                    "people": 0, "revoked": {}, "orphaned": {}, "orphaned_keys": [],
                    "roles_lost": [], "roles_resting": [], "last_owner": false,
                }),
                "{path}"
            );
        }
    }
);

on_both_databases!(what_unmapping_a_group_would_end_is_what_it_ends, |server| {
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let team = Team::create(server, &key, false);
    let by_group = RoleBy::Group(&team);
    let people =
        ["one", "two"].map(|name| Leaver::arrange_in(server, &directory, &key, name, &by_group));
    let ids: Vec<&str> = people
        .iter()
        .map(|leaver| leaver.person.id.as_str())
        .collect();
    let path = format!("/roles/mappings/{}", team.mapping);
    let told = impact(server, &path);
    assert_eq!(told["people"], 2);
    assert_eq!(told["roles_lost"].as_array().map(Vec::len), Some(2));
    server.admin().delete(&path).expect(204);
    assert_eq!(
        (told["revoked"].clone(), told["orphaned"].clone()),
        receipts(server, &ids, "role_lost")
    );
});

on_both_databases!(
    what_removing_a_directory_would_end_is_what_it_ends,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let people = ["one", "two"]
            .map(|name| Leaver::arrange_in(server, &directory, &key, name, &RoleBy::Assignment));
        let removed: Vec<&str> = people
            .iter()
            .map(|leaver| leaver.person.id.as_str())
            .collect();
        let path = format!("/directories/{directory}");
        let told = impact(server, &path);
        assert_eq!(told["people"], 2);
        assert_eq!(told["roles_lost"].as_array().map(Vec::len), Some(2));
        let listed = told["orphaned_keys"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        assert!(
            listed.iter().all(|key| key["kind"] != "scim_key"),
            "they are revoked with it"
        );
        server.admin().delete(&path).expect(204);
        let (revoked, _) = receipts(server, &removed, "directory_removed");
        let mut expected = revoked;
        // The keys of the directory: one of it, and one that each had made.
        expected["scim_key"] = json!(3);
        assert_eq!(told["revoked"], expected);
        assert_eq!(ids(&told["orphaned_keys"]), orphans(server));
    }
);

on_both_databases!(an_impact_lists_the_keys_that_the_caller_may_see, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let key = server
        .admin()
        .post(
            "/api-keys",
            &json!({"name": "Narrow", "scopes": ["users:read", "scim-keys:read"]}),
        )
        .expect(201)
        .text_at("/secret");
    let told = server
        .with_token(&key)
        .get(&format!("/admin/v1/users/{}/impact", leaver.person.id))
        .expect(200)
        .body;
    let kinds: Vec<&Value> = told["orphaned_keys"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|key| &key["kind"])
        .collect();
    assert_eq!(kinds, [&json!("scim_key")]);
    assert_eq!(told["orphaned"]["api_key"], 1, "counted all the same");
});

on_both_databases!(the_last_owner_is_not_taken_away_by_hand, |server| {
    let admin = server.admin();
    let owner = &server.admin_id;
    // An admin key is no owner: it could not take one away whatever is left.
    let assignment = format!("/roles/assignments/{owner}/owner");
    admin.delete(&assignment).expect(403);
    assert_eq!(
        impact(server, &format!("/users/{owner}"))["last_owner"],
        true
    );
    assert_eq!(impact(server, &assignment)["last_owner"], true);

    let session = owner_session(server);
    let as_owner = server.with_token(&session);
    for answer in [
        as_owner.delete(&format!("/admin/v1{assignment}")),
        as_owner.post(
            &format!("/admin/v1/users/{owner}/deprovision"),
            &Value::Null,
        ),
    ] {
        let answer = answer.expect(409);
        assert!(answer.text.contains("owner"), "{}", answer.text);
    }

    // With another, either may go, and then the other may not.
    let second = person(server, "second");
    grant_owner(&as_owner, &second);
    assert_eq!(
        impact(server, &format!("/users/{owner}"))["last_owner"],
        false
    );
    as_owner
        .delete(&format!("/admin/v1{assignment}"))
        .expect(204);
    assert_eq!(
        impact(server, &format!("/directories/{}", server.directory_id))["last_owner"],
        true
    );
    // The identity provider takes them all the same, and it is told.
    server
        .scim()
        .delete(&format!("/Users/{}", second.id))
        .expect(204);
    let notices = admin.get("/notices").expect(200).body;
    let lost = notices["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|notice| notice["kind"] == "last_owner_lost")
        .cloned()
        .unwrap_or_default();
    assert_eq!(lost["detail"]["user_id"], second.id.as_str());
    assert_eq!(lost["detail"]["owners_left"], json!([]));
});

on_both_databases!(
    when_the_identity_provider_takes_the_last_owner_the_break_glass_admin_is_named,
    |server| {
        let session = owner_session(server);
        let people = ["one", "two"].map(|name| person(server, name));
        for person in &people {
            grant_owner(&server.with_token(&session), person);
        }
        let lost = || {
            let notices = server.admin().get("/notices").expect(200).body;
            let items = notices["items"].as_array().cloned().unwrap_or_default();
            let mut found = items.into_iter();
            found.find(|notice| notice["kind"] == "last_owner_lost")
        };
        let scim = server.scim();
        scim.delete(&format!("/Users/{}", people[0].id)).expect(204);
        assert_eq!(lost(), None, "another is left");
        scim.delete(&format!("/Users/{}", people[1].id)).expect(204);
        let notice = lost().expect("it is told");
        assert_eq!(
            notice["detail"]["owners_left"],
            json!([crate::server::ADMIN])
        );
        assert_eq!(
            server.with_token(&session).get("/admin/v1/users").status,
            200
        );
    }
);

fn grant_owner(as_owner: &crate::server::Client, person: &Person<'_>) {
    as_owner
        .post(
            "/admin/v1/roles/assignments",
            &json!({"user_id": person.id, "role": "owner"}),
        )
        .expect(201);
}
