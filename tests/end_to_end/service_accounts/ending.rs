//! P1, P3, P4 and P5 for service accounts: disabling ends all, enabling revives nothing, a leaver's accounts are
//! flagged and go on working.

use std::sync::Barrier;

use portcullis::audit::Actor;
use portcullis::credentials::{CredentialError, NewCredential, issue, keys, service_accounts};
use portcullis::secret::SecretKind;
use portcullis::store::credentials;
use portcullis::store::id::{ResourceId, ServiceAccountId};
use serde_json::{Value, json};

use super::{account, admin, owner};
use crate::people::{Person, introspect};
use crate::server::{Client, TestServer};

fn product_key(server: &TestServer) -> String {
    let admin = server.admin();
    let product = admin
        .post("/products", &json!({"name": "Wiki"}))
        .expect(201);
    admin
        .post(
            &format!("/products/{}/credentials", product.id()),
            &json!({"name": "Wiki"}),
        )
        .expect(201)
        .text_at("/secret")
}

on_both_databases!(disabling_ends_all_and_enabling_revives_nothing, |server| {
    let key = product_key(server);
    let caller = owner(server);
    let of = account(&caller, "Disabled");
    let tokens: Vec<_> = ["One", "Two"]
        .iter()
        .map(|name| of.token(&caller, &json!({"name": name})))
        .collect();
    let of_admin = of.token(&caller, &json!({"name": "Admin", "scopes": ["users:read"]}));
    let other = account(&caller, "Untouched").token(&caller, &json!({"name": "One"}));

    let disabled = caller
        .post(&format!("{}/disable", of.path()), &json!({}))
        .expect(200);

    assert_eq!(disabled.body["active"], false);
    assert!(disabled.body["disabled_at"].is_string());
    let assert_ended = || {
        for token in &tokens {
            let answer = introspect(server, &key, &token.secret);
            assert_eq!(answer, json!({"active": false}));
        }
        let refused = server
            .with_token(&of_admin.secret)
            .get("/admin/v1/users")
            .expect(401);
        let challenge = refused.header("WWW-Authenticate").unwrap_or_default();
        assert!(challenge.contains("has been revoked"), "{challenge}");
    };
    assert_ended();
    assert_eq!(introspect(server, &key, &other.secret)["active"], true);
    of.try_token(&caller, &json!({"name": "More"})).expect(409);
    let place = format!("{}/tokens/{}/rotate", of.path(), tokens[0].id);
    caller.post(&place, &json!({})).expect(409);

    let enabled = caller
        .post(&format!("{}/enable", of.path()), &json!({}))
        .expect(200);
    assert_eq!(enabled.body["active"], true);
    assert_eq!(enabled.body["disabled_at"], Value::Null);
    assert_ended();
    let fresh = of.token(&caller, &json!({"name": "Fresh"}));
    assert_eq!(introspect(server, &key, &fresh.secret)["active"], true);
    caller.delete(&of.path()).expect(204);
    assert_eq!(
        introspect(server, &key, &fresh.secret),
        json!({"active": false})
    );

    let events = caller
        .get(&format!("/admin/v1/audit-events?target_id={}", of.id))
        .expect(200);
    let actions: Vec<&str> = events.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        [
            "service_account.deleted",
            "service_account.enabled",
            "service_account.disabled",
            "service_account.created",
        ]
    );
    let revoked = &events.body["items"][2]["detail"]["revoked"];
    assert_eq!(*revoked, json!({"service_account_token": 3}));
});

/// By whatever way somebody leaves or loses the role that lets them look after an account.
enum Loss {
    Leaving,
    Role,
}

fn assert_left_behind(server: &TestServer, loss: &Loss) {
    let key = product_key(server);
    let (leaver, caller) = admin(server, "leaver");
    let (_, stays) = admin(server, "stays");
    let of = account(&caller, "Left");
    // One that the leaver made, and one that somebody made who stays.
    let made = of.token(&caller, &json!({"name": "Theirs"}));
    let another = of.token(&stays, &json!({"name": "Another's"}));
    let kept = account(&stays, "Kept").token(&stays, &json!({"name": "Kept"}));

    let (reason, who) = match loss {
        Loss::Leaving => {
            let path = format!("/users/{}/deprovision", leaver.id);
            assert_eq!(server.admin().post(&path, &Value::Null).status, 200);
            ("deactivated", "user_id")
        }
        Loss::Role => {
            let path = format!("/roles/assignments/{}/admin", leaver.id);
            server.admin().delete(&path).expect(204);
            ("role_lost", "user_id")
        }
    };

    // They go on working, all of them.
    for secret in [&made.secret, &another.secret, &kept.secret] {
        assert_eq!(introspect(server, &key, secret)["active"], true);
    }
    let shown = stays.get(&of.path()).expect(200);
    assert_eq!(shown.body["orphaned_reason"], reason);
    assert!(shown.body["orphaned_at"].is_string());
    assert_eq!(shown.body["owner"]["id"], leaver.id.as_str());
    assert_eq!(shown.body["active"], true);
    let orphans = stays
        .get("/admin/v1/service-accounts?orphaned=true")
        .expect(200);
    assert_eq!(orphans.body["items"], json!([shown.body]));
    assert_eq!(orphaned_keys(&stays), [made.id.clone(), another.id.clone()]);
    let receipt = server
        .admin()
        .get(&format!("/receipts?{who}={}", leaver.id))
        .expect(200);
    assert_eq!(
        receipt.body["items"][0]["orphaned"],
        json!({"service_account": 1, "service_account_token": 2})
    );
    let notices = server.admin().get("/notices").expect(200);
    let told = notices.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|notice| {
            notice["kind"] == "keys_orphaned"
                && notice["detail"]["orphaned"]["service_account"] == 1
                && notice["detail"]["service_accounts"]
                    == json!([{"id": shown.body["id"], "name": "Left"}])
        });
    assert!(told, "{}", notices.text);

    // Nobody gives it more before somebody answers for it.
    of.try_token(&stays, &json!({"name": "More"})).expect(409);
    let adopted = stays
        .post(&format!("{}/adopt", of.path()), &json!({}))
        .expect(200);
    assert_eq!(adopted.body["owner"]["user_name"], "stays@example.org");
    assert_eq!(adopted.body["orphaned_at"], Value::Null);
    assert_eq!(orphaned_keys(&stays), Vec::<String>::new());
    of.token(&stays, &json!({"name": "More"}));
    for secret in [&made.secret, &another.secret] {
        assert_eq!(introspect(server, &key, secret)["active"], true);
    }
}

