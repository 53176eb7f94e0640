//! RFC 7644 section 3.11: `/Me`.

use serde_json::json;

use super::{create_group, create_user};
use crate::server::{Client, DIRECTORY, TestServer};

/// Sets a password through an admin's link and signs in: a client with the session's token.
fn sign_in(server: &TestServer, person: &str, user_name: &str) -> Client {
    let link = server
        .admin()
        .post(&format!("/users/{person}/password-link"), &json!({}))
        .expect(201)
        .text_at("/secret");
    let anonymous = server.anonymous();
    let password = "a long enough password";
    let body = json!({"link": link, "password": password});
    anonymous.post("/account/v1/password", &body).expect(204);
    let body = json!({"directory": DIRECTORY, "user_name": user_name, "password": password});
    let session = anonymous.post("/account/v1/session", &body).expect(201);
    server.scim_with(&session.text_at("/token"))
}

on_both_databases!(
    /// RFC 7644 section 3.11: a SCIM key is no person, so there is no such alias: 501.
    an_identity_provider_is_nobody,
    |server| {
        let client = server.scim();
        create_user(&client, "bjensen", json!({}));
        client.get("/Me").expect_error(501, None);
    }
);

on_both_databases!(
    /// RFC 7644 section 3.11: who is signed in sees themselves, where they are, and nobody else.
    a_signed_in_person_sees_themselves_alone,
    |server| {
        let client = server.scim();
        let id = create_user(&client, "bjensen", json!({"displayName": "Babs"}));
        create_group(&client, "Guides", &[&id]);
        let whole = client.get(&format!("/Users/{id}")).expect(200);
        let person = sign_in(server, &id, "bjensen");
        let answer = person.get("/Me").expect(200);
        assert_eq!(answer.body, whole.body);
        assert_eq!(answer.header("Location"), whole.header("Location"));
        assert_eq!(answer.header("ETag"), whole.header("ETag"));
        let part = person.get("/Me?attributes=displayName").expect(200);
        assert_eq!(part.body["displayName"], "Babs");
        assert!(part.body["userName"].is_null());
        person.get("/ServiceProviderConfig").expect(200);
        for path in ["/Users", "/Groups", "/", &format!("/Users/{id}")] {
            person.get(path).expect_error(403, None);
        }
        person
            .patch("/Me", &json!({}))
            .expect_error(405, None);
        person
            .post("/Users", &json!({}))
            .expect_error(403, None);
    }
);
