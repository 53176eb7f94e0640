//! RFC 7644 sections 3.5.2 and 3.7: the operations of one request come one after the other, and one of a
//! bulk request fails alone.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{GROUP, USER, create_group, create_user, patch};
use crate::server::{Answer, Client};

fn person(client: &Client, name: &str) -> String {
    create_user(client, name, json!({"displayName": name}))
}

fn members(answer: &Answer) -> Vec<&str> {
    let members = answer.body["members"].as_array();
    let members = members.map_or(&[][..], Vec::as_slice);
    members
        .iter()
        .filter_map(|member| member["display"].as_str())
        .collect()
}

fn bulk(client: &Client, operations: &Value) -> Answer {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    client.post("/Bulk", &body).expect(200)
}

fn statuses(answer: &Answer) -> Vec<&str> {
    let operations = answer.body["Operations"].as_array().expect("operations");
    operations
        .iter()
        .filter_map(|operation| operation["status"].as_str())
        .collect()
}

fn group_of(name: &str, bulk_id: &str, member: &str) -> Value {
    json!({
        "method": "POST", "path": "/Groups", "bulkId": bulk_id,
        "data": {"schemas": [GROUP], "displayName": name, "members": [{"value": member}]},
    })
}

on_both_databases!(
    /// RFC 7644 section 3.5.2: who was added a moment ago is removed by a filter like everybody else.
    a_filter_that_removes_members_sees_those_that_were_added_before_it,
    |server| {
        let client = server.scim();
        let [ada, ben, cid] = ["Ada", "Ben", "Cid"].map(|name| person(&client, name));
        let team = create_group(&client, "Team", &[&ada]);
        let path = format!("/Groups/{team}");
        let answer = client
            .patch(
                &path,
                &patch(json!([
                    {"op": "add", "path": "members", "value": [{"value": ben}, {"value": cid, "display": "C."}]},
                    {"op": "remove", "path": "members[display eq \"ben\" or display eq \"C.\"]"},
                ])),
            )
            .expect(200);
        assert_eq!(members(&answer), ["Ada"]);
        let answer = client
            .patch(
                &path,
                &patch(json!([
                    {"op": "replace", "path": "members", "value": [{"value": ben}, {"value": cid}]},
                    {"op": "remove", "path": "members[display sw \"B\"]"},
                ])),
            )
            .expect(200);
        assert_eq!(members(&answer), ["Cid"]);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.1: groups that hold each other, of which the same request deletes one.
    a_circle_of_groups_may_be_broken_by_the_bulk_request_that_makes_it,
    |server| {
        for dialect in [Dialect::Lenient, Dialect::Strict] {
            let (_, key) = server.new_directory(dialect);
            let client = server.scim_with(&key);
            for deleted in ["bulkId:a", "bulkId:b"] {
                let answer = bulk(
                    &client,
                    &json!([
                        group_of("A", "a", "bulkId:b"),
                        group_of("B", "b", "bulkId:a"),
                        {"method": "DELETE", "path": format!("/Groups/{deleted}")},
                    ]),
                );
                assert_eq!(statuses(&answer), ["201", "201", "204"], "{}", answer.text);
                let left = client.get("/Groups").expect(200);
                assert_eq!(left.body["totalResults"], 1, "{}", left.text);
                assert_eq!(left.body["Resources"][0]["members"], Value::Null);
                let left = left.text_at("/Resources/0/id");
                client.delete(&format!("/Groups/{left}")).expect(204);
            }
        }
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.3: one operation of many that cannot be done.
    a_circle_of_groups_with_a_member_that_cannot_be_made_is_not_made,
    |server| {
        let client = server.scim();
        let answer = bulk(
            &client,
            &json!([
                group_of("A", "a", "bulkId:b"),
                {"method": "POST", "path": "/Groups", "bulkId": "b", "data": {
                    "schemas": [GROUP], "members": [{"value": "bulkId:a"}],
                }},
                {"method": "POST", "path": "/Users", "bulkId": "c", "data": {
                    "schemas": [USER], "userName": "ada",
                }},
            ]),
        );
        assert_eq!(statuses(&answer), ["409", "400", "201"], "{}", answer.text);
        assert_eq!(client.get("/Groups").expect(200).body["totalResults"], 0);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.7.3, whose example gives a PATCH its operations and nothing around them.
    a_patch_in_a_bulk_request_may_consist_of_its_operations,
    |server| {
        let client = server.scim();
        let ada = person(&client, "Ada");
        let operations = json!([{
            "method": "PATCH", "path": format!("/Users/{ada}"),
            "data": [{"op": "add", "path": "nickName", "value": "A."}],
        }]);
        assert_eq!(statuses(&bulk(&client, &operations)), ["200"]);
        let answer = client.get(&format!("/Users/{ada}")).expect(200);
        assert_eq!(answer.body["nickName"], "A.");
        let (_, key) = server.new_directory(Dialect::Strict);
        let strict = server.scim_with(&key);
        let answer = bulk(&strict, &operations);
        assert_eq!(statuses(&answer), ["400"]);
    }
);

on_both_databases!(
    /// RFC 7643 section 4.1.2: a list shows the groups of its users as each user by itself does.
    the_groups_in_a_list_are_those_of_each_user,
    |server| {
        let client = server.scim();
        let people = ["Ada", "Ben", "Cid"].map(|name| person(&client, name));
        let inner = create_group(&client, "Inner", &[&people[0], &people[1]]);
        let outer = create_group(&client, "Outer", &[&inner, &people[1]]);
        let top = create_group(&client, "Top", &[&outer]);
        let circle = patch(json!([{"op": "add", "path": "members", "value": [{"value": top}]}]));
        client.patch(&format!("/Groups/{inner}"), &circle).expect(200);
        let list = client.get("/Users?attributes=groups&sortBy=userName").expect(200);
        for (index, id) in people.iter().enumerate() {
            let alone = client.get(&format!("/Users/{id}?attributes=groups")).expect(200);
            assert_eq!(list.body["Resources"][index], alone.body);
        }
        let types = |person: usize| -> Vec<String> {
            let groups = list.body["Resources"][person]["groups"].as_array();
            groups
                .into_iter()
                .flatten()
                .map(|group| format!("{} {}", group["display"], group["type"]).replace('"', ""))
                .collect()
        };
        assert_eq!(types(0), ["Inner direct", "Outer indirect", "Top indirect"]);
        assert_eq!(types(1), ["Inner direct", "Outer direct", "Top indirect"]);
        assert!(types(2).is_empty());
    }
);
