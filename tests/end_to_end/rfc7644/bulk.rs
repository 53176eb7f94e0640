//! RFC 7644 section 3.7: bulk operations.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{ENTERPRISE, PATCH_OP, create_group, create_user, group, patch, user};
use crate::server::{Answer, Client};

const REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

fn post(client: &Client, operations: Value) -> Answer {
    let mut body = json!({"schemas": [REQUEST]});
    body["Operations"] = operations;
    client.post("/Bulk", &body)
}

fn post_of(bulk_id: &str, path: &str, data: Value) -> Value {
    let mut operation = json!({"method": "POST", "path": path, "bulkId": bulk_id});
    operation["data"] = data;
    operation
}

fn statuses(answer: &Answer) -> Vec<String> {
    let operations = answer.body["Operations"].as_array().expect("results");
    operations
        .iter()
        .map(|result| result["status"].as_str().expect("a status").to_owned())
        .collect()
}

/// The identifier in the location of a result.
fn id_of(answer: &Answer, index: usize) -> String {
    let location = answer.text_at(&format!("/Operations/{index}/location"));
    let (_, id) = location.rsplit_once('/').expect("a location");
    id.to_owned()
}

fn members(client: &Client, group: &str) -> Vec<String> {
    let answer = client.get(&format!("/Groups/{group}")).expect(200);
    let members = answer.body["members"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    members
        .iter()
        .map(|member| member["value"].as_str().expect("a value").to_owned())
        .collect()
}

on_both_databases!(
    /// RFC 7644 section 3.7.3: every method, with its own result.
    each_operation_has_its_result,
    |server| {
        let client = server.scim();
        let [put, patched, deleted] =
            ["put", "patched", "deleted"].map(|name| create_user(&client, name, json!({})));
        let version = client.get(&format!("/Users/{deleted}")).expect(200);
        let version = version.text_at("/meta/version");
        let answer = post(
            &client,
            json!([
                post_of("qwerty", "/Users", user("created", json!({}))),
                {"method": "PUT", "path": format!("/Users/{put}"), "bulkId": "ytrewq",
                    "data": user("put", json!({"title": "x"}))},
                {"method": "PATCH", "path": format!("/Users/{patched}"),
                    "data": {"schemas": [PATCH_OP], "Operations": [
                        {"op": "add", "path": "title", "value": "y"}]}},
                {"method": "DELETE", "path": format!("/Users/{deleted}"), "version": version},
            ]),
        )
        .expect(200);
        let location = |id: &str| format!("{}/Users/{id}", server.scim_base);
        let created = id_of(&answer, 0);
        assert_eq!(
            answer.body,
            json!({
                "schemas": [RESPONSE],
                "Operations": [
                    {"location": location(&created), "method": "POST", "bulkId": "qwerty",
                        "version": "W/\"1\"", "status": "201"},
                    {"location": location(&put), "method": "PUT", "bulkId": "ytrewq",
                        "version": "W/\"2\"", "status": "200"},
                    {"location": location(&patched), "method": "PATCH",
                        "version": "W/\"2\"", "status": "200"},
                    {"location": location(&deleted), "method": "DELETE", "status": "204"},
                ],
            })
        );
        let title = |id: &str| client.get(&format!("/Users/{id}")).expect(200).body["title"].clone();
        assert_eq!([title(&put), title(&patched)], ["x", "y"]);
        client.get(&format!("/Users/{created}")).expect(200);
        client.get(&format!("/Users/{deleted}")).expect_error(404, None);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.2: `bulkId` stands for what another operation creates, whatever the order.
    references_are_resolved_in_any_order,
    |server| {
        let client = server.scim();
        let alice = post_of("qwerty", "/Users", user("Alice", json!({})));
        let guides = post_of("ytrewq", "/Groups", group("Tour Guides", &["bulkId:qwerty"]));
        let answer = post(&client, json!([alice, guides])).expect(200);
        assert_eq!(statuses(&answer), ["201", "201"]);
        assert_eq!(members(&client, &id_of(&answer, 1)), [id_of(&answer, 0)]);

        let bert = post_of("b", "/Users", user("Bert", json!({})));
        let crew = post_of("g", "/Groups", group("Crew", &["bulkId:b"]));
        let existing = create_group(&client, "Existing", &[]);
        let add = json!({"method": "PATCH", "path": format!("/Groups/{existing}"),
            "data": patch(json!([{"op": "add", "path": "members", "value": [{"value": "bulkId:b"}]}]))});
        let answer = post(&client, json!([add, crew, bert])).expect(200);
        assert_eq!(statuses(&answer), ["200", "201", "201"]);
        assert_eq!(members(&client, &id_of(&answer, 1)), [id_of(&answer, 2)]);
        assert_eq!(members(&client, &existing), [id_of(&answer, 2)]);

        // The manager of an enterprise user, as in the RFC.
        let manager = json!({ENTERPRISE: {"manager": {"value": "bulkId:m"}}});
        let report = post_of("r", "/Users", user("Report", manager));
        let boss = post_of("m", "/Users", user("Boss", json!({})));
        let answer = post(&client, json!([report, boss])).expect(200);
        let report = client.get(&format!("/Users/{}", id_of(&answer, 0))).expect(200);
        assert_eq!(report.body[ENTERPRISE]["manager"]["value"], id_of(&answer, 1));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.1: the RFC's example of two groups that contain each other.
    groups_may_contain_each_other,
    |server| {
        let client = server.scim();
        let answer = post(
            &client,
            json!([
                post_of("qwerty", "/Groups", group("Group A", &["bulkId:ytrewq"])),
                post_of("ytrewq", "/Groups", group("Group B", &["bulkId:qwerty"])),
            ]),
        )
        .expect(200);
        assert_eq!(statuses(&answer), ["201", "201"]);
        let [a, b] = [0, 1].map(|index| id_of(&answer, index));
        assert_eq!(members(&client, &a), std::slice::from_ref(&b));
        assert_eq!(members(&client, &b), [a]);
        let read = client.get(&format!("/Groups/{b}")).expect(200);
        assert_eq!(read.body["members"][0]["type"], "Group");
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.3: an operation that fails says why, and undoes none but itself.
    a_failing_operation_fails_alone,
    |server| {
        let client = server.scim();
        let existing = create_user(&client, "taken", json!({}));
        let missing = "/Users/2819c223-7f76-453a-919d-413861904646";
        let answer = post(
            &client,
            json!([
                post_of("1", "/Users", user("TAKEN", json!({}))),
                post_of("2", "/Users", user("fine", json!({}))),
                {"method": "PUT", "path": missing, "data": user("x", json!({}))},
                {"method": "DELETE", "path": format!("/Users/{existing}"), "version": "W/\"99\""},
                post_of("5", "/Groups", group("Crew", &["bulkId:1"])),
                post_of("6", "/Elephants", json!({})),
                {"method": "GET", "path": format!("/Users/{existing}")},
                {"method": "POST", "path": "/Users", "data": user("no-bulk-id", json!({}))},
            ]),
        )
        .expect(200);
        assert_eq!(
            statuses(&answer),
            ["409", "201", "404", "412", "409", "404", "400", "400"]
        );
        for index in [0, 2, 3, 4, 5, 6, 7] {
            let response = &answer.body["Operations"][index]["response"];
            let status = &answer.body["Operations"][index]["status"];
            assert_eq!(&response["status"], status, "{response}");
            assert_eq!(response["schemas"][0], "urn:ietf:params:scim:api:messages:2.0:Error");
            assert!(response["detail"].is_string(), "{response}");
        }
        assert_eq!(answer.body["Operations"][0]["response"]["scimType"], "uniqueness");
        assert_eq!(answer.body["Operations"][0]["location"], Value::Null);
        assert_eq!(client.get("/Users").expect(200).body["totalResults"], 2);
        assert_eq!(client.get("/Groups").expect(200).body["totalResults"], 0);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7: after `failOnErrors` errors no more is executed.
    enough_errors_end_the_request,
    |server| {
        let client = server.scim();
        create_user(&client, "taken", json!({}));
        let failing = |bulk_id: &str| post_of(bulk_id, "/Users", user("taken", json!({})));
        let run = |fail_on_errors: Value| {
            let mut body = json!({"schemas": [REQUEST], "failOnErrors": fail_on_errors});
            let name = format!("user {fail_on_errors}");
            body["Operations"] = json!([
                failing("1"),
                post_of("2", "/Users", user(&name, json!({}))),
                failing("3"),
                post_of("4", "/Users", user(&format!("{name} too"), json!({}))),
            ]);
            client.post("/Bulk", &body)
        };
        assert_eq!(statuses(&run(json!(1)).expect(200)), ["409"]);
        assert_eq!(statuses(&run(json!(2)).expect(200)), ["409", "201", "409"]);
        let all = ["409", "201", "409", "201"];
        assert_eq!(statuses(&run(json!(3)).expect(200)), all);
        assert_eq!(statuses(&run(Value::Null).expect(200)), all);
        run(json!(0)).expect_error(400, Some("invalidValue"));
        run(json!("x")).expect_error(400, Some("invalidValue"));
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.4: the limits that `ServiceProviderConfig` states, with 413.
    the_limits_hold,
    |server| {
        let client = server.scim();
        let operations = |count: usize| -> Value {
            (0..count)
                .map(|number| post_of(&number.to_string(), "/Users", user(&format!("u{number}"), json!({}))))
                .collect()
        };
        let answer = post(&client, operations(4)).expect_error(413, None);
        assert!(answer.text_at("/detail").contains("maxOperations (3)"));
        let long = post_of("1", "/Users", user(&"x".repeat(2000), json!({})));
        post(&client, json!([long])).expect_error(413, None);
        assert_eq!(client.get("/Users").expect(200).body["totalResults"], 0);
        assert_eq!(statuses(&post(&client, operations(3)).expect(200)), ["201"; 3]);
    },
    |settings| {
        settings.limits.max_bulk_operations = 3;
        settings.limits.max_bulk_payload = 1500;
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7 and 3.12: what is no bulk request is refused as a whole.
    a_request_that_is_none_is_refused,
    |server| {
        let client = server.scim();
        let twice = json!([
            post_of("1", "/Users", user("a", json!({}))),
            post_of("1", "/Users", user("b", json!({}))),
        ]);
        for body in [
            json!([]),
            json!({"schemas": [REQUEST]}),
            json!({"schemas": [REQUEST], "Operations": 7}),
            json!({"schemas": [REQUEST], "Operations": twice}),
        ] {
            client.post("/Bulk", &body).expect_error(400, Some("invalidSyntax"));
        }
        assert_eq!(client.get("/Users").expect(200).body["totalResults"], 0);
        assert_eq!(post(&client, json!([])).expect(200).body["Operations"], json!([]));
    }
);

on_both_databases!(
    /// Promise P11: a bulk request reaches nothing of another directory.
    another_directory_is_out_of_reach,
    |server| {
        let id = create_user(&server.scim(), "bjensen", json!({}));
        let (_, key) = server.new_directory(Dialect::Strict);
        let other = server.scim_with(&key);
        let path = format!("/Users/{id}");
        let answer = post(
            &other,
            json!([
                {"method": "DELETE", "path": path},
                {"method": "PUT", "path": path, "data": user("x", json!({}))},
                post_of("g", "/Groups", group("Crew", &[&id])),
            ]),
        )
        .expect(200);
        assert_eq!(statuses(&answer), ["404", "404", "400"]);
        server.scim().get(&path).expect(200);
    }
);
