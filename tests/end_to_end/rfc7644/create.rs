//! RFC 7644 section 3.3: creating resources.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{ENTERPRISE, GROUP, USER, create_user, group, user, without_common};

on_both_databases!(
    /// RFC 7644 section 3.3: the RFC's example.
    the_example_of_the_rfc_is_created_and_answered_whole,
    |server| {
        let body = json!({
            "schemas": [USER],
            "userName": "bjensen",
            "externalId": "bjensen",
            "name": {
                "formatted": "Ms. Barbara J Jensen III",
                "familyName": "Jensen",
                "givenName": "Barbara",
            },
        });
        let answer = server.scim().post("/Users", &body).expect(201);
        let location = format!("{}/Users/{}", server.scim_base, answer.id());
        assert_eq!(answer.header("Location"), Some(location.as_str()));
        assert_eq!(answer.header("Content-Type"), Some("application/scim+json"));
        assert_eq!(answer.body["meta"]["location"], location.as_str());
        assert_eq!(answer.body["meta"]["resourceType"], "User");
        assert_eq!(
            answer.header("ETag"),
            answer.body["meta"]["version"].as_str()
        );
        let created = answer.text_at("/meta/created");
        assert_eq!(answer.text_at("/meta/lastModified"), created);
        let mut expected = body;
        expected["active"] = json!(true);
        assert_eq!(without_common(answer.body.clone()), expected);
        assert_eq!(server.scim().get(&location).expect(200).body, answer.body);
    }
);

on_both_databases!(
    /// RFC 7643 section 8.3: the enterprise user of the RFC, with every attribute.
    the_full_user_of_the_rfc_is_kept_as_it_is,
    |server| {
        let client = server.scim();
        let manager = create_user(&client, "jsmith", json!({"displayName": "John Smith"}));
        let body = full_user(&manager);
        let answer = client.post("/Users", &body).expect(201);
        let mut kept = without_common(answer.body);
        kept[ENTERPRISE]["manager"]
            .as_object_mut()
            .expect("a manager")
            .retain(|name, _| name == "value");
        assert_eq!(kept, body);
    }
);

fn full_user(manager: &str) -> Value {
    json!({
        "schemas": [USER, ENTERPRISE],
        "externalId": "701984",
        "userName": "bjensen@example.com",
        "name": {
            "formatted": "Ms. Barbara J Jensen, III",
            "familyName": "Jensen",
            "givenName": "Barbara",
            "middleName": "Jane",
            "honorificPrefix": "Ms.",
            "honorificSuffix": "III",
        },
        "displayName": "Babs Jensen",
        "nickName": "Babs",
        "profileUrl": "https://login.example.com/bjensen",
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        "addresses": [
            {
                "type": "work",
                "streetAddress": "100 Universal City Plaza",
                "locality": "Hollywood",
                "region": "CA",
                "postalCode": "91608",
                "country": "US",
                "formatted": "100 Universal City Plaza\nHollywood, CA 91608 USA",
                "primary": true,
            },
            {"type": "home", "streetAddress": "456 Hollywood Blvd", "locality": "Hollywood"},
        ],
        "phoneNumbers": [
            {"value": "tel:555-555-5555", "type": "work"},
            {"value": "tel:555-555-4444", "type": "mobile"},
        ],
        "ims": [{"value": "someaimhandle", "type": "aim"}],
        "photos": [
            {"value": "https://photos.example.com/profilephoto/72930000000Ccne/F", "type": "photo"},
        ],
        "userType": "Employee",
        "title": "Tour Guide",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "America/Los_Angeles",
        "active": true,
        "x509Certificates": [{"value": "MIIDQzCCAqygAwIBAgICEAAwDQYJKoZIhvcNAQEFBQAwTjELMAkGA1UEBhMCVVMx"}],
        ENTERPRISE: {
            "employeeNumber": "701984",
            "costCenter": "4130",
            "organization": "Universal Studios",
            "division": "Theme Park",
            "department": "Tour Operations",
            "manager": {"value": manager},
        },
    })
}

