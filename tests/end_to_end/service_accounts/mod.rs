//! Service accounts: what they are, what their tokens open, and how they end and are left behind.

mod ending;
mod tokens;

use serde_json::{Value, json};

use crate::people::{Key, PASSWORD, Person};
use crate::server::{Answer, Client, TestServer};

/// A service account, and one token of it.
pub struct Account {
    pub id: String,
    pub address: String,
}

/// Makes an account that this caller answers for.
pub fn account(caller: &Client, name: &str) -> Account {
    let made = new_account(
        caller,
        &json!({"name": name, "purpose": "Builds every night."}),
    );
    let made = made.expect(201);
    Account {
        id: made.id(),
        address: made.text_at("/address"),
    }
}

pub fn new_account(caller: &Client, body: &Value) -> Answer {
    caller.post("/admin/v1/service-accounts", body)
}

impl Account {
    pub fn path(&self) -> String {
        format!("/admin/v1/service-accounts/{}", self.id)
    }

    pub fn try_token(&self, caller: &Client, body: &Value) -> Answer {
        caller.post(&format!("{}/tokens", self.path()), body)
    }

    #[track_caller]
    pub fn token(&self, caller: &Client, body: &Value) -> Key {
        Key::of(&self.try_token(caller, body).expect(201))
    }
}

/// Speaks to every interface with the key of the first admin.
pub fn owner(server: &TestServer) -> Client {
    server.with_token(&server.admin_key)
}

/// A person with the admin role, signed in.
pub fn admin<'a>(server: &'a TestServer, name: &str) -> (Person<'a>, Client) {
    let person = Person::create(server, &server.directory_id, &server.scim_key, name);
    person.assign("admin");
    person
        .set_password(&person.password_link(), PASSWORD)
        .expect(204);
    let session = server.with_token(&person.sign_in());
    (person, session)
}

on_both_databases!(an_account_has_a_name_a_purpose_and_an_owner, |server| {
    let (person, caller) = admin(server, "keeper");
    let answer = new_account(
        &caller,
        &json!({"name": " Nightly build ", "purpose": "Builds every night."}),
    )
    .expect(201);
    let shown = caller
        .get(&format!("/admin/v1/service-accounts/{}", answer.id()))
        .expect(200);
    assert_eq!(answer.body, shown.body);
    let mut body = shown.body;
    for at in ["created_at", "modified_at"] {
        assert!(body[at].is_string(), "{body}");
        body[at] = Value::Null;
    }
    assert_eq!(
        body,
        json!({
            "id": answer.id(),
            "name": "Nightly build",
            "purpose": "Builds every night.",
            "address": "nightly-build@service-accounts.invalid",
            "owner": {
                "id": person.id,
                "user_name": person.user_name,
                "display_name": person.display_name,
            },
            "active": true,
            "created_at": null,
            "modified_at": null,
            "disabled_at": null,
            "orphaned_at": null,
            "orphaned_reason": null,
        })
    );
    let listed = caller.get("/admin/v1/service-accounts").expect(200);
    assert_eq!(listed.body["items"][0]["id"], answer.id().as_str());
    assert_eq!(listed.body["next_cursor"], Value::Null);
    // A name is one's own; an address too, though names may look alike in it.
    new_account(&caller, &json!({"name": "NIGHTLY BUILD", "purpose": "x"})).expect(409);
    let alike = account(&caller, "Nightly-build");
    assert!(
        alike.address.starts_with("nightly-build-"),
        "{}",
        alike.address
    );
    assert!(alike.address.ends_with("@service-accounts.invalid"));
});

on_both_databases!(nothing_is_made_of_what_is_not_acceptable, |server| {
    let caller = owner(server);
    let ordinary = Person::create(server, &server.directory_id, &server.scim_key, "gone");
    let operations = json!([{"op": "replace", "path": "active", "value": false}]);
    server
        .scim()
        .patch(&ordinary.path(), &crate::people::patch_of(&operations))
        .expect(200);
    for (body, status) in [
        (json!({"name": "", "purpose": "x"}), 422),
        (json!({"name": "x", "purpose": " "}), 422),
        (json!({"name": "x"}), 422),
        (json!({"name": "x", "purpose": "x", "password": "x"}), 422),
        (
            json!({"name": "x", "purpose": "x", "owner_id": "a\u{0}"}),
            422,
        ),
        (
            json!({"name": "x", "purpose": "x", "owner_id": "nobody"}),
            404,
        ),
        (
            json!({"name": "x", "purpose": "x", "owner_id": ordinary.id}),
            409,
        ),
    ] {
        new_account(&caller, &body).expect(status);
    }
    let listed = caller.get("/admin/v1/service-accounts").expect(200);
    assert_eq!(listed.body["items"], json!([]));
});

on_both_databases!(an_account_changes_hands_and_keeps_its_address, |server| {
    let (_, caller) = admin(server, "first");
    let (second, _) = admin(server, "second");
    let made = account(&caller, "Deploy");
    let changed = caller
        .patch(
            &made.path(),
            &json!({"name": "Release", "purpose": "Releases.", "owner_id": second.id}),
        )
        .expect(200);
    assert_eq!(changed.body["name"], "Release");
    assert_eq!(changed.body["purpose"], "Releases.");
    assert_eq!(changed.body["address"], made.address.as_str());
    assert_eq!(changed.body["owner"]["id"], second.id.as_str());
    caller
        .post(&format!("{}/adopt", made.path()), &json!({}))
        .expect(409);
    caller.delete(&made.path()).expect(204);
    caller.get(&made.path()).expect(404);
});
