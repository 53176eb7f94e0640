//! P9 and P3: nobody comes by more than they have, nor shakes off that they were left behind.

use portcullis::audit::Actor;
use portcullis::clock::Timestamp;
use portcullis::policies::Role;
use portcullis::policies::roles::assign;
use portcullis::scim::leniency::Dialect;
use portcullis::store::id::ResourceId;
use serde_json::{Value, json};

use crate::people::{PASSWORD, Person, group, introspect, map_to_admin, patch_of};
use crate::server::{Client, DatabaseKind, TestServer};

/// Makes a key, and gives a client that speaks to the admin interface with it, and its id.
fn api_key(server: &TestServer, maker: &Client, name: &str, scopes: &[&str]) -> (Client, String) {
    let made = maker
        .post("/api-keys", &json!({"name": name, "scopes": scopes}))
        .expect(201);
    let base = format!("{}/admin/v1", server.base_url);
    (
        Client::new(&base, Some(&made.text_at("/secret"))),
        made.id(),
    )
}

fn orphaned(server: &TestServer) -> Vec<String> {
    let orphans = server.admin().get("/orphaned-keys").expect(200);
    let items = orphans.body["items"].as_array().cloned();
    let items = items.unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item["id"].as_str().map(str::to_owned))
        .collect()
}

/// An admin of an identity provider's directory, and the admin interface as they reach it.
fn admin(server: &TestServer) -> (Person<'_>, Client) {
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let person = Person::create(server, &directory, &key, "admin");
    person.assign("admin");
    person
        .set_password(&person.password_link(), crate::people::PASSWORD)
        .expect(204);
    let session = person.sign_in();
    let base = format!("{}/admin/v1", server.base_url);
    (person, Client::new(&base, Some(&session)))
}

fn deprovision(server: &TestServer, person: &str) {
    let path = format!("/users/{person}/deprovision");
    server.admin().post(&path, &Value::Null).expect(200);
}

on_both_databases!(a_key_that_was_left_behind_makes_no_other, |server| {
    let (person, session) = admin(server);
    let (orphan, id) = api_key(server, &session, "Left", &["api-keys:write", "users:read"]);
    let another = json!({"name": "Another", "scopes": ["users:read"]});
    orphan.post("/api-keys", &another).expect(201);

    deprovision(server, &person.id);

    // It goes on working, and what it made is flagged with it.
    orphan.get("/users").expect(200);
    assert_eq!(orphaned(server).len(), 2);
    orphan.post("/api-keys", &another).expect(403);
    let path = format!("/api-keys/{id}");
    server
        .admin()
        .post(&format!("{path}/adopt"), &Value::Null)
        .expect(200);
    orphan.post("/api-keys", &another).expect(201);
});

on_both_databases!(a_key_that_its_maker_rotated_is_left_behind_too, |server| {
    let (person, session) = admin(server);
    let (rotated, id) = api_key(server, &session, "By the leaver", &["users:read"]);
    let by_leaver = session.post(&format!("/api-keys/{id}/rotate"), &json!({}));
    let (_, other) = api_key(server, &session, "By another", &["users:read"]);
    let path = format!("/api-keys/{other}/rotate");
    server.admin().post(&path, &json!({})).expect(201);

    deprovision(server, &person.id);

    rotated.get("/users").expect(200);
    let mut expected = vec![id, by_leaver.expect(201).id()];
    expected.sort();
    assert_eq!(orphaned(server), expected);
});

on_both_databases!(nobody_but_an_owner_ends_an_owner, |server| {
    let path = format!("/users/{}/deprovision", server.admin_id);
    let (_, session) = admin(server);
    session.post(&path, &Value::Null).expect(403);
    server.admin().post(&path, &Value::Null).expect(403);
});

on_both_databases!(
    nobody_but_an_owner_removes_a_directory_with_an_owner,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let owner = Person::create(server, &directory, &key, "owner");
        let id = ResourceId::new(owner.id.as_str());
        let assigned = server.database.write_blocking(move |connection| {
            let (actor, now) = (Actor::command_line(), Timestamp::from_millis(0));
            assign(connection, &id, Role::Owner, &actor, now)
        });
        assert!(matches!(assigned, Ok(true)));
        let path = format!("/directories/{directory}");
        server.admin().delete(&path).expect(403);
        server.admin().get(&path).expect(200);
        let (empty, _) = server.new_directory(Dialect::Lenient);
        server
            .admin()
            .delete(&format!("/directories/{empty}"))
            .expect(204);
    }
);

on_both_databases!(
    a_mapping_is_removed_by_those_who_may_give_its_role,
    |server| {
        let (_, key) = server.new_directory(Dialect::Lenient);
        let mapping = map_to_admin(server, &group(&server.scim_with(&key), "Admins", &[]));
        let (few, _) = api_key(server, &server.admin(), "Few", &["roles:write"]);
        let path = format!("/roles/mappings/{mapping}");
        few.delete(&path).expect(403);
        server.admin().delete(&path).expect(204);
    }
);

