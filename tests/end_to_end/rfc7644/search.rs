//! RFC 7644 section 3.4.3: queries in a body.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{LIST_RESPONSE, USER, create_group, create_user, texts, user_names};

pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

on_both_databases!(
    /// RFC 7644 section 3.4.3: all parameters together, below a resource type.
    a_search_filters_sorts_pages_and_projects,
    |server| {
        let client = server.scim();
        let mut ids = Vec::new();
        for name in ["anna", "bert", "carl", "dora"] {
            ids.push(create_user(&client, name, json!({"title": "Guide", "nickName": name})));
        }
        create_user(&client, "emil", json!({}));
        let search = json!({
            "schemas": [SEARCH_REQUEST],
            "attributes": ["userName", "title"],
            "filter": "title eq \"guide\"",
            "sortBy": "userName",
            "sortOrder": "descending",
            "startIndex": 2,
            "count": 2,
        });
        let answer = client.post("/Users/.search", &search).expect(200);
        let found = |id: &str, name: &str| {
            json!({"id": id, "schemas": [USER], "userName": name, "title": "Guide"})
        };
        assert_eq!(
            answer.body,
            json!({
                "schemas": [LIST_RESPONSE],
                "totalResults": 4,
                "startIndex": 2,
                "itemsPerPage": 2,
                "Resources": [found(&ids[2], "carl"), found(&ids[1], "bert")],
            })
        );
        let mut search = search;
        search["attributes"] = Value::Null;
        search["excludedAttributes"] = json!(["nickName", "meta"]);
        let answer = client.post("/Users/.search", &search).expect(200);
        assert_eq!(
            answer.body["Resources"][0],
            json!({"id": ids[2], "schemas": [USER], "userName": "carl", "title": "Guide", "active": true})
        );
    }
);

on_both_databases!(
    /// RFC 7644 sections 3.4.3 and 3.4.2.1: the RFC's example, at the root.
    a_search_of_the_root_spans_the_resource_types,
    |server| {
        let client = server.scim();
        create_user(&client, "smith", json!({"displayName": "Smith, James"}));
        create_group(&client, "Smith Family", &[]);
        create_user(&client, "jones", json!({"displayName": "Jones, James"}));
        let search = json!({
            "schemas": [SEARCH_REQUEST],
            "attributes": ["displayName", "userName"],
            "filter": "displayName sw \"smith\"",
            "startIndex": 1,
            "count": 10,
        });
        let answer = client.post("/.search", &search).expect(200);
        assert_eq!(answer.body["totalResults"], 2);
        assert_eq!(texts(&answer, "/displayName"), ["Smith, James", "Smith Family"]);
        assert_eq!(answer.body["Resources"][0]["userName"], "smith");
        assert_eq!(answer.body["Resources"][1]["userName"], Value::Null);
        let groups = client.post("/Groups/.search", &search).expect(200);
        assert_eq!(groups.body["totalResults"], 1);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.4.3: `schemas` is part of the request; what is malformed is refused.
    a_search_request_that_is_none_is_refused,
    |server| {
        let client = server.scim();
        create_user(&client, "anna", json!({}));
        let cases = [
            (json!([]), "invalidSyntax"),
            (json!({"schemas": [SEARCH_REQUEST], "filter": 7}), "invalidValue"),
            (json!({"schemas": [SEARCH_REQUEST], "count": "many"}), "invalidValue"),
            (json!({"schemas": [SEARCH_REQUEST], "startIndex": 1.5}), "invalidValue"),
            (json!({"schemas": [SEARCH_REQUEST], "filter": "userName"}), "invalidFilter"),
        ];
        for (body, scim_type) in cases {
            client
                .post("/Users/.search", &body)
                .expect_error(400, Some(scim_type));
        }
        let bare = json!({"filter": "userName eq \"anna\""});
        let answer = client.post("/Users/.search", &bare).expect(200);
        assert_eq!(user_names(&answer), ["anna"]);
        let (_, key) = server.new_directory(Dialect::Strict);
        server
            .scim_with(&key)
            .post("/Users/.search", &bare)
            .expect_error(400, Some("invalidSyntax"));
    }
);
