//! P3, P9: what leavers have left is adopted, rotated and revoked many at once, all of it or nothing.

use std::sync::Barrier;

use jsonwebtoken::Algorithm;
use portcullis::clock::Timestamp;
use serde_json::{Value, json};

use crate::machine::program::Pair;
use crate::people::{Key, Leaver};
use crate::server::{Answer, Client, TestServer};

/// Somebody who has left three keys of three kinds.
fn left<'a>(server: &'a TestServer, name: &str) -> Leaver<'a> {
    let leaver = Leaver::arrange(server, name);
    leaver.scim().delete(&leaver.person.path()).expect(204);
    leaver
}

/// The keys that somebody has left, in the order in which they made them.
fn ids(leaver: &Leaver<'_>) -> [String; 3] {
    [&leaver.scim_key, &leaver.api_key, &leaver.product_key].map(|key| key.id.clone())
}

fn all(server: &TestServer, action: &str, body: &Value) -> Answer {
    let path = format!("/orphaned-keys/{action}");
    server.admin().post(&path, body)
}

/// Which orphans there are, the eldest first.
fn orphans(server: &TestServer) -> Vec<String> {
    each(&server.admin().get("/orphaned-keys").expect(200), "id")
}

/// A member of each of the items.
fn each(answer: &Answer, member: &str) -> Vec<String> {
    let items = answer.body["items"].as_array().expect("a list");
    let text = |item: &Value| item[member].as_str().map(str::to_owned);
    items.iter().filter_map(text).collect()
}

/// The identifiers of what happened so, the eldest first.
fn audited(server: &TestServer, action: &str) -> Vec<Value> {
    let path = format!("/audit-events?action={action}&limit=1000");
    let events = server.admin().get(&path).expect(200);
    let items = events.body["items"].as_array().expect("a list");
    let mut targets: Vec<Value> = items
        .iter()
        .map(|event| event["target"]["id"].clone())
        .collect();
    targets.sort_by_key(ToString::to_string);
    targets
}

on_both_databases!(many_orphans_are_adopted_at_once, |server| {
    let leaver = left(server, "leaver");
    let ids = ids(&leaver);
    let backwards: Vec<_> = ids.iter().rev().collect();
    let adopted = all(server, "adopt", &json!({"ids": backwards})).expect(200);
    assert_eq!(each(&adopted, "id"), ids);
    for item in adopted.body["items"].as_array().expect("a list") {
        assert_eq!(item["orphaned_at"], Value::Null);
        assert_eq!(item["created_by"]["id"], server.admin_id.as_str());
        assert_eq!(item["status"], "active");
    }
    assert_eq!(adopted.body.as_object().map(serde_json::Map::len), Some(1));
    assert_eq!(orphans(server), Vec::<String>::new());
    leaver.assert_keys_work();
    assert_eq!(audited(server, "credential.adopted"), ids);
    let again = all(server, "adopt", &json!({"ids": ids})).expect(409);
    let detail = again.text_at("/detail");
    assert!(
        detail.contains(&ids[0]) && detail.contains("not orphaned"),
        "{detail}"
    );
});

on_both_databases!(many_orphans_are_rotated_at_once, |server| {
    let leaver = left(server, "leaver");
    let ids = ids(&leaver);
    // One that is named twice is rotated once.
    let named = json!([ids[0], ids[1], ids[2], ids[0]]);
    let body = json!({"ids": named, "overlap_hours": 0, "expires_in_days": 30});
    let rotated = all(server, "rotate", &body).expect(201);
    assert_eq!(rotated.header("cache-control"), Some("no-store"));
    assert_eq!(each(&rotated, "predecessor_id"), ids);
    for item in rotated.body["items"].as_array().expect("a list") {
        assert_eq!(item["created_by"]["id"], server.admin_id.as_str());
        let made = item["created_at"]
            .as_str()
            .and_then(Timestamp::parse_rfc3339);
        let expires = made.expect("a time").plus_days(30).to_rfc3339();
        assert_eq!(item["expires_at"], expires.as_str());
    }
    assert_eq!(orphans(server), Vec::<String>::new());
    assert_eq!(audited(server, "credential.rotated"), ids);
    // Without an overlap what there was has ended, and the successors work.
    leaver.scim().get("/Users?count=0").expect(401);
    let secrets = each(&rotated, "secret");
    server
        .scim_with(&secrets[0])
        .get("/Users?count=0")
        .expect(200);
    server
        .with_token(&secrets[1])
        .get("/admin/v1/directories")
        .expect(200);
});

