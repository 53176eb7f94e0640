//! RFC 7644 section 3.5.2: modifying with PATCH, with the RFC's examples.
//!
//! What single operations do is tested where they are applied (`scim::patch`); here it is what arrives in the
//! database and in the answer.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{ENTERPRISE, PATCH_OP, USER, create_group, create_user, extend, patch};
use crate::server::Client;

fn members(client: &Client, group: &str) -> Vec<String> {
    let answer = client.get(&format!("/Groups/{group}")).expect(200);
    let members = answer.body["members"].as_array().cloned();
    let mut members: Vec<String> = members
        .unwrap_or_default()
        .iter()
        .map(|member| member["value"].as_str().expect("a value").to_owned())
        .collect();
    members.sort();
    members
}

on_both_databases!(
    /// RFC 7644 section 3.5.2: an envelope of operations, applied one after another.
    operations_are_applied_in_order,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({"title": "Guide"}));
        let path = format!("/Users/{id}");
        let before = client.get(&path).expect(200);
        server.clock.advance_millis(1000);
        let body = patch(json!([
            {"op": "add", "path": "nickName", "value": "Babs"},
            {"op": "replace", "path": "nickName", "value": "Barb"},
            {"op": "remove", "path": "title"},
            {"op": "add", "value": {"displayName": "Barbara", ENTERPRISE: {"department": "Tours"}}},
            {"op": "replace", "path": "name.familyName", "value": "Jensen"},
        ]));
        let answer = client.patch(&path, &body).expect(200);
        let mut expected = before.body.clone();
        extend(
            &mut expected,
            json!({
                "schemas": [USER, ENTERPRISE],
                "nickName": "Barb",
                "displayName": "Barbara",
                "name": {"familyName": "Jensen"},
                ENTERPRISE: {"department": "Tours"},
                "meta": answer.body["meta"],
            }),
        );
        expected.as_object_mut().expect("an object").shift_remove("title");
        assert_eq!(answer.body, expected);
        assert!(answer.text_at("/meta/lastModified") > before.text_at("/meta/lastModified"));
        assert_eq!(client.get(&path).expect(200).body, answer.body);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2: all of the operations or none (promise P12).
    one_refused_operation_undoes_the_others,
    |server| {
        let client = server.scim();
        let member = create_user(&client, "taken", json!({}));
        let user = create_user(&client, "bjensen", json!({"emails": [{"value": "a@example.com"}]}));
        let group = create_group(&client, "Guides", &[]);
        let unchanged = |path: &str, operations: Value, status: u16, scim_type: &str| {
            let before = client.get(path).expect(200);
            client
                .patch(path, &patch(operations))
                .expect_error(status, Some(scim_type));
            assert_eq!(client.get(path).expect(200).body, before.body);
        };
        let first = json!({"op": "add", "path": "displayName", "value": "Changed"});
        let path = format!("/Users/{user}");
        for (last, status, scim_type) in [
            (json!({"op": "replace", "path": "active", "value": "perhaps"}), 400, "invalidValue"),
            (json!({"op": "replace", "path": "userName", "value": "TAKEN"}), 409, "uniqueness"),
            (json!({"op": "remove", "path": "userName"}), 400, "mutability"),
            (json!({"op": "remove"}), 400, "noTarget"),
            (json!({"op": "replace", "path": "emails]", "value": "x"}), 400, "invalidPath"),
            (json!({"op": "replace", "path": "emails[shoe eq 1].type", "value": "x"}), 400, "invalidFilter"),
            (json!({"op": "fold", "path": "title", "value": "x"}), 400, "invalidSyntax"),
        ] {
            unchanged(&path, json!([first, last]), status, scim_type);
        }
        let path = format!("/Groups/{group}");
        let add = json!({"op": "add", "path": "members", "value": [{"value": member}]});
        let nameless = json!({"op": "remove", "path": "displayName"});
        unchanged(&path, json!([first, add, nameless]), 400, "mutability");
        assert_eq!(members(&client, &group), [""; 0]);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2 and 3.12: what is no PATCH request.
    an_envelope_that_is_none_is_refused,
    |server| {
        let client = server.scim();
        let path = format!("/Users/{}", create_user(&client, "bjensen", json!({})));
        for body in [
            json!([]),
            json!({"schemas": [PATCH_OP]}),
            json!({"schemas": [PATCH_OP], "Operations": {}}),
            json!({"schemas": [PATCH_OP], "Operations": [7]}),
            json!({"schemas": [PATCH_OP], "Operations": [{"path": "title", "value": "x"}]}),
        ] {
            client.patch(&path, &body).expect_error(400, Some("invalidSyntax"));
        }
        let operations = vec![json!({"op": "add", "path": "title", "value": "x"}); 11];
        let answer = client.patch(&path, &patch(json!(operations)));
        assert!(matches!(answer.status, 400 | 413), "{}", answer.text);
        let missing = "/Users/2819c223-7f76-453a-919d-413861904646";
        let body = patch(json!([{"op": "add", "path": "title", "value": "x"}]));
        client.patch(missing, &body).expect_error(404, None);
    },
    |settings| settings.limits.max_patch_operations = 10
);

