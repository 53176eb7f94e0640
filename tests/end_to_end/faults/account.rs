//! What people change for themselves, and what products and whoever finds a secret change.

use portcullis::clock::Timestamp;
use serde_json::{Value, json};

use super::{Call, Case, Protocol, World, assert_all_or_nothing};
use crate::machine::program::Program;
use crate::people::{PASSWORD, Person};
use crate::second_factor::{Authenticator, Enrolled};
use crate::server::DatabaseKind;

const CASES: &[Case] = &[
    Case {
        route: "POST /account/v1/session",
        arrange: |world| {
            let person = member(world);
            let body = json!({
                "directory": person.directory_name,
                "user_name": person.user_name,
                "password": PASSWORD,
            });
            Call::anonymous("/account/v1/session", &body)
        },
    },
    Case {
        route: "DELETE /account/v1/session",
        arrange: |world| {
            let session = member(world).sign_in();
            Call::of(&session, "DELETE", "/account/v1/session", &Value::Null)
        },
    },
    Case {
        route: "DELETE /account/v1/sessions/{id}",
        arrange: |world| {
            let person = member(world);
            let other = world.server.with_token(&person.sign_in());
            let id = other.get("/account/v1/session").expect(200).id();
            let path = format!("/account/v1/sessions/{id}");
            Call::of(&person.sign_in(), "DELETE", &path, &Value::Null)
        },
    },
    Case {
        route: "DELETE /account/v1/sessions",
        arrange: |world| {
            let person = member(world);
            for _ in 0..2 {
                person.sign_in();
            }
            let session = person.sign_in();
            Call::of(&session, "DELETE", "/account/v1/sessions", &Value::Null)
        },
    },
    Case {
        route: "POST /account/v1/tokens",
        arrange: |world| {
            let session = member(world).sign_in();
            Call::of(
                &session,
                "POST",
                "/account/v1/tokens",
                &json!({"name": "Mine"}),
            )
        },
    },
    Case {
        route: "POST /account/v1/tokens/{id}/rotate",
        arrange: |world| {
            let session = member(world).sign_in();
            let token = world
                .server
                .with_token(&session)
                .post("/account/v1/tokens", &json!({"name": "Mine"}))
                .expect(201)
                .id();
            let path = format!("/account/v1/tokens/{token}/rotate");
            Call::of(&session, "POST", &path, &json!({}))
        },
    },
    Case {
        route: "DELETE /account/v1/tokens/{id}",
        arrange: |world| {
            let session = member(world).sign_in();
            let token = world
                .server
                .with_token(&session)
                .post("/account/v1/tokens", &json!({"name": "Mine"}))
                .expect(201)
                .id();
            let path = format!("/account/v1/tokens/{token}");
            Call::of(&session, "DELETE", &path, &Value::Null)
        },
    },
    Case {
        route: "POST /account/v1/password",
        arrange: |world| {
            let link = world.person().password_link();
            let body = json!({"link": link, "password": PASSWORD});
            Call::anonymous("/account/v1/password", &body)
        },
    },
    Case {
        route: "POST /account/v1/password/change",
        arrange: |world| {
            let person = member(world);
            person.sign_in();
            let session = person.sign_in();
            let body =
                json!({"password": PASSWORD, "new_password": "another gate that never rusts"});
            Call::of(&session, "POST", "/account/v1/password/change", &body)
        },
    },
    Case {
        route: "POST /console/setup",
        arrange: |world| {
            let link = world.person().password_link();
            let fields = [
                ("link", link.as_str()),
                ("password", PASSWORD),
                ("repeated", PASSWORD),
            ];
            Call::form(None, "/console/setup", &fields, Protocol::Page)
        },
    },
    Case {
        route: "POST /account/v1/second-factor",
        arrange: |world| {
            let session = member(world).sign_in();
            Call::of(&session, "POST", "/account/v1/second-factor", &Value::Null)
        },
    },
    Case {
        route: "POST /account/v1/second-factor/confirm",
        arrange: |world| {
            let session = member(world).sign_in();
            let begun = world
                .server
                .with_token(&session)
                .post("/account/v1/second-factor", &Value::Null)
                .expect(201);
            let app = Authenticator::typed(&begun.text_at("/secret"));
            let body = json!({"code": app.code(held(world))});
            Call::of(&session, "POST", "/account/v1/second-factor/confirm", &body)
        },
    },
    Case {
        route: "POST /account/v1/session/second-factor",
        arrange: |world| {
            let enrolled = enrolled(world);
            let session = enrolled.begin_sign_in();
            let body = json!({"code": enrolled.recovery_codes[0]});
            Call::of(&session, "POST", "/account/v1/session/second-factor", &body)
        },
    },
    Case {
        route: "POST /account/v1/second-factor/recovery-codes",
        arrange: |world| {
            let enrolled = enrolled(world);
            let body = json!({"code": enrolled.recovery_codes[0]});
            let path = "/account/v1/second-factor/recovery-codes";
            Call::of(&enrolled.session, "POST", path, &body)
        },
    },
    Case {
        route: "POST /account/v1/second-factor/remove",
        arrange: |world| {
            let enrolled = enrolled(world);
            let body = json!({"code": enrolled.recovery_codes[0]});
            let path = "/account/v1/second-factor/remove";
            Call::of(&enrolled.session, "POST", path, &body)
        },
    },
    Case {
        route: "POST /oauth2/revoke",
        arrange: |world| {
            let leaver = world.leaver();
            let fields = [("token", leaver.tokens[1].as_str())];
            let key = Some(leaver.product_key.secret.as_str());
            Call::form(key, "/oauth2/revoke", &fields, Protocol::OAuth)
        },
    },
    Case {
        route: "POST /oauth2/token",
        arrange: |world| {
            let program = Program::for_admin(&world.server, &["users:read"]);
            // The key that access tokens are signed with exists from the first one on.
            program.token();
            let assertion = program.assertion();
            let fields = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", assertion.as_str()),
            ];
            Call::form(None, "/oauth2/token", &fields, Protocol::OAuth)
        },
    },
    Case {
        route: "POST /leaks",
        arrange: |world| {
            let leaver = world.leaver();
            // So many reports at once are too many for one address.
            world.server.clock.advance_millis(16 * 60_000);
            let body = json!({"secrets": [leaver.tokens[0], leaver.scim_key.secret]});
            Call::anonymous("/leaks", &body)
        },
    },
];

/// Somebody with a password.
fn member(world: &World) -> Person<'_> {
    let person = world.person();
    let link = person.password_link();
    person.set_password(&link, PASSWORD).expect(204);
    person
}

fn enrolled(world: &World) -> Enrolled<'_> {
    Enrolled::of(member(world))
}

/// Now; the clock is set to the beginning of the half minute in which a code holds.
fn held(world: &World) -> Timestamp {
    let clock = &world.server.clock;
    clock.advance_millis(30_000 - clock.now().as_millis() % 30_000);
    clock.now()
}

#[test]
fn what_people_and_products_change_happens_whole_or_not_at_all_on_sqlite() {
    assert_all_or_nothing(DatabaseKind::Sqlite, CASES);
}

#[test]
fn what_people_and_products_change_happens_whole_or_not_at_all_on_postgresql() {
    assert_all_or_nothing(DatabaseKind::Postgres, CASES);
}
