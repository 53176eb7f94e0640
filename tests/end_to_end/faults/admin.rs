//! What admins change: each route of the admin interface that changes anything, taken from its own table.

use std::collections::BTreeSet;

use actix_web::http::Method;
use portcullis::http::admin::routes;
use serde_json::{Value, json};

use super::things::{
    alarmed, delete, deleted, instance, orphaned_account, policy, product, product_of,
    service_account_with_token, webhook,
};
use super::{Call, Case, admin_keys, assert_all_or_nothing};
use crate::notices::receivers::Receiver;
use crate::people::{Leaver, PASSWORD, Team};
use crate::second_factor::Enrolled;
use crate::server::DatabaseKind;
use crate::service_accounts::account;

/// What takes POST and changes nothing, and what tells by its answer how far it came: a webhook is tried by
/// sending to it, between two transactions.
const NO_CHANGE: [&str; 7] = [
    "POST /policies/preview",
    "POST /policies/reorder/preview",
    "POST /policies/{id}/delete/preview",
    "POST /policies/{id}/members/preview",
    "POST /policies/{id}/preview",
    "POST /roles/mappings/preview",
    "POST /webhooks/{id}/test",
];

#[test]
fn every_route_that_changes_anything_is_tried() {
    let served: BTreeSet<String> = routes()
        .into_iter()
        .filter(|route| route.method != Method::GET)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let tried: BTreeSet<String> = CASES
        .iter()
        .chain(admin_keys::CASES)
        .map(|case| case.route)
        .chain(NO_CHANGE)
        .map(str::to_owned)
        .collect();
    assert_eq!(tried, served);
}

#[test]
fn a_change_by_an_admin_happens_whole_or_not_at_all_on_sqlite() {
    assert_all_or_nothing(DatabaseKind::Sqlite, CASES);
}

#[test]
fn a_change_by_an_admin_happens_whole_or_not_at_all_on_postgresql() {
    assert_all_or_nothing(DatabaseKind::Postgres, CASES);
}

