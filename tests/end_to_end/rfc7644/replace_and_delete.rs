//! RFC 7644 section 3.5.1: replacing a resource. Section 3.6: deleting one.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{
    ENTERPRISE, GROUP, USER, create_group, create_user, group, user, user_names, without_common,
};

on_both_databases!(
    /// RFC 7644 section 3.5.1: what is left out is removed; the resource stays the same one.
    a_put_replaces_the_resource,
    |server| {
        let client = server.scim();
        let body = user(
            "bjensen",
            json!({"displayName": "Babs", "title": "Guide", "externalId": "x",
                "emails": [{"value": "b@example.com"}], ENTERPRISE: {"department": "Tours"}}),
        );
        let created = client.post("/Users", &body).expect(201);
        server.clock.advance_millis(1000);
        let path = format!("/Users/{}", created.id());
        let body = user(
            "bjensen",
            json!({"name": {"givenName": "Barbara"}, "emails": [{"value": "c@example.com", "type": "work"}]}),
        );
        let answer = client.put(&path, &body).expect(200);
        let mut expected = body;
        expected["active"] = json!(true);
        assert_eq!(without_common(answer.body.clone()), expected);
        assert_eq!(answer.id(), created.id());
        let meta = |name: &str| (answer.text_at(name), created.text_at(name));
        let (created_at, created_before) = meta("/meta/created");
        assert_eq!(created_at, created_before);
        let (modified_at, modified_before) = meta("/meta/lastModified");
        assert!(modified_at > modified_before, "{modified_at} {modified_before}");
        let location = answer.header("Location").map(str::to_owned);
        assert_eq!(location, Some(created.text_at("/meta/location")));
        let read = client.get(&path).expect(200);
        assert_eq!(read.body, answer.body);
        // Nothing is found any more by what was removed.
        let old = client.get("/Users?filter=emails.value eq \"b@example.com\" or externalId eq \"x\"");
        assert_eq!(old.expect(200).body["totalResults"], 0);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.1: a PUT of what was read changes nothing (promise P1).
    a_put_of_what_was_read_changes_nothing,
    |server| {
        let client = server.scim();
        let manager = create_user(&client, "boss", json!({"displayName": "Boss"}));
        let id = create_user(
            &client,
            "bjensen",
            json!({"displayName": "Babs", ENTERPRISE: {"manager": {"value": manager}}}),
        );
        let group = create_group(&client, "Guides", &[&id]);
        for path in [format!("/Users/{id}"), format!("/Groups/{group}")] {
            let read = client.get(&path).expect(200);
            server.clock.advance_millis(1000);
            assert_eq!(client.put(&path, &read.body).expect(200).body, read.body);
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.1: read-only values are ignored, also where they contradict.
    a_put_cannot_change_what_is_read_only,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let group = create_group(&client, "Guides", &[&id]);
        let body = user(
            "bjensen",
            json!({
                "id": "2819c223-7f76-453a-919d-413861904646",
                "meta": {"created": "2000-01-01T00:00:00Z"},
                "groups": [],
            }),
        );
        let answer = client.put(&format!("/Users/{id}"), &body).expect(200);
        assert_eq!(answer.id(), id);
        assert_eq!(answer.body["groups"][0]["value"], group.as_str());
        assert_ne!(answer.body["meta"]["created"], "2000-01-01T00:00:00Z");
    }
);

on_both_databases!(
    /// Promise P4: a PUT that leaves out `active` leaves it as it is.
    a_put_without_active_never_reactivates,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({"active": false}));
        let path = format!("/Users/{id}");
        let answer = client.put(&path, &user("bjensen", json!({"title": "x"}))).expect(200);
        assert_eq!(answer.body["active"], false);
        let answer = client.put(&path, &user("bjensen", json!({"active": null}))).expect(200);
        assert_eq!(answer.body["active"], false);
        let answer = client.put(&path, &user("bjensen", json!({"active": true}))).expect(200);
        assert_eq!(answer.body["active"], true);
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.5.1 and 3.12: a PUT creates nothing, takes no name that is taken, and needs what is
    /// required; what is refused changes nothing (promise P12).
    a_put_that_cannot_be_is_refused,
    |server| {
        let client = server.scim();
        create_user(&client, "taken", json!({"externalId": "taken"}));
        let id = create_user(&client, "bjensen", json!({"title": "Guide"}));
        let path = format!("/Users/{id}");
        let before = client.get(&path).expect(200);
        let body = user("new", json!({}));
        client
            .put("/Users/2819c223-7f76-453a-919d-413861904646", &body)
            .expect_error(404, None);
        client
            .put(&format!("/Groups/{id}"), &group("x", &[]))
            .expect_error(404, None);
        let (_, key) = server.new_directory(Dialect::Lenient);
        server.scim_with(&key).put(&path, &body).expect_error(404, None);
        client
            .put(&path, &user("TAKEN", json!({})))
            .expect_error(409, Some("uniqueness"));
        client
            .put(&path, &user("bjensen", json!({"externalId": "taken"})))
            .expect_error(409, Some("uniqueness"));
        client
            .put(&path, &json!({"schemas": [USER]}))
            .expect_error(400, Some("invalidValue"));
        client
            .put(&path, &user("bjensen", json!({"emails": [{"value": 1}]})))
            .expect_error(400, Some("invalidValue"));
        assert_eq!(client.get(&path).expect(200).body, before.body);
        // Its own name in another case is not taken.
        let answer = client.put(&path, &user("BJensen", json!({}))).expect(200);
        assert_eq!(answer.body["userName"], "BJensen");
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.1: the members of a group are replaced.
    a_put_replaces_the_members_of_a_group,
    |server| {
        let client = server.scim();
        let [a, b, c] = ["a", "b", "c"].map(|name| create_user(&client, name, json!({})));
        let id = create_group(&client, "Guides", &[&a, &b]);
        let path = format!("/Groups/{id}");
        let answer = client.put(&path, &group("Crew", &[&b, &c])).expect(200);
        let mut members: Vec<_> = answer.body["members"]
            .as_array()
            .expect("members")
            .iter()
            .map(|member| member["value"].as_str().expect("a value").to_owned())
            .collect();
        members.sort();
        assert_eq!(members, [b.clone(), c.clone()]);
        let groups = |id: &str| client.get(&format!("/Users/{id}")).expect(200).body["groups"].clone();
        assert_eq!(groups(&a), Value::Null);
        assert_eq!(groups(&c)[0]["display"], "Crew");
        let empty = json!({"schemas": [GROUP], "displayName": "Crew"});
        let answer = client.put(&path, &empty).expect(200);
        assert_eq!(answer.body["members"], Value::Null);
        assert_eq!(groups(&b), Value::Null);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.6: what is deleted is gone from reads, lists and look-ups; its name is free again.
    what_is_deleted_is_gone,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({"externalId": "x"}));
        create_user(&client, "other", json!({}));
        let path = format!("/Users/{id}");
        let answer = client.delete(&path).expect(204);
        assert_eq!(answer.text, "");
        client.get(&path).expect_error(404, None);
        client.delete(&path).expect_error(404, None);
        client.put(&path, &user("bjensen", json!({}))).expect_error(404, None);
        assert_eq!(user_names(&client.get("/Users").expect(200)), ["other"]);
        let found = client.get("/Users?filter=userName eq \"bjensen\"").expect(200);
        assert_eq!(found.body["totalResults"], 0);
        let again = create_user(&client, "bjensen", json!({"externalId": "x"}));
        assert_ne!(again, id);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.6, promise P11: nothing of another directory or type is deleted.
    only_ones_own_is_deleted,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let (_, key) = server.new_directory(Dialect::Lenient);
        server
            .scim_with(&key)
            .delete(&format!("/Users/{id}"))
            .expect_error(404, None);
        client.delete(&format!("/Groups/{id}")).expect_error(404, None);
        client.get(&format!("/Users/{id}")).expect(200);
    }
);
