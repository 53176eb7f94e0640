//! Deleted people: kept, recovered, forgotten.

use portcullis::lifecycle::recovery;
use portcullis::scim::leniency::Dialect;
use portcullis::store::StoreError;
use serde_json::{Value, json};

use super::{hire, items, user};
use crate::people::{Leaver, PASSWORD, group, map_to_admin, patch_of};
use crate::server::TestServer;

const DAY: i64 = 86_400_000;

fn recover(server: &TestServer, id: &str) -> crate::server::Answer {
    server
        .admin()
        .post(&format!("/deleted-users/{id}/recover"), &Value::Null)
}

on_both_databases!(
    a_deleted_person_comes_back_as_they_were_but_inactive,
    |server| {
        let scim = server.scim();
        let ada = hire(&scim, "ada");
        let before = scim.get(&format!("/Users/{ada}")).expect(200);
        let version = before.text_at("/meta/version");
        scim.delete(&format!("/Users/{ada}")).expect(204);
        scim.get(&format!("/Users/{ada}")).expect(404);
        let found = scim.get("/Users?filter=userName eq \"ada\"").expect(200);
        assert_eq!(found.body["totalResults"], 0);

        let deleted = items(server, "/deleted-users");
        assert_eq!(deleted.len(), 1);
        let shown = &deleted[0];
        assert_eq!(shown["id"], ada);
        assert_eq!(shown["user_name"], "ada");
        assert_eq!(shown["was_active"], true);
        assert_eq!(shown["deleted_by"]["kind"], "scim_key");
        let one = server
            .admin()
            .get(&format!("/deleted-users/{ada}"))
            .expect(200);
        assert_eq!(&one.body, shown);
        let of =
            |directory: &str| items(server, &format!("/deleted-users?directory_id={directory}"));
        assert_eq!(of(&server.directory_id).len(), 1);
        assert_eq!(of("another").len(), 0);
        for (typed, number) in [("ADA", 1), ("da", 0), ("a_a", 0), ("%25", 0), ("", 1)] {
            let found = items(server, &format!("/deleted-users?search={typed}"));
            assert_eq!(found.len(), number, "{typed}");
        }

        let recovered = recover(server, &ada).expect(200);
        assert_eq!(recovered.body["user"]["id"], ada);
        assert_eq!(recovered.body["user"]["active"], false);
        let after = scim.get(&format!("/Users/{ada}")).expect(200);
        let mut expected = before.body.clone();
        expected["active"] = json!(false);
        expected["meta"]["version"] = after.body["meta"]["version"].clone();
        expected["meta"]["lastModified"] = after.body["meta"]["lastModified"].clone();
        assert_eq!(after.body, expected);
        assert_ne!(after.text_at("/meta/version"), version);
        let by_mail = scim
            .get("/Users?filter=emails.value eq \"ada@example.org\"")
            .expect(200);
        assert_eq!(by_mail.body["totalResults"], 1);
        assert_eq!(items(server, "/deleted-users").len(), 0);
        recover(server, &ada).expect(404);
        let events = items(
            server,
            &format!("/audit-events?target_id={ada}&action=user.recovered"),
        );
        assert_eq!(events.len(), 1);
        let activate = json!([{"op": "replace", "path": "active", "value": true}]);
        scim.patch(&format!("/Users/{ada}"), &patch_of(&activate))
            .expect(200);
    }
);

on_both_databases!(nothing_that_authenticated_them_comes_back, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    leaver.scim().delete(&leaver.person.path()).expect(204);
    let recovered = recover(server, &leaver.person.id).expect(200);
    assert_eq!(recovered.body["user"]["active"], false);
    leaver.assert_nothing_authenticates();
    leaver.assert_keys_are_orphaned("deleted");
    let path = format!("/users/{}", leaver.person.id);
    server
        .admin()
        .post(&format!("{path}/reactivate"), &Value::Null)
        .expect(200);
    leaver.assert_nothing_authenticates();
    leaver.assert_keys_are_orphaned("deleted");
    let shown = server.admin().get(&path).expect(200);
    assert_eq!(shown.body["roles"], json!([]));
    leaver.person.sign_in_with(PASSWORD).expect(401);
});

on_both_databases!(
    they_are_in_their_groups_again_but_in_none_that_gives_a_role,
    |server| {
        let scim = server.scim();
        let ada = hire(&scim, "ada");
        let plain = group(&scim, "Plain", &[&ada]);
        let gone = group(&scim, "Gone", &[&ada]);
        let inner = group(&scim, "Inner", &[&ada]);
        let mapped = group(&scim, "Mapped", &[&ada]);
        let around = group(&scim, "Around", &[&inner]);
        map_to_admin(server, &mapped);
        map_to_admin(server, &around);
        scim.delete(&format!("/Users/{ada}")).expect(204);
        scim.delete(&format!("/Groups/{gone}")).expect(204);
        let version = scim.get(&format!("/Groups/{plain}")).expect(200);
        assert_eq!(version.body["members"], Value::Null);

        let recovered = recover(server, &ada).expect(200).body;
        assert_eq!(recovered["groups"], json!([plain]));
        let mut left_out = vec![gone, inner, mapped];
        left_out.sort();
        assert_eq!(recovered["groups_left_out"], json!(left_out));
        let shown = scim.get(&format!("/Groups/{plain}")).expect(200);
        assert_eq!(shown.body["members"][0]["value"], ada);
        assert_ne!(
            shown.body["meta"]["version"],
            version.body["meta"]["version"]
        );
        server
            .admin()
            .post(&format!("/users/{ada}/reactivate"), &Value::Null)
            .expect(200);
        let roles = server.admin().get(&format!("/users/{ada}")).expect(200);
        assert_eq!(roles.body["roles"], json!([]));
    }
);

