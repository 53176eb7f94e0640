//! One-time links, and passwords that an identity provider sends (P9a).

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use super::{HOUR, MINUTE, member};
use crate::people::{PASSWORD, Person, USER_SCHEMA, patch_of};
use crate::server::{Answer, TestServer};

const OTHER: &str = "another gate that never rusts";

on_both_databases!(a_link_sets_a_password_once, |server| {
    let person = Person::create(server, &server.directory_id, &server.scim_key, "linked");
    let link = person.password_link();
    // What is refused uses nothing up.
    person.set_password(&link, "elevenchars").expect(422);
    person.set_password(&link, &"x".repeat(1025)).expect(422);

    person.set_password(&link, PASSWORD).expect(204);

    person.set_password(&link, OTHER).expect(404);
    person.sign_in();
    person.sign_in_with(OTHER).expect(401);
});

on_both_databases!(
    a_link_ends_with_its_day_with_a_newer_one_and_with_the_person,
    |server| {
        let person = Person::create(server, &server.directory_id, &server.scim_key, "linked");
        let replaced = person.password_link();
        let link = person.password_link();
        person.set_password(&replaced, PASSWORD).expect(404);
        server.clock.advance_millis(24 * HOUR - MINUTE);
        person.set_password(&link, PASSWORD).expect(204);
        let late = person.password_link();
        server.clock.advance_millis(24 * HOUR);
        person.set_password(&late, OTHER).expect(404);
        let last = person.password_link();
        server.scim().delete(&person.path()).expect(204);
        person.set_password(&last, OTHER).expect(404);
        // Nobody is told more than that there is no such link.
        for text in ["nonsense", server.scim_key.as_str(), ""] {
            person.set_password(text, OTHER).expect(404);
        }
    }
);

on_both_databases!(a_new_password_ends_the_sessions_of_the_old_one, |server| {
    let person = member(server, "changer");
    let session = person.sign_in();
    person
        .set_password(&person.password_link(), OTHER)
        .expect(204);
    server
        .with_token(&session)
        .get("/account/v1/session")
        .expect(401);
    person.sign_in_with(PASSWORD).expect(401);
    person.sign_in_with(OTHER).expect(201);
});

/// Creates somebody with a password, as Okta does.
fn create_with_password(server: &TestServer, key: &str, name: &str) -> Answer {
    server.scim_with(key).post(
        "/Users",
        &json!({
            "schemas": [USER_SCHEMA],
            "userName": format!("{name}@example.org"),
            "password": PASSWORD,
        }),
    )
}

fn person<'a>(server: &'a TestServer, directory: &str, name: &str, created: &Answer) -> Person<'a> {
    let shown = server
        .admin()
        .get(&format!("/directories/{directory}"))
        .expect(200);
    Person {
        server,
        id: created.id(),
        user_name: format!("{name}@example.org"),
        display_name: String::new(),
        directory_id: directory.to_owned(),
        directory_name: shown.text_at("/name"),
    }
}

fn allow_passwords(server: &TestServer, directory: &str) {
    let allowed = json!({"password_allowed": true});
    server
        .admin()
        .patch(&format!("/directories/{directory}"), &allowed)
        .expect(200);
}

fn configuration(server: &TestServer, key: &str) -> Value {
    server
        .scim_with(key)
        .get("/ServiceProviderConfig")
        .expect(200)
        .body["changePassword"]["supported"]
        .clone()
}

