//! RFC 7644 section 4 and RFC 7643 sections 5 to 8: what the server tells about itself.

use serde_json::{Value, json};

use super::{ENTERPRISE, GROUP, LIST_RESPONSE, USER, texts};

on_both_databases!(
    /// RFC 7643 section 5, RFC 9865 section 4.
    the_configuration_says_what_is_supported_and_the_limits_that_hold,
    |server| {
        let answer = server.scim().get("/ServiceProviderConfig").expect(200);
        assert_eq!(answer.header("Content-Type"), Some("application/scim+json"));
        let mut body = answer.body;
        let schemes = body["authenticationSchemes"].take();
        assert_eq!(schemes[0]["type"], "oauthbearertoken");
        for name in ["name", "description"] {
            assert!(schemes[0][name].is_string(), "{schemes}");
        }
        assert_eq!(
            body,
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
                "patch": {"supported": true},
                "bulk": {"supported": true, "maxOperations": 7, "maxPayloadSize": 4096},
                "filter": {"supported": true, "maxResults": 50},
                "changePassword": {"supported": false},
                "sort": {"supported": true},
                "etag": {"supported": true},
                "authenticationSchemes": null,
                "pagination": {
                    "cursor": true,
                    "index": true,
                    "defaultPaginationMethod": "index",
                    "defaultPageSize": 20,
                    "maxPageSize": 50,
                    "cursorTimeout": 3600,
                },
                "meta": {
                    "resourceType": "ServiceProviderConfig",
                    "location": format!("{}/ServiceProviderConfig", server.scim_base),
                },
            })
        );
    },
    |settings| {
        settings.limits.max_bulk_operations = 7;
        settings.limits.max_bulk_payload = 4096;
        settings.limits.default_page_size = 20;
        settings.limits.max_page_size = 50;
    }
);

on_both_databases!(
    /// RFC 7643 section 5: `changePassword` follows what the directory allows (promise P9a).
    the_configuration_says_that_passwords_may_be_changed_where_they_may,
    |server| {
        let directory = format!("/directories/{}", server.directory_id);
        server
            .admin()
            .patch(&directory, &json!({"password_allowed": true}))
            .expect(200);
        let answer = server.scim().get("/ServiceProviderConfig").expect(200);
        assert_eq!(answer.body["changePassword"]["supported"], true);
    }
);

on_both_databases!(
    /// RFC 7643 section 6.
    resource_types_are_listed_and_each_can_be_read,
    |server| {
        let client = server.scim();
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": "User",
            "name": "User",
            "endpoint": "/Users",
            "description": "User Account",
            "schema": USER,
            "schemaExtensions": [{"schema": ENTERPRISE, "required": false}],
            "meta": {
                "resourceType": "ResourceType",
                "location": format!("{}/ResourceTypes/User", server.scim_base),
            },
        });
        assert_eq!(client.get("/ResourceTypes/User").expect(200).body, user);

        let list = client.get("/ResourceTypes").expect(200);
        assert_eq!(list.body["schemas"], json!([LIST_RESPONSE]));
        assert_eq!(list.body["totalResults"], 2);
        assert_eq!(list.body["Resources"][0], user);
        assert_eq!(texts(&list, "/schema"), [USER, GROUP]);
        client
            .get("/ResourceTypes/Nothing")
            .expect_error(404, None);
    }
);

on_both_databases!(
    /// RFC 7643 section 7: every schema that a resource type names is served, with its definition.
    schemas_are_listed_and_each_can_be_read,
    |server| {
        let client = server.scim();
        let list = client.get("/Schemas").expect(200);
        let ids = texts(&list, "/id");
        for urn in [USER, GROUP, ENTERPRISE] {
            assert!(ids.iter().any(|id| id == urn), "{urn} is not in {ids:?}");
        }
        for schema in list.body["Resources"].as_array().expect("a list") {
            let location = schema["meta"]["location"].as_str().expect("a location");
            assert_eq!(&client.get(location).expect(200).body, schema);
        }
        client
            .get("/Schemas/urn:example:none")
            .expect_error(404, None);
    }
);

on_both_databases!(
    /// RFC 7643 section 8.7.1: the characteristics of attributes are those of the RFC.
    schemas_state_the_characteristics_of_the_rfc,
    |server| {
        let client = server.scim();
        let schema = |urn: &str| client.get(&format!("/Schemas/{urn}")).expect(200).body;
        let find = |attributes: &Value, name: &str| {
            let found = attributes.as_array().and_then(|attributes| {
                attributes.iter().find(|attribute| attribute["name"] == name)
            });
            found.cloned().unwrap_or_else(|| panic!("{name} is missing"))
        };
        let user = schema(USER);
        let expected = [
            ("userName", "string", false, true, "readWrite", "default", json!("server")),
            ("name", "complex", false, false, "readWrite", "default", json!("none")),
            ("active", "boolean", false, false, "readWrite", "default", Value::Null),
            ("password", "string", false, false, "writeOnly", "never", json!("none")),
            ("emails", "complex", true, false, "readWrite", "default", json!("none")),
            ("groups", "complex", true, false, "readOnly", "default", Value::Null),
        ];
        for (name, kind, multi_valued, required, mutability, returned, uniqueness) in expected {
            let attribute = find(&user["attributes"], name);
            assert_eq!(attribute["type"], kind, "{name}");
            assert_eq!(attribute["multiValued"], multi_valued, "{name}");
            assert_eq!(attribute["required"], required, "{name}");
            assert_eq!(attribute["mutability"], mutability, "{name}");
            assert_eq!(attribute["returned"], returned, "{name}");
            assert_eq!(attribute["uniqueness"], uniqueness, "{name}");
        }
        let members = find(&schema(GROUP)["attributes"], "members");
        let value = find(&members["subAttributes"], "value");
        assert_eq!(value["mutability"], "immutable");
        let manager = find(&schema(ENTERPRISE)["attributes"], "manager");
        let name = find(&manager["subAttributes"], "displayName");
        assert_eq!(name["mutability"], "readOnly");
    }
);

on_both_databases!(
    /// RFC 7644 section 4: a filter is forbidden; other parameters are ignored.
    discovery_takes_no_filter_and_ignores_other_parameters,
    |server| {
        let client = server.scim();
        for endpoint in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
            client
                .get(&format!("{endpoint}?filter=name eq \"User\""))
                .expect_error(403, None);
            let plain = client.get(endpoint).expect(200);
            let parameters = "attributes=id&sortBy=id&startIndex=2&count=1";
            let other = client.get(&format!("{endpoint}?{parameters}")).expect(200);
            assert_eq!(other.body, plain.body, "{endpoint}");
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 4 and section 3.12: discovery is read only.
    discovery_offers_get_alone,
    |server| {
        let client = server.scim();
        for endpoint in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let answer = client.send(method, endpoint, &[], &json!({}));
                let answer = answer.expect_error(405, None);
                assert_eq!(answer.header("Allow"), Some("GET"), "{method} {endpoint}");
            }
        }
    }
);
