//! The alarm for mass deprovisioning.

use portcullis::lifecycle::alarm::look_again;
use portcullis::store::id::{DirectoryId, ResourceId};
use portcullis::store::{StoreError, deprovisioning_counts};
use serde_json::{Value, json};

use super::{hire, items};
use crate::people::patch_of;
use crate::server::{Answer, Client, TestServer};

const HOUR: i64 = 3_600_000;
const PATH: &str = "/alarms/mass-deprovisioning";

fn alarms(server: &TestServer) -> Vec<Value> {
    let notices = items(server, "/notices?limit=1000").into_iter();
    notices
        .filter(|notice| notice["kind"] == "mass_deprovisioning")
        .collect()
}

fn people(client: &Client, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| hire(client, &format!("person{number}")))
        .collect()
}

fn deactivate(client: &Client, id: &str) {
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    client
        .patch(&format!("/Users/{id}"), &patch_of(&operations))
        .expect(200);
}

on_both_databases!(
    the_leaver_who_crosses_the_line_alarms_once_an_hour,
    |server| {
        let scim = server.scim();
        let all = people(&scim, 30);
        for id in &all[..9] {
            deactivate(&scim, id);
        }
        // Asked for again, or deleted after that: they have left once.
        deactivate(&scim, &all[0]);
        scim.delete(&format!("/Users/{}", all[1])).expect(204);
        assert_eq!(alarms(server).len(), 0);

        scim.delete(&format!("/Users/{}", all[9])).expect(204);
        let alarmed = alarms(server);
        assert_eq!(alarmed.len(), 1);
        assert_eq!(alarmed[0]["directory_id"], server.directory_id);
        let detail = &alarmed[0]["detail"];
        assert_eq!(detail["deprovisioned"], 10);
        assert_eq!(detail["people"], 29);
        assert_eq!(detail["directory"]["name"], crate::server::DIRECTORY);
        for id in &all[10..15] {
            deactivate(&scim, id);
        }
        assert_eq!(alarms(server).len(), 1, "once an hour");

        server.clock.advance_millis(HOUR + 300_000);
        for id in &all[15..24] {
            deactivate(&scim, id);
        }
        assert_eq!(alarms(server).len(), 1, "those before are an hour ago");
        deactivate(&scim, &all[24]);
        assert_eq!(alarms(server).len(), 2);
    }
);

on_both_databases!(the_line_is_set_for_the_deployment, |server| {
    let admin = server.admin();
    let default = json!({"percent": 10, "people": 10});
    assert_eq!(admin.get(PATH).expect(200).body, default);
    for change in [
        json!({"percent": 101}),
        json!({"percent": -1}),
        json!({"people": 0}),
        json!({"other": 1}),
    ] {
        admin.patch(PATH, &change).expect(422);
    }
    let changed = admin
        .patch(PATH, &json!({"people": 2, "percent": 50}))
        .expect(200);
    assert_eq!(changed.body, json!({"percent": 50, "people": 2}));
    assert_eq!(admin.get(PATH).expect(200).body, changed.body);
    let recorded = items(server, "/audit-events?action=alarm_threshold.set");
    assert_eq!(recorded.len(), 1);

    let scim = server.scim();
    let all = people(&scim, 4);
    deactivate(&scim, &all[0]);
    deactivate(&scim, &all[1]);
    assert_eq!(alarms(server).len(), 0, "half is not more than half");
    deactivate(&scim, &all[2]);
    assert_eq!(alarms(server).len(), 1);
});

on_both_databases!(
    those_who_left_at_the_same_moment_are_seen_a_little_later,
    |server| {
        people(&server.scim(), 12);
        let directory = DirectoryId::new(server.directory_id.clone());
        let now = server.clock.now();
        let look = || {
            server
                .database
                .write_blocking(move |connection| look_again(connection, now))
                .map_err(|error: StoreError| error.to_string())
                .expect("the database works");
        };
        // As they would be counted by transactions that do not see each other.
        server
            .database
            .write_blocking(move |connection| {
                for _ in 0..10 {
                    let person = ResourceId::generate();
                    deprovisioning_counts::add(connection, &directory, &person, now)?;
                }
                Ok::<_, StoreError>(())
            })
            .expect("the database works");
        look();
        look();
        assert_eq!(alarms(server).len(), 1);
    }
);

on_both_databases!(
    a_role_that_is_lost_or_a_directory_that_is_removed_alarms_nobody,
    |server| {
        server
            .admin()
            .patch(PATH, &json!({"people": 1, "percent": 0}))
            .expect(200);
        let (directory, key) = server.new_directory(portcullis::scim::leniency::Dialect::Lenient);
        let scim = server.scim_with(&key);
        let ada = hire(&scim, "ada");
        server
            .admin()
            .post(
                "/roles/assignments",
                &json!({"user_id": ada, "role": "auditor"}),
            )
            .expect(201);
        server
            .admin()
            .delete(&format!("/roles/assignments/{ada}/auditor"))
            .expect(204);
        server
            .admin()
            .delete(&format!("/directories/{directory}"))
            .expect(204);
        assert_eq!(alarms(server).len(), 0);
        deactivate(&server.scim(), &hire(&server.scim(), "grace"));
        assert_eq!(alarms(server).len(), 1);
    }
);

