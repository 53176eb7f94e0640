//! RFC 7643 sections 4.2 and 4.1.2: groups, their members, and the groups of users.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{GROUP, create_group, create_user, group, patch, texts, user};
use crate::server::Client;

/// The groups of a user as (display, type), in order of their names.
fn groups_of(client: &Client, user: &str) -> Vec<(String, String)> {
    let answer = client.get(&format!("/Users/{user}")).expect(200);
    let text = |group: &Value, name: &str| group[name].as_str().unwrap_or_default().to_owned();
    let mut groups: Vec<_> = answer.body["groups"]
        .as_array()
        .cloned()
        .unwrap_or_default()
        .iter()
        .map(|group| (text(group, "display"), text(group, "type")))
        .collect();
    groups.sort();
    groups
}

fn pairs(groups: &[(&str, &str)]) -> Vec<(String, String)> {
    groups
        .iter()
        .map(|(display, kind)| ((*display).to_owned(), (*kind).to_owned()))
        .collect()
}

fn add(client: &Client, group: &str, member: &str) {
    let body = patch(json!([{"op": "add", "path": "members", "value": [{"value": member}]}]));
    client.patch(&format!("/Groups/{group}"), &body).expect(200);
}

on_both_databases!(
    /// RFC 7643 section 4.2: a member has its id, address, name and type, whatever the client claims.
    members_are_shown_as_what_they_are,
    |server| {
        let client = server.scim();
        let user = create_user(&client, "bjensen", json!({"displayName": "Babs"}));
        let nameless = create_user(&client, "jsmith", json!({}));
        let inner = create_group(&client, "Inner", &[]);
        let body = json!({
            "schemas": [GROUP],
            "displayName": "Outer",
            "members": [
                {"value": user, "type": "Group", "$ref": "https://example.org/"},
                {"value": nameless},
                {"value": inner},
                {"value": user},
            ],
        });
        let created = client.post("/Groups", &body).expect(201);
        let at = |endpoint: &str, id: &str| format!("{}{endpoint}/{id}", server.scim_base);
        assert_eq!(
            created.body["members"],
            json!([
                {"value": user, "$ref": at("/Users", &user), "display": "Babs", "type": "User"},
                {"value": nameless, "$ref": at("/Users", &nameless), "display": "jsmith", "type": "User"},
                {"value": inner, "$ref": at("/Groups", &inner), "display": "Inner", "type": "Group"},
            ])
        );
        // A member's new name is seen at once.
        let rename = patch(json!([{"op": "replace", "path": "displayName", "value": "Barbara"}]));
        client.patch(&format!("/Users/{user}"), &rename).expect(200);
        let read = client.get(&format!("/Groups/{}", created.id())).expect(200);
        assert_eq!(read.body["members"][0]["display"], "Barbara");
    }
);

on_both_databases!(
    /// RFC 7643 section 4.2: members are resources that exist, in the same directory (promise P11).
    a_member_must_exist_in_the_directory,
    |server| {
        let client = server.scim();
        let (_, key) = server.new_directory(Dialect::Strict);
        let strict = server.scim_with(&key);
        let foreign = create_user(&client, "stranger", json!({}));
        let missing = "2819c223-7f76-453a-919d-413861904646";
        let user = create_user(&strict, "bjensen", json!({}));
        let refusal = |id: &str| {
            let answer = strict.post("/Groups", &group("Crew", &[&user, id]));
            let answer = answer.expect_error(400, Some("invalidValue"));
            answer.text.replace(id, "ID")
        };
        assert_eq!(refusal(&foreign), refusal(missing));
        assert_eq!(strict.get("/Groups").expect(200).body["totalResults"], 0);
        assert_eq!(groups_of(&strict, &user), []);
        // A lenient directory leaves out who is nobody there.
        let answer = client.post("/Groups", &group("Crew", &[&user, missing, &foreign]));
        let members = answer.expect(201).body["members"].clone();
        assert_eq!(members.as_array().map(Vec::len), Some(1), "{members}");
        assert_eq!(members[0]["value"], foreign.as_str());
        assert_eq!(groups_of(&strict, &user), []);
    }
);