on_both_databases!(many_orphans_are_revoked_at_once, |server| {
    let leaver = left(server, "leaver");
    let stays = left(server, "another");
    let ids = ids(&leaver);
    let revoked = all(server, "revoke", &json!({"ids": ids})).expect(200);
    assert_eq!(revoked.body, json!({"revoked": 3}));
    leaver.scim().get("/Users?count=0").expect(401);
    let key = server.admin().get(&format!("/api-keys/{}", ids[1]));
    assert_eq!(key.expect(200).body["revoked_reason"], "revoked_by_admin");
    stays.assert_keys_work();
    assert_eq!(orphans(server).len(), 3);
    let revoked: Vec<_> = audited(server, "credential.revoked");
    assert_eq!(revoked, ids);
});

on_both_databases!(
    what_cannot_be_done_with_all_of_them_is_done_with_none,
    |server| {
        let leaver = left(server, "leaver");
        let ids = ids(&leaver);
        let works = Leaver::arrange(server, "works");
        let nothing = uuid::Uuid::now_v7().to_string();
        let token = {
            let tokens = format!("/users/{}/tokens", works.person.id);
            let tokens = server.admin().get(&tokens).expect(200);
            tokens.text_at("/items/0/id")
        };
        let many: Vec<String> = (0..101).map(|_| uuid::Uuid::now_v7().to_string()).collect();
        let before = orphans(server);
        for action in ["adopt", "rotate", "revoke"] {
            for (named, status, says) in [
                (json!([]), 422, "at least one key"),
                (json!(many), 422, "at most 100"),
                (json!([ids[0], nothing]), 422, nothing.as_str()),
                // A token of a person is never left behind.
                (json!([ids[0], token]), 422, token.as_str()),
                (json!([ids[0], works.scim_key.id]), 409, "is not orphaned"),
            ] {
                let refused = all(server, action, &json!({"ids": named})).expect(status);
                let detail = refused.text_at("/detail");
                assert!(detail.contains(says), "{action}: {detail}");
            }
            all(server, action, &json!({"ids": ids, "reason": "x"})).expect(422);
            all(server, action, &json!({"ids": ids[0]})).expect(422);
        }
        for rotation in [
            json!({"overlap_hours": 721}),
            json!({"expires_in_days": 366}),
        ] {
            let mut body = rotation;
            body["ids"] = json!(ids);
            all(server, "rotate", &body).expect(422);
        }
        assert_eq!(orphans(server), before);
        leaver.assert_keys_work();
    }
);

/// Who may change SCIM keys, and what else is said.
fn key_with(server: &TestServer, scopes: &[&str]) -> Client {
    let body = json!({"name": "Automation", "scopes": scopes});
    let made = server.admin().post("/api-keys", &body).expect(201);
    server.with_token(&Key::of(&made).secret)
}

on_both_databases!(
    of_many_orphans_each_needs_what_its_own_calls_need,
    |server| {
        let leaver = left(server, "leaver");
        let [scim, api, product] = ids(&leaver);
        for action in ["adopt", "rotate", "revoke"] {
            let path = format!("/admin/v1/orphaned-keys/{action}");
            let caller = key_with(server, &["scim-keys:write"]);
            for (id, scope) in [(&api, "api-keys:write"), (&product, "products:write")] {
                let refused = caller.post(&path, &json!({"ids": [scim, id]})).expect(403);
                let detail = refused.text_at("/detail");
                assert!(
                    detail.contains(id.as_str()) && detail.contains(scope),
                    "{detail}"
                );
            }
        }
        for action in ["adopt", "rotate"] {
            // What the key may do, its new maker may too.
            let path = format!("/admin/v1/orphaned-keys/{action}");
            let caller = key_with(server, &["scim-keys:write", "api-keys:write"]);
            let refused = caller.post(&path, &json!({"ids": [api]})).expect(403);
            assert!(
                refused.text_at("/detail").contains("Automation"),
                "{}",
                refused.text
            );
        }
        assert_eq!(orphans(server).len(), 3);
        let scopes = ["scim-keys:write", "products:write"];
        let path = "/admin/v1/orphaned-keys/adopt";
        let adopted = key_with(server, &scopes).post(path, &json!({"ids": [scim, product]}));
        assert_eq!(each(&adopted.expect(200), "id"), [scim, product]);
        assert_eq!(orphans(server), [api]);
    }
);

