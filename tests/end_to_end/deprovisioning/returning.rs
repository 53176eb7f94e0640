//! P4: nothing comes back with the person. P6: who they were stays known.

use serde_json::{Value, json};

use crate::people::{Leaver, PASSWORD, Person, USER_SCHEMA, patch_of};
use crate::server::TestServer;

/// A way to make somebody active again.
type Reactivate = fn(&TestServer, &Leaver<'_>);

fn deactivate(leaver: &Leaver<'_>) {
    let operation = json!([{"op": "replace", "value": {"active": false}}]);
    leaver
        .scim()
        .patch(&leaver.person.path(), &patch_of(&operation))
        .expect(200);
}

/// Whether they count as active; SCIM shows nothing where the attribute was taken away.
#[track_caller]
fn assert_is_inactive(leaver: &Leaver<'_>, after: &str) {
    let admin = leaver.person.server.admin();
    let path = format!("/users/{}", leaver.person.id);
    let shown = admin.get(&path).expect(200);
    assert_eq!(shown.body["active"], false, "{after}");
    let over_scim = leaver.scim().get(&leaver.person.path()).expect(200);
    assert_ne!(over_scim.body["active"], true, "{after}");
    admin
        .post(&format!("{path}/password-link"), &json!({}))
        .expect(409);
}

/// What a person has, who is there again but has been given nothing.
fn assert_nothing_came_back(leaver: &Leaver<'_>, person: &Person<'_>, reason: &str) {
    leaver.assert_nothing_authenticates();
    leaver.assert_keys_are_orphaned(reason);
    leaver.assert_keys_work();
    let server = person.server;
    let shown = server
        .admin()
        .get(&format!("/users/{}", person.id))
        .expect(200);
    assert_eq!(shown.body["active"], true);
    assert_eq!(shown.body["roles"], json!([]), "the granted role is gone");
    let tokens = server
        .admin()
        .get(&format!("/users/{}/tokens", leaver.person.id));
    for token in tokens.body["items"].as_array().into_iter().flatten() {
        assert_eq!(token["status"], "revoked");
    }
    // They begin anew, without their old rights.
    person
        .set_password(&person.password_link(), PASSWORD)
        .expect(204);
    let session = person.sign_in();
    person.create_token(&session, &json!({"name": "New"}));
    server
        .with_token(&session)
        .get("/admin/v1/directories")
        .expect(403);
    for token in &leaver.tokens {
        assert_eq!(leaver.introspect(token), json!({"active": false}));
    }
    leaver.assert_sessions_have_ended();
    leaver.assert_keys_are_orphaned(reason);
}

on_both_databases!(reactivation_revives_nothing, |server| {
    let ways: [(&str, Reactivate); 4] = [
        ("PATCH", |_, leaver| {
            let operation = json!([{"op": "replace", "path": "active", "value": true}]);
            leaver
                .scim()
                .patch(&leaver.person.path(), &patch_of(&operation))
                .expect(200);
        }),
        ("PATCH as Entra sends it", |_, leaver| {
            let operation = json!([{"op": "Add", "value": {"active": "True"}}]);
            leaver
                .scim()
                .patch(&leaver.person.path(), &patch_of(&operation))
                .expect(200);
        }),
        ("PUT", |_, leaver| {
            let mut body = leaver.scim().get(&leaver.person.path()).expect(200).body;
            body["active"] = json!(true);
            leaver.scim().put(&leaver.person.path(), &body).expect(200);
        }),
        ("an admin", |server, leaver| {
            let path = format!("/users/{}/reactivate", leaver.person.id);
            server.admin().post(&path, &Value::Null).expect(200);
        }),
    ];
    for (number, (name, reactivate)) in ways.into_iter().enumerate() {
        println!("{name}");
        let leaver = Leaver::arrange(server, &format!("returner{number}"));
        deactivate(&leaver);

        reactivate(server, &leaver);

        assert_nothing_came_back(&leaver, &leaver.person, "deactivated");
    }
});

on_both_databases!(recreation_revives_nothing, |server| {
    let leaver = Leaver::arrange(server, "recreated");
    leaver.scim().delete(&leaver.person.path()).expect(204);

    let again = Person::create(
        server,
        &leaver.person.directory_id,
        &leaver.scim_key.secret,
        "recreated",
    );

    assert_eq!(again.user_name, leaver.person.user_name);
    assert_ne!(again.id, leaver.person.id);
    assert_nothing_came_back(&leaver, &again, "deleted");
});

on_both_databases!(nothing_but_active_itself_reactivates, |server| {
    let leaver = Leaver::arrange(server, "inactive");
    let (scim, path) = (leaver.scim(), leaver.person.path());
    deactivate(&leaver);
    let user_name = &leaver.person.user_name;
    let puts = [
        json!({"schemas": [USER_SCHEMA], "userName": user_name}),
        json!({"schemas": [USER_SCHEMA], "userName": user_name, "active": null}),
        json!({"schemas": [USER_SCHEMA], "userName": user_name, "active": []}),
        json!({"schemas": [USER_SCHEMA], "userName": user_name, "displayName": "Renamed"}),
    ];
    for body in puts {
        let answer = scim.put(&path, &body);
        assert!([200, 400].contains(&answer.status), "{}", answer.text);
        assert_is_inactive(&leaver, &format!("PUT {body}"));
    }
    let patches = [
        json!({"op": "remove", "path": "active"}),
        json!({"op": "replace", "path": "active", "value": null}),
        json!({"op": "replace", "value": {"active": null}}),
        json!({"op": "replace", "value": {"displayName": "Renamed again"}}),
        json!({"op": "add", "path": "active", "value": "perhaps"}),
        json!({"op": "add", "path": "active", "value": 1}),
    ];
    for operation in patches {
        let answer = scim.patch(&path, &patch_of(&json!([operation])));
        assert!([200, 400].contains(&answer.status), "{}", answer.text);
        assert_is_inactive(&leaver, &format!("PATCH {operation}"));
    }
    leaver.assert_nothing_authenticates();
});

on_both_databases!(
    who_made_a_key_stays_known_after_they_are_deleted,
    |server| {
        let leaver = Leaver::arrange(server, "remembered");
        // The snapshot is of when the key was made.
        let rename = json!([{"op": "replace", "path": "displayName", "value": "Somebody else"}]);
        leaver
            .scim()
            .patch(&leaver.person.path(), &patch_of(&rename))
            .expect(200);

        leaver.scim().delete(&leaver.person.path()).expect(204);

        leaver.assert_keys_are_orphaned("deleted");
        let admin = server.admin();
        for (path, kind) in [
            (format!("/scim-keys/{}", leaver.scim_key.id), "scim_key"),
            (format!("/api-keys/{}", leaver.api_key.id), "api_key"),
        ] {
            let key = admin.get(&path).expect(200);
            assert_eq!(key.body["kind"], kind);
            assert_eq!(key.body["created_by"]["user_name"], leaver.person.user_name);
            assert_eq!(
                key.body["created_by"]["display_name"],
                leaver.person.display_name
            );
        }
        let created = admin
            .get(&format!(
                "/audit-events?action=credential.created&target_id={}",
                leaver.scim_key.id
            ))
            .expect(200);
        assert_eq!(
            created.body["items"][0]["actor"]["user_id"],
            leaver.person.id
        );
        assert_eq!(
            created.body["items"][0]["actor"]["name"],
            leaver.person.display_name
        );
        let deleted = admin
            .get(&format!(
                "/audit-events?action=resource.deleted&target_id={}",
                leaver.person.id
            ))
            .expect(200);
        assert_eq!(deleted.body["items"][0]["target"]["name"], "Somebody else");
        // The key that removed its own maker is named as what it is.
        assert_eq!(
            deleted.body["items"][0]["actor"]["credential_id"],
            leaver.scim_key.id
        );
        assert_eq!(deleted.body["items"][0]["actor"]["name"], "Synchronisation");
    }
);