on_both_databases!(whose_name_is_taken_meanwhile_stays_deleted, |server| {
    let scim = server.scim();
    let ada = hire(&scim, "ada");
    scim.delete(&format!("/Users/{ada}")).expect(204);
    let again = hire(&scim, "ADA");
    let refused = recover(server, &ada).expect(409);
    assert!(
        refused.text_at("/detail").contains("userName"),
        "{}",
        refused.text
    );
    assert_eq!(items(server, "/deleted-users").len(), 1);

    let mut other = user("grace");
    other["externalId"] = json!("external ada");
    scim.delete(&format!("/Users/{again}")).expect(204);
    scim.post("/Users", &other).expect(201);
    let refused = recover(server, &ada).expect(409);
    assert!(
        refused.text_at("/detail").contains("externalId"),
        "{}",
        refused.text
    );
    scim.get(&format!("/Users/{ada}")).expect(404);
});

on_both_databases!(
    nobody_is_recovered_after_their_time_or_once_forgotten,
    |server| {
        let scim = server.scim();
        let [ada, grace] = ["ada", "grace"].map(|name| hire(&scim, name));
        for id in [&ada, &grace] {
            scim.delete(&format!("/Users/{id}")).expect(204);
        }
        let path = format!("/deleted-users/{ada}");
        server.admin().delete(&path).expect(204);
        server.admin().delete(&path).expect(404);
        server.admin().get(&path).expect(404);
        recover(server, &ada).expect(404);
        let forgotten = items(server, "/audit-events?action=deleted_user.forgotten");
        assert_eq!(
            forgotten[0]["target"],
            json!({"type": "User", "id": ada, "name": null})
        );

        server.clock.advance_millis(30 * DAY + 1);
        assert_eq!(items(server, "/deleted-users").len(), 0);
        server
            .admin()
            .get(&format!("/deleted-users/{grace}"))
            .expect(404);
        recover(server, &grace).expect(404);
        let now = server.clock.now();
        let forget = move |days: u32| {
            server
                .database
                .write_blocking(move |connection| recovery::forget_old(connection, days, now))
                .map_err(|error: StoreError| error.to_string())
                .expect("the database works")
        };
        assert_eq!(forget(60), 0);
        assert_eq!(forget(30), 1);
        assert_eq!(forget(30), 0);
    }
);

on_both_databases!(
    what_a_directory_has_deleted_goes_with_it_and_is_not_anothers,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let there = hire(&server.scim_with(&key), "ada");
        let here = hire(&server.scim(), "ada");
        server
            .scim_with(&key)
            .delete(&format!("/Users/{there}"))
            .expect(204);
        server.scim().delete(&format!("/Users/{here}")).expect(204);
        recover(server, &there).expect(200);
        server.scim().get(&format!("/Users/{there}")).expect(404);
        server
            .scim_with(&key)
            .delete(&format!("/Users/{there}"))
            .expect(204);
        server
            .admin()
            .delete(&format!("/directories/{directory}"))
            .expect(204);
        recover(server, &there).expect(404);
        recover(server, &here).expect(200);
    }
);

on_both_databases!(of_two_who_recover_somebody_one_does, |server| {
    let ada = hire(&server.scim(), "ada");
    server.scim().delete(&format!("/Users/{ada}")).expect(204);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| recover(server, &ada).status))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    let count = |status: u16| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(404)), (1, 3), "{statuses:?}");
});

on_both_databases!(
    many_deleted_people_come_back_together_or_not_at_all,
    |server| {
        let scim = server.scim();
        let [ada, bob, carl] = ["ada", "bob", "carl"].map(|name| hire(&scim, name));
        let team = group(&scim, "Team", &[&ada, &bob]);
        for id in [&ada, &bob, &carl] {
            scim.delete(&format!("/Users/{id}")).expect(204);
        }
        // Somebody else is called so by now.
        let other = user("carl");
        let other = scim.post("/Users", &other).expect(201).id();
        let admin = server.admin();
        let recover = |ids: &[&str]| admin.post("/deleted-users/recover", &json!({"ids": ids}));
        let refused = recover(&[&ada, &carl]).expect(409);
        assert!(
            refused.text.contains("carl") && refused.text.contains("userName"),
            "{}",
            refused.text
        );
        scim.get(&format!("/Users/{ada}")).expect(404);
        for ids in [vec![], vec![ada.as_str(), other.as_str()], vec!["x"; 1]] {
            recover(&ids).expect(422);
        }
        let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let refused = recover(&many).expect(422);
        assert!(refused.text.contains("at most 100"), "{}", refused.text);
        assert_eq!(items(server, "/deleted-users").len(), 3);

        // Each once, however often they are named.
        let back = recover(&[&bob, &ada, &ada]).expect(200).body;
        let back = back["items"].as_array().expect("a list");
        let mut expected = vec![ada.clone(), bob.clone()];
        expected.sort();
        let found: Vec<&str> = back
            .iter()
            .map(|one| one["user"]["id"].as_str().expect("an id"))
            .collect();
        assert_eq!(found, expected);
        for one in back {
            assert_eq!(one["user"]["active"], false);
            assert_eq!(one["groups"], json!([team]));
        }
        let forgotten = admin.post("/deleted-users/forget", &json!({"ids": [ada, carl]}));
        forgotten.expect(422);
        let forgotten = admin.post("/deleted-users/forget", &json!({"ids": [carl]}));
        assert_eq!(forgotten.expect(200).body, json!({"forgotten": 1}));
        assert_eq!(items(server, "/deleted-users").len(), 0);
        let recovered = items(server, "/audit-events?action=user.recovered");
        assert_eq!(recovered.len(), 2);
    }
);
