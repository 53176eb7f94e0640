//! Microsoft Entra ID as a tenant sends it without the flag `aadOptscim062020`: capitalised operations,
//! booleans as strings, one operation without a path whose keys are dotted or qualified, members removed by
//! value.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json; charset=utf-8";

const CREATE_ADA: &str = r#"{
    "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
    "externalId": "ada", "userName": "Ada@Contoso.example", "active": true,
    "displayName": "Ada Lovelace",
    "emails": [{"primary": true, "type": "work", "value": "ada@contoso.example"}],
    "meta": {"resourceType": "User"},
    "name": {"formatted": "Ada Lovelace", "familyName": "Lovelace", "givenName": "Ada"},
    "title": null, "addresses": null, "phoneNumbers": [], "roles": []}"#;

fn create_user(name: &str) -> String {
    format!(
        r#"{{"schemas": ["{USER}", "{ENTERPRISE}"], "externalId": "{name}", "active": true,
            "userName": "{name}@contoso.example", "meta": {{"resourceType": "User"}}, "roles": []}}"#
    )
}

/// What the log keeps of the conversation about her.
const LOG_OF_ADA: [&str; 18] = [
    "GET /Users?filter=userName eq \"…\" 200 success",
    "POST /Users 201 success, changed: externalId userName name displayName active emails",
    "POST /Users 201 success, changed: externalId userName active",
    "GET /Users?filter=userName eq \"…\" 200 success",
    "GET /Users?filter=externalId eq \"…\" 200 success",
    "GET /Users?filter=emails[type eq \"…\" and value eq \"…\"] 200 success",
    "POST /Users 409 uniqueness",
    "PATCH /Users/<ada> 200 success, changed: emails name title \
             urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department \
             urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager, \
             forgiven: operation_case qualified_key bare_value",
    "GET /Users?filter=id eq \"…\" and manager eq \"…\"&attributes=id 200 success, \
             forgiven: unqualified_attribute",
    "PATCH /Users/<ada> 200 success, changed: addresses phoneNumbers roles, \
             forgiven: boolean_as_string operation_case create_by_filter",
    "PATCH /Users/<ada> 200 success, \
             changed: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager, \
             forgiven: operation_case empty_unassigns",
    "PATCH /Users/<ada> 200 success, \
             changed: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager, \
             forgiven: operation_case bare_value",
    "PATCH /Users/<ada> 200 success, \
             changed: urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager, \
             forgiven: operation_case",
    "PATCH /Users/<ada> 200 success, changed: active, forgiven: boolean_as_string operation_case",
    "GET /Users/<ada> 200 success",
    "DELETE /Users/<ada> 204 success",
    "DELETE /Users/<ada> 404 error",
    "GET /Users/<ada> 404 error",
];

/// Ada as she was created, with changes; null takes an attribute away.
fn ada(version: u32, changes: Value) -> Value {
    let mut ada = json!({
        "schemas": [USER],
        "id": "<ada>",
        "externalId": "ada",
        "userName": "Ada@Contoso.example",
        "name": {"formatted": "Ada Lovelace", "familyName": "Lovelace", "givenName": "Ada"},
        "displayName": "Ada Lovelace",
        "active": true,
        "emails": [{"value": "ada@contoso.example", "type": "work", "primary": true}],
        "meta": meta("User", "ada", version),
    });
    with(&mut ada, changes);
    ada
}

fn created(name: &str) -> Value {
    json!({
        "schemas": [USER],
        "id": format!("<{name}>"),
        "externalId": name,
        "userName": format!("{name}@contoso.example"),
        "active": true,
        "meta": meta("User", name, 1),
    })
}

fn group(version: u32, members: &[&str]) -> Value {
    let mut group = json!({
        "schemas": [GROUP],
        "id": "<engines>",
        "externalId": "engines",
        "displayName": "Engines",
        "meta": meta("Group", "engines", version),
    });
    if !members.is_empty() {
        group["members"] = members
            .iter()
            .map(|name| member(name, &format!("{name}@contoso.example")))
            .collect();
    }
    group
}

