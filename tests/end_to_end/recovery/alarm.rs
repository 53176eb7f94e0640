//! The alarm for mass deprovisioning.

use portcullis::lifecycle::alarm::look_again;
use portcullis::store::id::{DirectoryId, ResourceId};
use portcullis::store::{StoreError, deprovisioning_counts};
use serde_json::{Value, json};

use super::{hire, items};
use crate::people::patch_of;
use crate::server::{Client, TestServer};

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

on_both_databases!(
    an_alarm_is_raised_until_an_admin_lifts_it_and_is_raised_anew_an_hour_later,
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
        let lift = format!("{path}/lift");
        assert_eq!(admin.post(&lift, &Value::Null).expect(200).body, quiet);
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
        let lifted = admin.post(&lift, &Value::Null).expect(200).body;
        assert_eq!(
            (&lifted["raised"], &lifted["alarmed_at"]),
            (&json!(false), &raised["alarmed_at"])
        );
        assert!(lifted["lifted_at"].as_str() >= raised["alarmed_at"].as_str());
        // Again, which changes nothing; and more leavers of the same hour raise no other.
        server.clock.advance_millis(60_000);
        assert_eq!(admin.post(&lift, &Value::Null).expect(200).body, lifted);
        deactivate(&scim, &all[10]);
        assert_eq!(admin.get(&path).expect(200).body["raised"], false);
        let recorded = items(server, "/audit-events?action=alarm.lifted");
        assert_eq!(recorded.len(), 1);
        assert_eq!(recorded[0]["target"]["id"], server.directory_id);
        assert_eq!(recorded[0]["directory_id"], server.directory_id);

        server.clock.advance_millis(HOUR + 300_000);
        for id in &all[11..21] {
            deactivate(&scim, id);
        }
        let anew = admin.get(&path).expect(200).body;
        assert_eq!(
            (&anew["raised"], &anew["lifted_at"]),
            (&json!(true), &Value::Null)
        );
        let nowhere = format!("/directories/{}/alarm", ResourceId::generate());
        admin.get(&nowhere).expect(404);
        admin
            .post(&format!("{nowhere}/lift"), &Value::Null)
            .expect(404);
    }
);