on_both_databases!(
    a_key_for_a_directory_whose_groups_give_a_role_is_for_those_who_may_give_it,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let admin = server.admin();
        let (few, _) = api_key(
            server,
            &admin,
            "Few",
            &["scim-keys:read", "scim-keys:write"],
        );
        let path = format!("/directories/{directory}/scim-keys");
        let id = few.post(&path, &json!({"name": "Before"})).expect(201).id();

        map_to_admin(server, &group(&server.scim_with(&key), "Admins", &[]));

        few.post(&path, &json!({"name": "After"})).expect(403);
        few.post(&format!("/scim-keys/{id}/rotate"), &json!({}))
            .expect(403);
        admin.post(&path, &json!({"name": "After"})).expect(201);
        few.delete(&format!("/scim-keys/{id}")).expect(204);
    }
);

on_both_databases!(
    a_password_by_a_link_opens_only_roles_that_its_maker_could_give,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        let admin = server.admin();
        let (few, _) = api_key(server, &admin, "Few", &["users:read", "users:write"]);
        let link_by = |maker: &Client, person: &Person<'_>| {
            let path = format!("/users/{}/password-link", person.id);
            maker
                .post(&path, &Value::Null)
                .expect(201)
                .text_at("/secret")
        };
        let team = group(&server.scim_with(&key), "Admins", &[]);
        map_to_admin(server, &team);
        for by_group in [false, true] {
            let name = if by_group { "by-group" } else { "by-hand" };
            let person = Person::create(server, &directory, &key, name);
            person
                .set_password(&link_by(&few, &person), PASSWORD)
                .expect(204);
            let before = person.sign_in();
            if by_group {
                let member =
                    json!([{"op": "add", "path": "members", "value": [{"value": person.id}]}]);
                let path = format!("/Groups/{team}");
                let answer = server.scim_with(&key).patch(&path, &patch_of(&member));
                answer.expect(200);
            } else {
                person.assign("admin");
            }

            // Whoever made the link may have read it: what they know is good for nothing new.
            let after = person.sign_in_with(PASSWORD).expect(201);
            assert_eq!(after.body["roles"], json!([]));
            for session in [before, after.text_at("/token")] {
                server
                    .with_token(&session)
                    .get("/admin/v1/users")
                    .expect(403);
            }
            let path = format!("/users/{}/password-link", person.id);
            few.post(&path, &Value::Null).expect(403);

            person
                .set_password(&link_by(&admin, &person), PASSWORD)
                .expect(204);
            let own = person.sign_in_with(PASSWORD).expect(201);
            assert_eq!(own.body["roles"], json!(["admin"]));
            server
                .with_token(&own.text_at("/token"))
                .get("/admin/v1/users")
                .expect(200);
        }
    }
);

on_both_databases!(
    a_token_carries_no_scope_that_its_product_has_lost,
    |server| {
        let (person, _) = admin(server);
        let scopes = json!({"name": "Product", "scopes": ["read", "write"]});
        let product = server.admin().post("/products", &scopes).expect(201).id();
        let path = format!("/products/{product}/credentials");
        let key = server.admin().post(&path, &json!({"name": "Gate"}));
        let key = key.expect(201).text_at("/secret");
        let wanted = json!({"name": "Token", "product_id": product, "scopes": ["read", "write"]});
        let token = person.create_token(&person.sign_in(), &wanted);
        assert_eq!(introspect(server, &key, &token)["scope"], "read write");

        let path = format!("/products/{product}");
        let fewer = json!({"scopes": ["read"]});
        server.admin().patch(&path, &fewer).expect(200);

        assert_eq!(introspect(server, &key, &token)["scope"], "read");
    }
);

/// Two groups give the role, and each of two requests takes the person out of one of them: neither alone
/// takes the role away.
#[test]
fn a_role_that_two_requests_take_away_together_is_lost() {
    let server = TestServer::start(DatabaseKind::Postgres);
    let (directory, key) = server.new_directory(Dialect::Lenient);
    let person = Person::create(&server, &directory, &key, "both");
    let groups = ["First", "Second"].map(|name| group(&server.scim_with(&key), name, &[]));
    for group in &groups {
        map_to_admin(&server, group);
    }
    let member = json!([{"value": person.id}]);
    let change = |group: &str, operation: &str| {
        let operations = json!([{"op": operation, "path": "members", "value": member}]);
        let path = format!("/Groups/{group}");
        let answer = server.scim_with(&key).patch(&path, &patch_of(&operations));
        answer.expect(200);
    };
    for round in 1..=20 {
        for group in &groups {
            change(group, "add");
        }
        std::thread::scope(|scope| {
            for group in &groups {
                scope.spawn(|| change(group, "remove"));
            }
        });
        let path = format!("/receipts?user_id={}", person.id);
        let receipts = server.admin().get(&path).expect(200);
        let count = receipts.body["items"].as_array().map(Vec::len);
        assert_eq!(count, Some(round));
    }
}
