//! P9 at products: a token does only what its product, instances and scopes allow, and nobody has more of a
//! product than its groups give them.

mod leaks;
mod revocation;

use serde_json::{Value, json};

use crate::people::{PASSWORD, Person, group, introspect, patch_of};
use crate::server::{Answer, Client, TestServer};

/// A product, with a credential that speaks for all of it.
pub struct Product {
    pub id: String,
    pub key: String,
}

impl Product {
    pub fn create(server: &TestServer, body: &Value) -> Self {
        let id = server.admin().post("/products", body).expect(201).id();
        let key = Self::credential(server, &id, &json!({"name": "Whole"}));
        Self { id, key }
    }

    fn credential(server: &TestServer, id: &str, body: &Value) -> String {
        let path = format!("/products/{id}/credentials");
        server
            .admin()
            .post(&path, body)
            .expect(201)
            .text_at("/secret")
    }

    /// An instance, and a credential that is bound to it.
    pub fn instance(&self, server: &TestServer, name: &str) -> (String, String) {
        let id = server
            .admin()
            .post(
                &format!("/products/{}/instances", self.id),
                &json!({"name": name}),
            )
            .expect(201)
            .id();
        let key = Self::credential(server, &self.id, &json!({"name": name, "instance_id": id}));
        (id, key)
    }
}

/// Somebody who can sign in.
pub fn member<'a>(server: &'a TestServer, name: &str) -> (Person<'a>, Client) {
    let person = Person::create(server, &server.directory_id, &server.scim_key, name);
    person
        .set_password(&person.password_link(), PASSWORD)
        .expect(204);
    let session = server.with_token(&person.sign_in());
    (person, session)
}

pub fn token(session: &Client, body: &Value) -> Answer {
    session.post("/account/v1/tokens", body)
}

/// Sends a form to the OAuth interface with a bearer credential.
pub fn form(server: &TestServer, bearer: &str, path: &str, form: &str) -> Answer {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    server
        .with_token(bearer)
        .request("POST", path, &headers, form.as_bytes())
}

on_both_databases!(
    a_products_instances_are_named_once_and_end_with_what_is_for_them_alone,
    |server| {
        let admin = server.admin();
        let wiki = Product::create(server, &json!({"name": "Wiki", "scopes": ["read"]}));
        let path = format!("/products/{}/instances", wiki.id);
        let made = admin
            .post(
                &path,
                &json!({"name": "Berlin", "url": "https://berlin.example.org"}),
            )
            .expect(201);
        let mut shown = admin.get(&format!("{path}/{}", made.id())).expect(200).body;
        assert_eq!(shown, made.body);
        shown["created_at"] = Value::Null;
        shown["modified_at"] = Value::Null;
        assert_eq!(
            shown,
            json!({
                "id": made.id(),
                "product_id": wiki.id,
                "name": "Berlin",
                "url": "https://berlin.example.org",
                "created_at": null,
                "modified_at": null,
            })
        );
        for (body, status) in [
            (json!({"name": "BERLIN"}), 409),
            (json!({"name": " "}), 422),
            (json!({"name": "Rome", "url": "rome.example.org"}), 422),
        ] {
            admin.post(&path, &body).expect(status);
        }
        let other = Product::create(server, &json!({"name": "Other"}));
        let elsewhere = format!("/products/{}/instances", other.id);
        admin.get(&format!("{elsewhere}/{}", made.id())).expect(404);
        admin
            .delete(&format!("{elsewhere}/{}", made.id()))
            .expect(404);
        admin
            .post(&elsewhere, &json!({"name": "Berlin"}))
            .expect(201);
        let changed = admin
            .patch(&format!("{path}/{}", made.id()), &json!({"name": "Bern"}))
            .expect(200);
        assert_eq!(changed.body["name"], "Bern");

        let (rome, rome_key) = wiki.instance(server, "Rome");
        let (_, session) = member(server, "ada");
        let body = |instances: Value| json!({"name": "x", "product_id": wiki.id, "instance_ids": instances});
        let at_rome = token(&session, &body(json!([rome]))).expect(201);
        let at_both = token(&session, &body(json!([rome, made.id(), rome]))).expect(201);
        assert_eq!(at_both.body["instance_ids"], json!([made.id(), rome]));
        token(&session, &body(json!(["none"]))).expect(422);

        admin.delete(&format!("{path}/{rome}")).expect(204);

        // Its credential has ended, and so has what was for it alone.
        form(server, &rome_key, "/oauth2/introspect", "token=x").expect(401);
        let tokens = session.get("/account/v1/tokens").expect(200);
        let status = |id: &str| {
            let items = tokens.body["items"].as_array().into_iter().flatten();
            let mut found = items.filter(|item| item["id"] == id);
            found.next().map(|item| item["status"].clone())
        };
        assert_eq!(status(&at_rome.id()), Some(json!("revoked")));
        assert_eq!(status(&at_both.id()), Some(json!("active")));
        let asked = format!(
            "token={}&instance={}",
            at_both.text_at("/secret"),
            made.id()
        );
        let answer = form(server, &wiki.key, "/oauth2/introspect", &asked).expect(200);
        assert_eq!(answer.body["active"], true);
        token(&session, &body(json!([rome]))).expect(422);
    }
);