on_both_databases!(
    the_connection_is_tested_with_a_look_up_that_finds_nothing,
    |server| {
        let idp = Conversation::start(server, Dialect::Entra, CONTENT_TYPE);
        let probe = "019ac0de-0000-4000-8000-000000000000";
        idp.get(&format!("/Users?filter=userName eq \"{probe}\""))
            .is(200, &list(&[]));
        idp.get(&format!("/Users?filter=externalId eq \"{probe}\""))
            .is(200, &list(&[]));
        idp.get(&format!(
            "/Users?filter=emails[type eq \"work\"].value eq \"{probe}\""
        ))
        .is(200, &list(&[]));
        idp.get(&format!(
            "/Groups?excludedAttributes=members&filter=displayName eq \"{probe}\""
        ))
        .is(200, &list(&[]));
        idp.get(&format!(
            "/Groups?filter=id eq \"{probe}\" and members eq \"{probe}\"&attributes=id"
        ))
        .is(200, &list(&[]));
        assert_eq!(idp.leniencies(), json!({}));
        assert_eq!(
            idp.log(),
            [
                "GET /Users?filter=userName eq \"…\" 200 success",
                "GET /Users?filter=externalId eq \"…\" 200 success",
                "GET /Users?filter=emails[type eq \"…\" and value eq \"…\"] 200 success",
                "GET /Groups?excludedAttributes=members&filter=displayName eq \"…\" 200 success",
                "GET /Groups?filter=id eq \"…\" and members eq \"…\"&attributes=id 200 success",
            ]
        );
    }
);