on_both_databases!(
    /// RFC 7644 section 3.3: read-only attributes of the request are ignored.
    what_only_the_server_sets_is_ignored,
    |server| {
        let body = user(
            "bjensen",
            json!({
                "id": "2819c223-7f76-453a-919d-413861904646",
                "meta": {
                    "resourceType": "Elephant",
                    "created": "2000-01-01T00:00:00Z",
                    "location": "https://example.org/",
                    "version": "W/\"99\"",
                },
                "groups": [{"value": "2819c223-7f76-453a-919d-413861904646"}],
            }),
        );
        let answer = server.scim().post("/Users", &body).expect(201);
        assert_ne!(answer.id(), "2819c223-7f76-453a-919d-413861904646");
        assert_eq!(answer.body["meta"]["resourceType"], "User");
        assert_ne!(answer.body["meta"]["created"], "2000-01-01T00:00:00Z");
        assert_eq!(answer.body["groups"], Value::Null);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.3, RFC 7643 section 4.1.1: `userName` is unique whatever its case.
    a_second_user_of_the_same_name_is_a_conflict,
    |server| {
        let client = server.scim();
        create_user(&client, "Bärbel.Jensen", json!({}));
        for name in ["Bärbel.Jensen", "bärbel.jensen", "BÄRBEL.JENSEN"] {
            let answer = client.post("/Users", &user(name, json!({})));
            let answer = answer.expect_error(409, Some("uniqueness"));
            assert!(answer.text_at("/detail").contains("userName"));
        }
        assert_eq!(client.get("/Users").expect(200).body["totalResults"], 1);
        // Names of groups are not unique; external identifiers are, within a resource type.
        for _ in 0..2 {
            client.post("/Groups", &group("Same", &[])).expect(201);
        }
        create_user(&client, "one", json!({"externalId": "same"}));
        let answer = client.post("/Users", &user("two", json!({"externalId": "same"})));
        let answer = answer.expect_error(409, Some("uniqueness"));
        assert!(answer.text_at("/detail").contains("externalId"));
        create_user(&client, "two", json!({"externalId": "SAME"}));
        let mut group = group("Same", &[]);
        group["externalId"] = json!("same");
        client.post("/Groups", &group).expect(201);
    }
);

on_both_databases!(
    /// RFC 7643 section 2.5 and section 2.4: null and the empty array are the same as left out.
    unassigned_attributes_are_left_out_of_the_answer,
    |server| {
        let body = user(
            "bjensen",
            json!({
                "displayName": null,
                "emails": [],
                "addresses": null,
                "name": {"givenName": "Barbara", "familyName": null},
                ENTERPRISE: {"department": null},
            }),
        );
        let answer = server.scim().post("/Users", &body).expect(201);
        assert_eq!(
            without_common(answer.body),
            user("bjensen", json!({"name": {"givenName": "Barbara"}, "active": true}))
        );
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.3 and 3.12: what cannot be taken is refused with its reason, and nothing stays.
    a_resource_that_is_not_valid_is_refused,
    |server| {
        let client = server.scim();
        let cases = [
            (json!({"schemas": [USER]}), "invalidValue", "userName"),
            (user("", json!({})), "invalidValue", "userName"),
            (user("   ", json!({})), "invalidValue", "userName"),
            (json!({"schemas": [USER], "userName": 7}), "invalidValue", "userName"),
            (user("x", json!({"active": "perhaps"})), "invalidValue", "active"),
            (user("x", json!({"name": "Barbara"})), "invalidValue", "name"),
            (user("x", json!({"emails": [{"value": 7}]})), "invalidValue", "emails"),
            (user("x", json!({"displayName": ["a", "b"]})), "invalidValue", "displayName"),
            (user("x", json!({"x509Certificates": [{"value": "not base64!"}]})), "invalidValue", "x509Certificates"),
            (user("x", json!({ENTERPRISE: "department"})), "invalidValue", "enterprise"),
            (json!([]), "invalidSyntax", ""),
            (json!("user"), "invalidSyntax", ""),
        ];
        for (body, scim_type, named) in cases {
            let answer = client.post("/Users", &body);
            let text = format!("{body}");
            assert_eq!(answer.status, 400, "{text}: {}", answer.text);
            assert_eq!(answer.body["scimType"], scim_type, "{text}: {}", answer.text);
            assert!(answer.text_at("/detail").contains(named), "{text}: {}", answer.text);
        }
        let answer = client.post("/Groups", &json!({"schemas": [GROUP]}));
        answer.expect_error(400, Some("invalidValue"));
        assert_eq!(client.get("/Users").expect(200).body["totalResults"], 0);

        let (_, key) = server.new_directory(Dialect::Strict);
        let wrong_schema = json!({"schemas": [GROUP], "userName": "x"});
        server
            .scim_with(&key)
            .post("/Users", &wrong_schema)
            .expect_error(400, Some("invalidSyntax"));
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.1 and 3.12: bodies that are no JSON, or of another media type.
    a_body_that_cannot_be_read_is_refused,
    |server| {
        let client = server.scim();
        let scim = [("Content-Type", "application/scim+json")];
        for body in ["{", "{\"userName\": }", "not json", "\u{feff}{}"] {
            client
                .request("POST", "/Users", &scim, body.as_bytes())
                .expect_error(400, Some("invalidSyntax"));
        }
        client
            .request("POST", "/Users", &scim, b"{\"userName\": \"\xff\"}")
            .expect_error(400, Some("invalidSyntax"));
        client
            .request("POST", "/Users", &scim, b"")
            .expect_error(400, Some("invalidSyntax"));
        let body = user("x", json!({})).to_string();
        client
            .request("POST", "/Users", &[("Content-Type", "text/xml")], body.as_bytes())
            .expect_error(415, None);
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        client
            .request("POST", "/Users", &scim, deep.as_bytes())
            .expect_error(400, Some("invalidSyntax"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.1: both media types, with whatever parameters; the answer is always SCIM.
    plain_json_is_understood_too,
    |server| {
        let client = server.scim();
        for (index, media_type) in [
            "application/json",
            "application/scim+json; charset=utf-8",
            "Application/SCIM+JSON",
        ]
        .iter()
        .enumerate()
        {
            let body = user(&format!("user{index}"), json!({})).to_string();
            let headers = [("Content-Type", *media_type), ("Accept", "application/json")];
            let answer = client.request("POST", "/Users", &headers, body.as_bytes());
            let answer = answer.expect(201);
            let answered = answer.header("Content-Type").unwrap_or_default();
            assert!(answered.starts_with("application/"), "{answered}");
        }
        let headers = [("Accept", "text/html")];
        client
            .request("GET", "/Users", &headers, b"")
            .expect_error(406, None);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.9: the answer to a creation is projected as well.
    the_answer_holds_the_attributes_that_are_asked_for,
    |server| {
        let client = server.scim();
        let body = user("bjensen", json!({"displayName": "Babs", "title": "Guide"}));
        let answer = client.post("/Users?attributes=title", &body).expect(201);
        let id = answer.id();
        assert_eq!(
            answer.body,
            json!({"id": id, "schemas": [USER], "title": "Guide"})
        );
        assert!(answer.header("Location").is_some());
    }
);

on_both_databases!(
    /// RFC 7643 section 2.1 and section 3.3: a body's names ignore case; unknown ones are forgiven or refused
    /// as the directory says.
    unknown_attributes_are_ignored_unless_the_directory_is_strict,
    |server| {
        let body = json!({"SCHEMAS": [USER], "USERNAME": "bjensen", "DisplayName": "Babs"});
        let answer = server.scim().post("/Users", &body).expect(201);
        assert_eq!(
            without_common(answer.body),
            user("bjensen", json!({"displayName": "Babs", "active": true}))
        );
        let unknown = user("jsmith", json!({"shoeSize": 44}));
        let answer = server.scim().post("/Users", &unknown).expect(201);
        assert_eq!(answer.body["shoeSize"], Value::Null);

        let (_, key) = server.new_directory(Dialect::Strict);
        let strict = server.scim_with(&key);
        let answer = strict.post("/Users", &unknown);
        let answer = answer.expect_error(400, Some("invalidSyntax"));
        assert!(answer.text_at("/detail").contains("shoeSize"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.12: 413 for a body that is too long.
    a_body_above_the_limit_is_refused,
    |server| {
        let client = server.scim();
        let body = user("bjensen", json!({"displayName": "x".repeat(5000)}));
        client.post("/Users", &body).expect_error(413, None);
        create_user(&client, "bjensen", json!({}));
    },
    |settings| settings.limits.max_body = 4096
);