on_both_databases!(
    /// RFC 7644 section 3.5.2.1: the RFC's examples of `add`.
    the_examples_of_add_work,
    |server| {
        let client = server.scim();
        let babs = create_user(&client, "babs", json!({"displayName": "Babs Jensen"}));
        let group = create_group(&client, "TourGuides", &[]);
        let path = format!("/Groups/{group}");
        let reference = format!("{}/Users/{babs}", server.scim_base);
        let add = patch(json!([{
            "op": "add",
            "path": "members",
            "value": [{"display": "Babs Jensen", "$ref": reference, "value": babs}],
        }]));
        let answer = client.patch(&path, &add).expect(200);
        let member = json!([{"value": babs, "$ref": reference, "display": "Babs Jensen", "type": "User"}]);
        assert_eq!(answer.body["members"], member);
        let again = client.patch(&path, &add).expect(200);
        assert_eq!(again.body, answer.body);

        let body = patch(json!([{
            "op": "add",
            "value": {
                "emails": [{"value": "babs@jensen.org", "type": "home"}],
                "nickname": "Babs",
            },
        }]));
        let path = format!("/Users/{babs}");
        let answer = client.patch(&path, &body).expect(200);
        assert_eq!(answer.body["nickName"], "Babs");
        assert_eq!(answer.body["emails"], json!([{"value": "babs@jensen.org", "type": "home"}]));
        // A value that is new to a multi-valued attribute is appended, and one that is there is not.
        let body = patch(json!([{"op": "add", "path": "emails", "value": [
            {"value": "babs@jensen.org", "type": "home"},
            {"value": "babs@example.com", "type": "work", "primary": true},
        ]}]));
        let answer = client.patch(&path, &body).expect(200);
        assert_eq!(
            answer.body["emails"],
            json!([
                {"value": "babs@jensen.org", "type": "home"},
                {"value": "babs@example.com", "type": "work", "primary": true},
            ])
        );
        // RFC 7644 section 3.5.2: a new primary value takes the place of the old.
        let body = patch(json!([{"op": "add", "path": "emails",
            "value": [{"value": "new@example.com", "primary": true}]}]));
        let answer = client.patch(&path, &body).expect(200);
        let primary: Vec<&Value> = answer.body["emails"]
            .as_array()
            .expect("emails")
            .iter()
            .filter(|email| email["primary"] == true)
            .collect();
        assert_eq!(primary, [&json!({"value": "new@example.com", "primary": true})]);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2.2: the RFC's examples of `remove`.
    the_examples_of_remove_work,
    |server| {
        let client = server.scim();
        let [a, b, c] = ["a", "b", "c"].map(|name| create_user(&client, name, json!({})));
        let group = create_group(&client, "TourGuides", &[&a, &b, &c]);
        let path = format!("/Groups/{group}");
        let change = |operations: Value| client.patch(&path, &patch(operations)).expect(200);
        change(json!([{"op": "remove", "path": format!("members[value eq \"{a}\"]")}]));
        assert_eq!(members(&client, &group), [b.clone(), c.clone()]);
        // Removing one and adding another in one request.
        change(json!([
            {"op": "remove", "path": format!("members[value eq \"{b}\"]")},
            {"op": "add", "path": "members", "value": [{"value": a}]},
        ]));
        assert_eq!(members(&client, &group), [a.clone(), c.clone()]);
        change(json!([{"op": "remove", "path": "members"}]));
        assert_eq!(members(&client, &group), [""; 0]);

        let id = create_user(
            &client,
            "bjensen",
            json!({"emails": [
                {"value": "a@example.com", "type": "work"},
                {"value": "b@jensen.org", "type": "home"},
                {"value": "c@example.com", "type": "home"},
            ]}),
        );
        let path = format!("/Users/{id}");
        let filter = "emails[type eq \"home\" and value ew \"example.com\"]";
        let answer = client
            .patch(&path, &patch(json!([{"op": "remove", "path": filter}])))
            .expect(200);
        assert_eq!(
            answer.body["emails"],
            json!([{"value": "a@example.com", "type": "work"}, {"value": "b@jensen.org", "type": "home"}])
        );
        let answer = client
            .patch(&path, &patch(json!([{"op": "remove", "path": "emails"}])))
            .expect(200);
        assert_eq!(answer.body["emails"], Value::Null);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2.3: the RFC's examples of `replace`.
    the_examples_of_replace_work,
    |server| {
        let client = server.scim();
        let [a, b, c] = ["a", "b", "c"].map(|name| create_user(&client, name, json!({})));
        let group = create_group(&client, "TourGuides", &[&a]);
        let body = patch(json!([{"op": "replace", "path": "members",
            "value": [{"value": b}, {"value": c}]}]));
        client.patch(&format!("/Groups/{group}"), &body).expect(200);
        assert_eq!(members(&client, &group), [b, c]);

        let id = create_user(
            &client,
            "bjensen",
            json!({"addresses": [
                {"type": "work", "streetAddress": "100 Universal City Plaza", "country": "US"},
                {"type": "home", "streetAddress": "456 Hollywood Blvd"},
            ]}),
        );
        let path = format!("/Users/{id}");
        let change = |operation: Value| client.patch(&path, &patch(json!([operation]))).expect(200);
        let answer = change(json!({"op": "replace", "path": "addresses[type eq \"work\"]",
            "value": {"type": "work", "streetAddress": "911 Universal City Plaza"}}));
        assert_eq!(
            answer.body["addresses"][0]["streetAddress"],
            "911 Universal City Plaza"
        );
        assert_eq!(answer.body["addresses"][1]["streetAddress"], "456 Hollywood Blvd");
        let answer = change(json!({"op": "replace",
            "path": "addresses[type eq \"work\"].streetAddress", "value": "1010 Broadway Ave"}));
        assert_eq!(answer.body["addresses"][0]["streetAddress"], "1010 Broadway Ave");
        let answer = change(json!({"op": "replace", "value": {
            "emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}],
            "nickname": "Babs",
        }}));
        assert_eq!(answer.body["nickName"], "Babs");
        assert_eq!(answer.body["emails"][0]["value"], "bjensen@example.com");
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2.3: a value filter without a match is noTarget, where the directory is strict.
    a_replace_of_nothing_has_no_target_in_a_strict_directory,
    |server| {
        let (_, key) = server.new_directory(Dialect::Strict);
        let client = server.scim_with(&key);
        let id = create_user(&client, "bjensen", json!({}));
        let body = patch(json!([{"op": "replace",
            "path": "emails[type eq \"work\"].value", "value": "b@example.com"}]));
        client
            .patch(&format!("/Users/{id}"), &body)
            .expect_error(400, Some("noTarget"));
        let body = patch(json!([{"op": "replace", "path": "shoe.size", "value": 1}]));
        client
            .patch(&format!("/Users/{id}"), &body)
            .expect_error(400, Some("invalidPath"));
        let body = patch(json!([{"op": "replace", "path": "id", "value": "x"}]));
        client
            .patch(&format!("/Users/{id}"), &body)
            .expect_error(400, Some("mutability"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.5.2 and RFC 7240 section 4.2: answered with the resource, or with nothing where that
    /// is preferred or the group has too many members.
    the_answer_is_the_resource_or_nothing,
    |server| {
        let client = server.scim();
        let ids: Vec<String> = (0..4)
            .map(|number| create_user(&client, &format!("u{number}"), json!({})))
            .collect();
        let user = format!("/Users/{}", ids[0]);
        let body = patch(json!([{"op": "add", "path": "title", "value": "x"}]));
        let minimal = [("Prefer", "return=minimal")];
        let answer = client.send("PATCH", &user, &minimal, &body).expect(204);
        assert_eq!(answer.text, "");
        assert!(answer.header("ETag").is_some());
        assert_eq!(answer.header("Preference-Applied"), Some("return=minimal"));

        let group = create_group(&client, "Crew", &[&ids[0], &ids[1], &ids[2]]);
        let path = format!("/Groups/{group}");
        let rename = |name: &str| patch(json!([{"op": "replace", "path": "displayName", "value": name}]));
        let answer = client.patch(&path, &rename("Three")).expect(200);
        assert_eq!(answer.body["members"].as_array().map(Vec::len), Some(3));
        let add = patch(json!([{"op": "add", "path": "members", "value": [{"value": ids[3]}]}]));
        let answer = client.patch(&path, &add).expect(204);
        assert_eq!(answer.text, "");
        assert_eq!(answer.header("ETag"), client.get(&path).expect(200).header("ETag"));
        let part = format!("{path}?excludedAttributes=members");
        let answer = client.patch(&part, &rename("Four")).expect(200);
        assert_eq!(answer.body["displayName"], "Four");
        assert_eq!(answer.body["members"], Value::Null);
        let part = format!("{path}?attributes=members");
        let answer = client.patch(&part, &rename("Five")).expect(200);
        assert_eq!(answer.body["members"].as_array().map(Vec::len), Some(4));
    },
    |settings| settings.limits.max_members_in_answer = 3
);
