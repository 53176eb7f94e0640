//! Okta: a random password on create, PUT of the whole profile as it was read, group push by PATCH.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json; charset=utf-8";

fn create_user(name: &str) -> String {
    format!(
        r#"{{"schemas": ["{USER}"], "userName": "{name}@example.com",
            "name": {{"givenName": "{name}", "familyName": "Example"}},
            "emails": [{{"primary": true, "value": "{name}@example.com", "type": "work"}}],
            "displayName": "{name} Example", "locale": "en-US", "externalId": "00u-{name}",
            "groups": [], "password": "1mz050nq", "active": true}}"#
    )
}

fn user(name: &str, version: u32, changes: Value) -> Value {
    let mut user = json!({
        "schemas": [USER],
        "id": format!("<{name}>"),
        "externalId": format!("00u-{name}"),
        "userName": format!("{name}@example.com"),
        "name": {"givenName": name, "familyName": "Example"},
        "displayName": format!("{name} Example"),
        "locale": "en-US",
        "active": true,
        "emails": [{"value": format!("{name}@example.com"), "type": "work", "primary": true}],
        "meta": meta("User", name, version),
    });
    with(&mut user, changes);
    user
}

fn in_engines(display: &str) -> Value {
    json!({"value": "<engines>", "$ref": "<base>/Groups/<engines>", "display": display, "type": "direct"})
}

fn group(version: u32, name: &str, members: &[&str]) -> Value {
    let mut group = json!({
        "schemas": [GROUP],
        "id": "<engines>",
        "displayName": name,
        "meta": meta("Group", "engines", version),
    });
    if !members.is_empty() {
        group["members"] = members
            .iter()
            .map(|name| member(name, &format!("{name}@example.com")))
            .collect();
    }
    group
}