const CASES: &[Case] = &[
    Case {
        route: "PATCH /alarms/mass-deprovisioning",
        arrange: |world| {
            let shown = world.admin().get("/alarms/mass-deprovisioning").expect(200);
            let people = shown.body["people"].as_i64().expect("a number") + 1;
            let body = json!({"people": people});
            Call::admin(world, "PATCH", "/alarms/mass-deprovisioning", &body)
        },
    },
    Case {
        route: "DELETE /deleted-users/{id}",
        arrange: |world| delete(world, &format!("/deleted-users/{}", deleted(world))),
    },
    Case {
        route: "POST /deleted-users/forget",
        arrange: |world| {
            let body = json!({"ids": [deleted(world), deleted(world)]});
            Call::admin(world, "POST", "/deleted-users/forget", &body)
        },
    },
    Case {
        route: "POST /deleted-users/recover",
        arrange: |world| {
            let body = json!({"ids": [deleted(world), deleted(world)]});
            Call::admin(world, "POST", "/deleted-users/recover", &body)
        },
    },
    Case {
        route: "POST /deleted-users/{id}/recover",
        arrange: |world| {
            let path = format!("/deleted-users/{}/recover", deleted(world));
            Call::admin(world, "POST", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /deliveries/{id}/redeliver",
        arrange: |world| {
            let receiver = Receiver::start();
            let body = json!({"url": receiver.url, "kinds": []});
            let webhook = world.made("/webhooks", &body);
            let path = format!("/webhooks/{webhook}/test");
            let delivery = world.admin().post(&path, &json!({})).expect(200).id();
            Call::admin(
                world,
                "POST",
                &format!("/deliveries/{delivery}/redeliver"),
                &Value::Null,
            )
        },
    },
    Case {
        route: "POST /directories",
        arrange: |world| {
            let body = json!({"name": world.name("directory")});
            Call::admin(world, "POST", "/directories", &body)
        },
    },
    Case {
        route: "DELETE /directories/{id}",
        arrange: |world| {
            let leaver = world.leaver();
            delete(
                world,
                &format!("/directories/{}", leaver.person.directory_id),
            )
        },
    },
    Case {
        route: "PATCH /directories/{id}",
        arrange: |world| {
            let body = json!({"name": world.name("directory")});
            let directory = world.made("/directories", &body);
            let body = json!({"name": world.name("renamed")});
            Call::admin(world, "PATCH", &format!("/directories/{directory}"), &body)
        },
    },
    Case {
        route: "POST /directories/{id}/alarm/lift",
        arrange: |world| {
            let path = format!("/directories/{}/alarm", alarmed(world));
            let alarm = world.admin().get(&path).expect(200).body;
            let seen = json!({"alarmed_at": alarm["alarmed_at"]});
            Call::admin(world, "POST", &format!("{path}/lift"), &seen)
        },
    },
    Case {
        route: "POST /directories/{id}/revoke-tokens",
        arrange: |world| {
            let leaver = world.leaver();
            let path = format!("/directories/{}/revoke-tokens", leaver.person.directory_id);
            Call::admin(world, "POST", &path, &json!({}))
        },
    },
    Case {
        route: "POST /notices/read",
        arrange: |world| {
            world.left();
            Call::admin(world, "POST", "/notices/read", &json!({}))
        },
    },
    Case {
        route: "POST /notices/{id}/read",
        arrange: |world| {
            world.left();
            let notices = world.admin().get("/notices?unread=true").expect(200);
            let path = format!("/notices/{}/read", notices.text_at("/items/0/id"));
            Call::admin(world, "POST", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /policies",
        arrange: |world| {
            let body = json!({
                "name": world.name("policy"), "max_token_days": 30,
                "members": [world.person().id],
            });
            Call::admin(world, "POST", "/policies", &body)
        },
    },
    Case {
        route: "POST /policies/reorder",
        arrange: |world| {
            policy(world, &json!({}));
            policy(world, &json!({}));
            let shown = world.admin().get("/policies").expect(200);
            let mut order: Vec<&Value> = shown.body["items"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|policy| policy["is_default"] != true)
                .map(|policy| &policy["id"])
                .collect();
            order.reverse();
            Call::admin(world, "POST", "/policies/reorder", &json!({"order": order}))
        },
    },
    Case {
        route: "DELETE /policies/{id}",
        arrange: |world| {
            let leaver = world.leaver();
            let policy = policy(world, &json!({"members": [leaver.person.id]}));
            delete(world, &format!("/policies/{policy}"))
        },
    },
    Case {
        route: "PATCH /policies/{id}",
        arrange: |world| {
            let leaver = world.leaver();
            let policy = policy(world, &json!({"members": [leaver.person.id]}));
            let body = json!({"max_token_days": 30, "shorten_existing": true});
            Call::admin(world, "PATCH", &format!("/policies/{policy}"), &body)
        },
    },
    Case {
        route: "POST /policies/{id}/members",
        arrange: |world| {
            let policy = policy(world, &json!({}));
            let body = json!({"member_id": world.person().id});
            Call::admin(world, "POST", &format!("/policies/{policy}/members"), &body)
        },
    },
    Case {
        route: "DELETE /policies/{id}/members/{member}",
        arrange: |world| {
            let member = world.person().id;
            let policy = policy(world, &json!({"members": [member]}));
            delete(world, &format!("/policies/{policy}/members/{member}"))
        },
    },
    Case {
        route: "DELETE /policies/{id}/pending",
        arrange: |world| {
            let policy = policy(world, &json!({}));
            let at = world.server.clock.now().plus_days(1).to_rfc3339();
            let change = json!({"max_token_days": 30, "effective_at": at});
            world
                .admin()
                .patch(&format!("/policies/{policy}"), &change)
                .expect(200);
            delete(world, &format!("/policies/{policy}/pending"))
        },
    },
    Case {
        route: "POST /policies/{id}/revoke-tokens",
        arrange: |world| {
            let leaver = world.leaver();
            let policy = policy(world, &json!({"members": [leaver.person.id]}));
            Call::admin(
                world,
                "POST",
                &format!("/policies/{policy}/revoke-tokens"),
                &json!({}),
            )
        },
    },
    Case {
        route: "POST /products",
        arrange: |world| {
            let body = json!({"name": world.name("product"), "scopes": ["read"]});
            Call::admin(world, "POST", "/products", &body)
        },
    },
    Case {
        route: "DELETE /products/{id}",
        arrange: |world| {
            let leaver = world.leaver();
            delete(world, &format!("/products/{}", product_of(world, &leaver)))
        },
    },
    Case {
        route: "PATCH /products/{id}",
        arrange: |world| {
            let body = json!({"name": world.name("renamed"), "scopes": ["read", "write"]});
            Call::admin(
                world,
                "PATCH",
                &format!("/products/{}", product(world)),
                &body,
            )
        },
    },
    Case {
        route: "POST /products/{id}/instances",
        arrange: |world| {
            let path = format!("/products/{}/instances", product(world));
            Call::admin(world, "POST", &path, &json!({"name": "Staging"}))
        },
    },
    Case {
        route: "DELETE /products/{id}/instances/{instance}",
        arrange: |world| delete(world, &instance(world)),
    },
    Case {
        route: "PATCH /products/{id}/instances/{instance}",
        arrange: |world| {
            let body = json!({"url": "https://staging.example.org"});
            Call::admin(world, "PATCH", &instance(world), &body)
        },
    },
    Case {
        route: "POST /products/{id}/revoke-tokens",
        arrange: |world| {
            let leaver = world.leaver();
            let path = format!("/products/{}/revoke-tokens", product_of(world, &leaver));
            Call::admin(world, "POST", &path, &json!({}))
        },
    },
    Case {
        route: "POST /roles/assignments",
        arrange: |world| {
            let body = json!({"user_id": world.person().id, "role": "admin"});
            Call::admin(world, "POST", "/roles/assignments", &body)
        },
    },
    Case {
        route: "DELETE /roles/assignments/{user}/{role}",
        arrange: |world| {
            let leaver = world.leaver();
            delete(
                world,
                &format!("/roles/assignments/{}/admin", leaver.person.id),
            )
        },
    },
    Case {
        route: "POST /roles/mappings",
        arrange: |world| {
            let name = world.name("group");
            let group = crate::people::group(&world.scim(), &name, &[&world.person().id]);
            let body = json!({"group_id": group, "role": "admin"});
            Call::admin(world, "POST", "/roles/mappings", &body)
        },
    },
    Case {
        route: "DELETE /roles/mappings/{id}",
        arrange: |world| {
            let team = Team::create(&world.server, &world.server.scim_key, true);
            let leaver = Leaver::arrange_in(
                &world.server,
                &world.server.directory_id,
                &world.server.scim_key,
                &world.name("admin"),
                &crate::people::RoleBy::Group(&team),
            );
            drop(leaver);
            delete(world, &format!("/roles/mappings/{}", team.mapping))
        },
    },
    Case {
        route: "POST /service-accounts",
        arrange: |world| {
            let body = json!({"name": world.name("account"), "purpose": "Tests."});
            Call::admin(world, "POST", "/service-accounts", &body)
        },
    },
    Case {
        route: "DELETE /service-accounts/{id}",
        arrange: |world| delete(world, &service_account_with_token(world).0),
    },
    Case {
        route: "PATCH /service-accounts/{id}",
        arrange: |world| {
            let body = json!({"purpose": world.name("purpose")});
            Call::admin(world, "PATCH", &service_account_with_token(world).0, &body)
        },
    },
    Case {
        route: "POST /service-accounts/{id}/adopt",
        arrange: |world| {
            let (account, _) = orphaned_account(world);
            Call::admin(world, "POST", &format!("{account}/adopt"), &json!({}))
        },
    },
    Case {
        route: "POST /service-accounts/{id}/disable",
        arrange: |world| {
            let (account, _) = service_account_with_token(world);
            Call::admin(world, "POST", &format!("{account}/disable"), &Value::Null)
        },
    },
    Case {
        route: "POST /service-accounts/{id}/enable",
        arrange: |world| {
            let (account, _) = service_account_with_token(world);
            let path = format!("{account}/disable");
            world.admin().post(&path, &json!({})).expect(200);
            Call::admin(world, "POST", &format!("{account}/enable"), &Value::Null)
        },
    },
    Case {
        route: "POST /signing-keys/rotate",
        arrange: |world| {
            let body = json!({"compromised": true});
            Call::admin(world, "POST", "/signing-keys/rotate", &body)
        },
    },
    Case {
        route: "POST /users",
        arrange: |world| {
            let body = json!({"user_name": world.name("local")});
            Call::admin(world, "POST", "/users", &body)
        },
    },
    Case {
        route: "POST /users/{id}/deprovision",
        arrange: |world| {
            let leaver = world.leaver();
            // A service account that they answer for is left behind too.
            account(
                &world.server.with_token(&leaver.sessions[0]),
                &world.name("account"),
            );
            let path = format!("/users/{}/deprovision", leaver.person.id);
            Call::admin(world, "POST", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /users/{id}/password-link",
        arrange: |world| {
            let person = world.person();
            person.password_link();
            let path = format!("/users/{}/password-link", person.id);
            Call::admin(world, "POST", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /users/{id}/reactivate",
        arrange: |world| {
            let left = world.left();
            let path = format!("/users/{}/reactivate", left.person.id);
            Call::admin(world, "POST", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /users/{id}/revoke-tokens",
        arrange: |world| {
            let leaver = world.leaver();
            let path = format!("/users/{}/revoke-tokens", leaver.person.id);
            Call::admin(world, "POST", &path, &json!({}))
        },
    },
    Case {
        route: "DELETE /users/{id}/second-factor",
        arrange: |world| {
            let person = world.person();
            let link = person.password_link();
            person.set_password(&link, PASSWORD).expect(204);
            let path = format!("/users/{}/second-factor", person.id);
            Enrolled::of(person);
            delete(world, &path)
        },
    },
    Case {
        route: "DELETE /users/{id}/sessions",
        arrange: |world| {
            let leaver = world.leaver();
            delete(world, &format!("/users/{}/sessions", leaver.person.id))
        },
    },
    Case {
        route: "DELETE /users/{id}/sessions/{session}",
        arrange: |world| {
            let leaver = world.leaver();
            let path = format!("/users/{}/sessions", leaver.person.id);
            let sessions = world.admin().get(&path).expect(200);
            delete(
                world,
                &format!("{path}/{}", sessions.text_at("/items/0/id")),
            )
        },
    },
    Case {
        route: "DELETE /users/{id}/tokens/{token}",
        arrange: |world| {
            let leaver = world.leaver();
            let path = format!("/users/{}/tokens", leaver.person.id);
            let tokens = world.admin().get(&path).expect(200);
            delete(world, &format!("{path}/{}", tokens.text_at("/items/0/id")))
        },
    },
    Case {
        route: "POST /webhooks",
        arrange: |world| {
            let body = json!({"url": "http://127.0.0.1:9/hook", "kinds": []});
            Call::admin(world, "POST", "/webhooks", &body)
        },
    },
    Case {
        route: "DELETE /webhooks/{id}",
        arrange: |world| delete(world, &webhook(world)),
    },
    Case {
        route: "PATCH /webhooks/{id}",
        arrange: |world| {
            let body = json!({"active": false});
            Call::admin(world, "PATCH", &webhook(world), &body)
        },
    },
    Case {
        route: "POST /webhooks/{id}/rotate-secret",
        arrange: |world| {
            let path = format!("{}/rotate-secret", webhook(world));
            Call::admin(world, "POST", &path, &json!({}))
        },
    },
];