/// Lifts the alarm that was raised then.
fn lift(server: &TestServer, alarmed_at: &Value) -> Answer {
    let path = format!("/directories/{}/alarm/lift", server.directory_id);
    server
        .admin()
        .post(&path, &json!({"alarmed_at": alarmed_at}))
}

on_both_databases!(
    an_alarm_is_raised_until_an_admin_lifts_the_one_that_they_have_seen,
    |server| {
        let admin = server.admin();
        let scim = server.scim();
        let all = people(&scim, 26);
        let path = format!("/directories/{}/alarm", server.directory_id);
        let quiet = json!({
            "deprovisioned": 0,
            "people": 26,
            "alarms_at": 10,
            "raised": false,
            "alarmed_at": null,
            "lifted_at": null,
        });
        assert_eq!(admin.get(&path).expect(200).body, quiet);
        let earlier = json!("2020-01-31T12:00:00.000Z");
        lift(server, &earlier).expect(409);
        for id in &all[..10] {
            deactivate(&scim, id);
        }
        let raised = admin.get(&path).expect(200).body;
        assert_eq!(
            raised,
            json!({
                "deprovisioned": 10,
                "people": 26,
                "alarms_at": 10,
                "raised": true,
                "alarmed_at": alarms(server)[0]["at"],
                "lifted_at": null,
            })
        );
        // Another alarm than the one that stands, or none at all.
        let refused = lift(server, &earlier).expect(409);
        assert_eq!(
            refused.body["detail"],
            "the alarm of 2020-01-31T12:00:00.000Z is not the one that stands now: look at the directory again"
        );
        for nothing in [Value::Null, json!(""), json!("yesterday"), json!(1)] {
            lift(server, &nothing).expect(422);
        }
        assert_eq!(admin.get(&path).expect(200).body, raised);

        let lifted = lift(server, &raised["alarmed_at"]).expect(200).body;
        let mut expected = raised.clone();
        expected["deprovisioned"] = json!(0);
        expected["raised"] = json!(false);
        expected["lifted_at"] = lifted["lifted_at"].clone();
        assert_eq!(lifted, expected);
        assert!(lifted["lifted_at"].as_str() >= raised["alarmed_at"].as_str());
        // Again, which changes nothing.
        server.clock.advance_millis(60_000);
        assert_eq!(lift(server, &raised["alarmed_at"]).expect(200).body, lifted);
        let recorded = items(server, "/audit-events?action=alarm.lifted");
        assert_eq!(recorded.len(), 1);
        assert_eq!(recorded[0]["target"]["id"], server.directory_id);
        assert_eq!(recorded[0]["directory_id"], server.directory_id);
        assert_eq!(
            recorded[0]["detail"],
            json!({"alarmed_at": raised["alarmed_at"]})
        );
        let nowhere = format!("/directories/{}/alarm", ResourceId::generate());
        admin.get(&nowhere).expect(404);
        admin
            .post(&format!("{nowhere}/lift"), &json!({"alarmed_at": earlier}))
            .expect(404);
    }
);

on_both_databases!(
    leavers_are_counted_anew_once_an_alarm_is_lifted_and_raise_another_within_the_hour,
    |server| {
        let admin = server.admin();
        let scim = server.scim();
        let all = people(&scim, 40);
        let path = format!("/directories/{}/alarm", server.directory_id);
        let standing = || admin.get(&path).expect(200).body;
        for id in &all[..10] {
            deactivate(&scim, id);
        }
        let first = standing()["alarmed_at"].clone();
        server.clock.advance_millis(1_000);
        lift(server, &first).expect(200);
        for id in &all[10..19] {
            deactivate(&scim, id);
        }
        let quiet = standing();
        assert_eq!(
            (&quiet["raised"], &quiet["deprovisioned"]),
            (&json!(false), &json!(9))
        );
        assert_eq!(alarms(server).len(), 1);
        deactivate(&scim, &all[19]);
        let anew = standing();
        assert_eq!(
            (&anew["raised"], &anew["lifted_at"]),
            (&json!(true), &Value::Null)
        );
        assert_ne!(anew["alarmed_at"], first);
        assert_eq!(alarms(server).len(), 2);
        // Whoever has seen the first alone lifts neither.
        lift(server, &first).expect(409);
        assert_eq!(standing(), anew);
        // And while it stands, it is told of once an hour.
        for id in &all[20..30] {
            deactivate(&scim, id);
        }
        assert_eq!(alarms(server).len(), 2);
        lift(server, &anew["alarmed_at"]).expect(200);
        assert_eq!(standing()["raised"], false);

        server.clock.advance_millis(HOUR + 300_000);
        for id in &all[30..] {
            deactivate(&scim, id);
        }
        assert_eq!(standing()["raised"], true);
        assert_eq!(alarms(server).len(), 3);
    }
);