on_both_databases!(a_public_key_is_adopted_and_never_rotated, |server| {
    let leaver = Leaver::arrange(server, "leaver");
    let made = server
        .admin()
        .post(
            "/service-accounts",
            &json!({"name": "Backup", "purpose": "Runs at night"}),
        )
        .expect(201);
    let account = made.id();
    let keys = format!("/service-accounts/{account}/keys");
    let jwk = Pair::generate(Algorithm::ES256).jwk;
    let body = json!({"name": "Export", "jwk": jwk, "scopes": ["users:read"]});
    let maker = server.with_token(&leaver.sessions[0]);
    let made = maker.post(&format!("/admin/v1{keys}"), &body).expect(201);
    let key = made.id();
    let adopt = format!("{keys}/{key}/adopt");
    server.admin().post(&adopt, &Value::Null).expect(409);
    leaver.scim().delete(&leaver.person.path()).expect(204);
    let ids = json!([leaver.scim_key.id, key]);
    let refused = all(server, "rotate", &json!({"ids": ids})).expect(409);
    let detail = refused.text_at("/detail");
    assert!(
        detail.starts_with(&format!("Export ({key}): a public key")),
        "{detail}"
    );
    assert_eq!(orphans(server).len(), 4);

    let elsewhere = server
        .admin()
        .post(
            "/service-accounts",
            &json!({"name": "Other", "purpose": "Another"}),
        )
        .expect(201)
        .id();
    let wrong = format!("/service-accounts/{elsewhere}/keys/{key}/adopt");
    server.admin().post(&wrong, &Value::Null).expect(404);
    let adopted = server.admin().post(&adopt, &Value::Null).expect(200);
    let mut expected = made.body;
    expected["created_by"] = adopted.body["created_by"].clone();
    assert_eq!(adopted.body, expected);
    assert_eq!(adopted.body["created_by"]["id"], server.admin_id.as_str());
    assert_eq!(audited(server, "credential.adopted"), [json!(key)]);
    server.admin().post(&adopt, &Value::Null).expect(409);
});

on_both_databases!(
    of_two_who_take_the_same_orphans_at_once_one_has_all_of_them_and_the_other_none,
    |server| {
        for time in 0..5 {
            let leaver = left(server, &format!("leaver-{time}"));
            let ids = ids(&leaver);
            let backwards: Vec<_> = ids.iter().rev().collect();
            let together = Barrier::new(2);
            let take = |action: &str, body: &Value| {
                together.wait();
                all(server, action, body).status
            };
            let (adopted, revoked) = std::thread::scope(|scope| {
                let adopting = scope.spawn(|| take("adopt", &json!({"ids": ids})));
                let revoked = take("revoke", &json!({"ids": backwards}));
                (adopting.join().expect("it is answered"), revoked)
            });
            // No key that was adopted is revoked as an orphan, and none that was revoked is adopted.
            assert!(
                [(200, 409), (409, 200)].contains(&(adopted, revoked)),
                "{adopted}, {revoked}"
            );
            assert_eq!(orphans(server), Vec::<String>::new());
            let status = if revoked == 200 { "revoked" } else { "active" };
            for path in ["scim-keys", "api-keys"].iter().zip(&ids) {
                let path = format!("/{}/{}", path.0, path.1);
                let key = server.admin().get(&path).expect(200);
                assert_eq!(key.body["status"], status, "{path}");
            }
        }
    }
);
