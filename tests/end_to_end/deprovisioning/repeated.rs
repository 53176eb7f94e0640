//! P1: a repeated request runs the whole cascade again; an ordinary edit revokes nothing.

use portcullis::audit::Actor;
use portcullis::clock::Timestamp;
use portcullis::credentials::Credential;
use portcullis::secret::{PlainSecret, SecretKind};
use portcullis::store::id::{CredentialId, ResourceId};
use portcullis::store::{StoreError, credentials};
use serde_json::{Value, json};

use super::records::cascades_of;
use super::{WAYS, Way};
use crate::people::{Leaver, USER_SCHEMA, group, patch_of};
use crate::server::TestServer;

/// Puts a token and a key of somebody who has left into the database, as no door does.
fn slip_in(server: &TestServer, person: &str) -> [CredentialId; 2] {
    let person = ResourceId::new(person);
    let now = server.clock.now();
    let token = Credential {
        owner_id: Some(person.clone()),
        ..credential(SecretKind::UserToken, now)
    };
    let key = Credential {
        created_by: Some(credentials::Creator {
            id: person,
            user_name: None,
            display_name: None,
        }),
        ..credential(SecretKind::AdminKey, now)
    };
    let ids = [token.id.clone(), key.id.clone()];
    server
        .database
        .write_blocking(move |connection| {
            for credential in [&token, &key] {
                let secret = PlainSecret::generate(credential.kind).expect("random numbers");
                credentials::insert(connection, credential, &secret.hash())?;
            }
            Ok::<_, StoreError>(())
        })
        .expect("the database works");
    ids
}

fn credential(kind: SecretKind, now: Timestamp) -> Credential {
    let secret = PlainSecret::generate(kind).expect("random numbers");
    let name = "Slipped in".to_owned();
    Credential::new(&secret, name, None, now, now.plus_days(1))
}

fn stored(server: &TestServer, id: &CredentialId) -> Credential {
    server
        .database
        .read_now(|connection| credentials::find(connection, id))
        .expect("the database works")
        .expect("the credential is kept")
}

/// The ways that can be gone twice: what is deleted is not there to be deleted again.
fn repeatable() -> impl Iterator<Item = &'static Way> {
    WAYS.iter().filter(|way| way.reason == super::DEACTIVATED)
}

on_both_databases!(
    a_repeated_deactivation_runs_the_whole_cascade_again,
    |server| {
        let leaver = Leaver::arrange(server, "twice");
        patch_active(&leaver, false);
        for way in repeatable() {
            let [token, key] = slip_in(server, &leaver.person.id);
            let before = cascades_of(server, &leaver.person.id).len();

            if way.by_admin {
                // Not the way's own: it expects everything to be there still.
                let path = format!("/users/{}/deprovision", leaver.person.id);
                server.admin().post(&path, &Value::Null).expect(200);
            } else {
                (way.leave)(server, &leaver);
            }

            let token = stored(server, &token);
            assert!(token.revoked_at.is_some(), "{}", way.name);
            assert_eq!(token.revoked_reason.as_deref(), Some("deactivated"));
            assert!(stored(server, &key).orphaned_at.is_some(), "{}", way.name);
            let cascades = cascades_of(server, &leaver.person.id);
            assert_eq!(cascades.len(), before + 1, "{}", way.name);
            let receipt = &cascades[before].receipt;
            assert_eq!(receipt["revoked"], json!({"user_token": 1}), "{}", way.name);
            assert_eq!(receipt["orphaned"], json!({"api_key": 1}), "{}", way.name);
        }
    }
);

on_both_databases!(
    a_repeated_deactivation_that_ends_nothing_is_not_recorded_again,
    |server| {
        let leaver = Leaver::arrange(server, "again");
        patch_active(&leaver, false);
        let recorded = cascades_of(server, &leaver.person.id);
        assert_eq!(recorded.len(), 1);

        for way in repeatable().filter(|way| !way.by_admin) {
            (way.leave)(server, &leaver);
        }

        assert_eq!(cascades_of(server, &leaver.person.id), recorded);
    }
);

// An adopted key has somebody who looks after it, however often its first maker leaves.
on_both_databases!(
    a_repeated_deactivation_flags_no_key_that_was_adopted,
    |server| {
        let leaver = Leaver::arrange(server, "adopted");
        patch_active(&leaver, false);
        let admin = server.admin();
        let adopt = format!("/scim-keys/{}/adopt", leaver.scim_key.id);
        let adopted = admin.post(&adopt, &Value::Null).expect(200);
        assert_eq!(adopted.body["orphaned_at"], Value::Null);
        assert_eq!(adopted.body["created_by"]["id"], server.admin_id.as_str());
        // The command line is nobody's credential, and can adopt too.
        let api_key = CredentialId::new(leaver.api_key.id.clone());
        let now = server.clock.now();
        let id = api_key.clone();
        server
            .database
            .write_blocking(move |connection| {
                let actor = Actor::command_line();
                portcullis::credentials::keys::adopt(
                    connection,
                    SecretKind::AdminKey,
                    &id,
                    &actor,
                    now,
                )
            })
            .expect("an orphan can be adopted at the command line");

        patch_active(&leaver, false);

        let scim_key = CredentialId::new(leaver.scim_key.id.clone());
        assert_eq!(stored(server, &scim_key).orphaned_at, None);
        assert_eq!(stored(server, &api_key).orphaned_at, None);
    }
);

fn patch_active(leaver: &Leaver<'_>, active: bool) {
    let operation = json!([{"op": "replace", "value": {"active": active}}]);
    leaver
        .scim()
        .patch(&leaver.person.path(), &patch_of(&operation))
        .expect(200);
}

on_both_databases!(
    ordinary_edits_and_a_repeated_put_of_what_was_read_revoke_nothing,
    |server| {
        let leaver = Leaver::arrange(server, "stays");
        let (scim, path) = (leaver.scim(), leaver.person.path());
        let change = |operation: Value| {
            scim.patch(&path, &patch_of(&json!([operation])))
                .expect(200);
        };

        change(json!({"op": "replace", "path": "displayName", "value": "Renamed"}));
        change(json!({"op": "replace", "path": "userName", "value": "renamed@example.org"}));
        change(json!({"op": "replace", "path": "active", "value": true}));
        change(json!({"op": "Replace", "path": "active", "value": "True"}));
        change(json!({"op": "remove", "path": "emails"}));
        change(json!({"op": "remove", "path": "active"}));
        for _ in 0..3 {
            let read = scim.get(&path).expect(200).body;
            scim.put(&path, &read).expect(200);
        }
        let bare = json!({"schemas": [USER_SCHEMA], "userName": leaver.person.user_name});
        scim.put(&path, &bare).expect(200);
        group(&scim, "One more", &[&leaver.person.id]);
        // Refused requests change nothing (P12).
        let bad = patch_of(&json!([
            {"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "noSuchAttribute[", "value": "x"},
        ]));
        scim.patch(&path, &bad).expect(400);
        let stale = [("If-Match", "W/\"1\"")];
        let leave = patch_of(&json!([{"op": "replace", "value": {"active": false}}]));
        scim.send("PATCH", &path, &stale, &leave).expect(412);
        scim.request("DELETE", &path, &stale, b"").expect(412);
        let meaningless =
            patch_of(&json!([{"op": "replace", "path": "active", "value": "perhaps"}]));
        scim.patch(&path, &meaningless).expect(400);

        leaver.assert_everything_works();
        assert_eq!(cascades_of(server, &leaver.person.id), []);
    }
);