fn orphaned_keys(caller: &Client) -> Vec<String> {
    let orphans = caller.get("/admin/v1/orphaned-keys").expect(200);
    orphans.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|item| item["kind"] == "service_account_token")
        .filter_map(|item| item["id"].as_str().map(str::to_owned))
        .collect()
}

on_both_databases!(
    a_leavers_account_is_flagged_with_all_it_has_and_goes_on,
    |server| {
        assert_left_behind(server, &Loss::Leaving);
    }
);

on_both_databases!(
    an_account_is_flagged_when_its_owner_loses_the_role,
    |server| {
        assert_left_behind(server, &Loss::Role);
    }
);

on_both_databases!(a_key_without_a_person_names_who_answers, |server| {
    let (person, caller) = admin(server, "maker");
    let key = caller
        .post(
            "/admin/v1/api-keys",
            &json!({"name": "Automation", "scopes": ["service-accounts:write"]}),
        )
        .expect(201);
    // What a key makes is its maker's.
    let automation = server.with_token(&key.text_at("/secret"));
    let made = super::new_account(&automation, &json!({"name": "Made", "purpose": "x"}));
    assert_eq!(made.expect(201).body["owner"]["id"], person.id.as_str());
    server
        .admin()
        .delete(&format!("/roles/assignments/{}/admin", person.id))
        .expect(204);
    // Its maker has left it behind: it makes nothing more.
    let stays = Person::create(server, &server.directory_id, &server.scim_key, "stays");
    let new = json!({"name": "More", "purpose": "x", "owner_id": stays.id});
    super::new_account(&automation, &new).expect(403);
});

const TIMES: usize = 300;

on_both_databases!(no_token_slips_in_while_its_account_is_disabled, |server| {
    let caller = owner(server);
    let of = account(&caller, "Raced");
    let id = ServiceAccountId::new(of.id);
    let now = server.clock.now();
    let actor = Actor {
        person_id: Some(ResourceId::new(server.admin_id.clone())),
        ..Actor::command_line()
    };
    let (mut before, mut after) = (0, 0);
    for time in 0..TIMES {
        let enabled = id.clone();
        let by = actor.clone();
        server
            .database
            .write_blocking(move |connection| {
                service_accounts::enable(connection, &enabled, &by, now)
            })
            .expect("anybody can be enabled");
        let together = Barrier::new(2);
        let issued = std::thread::scope(|scope| {
            let disabling = scope.spawn(|| {
                let (id, by) = (id.clone(), actor.clone());
                together.wait();
                server
                    .database
                    .write_blocking(move |connection| {
                        service_accounts::disable(connection, &id, &by, now)
                    })
                    .expect("any account can be disabled");
            });
            let new = NewCredential {
                service_account_id: Some(id.clone()),
                ..NewCredential::new(SecretKind::ServiceAccountToken, "Slipped in")
            };
            together.wait();
            let mut issued = Vec::new();
            for _ in 0..3 {
                let (new, by) = (new.clone(), actor.clone());
                let outcome = server.database.write_blocking(move |connection| {
                    let first = issue(connection, &new, &by, now)?;
                    if time % 2 == 0 {
                        return Ok(vec![first]);
                    }
                    let kind = SecretKind::ServiceAccountToken;
                    let id = &first.credential.id;
                    let second = keys::rotate(connection, kind, id, None, None, &by, now)?;
                    Ok(vec![first, second])
                });
                match outcome {
                    Ok(more) => issued.extend(more),
                    Err(CredentialError::Store(error)) => panic!("{error:?}"),
                    Err(_) => break,
                }
            }
            disabling.join().expect("the account is disabled");
            issued
        });
        before += usize::from(!issued.is_empty());
        after += usize::from(issued.is_empty());
        for one in &issued {
            let stored = server
                .database
                .read_now(|connection| credentials::find(connection, &one.credential.id))
                .expect("the database works")
                .expect("credentials are kept");
            assert!(stored.revoked_at.is_some(), "a token slipped in");
        }
    }
    println!("{before} times tokens came before, {after} times after");
});
