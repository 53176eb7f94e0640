//! Ping and SailPoint: `.search`, `attributes`, sorting, `pr` and `sw`, `/Bulk`.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json";
const SEARCH: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

fn create_user(name: &str, title: &str) -> String {
    format!(r#"{{"schemas": ["{USER}"], "userName": "{name}"{title}}}"#)
}

fn brief(name: &str) -> Value {
    json!({"schemas": [USER], "id": format!("<{name}>"), "userName": name})
}

fn three(server: &crate::server::TestServer) -> Conversation<'_> {
    let mut idp = Conversation::start(server, Dialect::Strict, CONTENT_TYPE);
    for (name, title) in [
        ("mary", ""),
        ("Ada", r#", "title": "Countess""#),
        ("adam", r#", "title": "Baker""#),
    ] {
        assert_eq!(
            idp.create(name, "/Users", &create_user(name, title)).status,
            201
        );
    }
    idp
}

on_both_databases!(
    an_aggregation_searches_sorts_and_picks_attributes,
    |server| {
        let idp = three(server);
        idp.get("/Users?filter=title pr&attributes=userName&sortBy=title&sortOrder=descending")
            .is(200, &list(&[brief("Ada"), brief("adam")]));
        idp.get("/Users?filter=userName sw \"AD\"&attributes=userName&sortBy=userName")
            .is(200, &list(&[brief("Ada"), brief("adam")]));
        // Whoever has none comes last in ascending order.
        idp.get("/Users?attributes=userName&sortBy=title")
            .is(200, &list(&[brief("adam"), brief("Ada"), brief("mary")]));
        let body = format!(
            r#"{{"schemas": ["{SEARCH}"], "attributes": ["userName"], "filter": "userName sw \"ad\" and title pr",
            "sortBy": "userName", "sortOrder": "descending", "startIndex": 1, "count": 1}}"#
        );
        let mut first = list(&[brief("adam")]);
        first["totalResults"] = json!(2);
        idp.post("/Users/.search", &body).is(200, &first);
        // At the root, over all types.
        let body = format!(
            r#"{{"schemas": ["{SEARCH}"], "attributes": ["userName"],
            "filter": "meta.resourceType eq \"User\" and not (title pr)"}}"#
        );
        idp.post("/.search", &body).is(200, &list(&[brief("mary")]));
        idp.get("/Users?attributes=userName&excludedAttributes=title&filter=title eq \"Baker\"")
            .is(
                400,
                &error(
                    400,
                    Some("invalidValue"),
                    "attributes and excludedAttributes exclude each other: give one of them",
                ),
            );
        assert_eq!(idp.leniencies(), json!({}));
    }
);

on_both_databases!(
    a_bulk_request_makes_people_and_their_group_at_once,
    |server| {
        let mut idp = three(server);
        let heard = idp.post("/Bulk", &format!(
        r#"{{"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "failOnErrors": 1, "Operations": [
            {{"method": "POST", "path": "/Groups", "bulkId": "g", "data": {{"schemas": ["{GROUP}"],
                "displayName": "Engines",
                "members": [{{"value": "bulkId:u", "type": "User"}}, {{"value": "<mary>", "type": "User"}}]}}}},
            {{"method": "POST", "path": "/Users", "bulkId": "u", "data": {{"schemas": ["{USER}"], "userName": "charles"}}}},
            {{"method": "PATCH", "path": "/Users/<adam>", "data": {{
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{{"op": "replace", "path": "active", "value": false}}]}}}},
            {{"method": "DELETE", "path": "/Users/<Ada>"}}]}}"#));
        idp.meet("engines", &heard, "/Operations/0/location");
        idp.meet("charles", &heard, "/Operations/1/location");
        idp.again(heard).is(
        200,
        &json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
            "Operations": [
                {"method": "POST", "bulkId": "g", "location": "<base>/Groups/<engines>", "version": "W/\"1\"", "status": "201"},
                {"method": "POST", "bulkId": "u", "location": "<base>/Users/<charles>", "version": "W/\"1\"", "status": "201"},
                {"method": "PATCH", "location": "<base>/Users/<adam>", "version": "W/\"2\"", "status": "200"},
                {"method": "DELETE", "location": "<base>/Users/<Ada>", "status": "204"},
            ],
        }),
    );
        idp.get("/Groups/<engines>?attributes=members.value").is(
        200,
        &json!({"schemas": [GROUP], "id": "<engines>", "members": [{"value": "<mary>"}, {"value": "<charles>"}]}),
    );
        idp.get("/Users?attributes=active&sortBy=userName").is(
            200,
            &list(&[
                json!({"schemas": [USER], "id": "<adam>", "active": false}),
                json!({"schemas": [USER], "id": "<charles>", "active": true}),
                json!({"schemas": [USER], "id": "<mary>", "active": true}),
            ]),
        );
        assert_eq!(idp.leniencies(), json!({}));
    }
);