on_both_databases!(
    /// RFC 7643 section 4.1.2: `groups` of a user, direct and through other groups, is the server's.
    the_groups_of_a_user_are_direct_and_indirect,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let inner = create_group(&client, "Inner", &[&id]);
        let middle = create_group(&client, "Middle", &[&inner]);
        let outer = create_group(&client, "Outer", &[&middle, &id]);
        create_group(&client, "Other", &[]);
        assert_eq!(
            groups_of(&client, &id),
            pairs(&[("Inner", "direct"), ("Middle", "indirect"), ("Outer", "direct")])
        );
        let whole = client.get(&format!("/Users/{id}")).expect(200);
        let group = &whole.body["groups"][0];
        let address = format!("{}/Groups/{}", server.scim_base, group["value"].as_str().expect("an id"));
        assert_eq!(group["$ref"], address.as_str());
        let list = client.get("/Users").expect(200);
        assert_eq!(list.body["Resources"][0], whole.body);

        // Both ways of asking who is in a group.
        for filter in [format!("groups.value eq \"{outer}\""), format!("groups eq \"{inner}\"")] {
            let found = client.get(&format!("/Users?filter={filter}")).expect(200);
            assert_eq!(found.body["totalResults"], 1, "{filter}");
        }
        let filter = format!("members.value eq \"{id}\"");
        let found = client.get(&format!("/Groups?filter={filter}&sortBy=displayName")).expect(200);
        assert_eq!(texts(&found, "/displayName"), ["Inner", "Outer"]);
        let filter = format!("id eq \"{outer}\" and members eq \"{id}\"");
        let found = client.get(&format!("/Groups?filter={filter}")).expect(200);
        assert_eq!(found.body["totalResults"], 1);

        // Removing the middle one ends what came through it.
        client.delete(&format!("/Groups/{middle}")).expect(204);
        assert_eq!(groups_of(&client, &id), pairs(&[("Inner", "direct"), ("Outer", "direct")]));
        let outer = client.get(&format!("/Groups/{outer}")).expect(200);
        assert_eq!(outer.body["members"].as_array().map(Vec::len), Some(1));
    }
);

on_both_databases!(
    /// RFC 7643 section 4.1.2: a user cannot join a group by writing their own `groups`.
    a_user_cannot_be_put_into_a_group_by_their_own_attribute,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let group = create_group(&client, "Crew", &[]);
        let path = format!("/Users/{id}");
        let value = json!([{"value": group}]);
        client.put(&path, &user("bjensen", json!({"groups": value}))).expect(200);
        let answer = client.patch(&path, &patch(json!([{"op": "add", "path": "groups", "value": value}])));
        assert!(matches!(answer.status, 200 | 400), "{}", answer.text);
        assert_eq!(groups_of(&client, &id), []);
    }
);

on_both_databases!(
    /// RFC 7643 section 4.2: groups may contain each other, and nothing runs in circles.
    cycles_of_groups_end,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let a = create_group(&client, "A", &[&id]);
        let b = create_group(&client, "B", &[&a]);
        let c = create_group(&client, "C", &[&b]);
        add(&client, &a, &c);
        assert_eq!(
            groups_of(&client, &id),
            pairs(&[("A", "direct"), ("B", "indirect"), ("C", "indirect")])
        );
        let found = client.get(&format!("/Users?filter=groups.value eq \"{c}\"")).expect(200);
        assert_eq!(found.body["totalResults"], 1);
        client.delete(&format!("/Groups/{b}")).expect(204);
        assert_eq!(groups_of(&client, &id), pairs(&[("A", "direct")]));
        client.delete(&format!("/Groups/{a}")).expect(204);
        assert_eq!(groups_of(&client, &id), []);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.6: a deleted resource is nobody's member any more, and the group is a new version.
    what_is_deleted_is_no_member,
    |server| {
        let client = server.scim();
        let user = create_user(&client, "bjensen", json!({}));
        let inner = create_group(&client, "Inner", &[]);
        let group = create_group(&client, "Outer", &[&user, &inner]);
        let path = format!("/Groups/{group}");
        let before = client.get(&path).expect(200);
        client.delete(&format!("/Users/{user}")).expect(204);
        client.delete(&format!("/Groups/{inner}")).expect(204);
        let after = client.get(&path).expect(200);
        assert_eq!(after.body["members"], Value::Null);
        assert_ne!(after.header("ETag"), before.header("ETag"));
        let filter = format!("members.value eq \"{user}\"");
        let found = client.get(&format!("/Groups?filter={filter}")).expect(200);
        assert_eq!(found.body["totalResults"], 0);
        // Whoever comes after under the same name is somebody else.
        let again = create_user(&client, "bjensen", json!({}));
        assert_eq!(groups_of(&client, &again), []);
    }
);