on_both_databases!(
    a_password_over_scim_opens_nothing_unless_the_directory_allows_it,
    |server| {
        let (lenient, key) = server.new_directory(Dialect::Lenient);
        let (_, strict_key) = server.new_directory(Dialect::Strict);
        assert_eq!(configuration(server, &key), false);
        let created = create_with_password(server, &key, "ignored").expect(201);
        assert!(!created.text.contains("password"), "{}", created.text);
        let ignored = person(server, &lenient, "ignored", &created);
        ignored.sign_in_with(PASSWORD).expect(401);
        for operation in [
            json!({"op": "replace", "path": "password", "value": PASSWORD}),
            json!({"op": "add", "value": {"password": PASSWORD}}),
        ] {
            let change = patch_of(&json!([operation]));
            server
                .scim_with(&key)
                .patch(&ignored.path(), &change)
                .expect(200);
        }
        ignored.sign_in_with(PASSWORD).expect(401);

        let refused = create_with_password(server, &strict_key, "refused");
        let refused = refused.expect_error(400, Some("invalidValue"));
        assert!(refused.text.contains("password"), "{}", refused.text);
        assert!(!refused.text.contains(PASSWORD));

        allow_passwords(server, &lenient);

        assert_eq!(configuration(server, &key), true);
        let created = create_with_password(server, &key, "taken").expect(201);
        assert!(!created.text.contains("password"), "{}", created.text);
        let taken = person(server, &lenient, "taken", &created);
        taken.sign_in();
        let read = server.scim_with(&key);
        let asked = read.get(&format!("{}?attributes=password,userName", taken.path()));
        assert!(!asked.text.contains("argon2") && !asked.text.contains("\"password\""));
        // `returned: never` is not searched either.
        read.get("/Users?filter=password sw \"a\"").expect(400);
    }
);

on_both_databases!(
    a_password_that_the_identity_provider_set_never_opens_an_admins_session,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        allow_passwords(server, &directory);
        let created = create_with_password(server, &key, "climber").expect(201);
        let climber = person(server, &directory, "climber", &created);
        let session = server.with_token(&climber.sign_in());
        session.get("/admin/v1/directories").expect(403);

        climber.assign("admin");

        // Neither the session that was open, nor a new one.
        session.get("/admin/v1/directories").expect(403);
        session
            .post("/admin/v1/api-keys", &json!({"name": "No"}))
            .expect(403);
        climber.sign_in_with(PASSWORD).expect(401);

        // Nor by replacing the password that the admin chose.
        climber
            .set_password(&climber.password_link(), OTHER)
            .expect(204);
        climber.sign_in_with(OTHER).expect(201);
        let change = patch_of(&json!([{"op": "replace", "path": "password", "value": PASSWORD}]));
        let scim = server.scim_with(&key);
        scim.patch(&climber.path(), &change).expect(200);
        let mut put = scim.get(&climber.path()).expect(200).body;
        put["password"] = json!(PASSWORD);
        scim.put(&climber.path(), &put).expect(200);
        climber.sign_in_with(PASSWORD).expect(401);
        let own = climber.sign_in_with(OTHER).expect(201);
        assert_eq!(own.body["roles"], json!(["admin"]));
    }
);

on_both_databases!(
    a_password_of_somebody_who_is_not_active_is_not_kept,
    |server| {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        allow_passwords(server, &directory);
        let scim = server.scim_with(&key);
        let created = scim
            .post(
                "/Users",
                &json!({
                    "schemas": [USER_SCHEMA],
                    "userName": "absent@example.org",
                    "password": PASSWORD,
                    "active": false,
                }),
            )
            .expect(201);
        let absent = person(server, &directory, "absent", &created);
        absent.sign_in_with(PASSWORD).expect(401);
        let activate = json!([{"op": "replace", "path": "active", "value": true}]);
        scim.patch(&absent.path(), &patch_of(&activate)).expect(200);
        absent.sign_in_with(PASSWORD).expect(401);
        let leave_with = json!([
            {"op": "replace", "path": "password", "value": PASSWORD},
            {"op": "replace", "path": "active", "value": false},
        ]);
        scim.patch(&absent.path(), &patch_of(&leave_with))
            .expect(200);
        scim.patch(&absent.path(), &patch_of(&activate)).expect(200);
        absent.sign_in_with(PASSWORD).expect(401);
    }
);