on_both_databases!(a_token_for_instances_is_active_at_them_alone, |server| {
    let wiki = Product::create(server, &json!({"name": "Wiki", "scopes": ["read"]}));
    let (berlin, berlin_key) = wiki.instance(server, "Berlin");
    let (rome, rome_key) = wiki.instance(server, "Rome");
    let (_, session) = member(server, "ada");
    let limited = token(
        &session,
        &json!({"name": "x", "product_id": wiki.id, "instance_ids": [berlin], "scopes": ["read"]}),
    )
    .expect(201)
    .text_at("/secret");
    let free = token(&session, &json!({"name": "x", "product_id": wiki.id}))
        .expect(201)
        .text_at("/secret");
    let ask = |key: &str, token: &str, more: &str| {
        form(
            server,
            key,
            "/oauth2/introspect",
            &format!("token={token}{more}"),
        )
    };
    let at = |instance: &str| format!("&instance={instance}");
    let inactive = json!({"active": false});

    let told = ask(&berlin_key, &limited, "").expect(200).body;
    assert_eq!(told["active"], true);
    assert_eq!(told["instances"], json!([berlin]));
    let named = ask(&wiki.key, &limited, &at(&berlin)).expect(200).body;
    assert_eq!(named, told);
    // Elsewhere, and where nobody says at which, nothing is told of it.
    assert_eq!(ask(&rome_key, &limited, "").expect(200).body, inactive);
    assert_eq!(
        ask(&wiki.key, &limited, &at(&rome)).expect(200).body,
        inactive
    );
    assert_eq!(ask(&wiki.key, &limited, "").expect(200).body, inactive);
    // One that is not limited is active at each, and says nothing of instances.
    for (key, more) in [(&wiki.key, ""), (&berlin_key, ""), (&rome_key, "")] {
        let told = ask(key, &free, more).expect(200).body;
        assert_eq!(told["active"], true);
        assert_eq!(told.get("instances"), None);
    }
    // A mistake of the product's is told, and opens nothing.
    for (key, named) in [
        (&wiki.key, "none"),
        (&rome_key, berlin.as_str()),
        (&wiki.key, "%00"),
    ] {
        let refused = ask(key, &limited, &at(named));
        if named == "%00" {
            assert_ne!(refused.body["active"], true);
            continue;
        }
        assert_eq!(refused.expect(400).body["error"], "invalid_request");
    }
});

on_both_databases!(to_write_includes_to_read, |server| {
    let scopes = json!(["pages:read", "pages:write", "files:read", "files:write"]);
    let wiki = Product::create(server, &json!({"name": "Wiki", "scopes": scopes}));
    let (_, session) = member(server, "ada");
    let with = |scopes: Value| {
        let body = json!({"name": "x", "product_id": wiki.id, "scopes": scopes});
        token(&session, &body).expect(201).text_at("/secret")
    };
    let writer = with(json!(["pages:write"]));
    let scope = |token: &str| introspect(server, &wiki.key, token)["scope"].clone();
    assert_eq!(scope(&writer), "pages:read pages:write");
    assert_eq!(scope(&with(json!(["pages:read"]))), "pages:read");
    assert_eq!(scope(&with(json!([]))), "");
    // What the product knows no more is included in nothing and includes nothing.
    server
        .admin()
        .patch(
            &format!("/products/{}", wiki.id),
            &json!({"scopes": ["pages:read"]}),
        )
        .expect(200);
    assert_eq!(scope(&writer), "");
});

