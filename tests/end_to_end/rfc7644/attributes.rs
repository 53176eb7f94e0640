//! RFC 7643 sections 2 and 3: rules of attributes that hold for every resource.

use serde_json::{Value, json};

use super::{create_user, patch, user, user_names};

on_both_databases!(
    /// RFC 7643 section 2.4: one element at most is primary; the last to claim it is.
    one_element_is_primary,
    |server| {
        let client = server.scim();
        let body = user(
            "bjensen",
            json!({"emails": [
                {"value": "a@example.com", "primary": true},
                {"value": "b@example.com", "primary": true},
                {"value": "c@example.com", "primary": false},
            ]}),
        );
        let created = client.post("/Users", &body).expect(201);
        let primary: Vec<_> = created.body["emails"]
            .as_array()
            .expect("emails")
            .iter()
            .filter(|email| email["primary"] == true)
            .map(|email| email["value"].clone())
            .collect();
        assert_eq!(primary, ["b@example.com"]);
    }
);

on_both_databases!(
    /// RFC 7643 section 2.4: the same element is kept once; `type` may be any text.
    repeated_elements_are_kept_once,
    |server| {
        let client = server.scim();
        let element = json!({"value": "a@example.com", "type": "something else"});
        let body = user("bjensen", json!({"emails": [element, element]}));
        let created = client.post("/Users", &body).expect(201);
        assert_eq!(created.body["emails"], json!([element]));
    }
);

on_both_databases!(
    /// RFC 7643 section 2.5: null, the empty array and removal are the same: unassigned.
    an_attribute_is_unassigned_in_three_ways,
    |server| {
        let client = server.scim();
        let whole = json!({"title": "x", "emails": [{"value": "a@example.com"}]});
        for (name, operations) in [
            ("removed", json!([{"op": "remove", "path": "title"}, {"op": "remove", "path": "emails"}])),
            ("null", json!([{"op": "replace", "value": {"title": null, "emails": null}}])),
            (
                "empty",
                json!([{"op": "replace", "path": "title", "value": null}, {"op": "replace", "path": "emails", "value": []}]),
            ),
        ] {
            let id = create_user(&client, name, whole.clone());
            let answer = client.patch(&format!("/Users/{id}"), &patch(operations)).expect(200);
            assert_eq!(answer.body["title"], Value::Null, "{name}");
            assert_eq!(answer.body["emails"], Value::Null, "{name}");
        }
        let filter = "not (title pr) and not (emails pr)";
        let found = client.get(&format!("/Users?filter={filter}")).expect(200);
        assert_eq!(user_names(&found), ["removed", "null", "empty"]);
    }
);

on_both_databases!(
    /// RFC 7643 section 2.3.1: text is kept as it is, to the last character.
    text_is_kept_as_it_is,
    |server| {
        let client = server.scim();
        for (number, text) in [
            "plain",
            "  spaces  ",
            "tab\tnewline\nreturn\r",
            "quote \" backslash \\ slash / brace } bracket ]",
            "üñîçødé ΑΒΓ 漢字 😀 \u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}",
            "e\u{301} and \u{e9}",
            "\u{202e}right to left",
            "\u{feff}bom",
            "\u{7f}\u{80}\u{2028}\u{2029}\u{fffd}\u{10ffff}",
            "<script>alert('x')</script> & Robert'); DROP TABLE resources;--",
            "%s %n ${x} {{x}}",
        ]
        .iter()
        .enumerate()
        {
            let body = user(&format!("user{number}"), json!({"displayName": text, "title": text}));
            let created = client.post("/Users", &body).expect(201);
            assert_eq!(created.body["displayName"], *text);
            let read = client.get(&format!("/Users/{}", created.id())).expect(200);
            assert_eq!(read.body["title"], *text);
        }
    }
);

on_both_databases!(
    /// RFC 7643 section 3.1: times are UTC and those of the server; a change moves `lastModified` alone.
    times_are_those_of_the_server,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({}));
        let path = format!("/Users/{id}");
        let before = client.get(&path).expect(200);
        let created = before.text_at("/meta/created");
        assert!(created.ends_with('Z') && created.len() == 24, "{created}");
        server.clock.advance_millis(86_400_000);
        let change = patch(json!([{"op": "add", "path": "title", "value": "x"}]));
        let after = client.patch(&path, &change).expect(200);
        assert_eq!(after.text_at("/meta/created"), created);
        assert!(after.text_at("/meta/lastModified") > before.text_at("/meta/lastModified"));
    }
);

on_both_databases!(
    /// RFC 7643 section 3.1: an identifier is never given twice and never changes.
    identifiers_are_stable_and_unique,
    |server| {
        let client = server.scim();
        let first = create_user(&client, "bjensen", json!({}));
        client.delete(&format!("/Users/{first}")).expect(204);
        let second = create_user(&client, "bjensen", json!({}));
        assert_ne!(first, second);
        let path = format!("/Users/{second}");
        let renamed = client.put(&path, &user("renamed", json!({}))).expect(200);
        assert_eq!(renamed.id(), second);
    }
);