on_both_databases!(
    a_person_is_created_updated_by_put_and_deactivated_without_a_path,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Okta, CONTENT_TYPE);
        idp.get("/Users?filter=userName eq \"ada@example.com\"&startIndex=1&count=100")
            .is(200, &list(&[]));
        idp.create("ada", "/Users", &create_user("ada"))
            .is(201, &user("ada", 1, json!({})));
        idp.get("/Users?filter=userName eq \"ada@example.com\"&startIndex=1&count=100")
            .is(200, &list(&[user("ada", 1, json!({}))]));
        idp.post("/Users", &create_user("ada")).is(
            409,
            &error(
                409,
                Some("uniqueness"),
                "another resource has the same userName",
            ),
        );

        // What was read comes back with a change; what clients cannot write is ignored, whatever it says.
        let profile = |change: &str| {
            format!(
                r#"{{"schemas": ["{USER}"], "id": "<ada>", "externalId": "00u-ada", "userName": "ada@example.com",
            "name": {{"givenName": "ada", "familyName": "Example"}}, "displayName": "ada Example",
            "locale": "en-US", "emails": [{{"value": "ada@example.com", "type": "work", "primary": true}}],
            "groups": [{{"value": "some-group", "display": "not so"}}],
            "meta": {{"resourceType": "User", "created": "2001-01-01T00:00:00Z", "location": "elsewhere"}}{change}}}"#
            )
        };
        idp.put("/Users/<ada>", &profile(r#", "active": true"#))
            .is(200, &user("ada", 1, json!({})));
        idp.put(
            "/Users/<ada>",
            &profile(r#", "active": true, "title": "Analyst""#),
        )
        .is(200, &user("ada", 2, json!({"title": "Analyst"})));

        idp.patch(
            "/Users/<ada>",
            &patch(r#"{"op": "replace", "value": {"active": false}}"#),
        )
        .is(
            200,
            &user("ada", 3, json!({"title": "Analyst", "active": false})),
        );
        // `active` that is left out makes nobody active again.
        idp.put("/Users/<ada>", &profile(""))
            .is(200, &user("ada", 4, json!({"active": false})));
        idp.put("/Users/<ada>", &profile(r#", "active": true"#))
            .is(200, &user("ada", 5, json!({})));
        idp.put("/Users/<ada>", &profile(r#", "active": false"#))
            .is(200, &user("ada", 6, json!({"active": false})));
        idp.get("/Users/<ada>")
            .is(200, &user("ada", 6, json!({"active": false})));

        assert_eq!(idp.leniencies(), json!({"password_ignored": 1}));
        assert_eq!(
            idp.log(),
            [
                "GET /Users?filter=userName eq \"…\"&startIndex=1&count=100 200 success",
                "POST /Users 201 success, \
             changed: externalId userName name displayName locale active emails, forgiven: password_ignored",
                "GET /Users?filter=userName eq \"…\"&startIndex=1&count=100 200 success",
                "POST /Users 409 uniqueness",
                "PUT /Users/<ada> 200 success, changed: externalId userName name displayName locale active emails",
                "PUT /Users/<ada> 200 success, \
             changed: externalId userName name displayName title locale active emails",
                "PATCH /Users/<ada> 200 success, changed: active",
                "PUT /Users/<ada> 200 success, changed: externalId userName name displayName locale active emails",
                "PUT /Users/<ada> 200 success, changed: externalId userName name displayName locale active emails",
                "PUT /Users/<ada> 200 success, changed: externalId userName name displayName locale active emails",
                "GET /Users/<ada> 200 success",
            ]
        );
    }
);

on_both_databases!(
    an_import_reads_pages_to_the_end_by_their_numbers,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Okta, CONTENT_TYPE);
        for name in ["ada", "charles", "mary"] {
            idp.create(name, "/Users", &create_user(name))
                .is(201, &user(name, 1, json!({})));
        }
        let page = |start: u32, names: &[&str]| {
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": 3,
                "itemsPerPage": names.len(),
                "startIndex": start,
                "Resources": names.iter().map(|name| user(name, 1, json!({}))).collect::<Vec<_>>(),
            })
        };
        idp.get("/Users?startIndex=1&count=100")
            .is(200, &page(1, &["ada", "charles", "mary"]));
        idp.get("/Users?startIndex=1&count=2")
            .is(200, &page(1, &["ada", "charles"]));
        idp.get("/Users?startIndex=3&count=2")
            .is(200, &page(3, &["mary"]));
        idp.get("/Users?startIndex=5&count=2")
            .is(200, &page(5, &[]));
        idp.get("/Users?count=0").is(200, &page(1, &[]));
        idp.get("/Groups?startIndex=1&count=100")
            .is(200, &list(&[]));
        assert_eq!(idp.leniencies(), json!({"password_ignored": 3}));
    }
);

on_both_databases!(a_pushed_group_is_filled_renamed_and_emptied, |server| {
    let mut idp = Conversation::start(server, Dialect::Okta, CONTENT_TYPE);
    for name in ["ada", "charles"] {
        idp.create(name, "/Users", &create_user(name))
            .is(201, &user(name, 1, json!({})));
    }
    idp.create(
        "engines",
        "/Groups",
        &format!(
            r#"{{"schemas": ["{GROUP}"], "displayName": "Engines",
            "members": [{{"value": "<ada>", "display": "ada@example.com"}}]}}"#
        ),
    )
    .is(201, &group(1, "Engines", &["ada"]));
    idp.get("/Users/<ada>").is(
        200,
        &user("ada", 1, json!({"groups": [in_engines("Engines")]})),
    );

    let add = patch(
        r#"{"op": "add", "path": "members",
        "value": [{"value": "<charles>", "display": "charles@example.com"}]}"#,
    );
    idp.patch("/Groups/<engines>", &add)
        .is(200, &group(2, "Engines", &["ada", "charles"]));
    idp.patch("/Groups/<engines>", &add)
        .is(200, &group(2, "Engines", &["ada", "charles"]));

    // A read-only attribute with its own present value is no error, and with another it is ignored.
    idp.patch("/Groups/<engines>", &patch(
        r#"{"op": "replace", "value": {"id": "<engines>", "displayName": "Difference Engines"}}"#))
        .is(200, &group(3, "Difference Engines", &["ada", "charles"]));
    assert_eq!(idp.leniencies(), json!({"password_ignored": 2}));
    idp.patch(
        "/Groups/<engines>",
        &patch(
            r#"{"op": "replace", "value": {"id": "another", "displayName": "Difference Engines"}}"#,
        ),
    )
    .is(200, &group(3, "Difference Engines", &["ada", "charles"]));
    assert_eq!(
        idp.leniencies(),
        json!({"password_ignored": 2, "read_only_ignored": 1})
    );
    idp.get("/Users/<charles>").is(
        200,
        &user(
            "charles",
            1,
            json!({"groups": [in_engines("Difference Engines")]}),
        ),
    );

    let remove = patch(r#"{"op": "remove", "path": "members[value eq \"<ada>\"]"}"#);
    idp.patch("/Groups/<engines>", &remove)
        .is(200, &group(4, "Difference Engines", &["charles"]));
    idp.patch("/Groups/<engines>", &remove)
        .is(200, &group(4, "Difference Engines", &["charles"]));
    idp.get("/Users/<ada>").is(200, &user("ada", 1, json!({})));
    idp.get("/Groups?filter=displayName eq \"difference engines\"&startIndex=1&count=100")
        .is(200, &list(&[group(4, "Difference Engines", &["charles"])]));
    idp.delete("/Groups/<engines>").has_no_body(204);
    assert_eq!(
        idp.log(),
        [
            "POST /Users 201 success, \
             changed: externalId userName name displayName locale active emails, forgiven: password_ignored",
            "POST /Users 201 success, \
             changed: externalId userName name displayName locale active emails, forgiven: password_ignored",
            "POST /Groups 201 success, changed: displayName members",
            "GET /Users/<ada> 200 success",
            "PATCH /Groups/<engines> 200 success, changed: members",
            "PATCH /Groups/<engines> 200 success, changed: members",
            "PATCH /Groups/<engines> 200 success, changed: displayName id",
            "PATCH /Groups/<engines> 200 success, changed: displayName id, forgiven: read_only_ignored",
            "GET /Users/<charles> 200 success",
            "PATCH /Groups/<engines> 200 success, changed: members",
            "PATCH /Groups/<engines> 200 success, changed: members",
            "GET /Users/<ada> 200 success",
            "GET /Groups?filter=displayName eq \"…\"&startIndex=1&count=100 200 success",
            "DELETE /Groups/<engines> 204 success",
        ]
    );
});

on_both_databases!(
    what_is_not_there_or_not_offered_is_said_as_okta_expects,
    |server| {
        let idp = Conversation::start(server, Dialect::Okta, CONTENT_TYPE);
        idp.get("/Users/00u1a2b3c")
            .is(404, &error(404, None, "User \"00u1a2b3c\" does not exist"));
        for path in ["/Schemas", "/ResourceTypes", "/ServiceProviderConfig"] {
            idp.post(path, "{}")
                .is(405, &error(405, None, "this path offers GET"))
                .with_header("allow", "GET");
        }
        let unforgiven = patch(r#"{"op": "Replace", "path": "active", "value": "False"}"#);
        idp.patch("/Users/00u1a2b3c", &unforgiven).is(
            400,
            &error(
                400,
                Some("invalidSyntax"),
                "op must be one of add, remove and replace",
            ),
        );
        assert_eq!(idp.leniencies(), json!({}));
    }
);
