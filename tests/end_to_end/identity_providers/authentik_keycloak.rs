//! authentik, Keycloak and rauthy: read `ServiceProviderConfig` to decide what to use, look up by
//! `externalId`, fall back to PUT, and expect `Location` and `meta.location` to agree.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::*;

const CONTENT_TYPE: &str = "application/scim+json";

fn profile(more: &str) -> String {
    format!(
        r#"{{"schemas": ["{USER}"], "externalId": "f9c5", "userName": "ada", "displayName": "Ada Lovelace",
            "active": true, "name": {{"formatted": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace"}},
            "emails": [{{"value": "ada@example.com", "type": "other", "primary": true}}], "photos": null,
            "locale": null, "meta": null{more}}}"#
    )
}

fn ada(version: u32, changes: Value) -> Value {
    let mut ada = json!({
        "schemas": [USER],
        "id": "<ada>",
        "externalId": "f9c5",
        "userName": "ada",
        "name": {"formatted": "Ada Lovelace", "givenName": "Ada", "familyName": "Lovelace"},
        "displayName": "Ada Lovelace",
        "active": true,
        "emails": [{"value": "ada@example.com", "type": "other", "primary": true}],
        "meta": meta("User", "ada", version),
    });
    with(&mut ada, changes);
    ada
}

on_both_databases!(the_configuration_says_what_may_be_used, |server| {
    let idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
    let heard = idp.get("/ServiceProviderConfig");
    assert_eq!(heard.status, 200);
    let said = &heard.body;
    assert_eq!(said["patch"], json!({"supported": true}));
    assert_eq!(
        said["bulk"],
        json!({"supported": true, "maxOperations": 1000, "maxPayloadSize": 4_194_304})
    );
    assert_eq!(
        said["filter"],
        json!({"supported": true, "maxResults": 1000})
    );
    assert_eq!(said["sort"], json!({"supported": true}));
    assert_eq!(said["etag"], json!({"supported": true}));
    assert_eq!(said["changePassword"], json!({"supported": false}));
    assert_eq!(said["authenticationSchemes"][0]["type"], "oauthbearertoken");
    assert_eq!(said["meta"]["location"], "<base>/ServiceProviderConfig");
});

on_both_databases!(
    location_and_meta_location_agree_and_put_does_what_patch_would,
    |server| {
        let mut idp = Conversation::start(server, Dialect::Lenient, CONTENT_TYPE);
        idp.get("/Users?filter=externalId eq \"f9c5\"")
            .is(200, &list(&[]));
        idp.create("ada", "/Users", &profile(""))
            .is(201, &ada(1, json!({})))
            .with_header("location", "<base>/Users/<ada>")
            .with_header("etag", "W/\"1\"");
        idp.get("/Users?filter=externalId eq \"f9c5\"")
            .is(200, &list(&[ada(1, json!({}))]));
        idp.put("/Users/<ada>", &profile(r#", "title": "Countess""#))
            .is(200, &ada(2, json!({"title": "Countess"})))
            .with_header("location", "<base>/Users/<ada>")
            .with_header("etag", "W/\"2\"");
        idp.get("/Users/<ada>")
            .is(200, &ada(2, json!({"title": "Countess"})))
            .with_header("etag", "W/\"2\"");

        let group = |version: u32, members: &[Value]| {
            let mut group = json!({
                "schemas": [GROUP],
                "id": "<engines>",
                "externalId": "77aa",
                "displayName": "Engines",
                "meta": meta("Group", "engines", version),
            });
            if !members.is_empty() {
                group["members"] = json!(members);
            }
            group
        };
        let ada_in_it = [member("ada", "Ada Lovelace")];
        idp.create("engines", "/Groups", &format!(
        r#"{{"schemas": ["{GROUP}"], "externalId": "77aa", "displayName": "Engines", "members": []}}"#))
        .is(201, &group(1, &[]))
        .with_header("location", "<base>/Groups/<engines>");
        idp.get("/Groups?filter=externalId eq \"77aa\"")
            .is(200, &list(&[group(1, &[])]));
        idp.patch(
            "/Groups/<engines>",
            &patch(r#"{"op": "add", "path": "members", "value": [{"value": "<ada>"}]}"#),
        )
        .is(200, &group(2, &ada_in_it));
        idp.patch(
            "/Groups/<engines>",
            &patch(r#"{"op": "replace", "path": "members", "value": []}"#),
        )
        .is(200, &group(3, &[]));
        idp.patch("/Groups/<engines>", &patch(
        r#"{"op": "replace", "path": "members", "value": [{"value": "<ada>", "type": "User"}]}"#))
        .is(200, &group(4, &ada_in_it));
        idp.delete("/Users/<ada>").has_no_body(204);
        idp.get("/Groups/<engines>").is(200, &group(5, &[]));
        assert_eq!(idp.leniencies(), json!({}));
    }
);