on_both_databases!(
    nobody_outside_its_groups_has_anything_of_a_product,
    |server| {
        let (ada, session) = member(server, "ada");
        let (_, outside) = member(server, "eve");
        let scim = server.scim();
        let inner = group(&scim, "Writers", &[&ada.id]);
        let outer = group(&scim, "Staff", &[&inner]);
        for bad in [json!([ada.id]), json!(["none"]), json!(["a\u{0}"])] {
            let body = json!({"name": "Bad", "access_groups": bad});
            server.admin().post("/products", &body).expect(422);
        }
        let wiki = Product::create(
            server,
            &json!({"name": "Wiki", "scopes": ["read"], "access_groups": [outer]}),
        );
        let body = json!({"name": "x", "product_id": wiki.id, "scopes": ["read"]});
        let hers = token(&session, &body).expect(201).text_at("/secret");
        token(&outside, &body).expect(403);
        let for_all = json!({"name": "For everything"});
        let anywhere = token(&outside, &for_all).expect(201).text_at("/secret");
        assert_eq!(introspect(server, &wiki.key, &hers)["scope"], "read");
        let inactive = json!({"active": false});
        assert_eq!(introspect(server, &wiki.key, &anywhere), inactive);

        // Out of the inner group, out of the product, at once; in again, with what she had.
        let leave = json!([{"op": "remove", "path": format!("members[value eq \"{}\"]", ada.id)}]);
        let members = format!("/Groups/{inner}");
        assert!(scim.patch(&members, &patch_of(&leave)).status < 300);
        assert_eq!(introspect(server, &wiki.key, &hers), inactive);
        token(&session, &body).expect(403);
        let join = json!([{"op": "add", "path": "members", "value": [{"value": ada.id}]}]);
        assert!(scim.patch(&members, &patch_of(&join)).status < 300);
        assert_eq!(introspect(server, &wiki.key, &hers)["active"], true);

        // A group that is gone lets nobody else in.
        scim.delete(&format!("/Groups/{outer}")).expect(204);
        assert_eq!(introspect(server, &wiki.key, &hers), inactive);
        server
            .admin()
            .patch(
                &format!("/products/{}", wiki.id),
                &json!({"access_groups": []}),
            )
            .expect(200);
        assert_eq!(introspect(server, &wiki.key, &hers)["active"], true);
        assert_eq!(introspect(server, &wiki.key, &anywhere)["active"], true);
    }
);

on_both_databases!(a_products_credential_is_rotated_and_adopted, |server| {
    let wiki = Product::create(server, &json!({"name": "Wiki"}));
    let path = format!("/products/{}/credentials", wiki.id);
    let (maker, caller) = member(server, "maker");
    maker.assign("admin");
    let made = caller
        .post(&format!("/admin/v1{path}"), &json!({"name": "Gate"}))
        .expect(201);
    let place = format!("{path}/{}", made.id());
    server
        .admin()
        .post(&format!("/users/{}/deprovision", maker.id), &Value::Null);
    let orphans = server.admin().get("/orphaned-keys").expect(200);
    assert_eq!(orphans.body["items"][0]["id"], made.id().as_str());

    let adopted = server
        .admin()
        .post(&format!("{place}/adopt"), &json!({}))
        .expect(200);
    assert_eq!(adopted.body["created_by"]["id"], server.admin_id.as_str());
    assert_eq!(adopted.body["orphaned_at"], Value::Null);
    let successor = server
        .admin()
        .post(&format!("{place}/rotate"), &json!({}))
        .expect(201);
    for secret in [made.text_at("/secret"), successor.text_at("/secret")] {
        form(server, &secret, "/oauth2/introspect", "token=x").expect(200);
    }
    // Counted from the successor's first use.
    server.clock.advance_millis(25 * 3_600_000);
    form(
        server,
        &made.text_at("/secret"),
        "/oauth2/introspect",
        "token=x",
    )
    .expect(401);
    form(
        server,
        &successor.text_at("/secret"),
        "/oauth2/introspect",
        "token=x",
    )
    .expect(200);
    let other = Product::create(server, &json!({"name": "Other"}));
    let elsewhere = format!("/products/{}/credentials/{}", other.id, made.id());
    server.admin().get(&elsewhere).expect(404);
    server
        .admin()
        .post(&format!("{elsewhere}/rotate"), &json!({}))
        .expect(404);
    server.admin().delete(&elsewhere).expect(404);
});
