//! What expires is told some days before, once for each of those days, also after a restart.

use portcullis::credentials::expiry;
use portcullis::notices::expiry as notice;
use portcullis::store::credentials::Credential;
use portcullis::store::id::ResourceId;
use serde_json::{Value, json};

use super::{DAY, notices};
use crate::server::TestServer;

/// Looks for what expires, as the server does every few minutes.
fn look(server: &TestServer) -> usize {
    let now = server.clock.now();
    server
        .database
        .write_blocking(move |connection| expiry::tell(connection, now))
        .expect("the database works")
}

fn key(server: &TestServer, days: i64) -> String {
    let keys = format!("/directories/{}/scim-keys", server.directory_id);
    let body = json!({"name": "Nightly", "expires_in_days": days});
    server.admin().post(&keys, &body).expect(201).id()
}

fn told_of(server: &TestServer, kind: &str, id: &str) -> Vec<Value> {
    let mut found = notices(server, kind);
    found.retain(|notice| notice["detail"]["credential"]["id"] == id);
    found
}

on_both_databases!(
    a_key_is_told_of_30_14_7_and_1_days_before_its_end_and_at_it_once_each,
    |server| {
        let id = key(server, 60);
        let expected = [
            (29, 0),
            (1, 1),
            (15, 1),
            (1, 2),
            (6, 2),
            (1, 3),
            (6, 4),
            (1, 5),
            (1, 5),
        ];
        for (days, count) in expected {
            server.clock.advance_millis(days * DAY);
            // Again and again: a second node, or the same after a restart.
            for _ in 0..3 {
                look(server);
            }
            let told = told_of(server, "credential_expiring", &id).len()
                + told_of(server, "credential_expired", &id).len();
            assert_eq!(told, count);
        }
        let expiring = told_of(server, "credential_expiring", &id);
        let left: Vec<_> = expiring
            .iter()
            .map(|told| &told["detail"]["days_left"])
            .collect();
        assert_eq!(left, [1, 7, 14, 30]);
        let first = expiring.last().expect("it is there");
        let subject = first["subject"].as_str().expect("it is there");
        assert!(
            subject.contains("Nightly") && subject.contains("30 days"),
            "{subject}"
        );
        assert!(subject.contains("Identity provider"), "{subject}");
        assert_eq!(first["detail"]["directory"]["id"], server.directory_id);
        assert_eq!(first["detail"]["credential"]["last_used_at"], Value::Null);
        let steps = first["detail"]["what_to_do"].to_string();
        assert!(
            steps.contains(&format!("/admin/v1/scim-keys/{id}/rotate")),
            "{steps}"
        );
        assert_eq!(told_of(server, "credential_expired", &id).len(), 1);
    }
);

on_both_databases!(what_is_said_to_be_done_can_be_done, |server| {
    let admin = server.admin();
    let account = json!({"name": "Nightly", "purpose": "builds", "owner_id": server.admin_id});
    let account = admin.post("/service-accounts", &account).expect(201).id();
    let product = json!({"name": "Wiki", "scopes": ["read"]});
    let product = admin.post("/products", &product).expect(201).id();
    for made_at in [
        format!("/directories/{}/scim-keys", server.directory_id),
        "/api-keys".to_owned(),
        format!("/service-accounts/{account}/tokens"),
        format!("/products/{product}/credentials"),
    ] {
        let mut new = json!({"name": "Ending", "expires_in_days": 40});
        if made_at == "/api-keys" {
            new["scopes"] = json!(["users:read"]);
        }
        let id = admin.post(&made_at, &new).expect(201).id();
        server.clock.advance_millis(12 * DAY);
        look(server);
        let told = told_of(server, "credential_expiring", &id);
        let steps = told[0]["detail"]["what_to_do"][0].as_str().expect("a step");
        let path = steps
            .split_once("POST /admin/v1")
            .and_then(|(_, rest)| rest.split([',', '.']).next())
            .expect("it names a call");
        admin.post(path, &json!({})).expect(201);
    }
});

on_both_databases!(
    a_server_that_was_down_tells_what_holds_now_and_not_what_it_has_missed,
    |server| {
        let id = key(server, 60);
        server.clock.advance_millis(55 * DAY);
        look(server);
        look(server);
        let told = told_of(server, "credential_expiring", &id);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["detail"]["days_left"], 5);
    }
);

on_both_databases!(
    nobody_is_told_of_what_is_short_by_intent_replaced_or_revoked,
    |server| {
        let short = key(server, 7);
        let (replaced, revoked) = (key(server, 60), key(server, 60));
        look(server);
        assert!(told_of(server, "credential_expiring", &short).is_empty());
        let admin = server.admin();
        admin
            .post(&format!("/scim-keys/{replaced}/rotate"), &json!({}))
            .expect(201);
        admin.delete(&format!("/scim-keys/{revoked}")).expect(204);
        server.clock.advance_millis(59 * DAY);
        look(server);
        for id in [&replaced, &revoked] {
            assert!(told_of(server, "credential_expiring", id).is_empty());
        }
        server.clock.advance_millis(30 * DAY);
        look(server);
        for id in [&short, &replaced, &revoked] {
            assert!(told_of(server, "credential_expired", id).is_empty());
        }
    }
);

on_both_databases!(the_end_of_a_persons_token_is_for_that_person, |server| {
    let user = json!({"schemas": [crate::people::USER_SCHEMA], "userName": "ada"});
    let person = server.scim().post("/Users", &user).expect(201).id();
    let (owner, now) = (ResourceId::new(person.clone()), server.clock.now());
    let actor = portcullis::audit::Actor {
        person_id: Some(owner.clone()),
        ..portcullis::audit::Actor::command_line()
    };
    let token = server
        .database
        .write_blocking(move |connection| {
            use portcullis::credentials::{NewCredential, issue};
            use portcullis::secret::SecretKind;
            let mut new = NewCredential::new(SecretKind::UserToken, "Mine");
            new.owner_id = Some(owner.clone());
            new.expires_in_days = Some(40);
            issue(connection, &new, &actor, now).map(|issued| issued.credential.id.to_string())
        })
        .expect("a token can be issued");
    server.clock.advance_millis(12 * DAY);
    look(server);
    let told = told_of(server, "token_expiring", &token);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["user_id"], person);
    assert!(notices(server, "credential_expiring").is_empty());
});

on_both_databases!(
    each_credential_has_days_of_its_own_whatever_those_of_others,
    |server| {
        let (early, late) = (key(server, 60), key(server, 60));
        let look = |days: i64| {
            server.clock.advance_millis(days * DAY);
            for _ in 0..3 {
                let (now, early) = (server.clock.now(), early.clone());
                server
                    .database
                    .write_blocking(move |connection| {
                        let of = |credential: &Credential| {
                            if credential.id.as_str() == early {
                                vec![40, 20]
                            } else {
                                vec![10]
                            }
                        };
                        let days = notice::Days {
                            any: &[40, 20, 15, 10],
                            of: &|_, credential| Ok(of(credential)),
                        };
                        notice::tell(connection, &days, now)
                    })
                    .expect("the database works");
            }
            [&early, &late].map(|id| told_of(server, "credential_expiring", id).len())
        };
        assert_eq!(look(20), [1, 0]);
        assert_eq!(look(19), [1, 0]);
        // Nobody looked when 20 days were left.
        assert_eq!(look(9), [2, 0]);
        assert_eq!(look(3), [2, 1]);
        assert_eq!(look(8), [2, 1]);
        look(1);
        for id in [&early, &late] {
            assert_eq!(told_of(server, "credential_expired", id).len(), 1);
        }
    }
);
