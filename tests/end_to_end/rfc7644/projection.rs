//! RFC 7644 sections 3.4.2.5 and 3.9: `attributes` and `excludedAttributes`; RFC 7643 section 7: `returned`.

use serde_json::{Value, json};

use super::{ENTERPRISE, USER, create_group, create_user, extend, patch, user};

on_both_databases!(
    /// RFC 7644 section 3.9: `id` and `schemas` always, beside them what is asked for.
    answers_hold_the_attributes_that_are_asked_for,
    |server| {
        let client = server.scim();
        let id = create_user(
            &client,
            "bjensen",
            json!({
                "displayName": "Babs",
                "name": {"givenName": "Barbara", "familyName": "Jensen"},
                "emails": [{"value": "b@example.com", "type": "work"}, {"value": "c@example.com"}],
                ENTERPRISE: {"department": "Tours", "costCenter": "4130"},
            }),
        );
        let schemas = json!([USER, ENTERPRISE]);
        let department = format!("{ENTERPRISE}:department");
        let cases = [
            ("userName", json!({"userName": "bjensen"})),
            ("USERNAME", json!({"userName": "bjensen"})),
            ("urn:ietf:params:scim:schemas:core:2.0:User:userName", json!({"userName": "bjensen"})),
            ("userName,displayName", json!({"userName": "bjensen", "displayName": "Babs"})),
            ("name.givenName", json!({"name": {"givenName": "Barbara"}})),
            ("name", json!({"name": {"givenName": "Barbara", "familyName": "Jensen"}})),
            ("emails.value", json!({"emails": [{"value": "b@example.com"}, {"value": "c@example.com"}]})),
            ("emails.type", json!({"emails": [{"type": "work"}]})),
            (&department, json!({ENTERPRISE: {"department": "Tours"}})),
            (ENTERPRISE, json!({ENTERPRISE: {"department": "Tours", "costCenter": "4130"}})),
            ("title", json!({})),
            ("noSuchAttribute", json!({})),
            ("id", json!({})),
            ("password", json!({})),
            ("meta.resourceType", json!({"meta": {"resourceType": "User"}})),
        ];
        for (attributes, expected) in cases {
            let mut whole = json!({"id": id, "schemas": schemas});
            extend(&mut whole, expected);
            for path in [
                format!("/Users/{id}?attributes={attributes}"),
                format!("/Users?attributes={attributes}"),
            ] {
                let answer = client.get(&path).expect(200);
                let shown = if answer.body["Resources"].is_array() {
                    answer.body["Resources"][0].clone()
                } else {
                    answer.body
                };
                assert_eq!(shown, whole, "{path}");
            }
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.9: `excludedAttributes` takes away what is returned by default, and nothing else.
    answers_lack_the_attributes_that_are_excluded,
    |server| {
        let client = server.scim();
        let body = user(
            "bjensen",
            json!({
                "name": {"givenName": "Barbara", "familyName": "Jensen"},
                "emails": [{"value": "b@example.com", "type": "work"}],
                ENTERPRISE: {"department": "Tours", "costCenter": "4130"},
            }),
        );
        let created = client.post("/Users", &body).expect(201);
        let id = created.id();
        let cost_center = format!("{ENTERPRISE}:costCenter");
        let cases: &[(&str, &[&str])] = &[
            ("name", &["/name"]),
            ("NAME", &["/name"]),
            ("name.givenName", &["/name/givenName"]),
            ("emails.type,meta", &["/emails/0/type", "/meta"]),
            (&cost_center, &["/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/costCenter"]),
            (ENTERPRISE, &["/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]),
            ("id,schemas", &[]),
            ("noSuchAttribute", &[]),
        ];
        for (excluded, missing) in cases {
            let mut expected = created.body.clone();
            for pointer in *missing {
                let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
                expected
                    .pointer_mut(parent)
                    .and_then(Value::as_object_mut)
                    .expect("an object")
                    .shift_remove(name);
            }
            let path = format!("/Users/{id}?excludedAttributes={excluded}");
            assert_eq!(client.get(&path).expect(200).body, expected, "{excluded}");
        }
        client
            .get(&format!("/Users/{id}?attributes=userName&excludedAttributes=name"))
            .expect_error(400, Some("invalidValue"));
        client
            .get("/Users?attributes=user name")
            .expect_error(400, Some("invalidValue"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.9: PUT and PATCH answer with what is asked for too.
    writes_are_answered_with_the_attributes_that_are_asked_for,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({"title": "Guide"}));
        let expected = json!({"id": id, "schemas": [USER], "title": "Chief"});
        let path = format!("/Users/{id}?attributes=title");
        let body = patch(json!([{"op": "replace", "path": "title", "value": "Chief"}]));
        assert_eq!(client.patch(&path, &body).expect(200).body, expected);
        let body = user("bjensen", json!({"title": "Chief"}));
        assert_eq!(client.put(&path, &body).expect(200).body, expected);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.2.5: members of groups are left out, or shown by themselves, where that is asked.
    members_of_groups_are_projected,
    |server| {
        let client = server.scim();
        let member = create_user(&client, "bjensen", json!({"displayName": "Babs"}));
        let group = create_group(&client, "Guides", &[&member]);
        let shown = |query: &str| client.get(&format!("/Groups/{group}?{query}")).expect(200).body;
        assert_eq!(shown("excludedAttributes=members")["members"], Value::Null);
        assert_eq!(shown("attributes=displayName")["members"], Value::Null);
        assert_eq!(shown("attributes=members.value")["members"], json!([{"value": member}]));
        assert_eq!(
            shown("excludedAttributes=members.display,members.$ref")["members"],
            json!([{"value": member, "type": "User"}])
        );
        let list = client.get("/Groups?excludedAttributes=members").expect(200);
        assert_eq!(list.body["Resources"][0]["members"], Value::Null);
        let list = client.get("/Groups").expect(200);
        assert_eq!(list.body["Resources"][0]["members"][0]["value"], member.as_str());
        let list = client.get("/Users?attributes=groups.value").expect(200);
        assert_eq!(list.body["Resources"][0]["groups"], json!([{"value": group}]));
    }
);

on_both_databases!(
    /// RFC 7643 section 7: what is `returned` never is in no answer, whatever is asked for (promise P8).
    a_password_is_in_no_answer,
    |server| {
        let directory = format!("/directories/{}", server.directory_id);
        let allowed = json!({"password_allowed": true});
        server.admin().patch(&directory, &allowed).expect(200);
        let client = server.scim();
        let secret = "t1meMa$heen-is-long-enough";
        let body = user("bjensen", json!({"password": secret}));
        let created = client.post("/Users?attributes=password", &body).expect(201);
        let path = format!("/Users/{}", created.id());
        let change = patch(json!([{"op": "replace", "path": "password", "value": secret}]));
        let answers = [
            created,
            client.get(&path).expect(200),
            client.get(&format!("{path}?attributes=password")).expect(200),
            client.get("/Users?attributes=password,userName").expect(200),
            client.patch(&path, &change).expect(200),
            client.put(&path, &body).expect(200),
        ];
        for answer in answers {
            assert!(!answer.text.contains(secret), "{}", answer.text);
            assert!(!answer.text.contains("password"), "{}", answer.text);
        }
        client
            .get(&format!("/Users?filter=password eq \"{secret}\""))
            .expect_error(400, Some("invalidFilter"));
    }
);