on_both_databases!(
    a_user_is_looked_up_created_changed_deactivated_and_deleted,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Entra, CONTENT_TYPE);
        idp.get("/Users?filter=userName eq \"ada@contoso.example\"")
            .is(200, &list(&[]));
        idp.create("ada", "/Users", CREATE_ADA)
            .is(201, &ada(1, json!({})))
            .with_header("location", "<base>/Users/<ada>")
            .with_header("content-type", "application/scim+json");
        idp.create("boss", "/Users", &create_user("boss"))
            .is(201, &created("boss"));

        // `userName` matches whatever its case; so does the look-up by the matching attribute.
        for filter in [
            "userName eq \"ADA@contoso.EXAMPLE\"",
            "externalId eq \"ada\"",
            "emails[type eq \"work\"].value eq \"ada@contoso.example\"",
        ] {
            idp.get(&format!("/Users?filter={filter}"))
                .is(200, &list(&[ada(1, json!({}))]));
        }
        idp.post("/Users", CREATE_ADA).is(
            409,
            &error(
                409,
                Some("uniqueness"),
                "another resource has the same userName",
            ),
        );

        // One operation whose keys are paths.
        let enterprise = json!({"department": "Engines", "manager": {"value": "<boss>"}});
        let changed = json!({
            "schemas": [USER, ENTERPRISE],
            "title": "Analyst",
            "name": {"formatted": "Ada King", "familyName": "King", "givenName": "Ada"},
            "emails": [{"value": "ada.king@contoso.example", "type": "work", "primary": true}],
            ENTERPRISE: enterprise,
        });
        idp.patch(
            "/Users/<ada>",
            &patch(
                r#"{"op": "Add", "value": {
            "title": "Analyst",
            "name.formatted": "Ada King",
            "name.familyName": "King",
            "emails[type eq \"work\"].value": "ada.king@contoso.example",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Engines",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": "<boss>"}}"#,
            ),
        )
        .is(200, &ada(2, changed.clone()));
        idp.get("/Users?filter=id eq \"<ada>\" and manager eq \"<boss>\"&attributes=id")
            .is(
                200,
                &list(&[json!({"schemas": [USER, ENTERPRISE], "id": "<ada>"})]),
            );

        // What no element matches is created: its type and its value.
        let mut filled = changed.clone();
        with(
            &mut filled,
            json!({
                "phoneNumbers": [{"value": "+44 1", "type": "mobile"}],
                "addresses": [{"type": "work", "streetAddress": "12 St James's Square"}],
                "roles": [{"value": "countess", "primary": true}],
            }),
        );
        idp.patch("/Users/<ada>", &patch(
        r#"{"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+44 1"},
            {"op": "Replace", "path": "addresses[type eq \"work\"].streetAddress", "value": "12 St James's Square"},
            {"op": "Replace", "path": "roles[primary eq \"True\"].value", "value": "countess"}"#))
        .is(200, &ada(3, filled.clone()));

        // The manager comes as a bare string, and goes with an empty one.
        let mut without_manager = filled.clone();
        without_manager[ENTERPRISE] = json!({"department": "Engines"});
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        let emptied = patch(&format!(
            r#"{{"op": "Replace", "path": "{manager}", "value": ""}}"#
        ));
        idp.patch("/Users/<ada>", &emptied)
            .is(200, &ada(4, without_manager.clone()));
        let named = patch(&format!(
            r#"{{"op": "Add", "path": "{manager}", "value": "<boss>"}}"#
        ));
        idp.patch("/Users/<ada>", &named).is(200, &ada(5, filled));
        let unset = patch(&format!(
            r#"{{"op": "Replace", "path": "{manager}", "value": null}}"#
        ));
        idp.patch("/Users/<ada>", &unset)
            .is(200, &ada(6, without_manager.clone()));

        // First soft, then hard, then once more for what is gone.
        without_manager["active"] = json!(false);
        idp.patch(
            "/Users/<ada>",
            &patch(r#"{"op": "Replace", "path": "active", "value": "False"}"#),
        )
        .is(200, &ada(7, without_manager.clone()));
        idp.get("/Users/<ada>").is(200, &ada(7, without_manager));
        idp.delete("/Users/<ada>").has_no_body(204);
        let gone = error(404, None, "User \"<ada>\" does not exist");
        idp.delete("/Users/<ada>").is(404, &gone);
        idp.get("/Users/<ada>").is(404, &gone);

        assert_eq!(
            idp.leniencies(),
            json!({
                "bare_value": 2,
                "boolean_as_string": 2,
                "create_by_filter": 1,
                "empty_unassigns": 1,
                "operation_case": 6,
                "qualified_key": 1,
                "unqualified_attribute": 1,
            })
        );
        assert_eq!(idp.log(), LOG_OF_ADA);
    }
);

on_both_databases!(
    a_manager_is_set_and_removed_as_the_vendor_s_own_examples_do,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Entra, CONTENT_TYPE);
        for name in ["ada", "boss"] {
            idp.create(name, "/Users", &create_user(name))
                .is(201, &created(name));
        }
        let managed = |version: u32, manager: Value| {
            let mut ada = created("ada");
            ada["meta"] = meta("User", "ada", version);
            if !manager.is_null() {
                ada["schemas"] = json!([USER, ENTERPRISE]);
                ada[ENTERPRISE] = json!({"manager": manager});
            }
            ada
        };
        let reference = "http://idp.example/scim/Users/<boss>";
        let listed = format!(r#"[{{"$ref": "{reference}", "value": "<boss>"}}]"#);
        let add = |path: &str| {
            patch(&format!(
                r#"{{"op": "Add", "path": "{path}", "value": {listed}}}"#
            ))
        };
        let boss = json!({"value": "<boss>", "$ref": reference});
        let remove = patch(r#"{"op": "Remove", "path": "manager"}"#);
        idp.patch("/Users/<ada>", &add("manager"))
            .is(200, &managed(2, boss.clone()));
        idp.patch("/Users/<ada>", &remove)
            .is(200, &managed(3, json!(null)));
        idp.patch("/Users/<ada>", &add(&format!("{ENTERPRISE}:manager")))
            .is(200, &managed(4, boss));
        assert_eq!(
            idp.leniencies(),
            json!({"list_for_single": 2, "operation_case": 3, "unqualified_attribute": 2})
        );
    }
);

on_both_databases!(a_group_gains_and_loses_members_by_value, |server| {
    let mut idp = Conversation::start(server, Dialect::Entra, CONTENT_TYPE);
    for name in ["ada", "charles", "mary"] {
        idp.create(name, "/Users", &create_user(name))
            .is(201, &created(name));
    }
    // The second URN is Microsoft's own; nobody defines it.
    idp.create(
        "engines",
        "/Groups",
        r#"{
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group",
                "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "engines", "displayName": "Engines", "meta": {"resourceType": "Group"}}"#,
    )
    .is(201, &group(1, &[]));
    idp.get("/Groups?excludedAttributes=members&filter=displayName eq \"engines\"")
        .is(200, &list(&[group(1, &[])]));

    let add = patch(
        r#"{"op": "Add", "path": "members", "value": [
        {"$ref": null, "value": "<ada>"}, {"$ref": null, "value": "<charles>"}, {"$ref": null, "value": "<mary>"}]}"#,
    );
    idp.patch("/Groups/<engines>", &add)
        .is(200, &group(2, &["ada", "charles", "mary"]));
    // Those already there are ignored, and nothing has changed.
    idp.patch("/Groups/<engines>", &add)
        .is(200, &group(2, &["ada", "charles", "mary"]));
    idp.get("/Groups/<engines>?excludedAttributes=members")
        .is(200, &group(2, &[]));
    let found = json!({"schemas": [GROUP], "id": "<engines>"});
    idp.get("/Groups?filter=id eq \"<engines>\" and members eq \"<mary>\"&attributes=id")
        .is(200, &list(&[found]));

    // This removes Mary only.
    let remove = patch(
        r#"{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "<mary>"}]}"#,
    );
    idp.patch("/Groups/<engines>", &remove)
        .is(200, &group(3, &["ada", "charles"]));
    idp.patch("/Groups/<engines>", &remove)
        .is(200, &group(3, &["ada", "charles"]));
    idp.get("/Groups?filter=id eq \"<engines>\" and members eq \"<mary>\"&attributes=id")
        .is(200, &list(&[]));

    let replace = patch(r#"{"op": "Replace", "path": "members", "value": [{"value": "<mary>"}]}"#);
    idp.patch("/Groups/<engines>", &replace)
        .is(200, &group(4, &["mary"]));
    let rename =
        patch(r#"{"op": "Replace", "path": "displayName", "value": "Difference Engines"}"#);
    let mut renamed = group(5, &["mary"]);
    renamed["displayName"] = json!("Difference Engines");
    idp.patch("/Groups/<engines>", &rename).is(200, &renamed);

    // A member that is deleted is no member.
    idp.delete("/Users/<mary>").has_no_body(204);
    let mut empty = group(6, &[]);
    empty["displayName"] = json!("Difference Engines");
    idp.get("/Groups/<engines>").is(200, &empty);
    idp.delete("/Groups/<engines>").has_no_body(204);
    idp.delete("/Groups/<engines>")
        .is(404, &error(404, None, "Group \"<engines>\" does not exist"));

    assert_eq!(
        idp.leniencies(),
        json!({"operation_case": 6, "remove_by_value": 2, "unknown_attribute": 1})
    );
});

on_both_databases!(
    the_strict_dialect_refuses_each_deviation_and_changes_nothing,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Strict, CONTENT_TYPE);
        idp.create("ada", "/Users", CREATE_ADA)
            .is(201, &ada(1, json!({})));
        for (operation, scim_type, detail) in [
            (
                r#"{"op": "Replace", "path": "active", "value": false}"#,
                "invalidSyntax",
                "op must be one of add, remove and replace",
            ),
            (
                r#"{"op": "replace", "path": "active", "value": "False"}"#,
                "invalidValue",
                "active must be true or false",
            ),
            (
                r#"{"op": "add", "value": {"name.givenName": "Augusta"}}"#,
                "invalidSyntax",
                "\"name.givenName\" must be written as the path of an operation, not as a key of its value",
            ),
            (
                r#"{"op": "replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "1"}"#,
                "noTarget",
                "phoneNumbers[type eq \"mobile\"].value selects no element",
            ),
            (
                r#"{"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "<ada>"}"#,
                "invalidValue",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager must be an object",
            ),
            (
                r#"{"op": "remove", "path": "emails", "value": [{"value": "ada@contoso.example"}]}"#,
                "invalidValue",
                "remove of emails takes no value; a filter in the path names what shall go",
            ),
        ] {
            idp.patch("/Users/<ada>", &patch(operation))
                .is(400, &error(400, Some(scim_type), detail));
        }
        idp.get("/Users?filter=id eq \"<ada>\" and manager eq \"<ada>\"")
            .is(
                400,
                &error(
                    400,
                    Some("invalidFilter"),
                    "no attribute manager is defined here",
                ),
            );
        idp.get("/Users/<ada>").is(200, &ada(1, json!({})));
        assert_eq!(idp.leniencies(), json!({}));
    }
);
