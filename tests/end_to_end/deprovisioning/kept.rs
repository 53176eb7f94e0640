//! P1: nothing that somebody has kept for later opens anything once they have gone: neither a link to set another
//! person's password, nor a request whose end they hold back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use portcullis::audit::Actor;
use portcullis::clock::Timestamp;
use portcullis::lifecycle::{Cause, unassign_role};
use portcullis::policies::{Role, Scope};
use portcullis::store::credentials::{flag_orphans_of, revoke, revoke_all_of};
use portcullis::store::id::{CredentialId, PolicyId, ResourceId};
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use crate::people::{
    GROUP_SCHEMA, Leaver, PASSWORD, Person, USER_SCHEMA, group, owner_session, patch_of,
};
use crate::server::{Answer, TestServer};

/// A link that the leaver makes for somebody else.
fn link_by(server: &TestServer, leaver: &Leaver<'_>, other: &Person<'_>) -> String {
    server
        .with_token(&leaver.sessions[0])
        .post(
            &format!("/admin/v1/users/{}/password-link", other.id),
            &json!({}),
        )
        .expect(201)
        .text_at("/secret")
}

fn other<'a>(server: &'a TestServer, name: &str) -> Person<'a> {
    Person::create(server, &server.directory_id, &server.scim_key, name)
}

on_both_databases!(
    a_link_that_a_leaver_made_for_somebody_else_works_no_more,
    |server| {
        let other = other(server, "other");
        let leaver = Leaver::arrange(server, "leaver");
        let link = link_by(server, &leaver, &other);
        let told = server
            .admin()
            .get(&format!("/users/{}/impact", leaver.person.id))
            .expect(200);
        let receipt = server
            .admin()
            .post(
                &format!("/users/{}/deprovision", leaver.person.id),
                &Value::Null,
            )
            .expect(200);
        // The one that was made for them, and the one that they made.
        assert_eq!(receipt.body["revoked"]["password_link"], 2);
        assert_eq!(told.body["revoked"], receipt.body["revoked"]);
        other.set_password(&link, PASSWORD).expect(404);

        let unseated = Leaver::arrange(server, "unseated");
        let link = link_by(server, &unseated, &other);
        let path = format!("/roles/assignments/{}/admin", unseated.person.id);
        server.admin().delete(&path).expect(204);
        other.set_password(&link, PASSWORD).expect(404);
    }
);

/// Sends all of a request but the last byte of its body.
fn begin(server: &TestServer, token: &str, path: &str, body: &str) -> (TcpStream, u8) {
    let host = server.base_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).expect("the server listens");
    let (last, rest) = body.as_bytes().split_last().expect("a body");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.write_all(rest).expect("it is sent");
    stream.flush().expect("it is sent");
    (stream, *last)
}

fn complete((mut stream, last): (TcpStream, u8)) -> String {
    stream.write_all(&[last]).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

on_both_databases!(
    a_request_whose_end_is_held_back_does_nothing_once_its_sender_has_gone,
    |server| {
        let accomplice = other(server, "accomplice");
        let leaver = Leaver::arrange(server, "leaver");
        let grant = json!({"user_id": accomplice.id, "role": "admin"}).to_string();
        let path = "/admin/v1/roles/assignments";
        let held_back = begin(server, &leaver.sessions[0], path, &grant);
        // Whatever is sent after it is answered later.
        server.admin().get("/directories").expect(200);
        let deactivate = format!("/users/{}/deprovision", leaver.person.id);
        server.admin().post(&deactivate, &Value::Null).expect(200);
        let answer = complete(held_back);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

        let key = Leaver::arrange(server, "keyholder").scim_key;
        let user = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "late@example.org",
        });
        let held_back = begin(server, &key.secret, "/scim/v2/Users", &user.to_string());
        server.admin().get("/directories").expect(200);
        server
            .admin()
            .delete(&format!("/scim-keys/{}", key.id))
            .expect(204);
        let answer = complete(held_back);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

        let key = Leaver::arrange(server, "reader").scim_key;
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        });
        let path = "/scim/v2/Users/.search";
        let held_back = begin(server, &key.secret, path, &search.to_string());
        server.admin().get("/directories").expect(200);
        server
            .admin()
            .delete(&format!("/scim-keys/{}", key.id))
            .expect(204);
        let answer = complete(held_back);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");

        let path = format!("/users/{}", accomplice.id);
        let roles = server.admin().get(&path).expect(200);
        assert_eq!(roles.body["roles"], json!([]));
    }
);

on_both_databases!(an_owner_who_is_one_no_more_keeps_no_way_back, |server| {
    let session = owner_session(server);
    let client = server.with_token(&session);
    let (other, accomplice) = (other(server, "other"), other(server, "accomplice"));
    let roles = "/admin/v1/roles/assignments";
    for (user, role) in [(&server.admin_id, "admin"), (&other.id, "owner")] {
        let grant = json!({"user_id": user, "role": role});
        client.post(roles, &grant).expect(201);
    }
    let path = format!("/admin/v1/users/{}/password-link", other.id);
    let link = client
        .post(&path, &json!({}))
        .expect(201)
        .text_at("/secret");
    let grant = json!({"user_id": accomplice.id, "role": "owner"}).to_string();
    let held_back = begin(server, &session, roles, &grant);
    server.admin().get("/directories").expect(200);

    let (owner, now) = (
        ResourceId::new(server.admin_id.as_str()),
        server.clock.now(),
    );
    let taken = server.database.write_blocking(move |connection| {
        let cause = Cause {
            actor: Actor::command_line(),
            requested_at: now,
            now,
        };
        unassign_role(connection, &owner, Role::Owner, &cause)
    });
    assert!(matches!(taken, Ok(())));

    let answer = complete(held_back);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    other.set_password(&link, PASSWORD).expect(404);
    // As an admin they go on.
    client.get("/admin/v1/directories").expect(200);
});

/// What a request is answered that arrives while a transaction, which is not over yet, ends something.
fn asked_during(
    server: &TestServer,
    ending: impl Fn(&mut DatabaseConnection) -> Result<(), StoreError> + Send + 'static,
    ask: impl FnOnce() -> Answer + Send,
) -> Answer {
    let (started, begun) = mpsc::channel();
    let (released, release) = mpsc::channel::<()>();
    let release = Mutex::new(release);
    let database = server.database.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            database.write_blocking(move |connection| {
                ending(connection)?;
                // SQLite's writer runs it again when a request that shares its commit is refused.
                let _ = started.send(());
                let release = release.lock().expect("nobody else has it");
                let _ = release.recv();
                Ok::<_, StoreError>(())
            })
        });
        begun.recv().expect("it begins");
        let asked = scope.spawn(ask);
        let it_waited = a_write_waits(server);
        drop(released);
        assert!(it_waited);
        asked.join().expect("an answer")
    })
}

on_both_databases!(
    a_request_that_waits_for_its_callers_end_does_nothing_after_it,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let session = server.with_token(&leaver.sessions[0]);
        let id = ResourceId::new(leaver.person.id.as_str());
        let product = json!({"name": "Late", "scopes": ["read"]});
        let ending = move |connection: &mut DatabaseConnection| {
            revoke_all_of(connection, &id, "test", Timestamp::from_millis(0)).map(drop)
        };
        asked_during(server, ending, || {
            session.post("/admin/v1/products", &product)
        })
        .expect(401);
        let products = server.admin().get("/products").expect(200);
        let items = products.body["items"].as_array().expect("a list");
        assert!(items.iter().all(|product| product["name"] != "Late"));
    }
);

on_both_databases!(
    a_key_whose_maker_leaves_while_it_asks_lets_nobody_in_any_more,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let key = json!({"name": "Hooks", "scopes": ["notifications:write"]});
        let session = server.with_token(&leaver.sessions[0]);
        let key = session.post("/admin/v1/api-keys", &key).expect(201);
        let client = server.with_token(&key.text_at("/secret"));
        let id = ResourceId::new(leaver.person.id.as_str());
        let ending = move |connection: &mut DatabaseConnection| {
            let (policy, now) = (
                PolicyId::new("00000000-0000-7000-8000-000000000001"),
                Timestamp::from_millis(0),
            );
            flag_orphans_of(connection, &id, &policy, "test", now).map(drop)
        };
        let hook = json!({"url": "https://leaver.example.com/hook"});
        asked_during(server, ending, || client.post("/admin/v1/webhooks", &hook)).expect(403);
        let webhooks = server.admin().get("/webhooks").expect(200);
        assert_eq!(webhooks.body["items"], json!([]));
    }
);

on_both_databases!(
    a_session_that_ends_meanwhile_changes_nothing_of_its_person,
    |server| {
        let leaver = Leaver::arrange(server, "roamer");
        let person = &leaver.person;
        let other = server.with_token(&person.sign_in());
        let tokens = || other.get("/account/v1/tokens").expect(200).body;
        let before = tokens();
        let token = text_of(&before["items"][0]["id"]);
        let other_id = other.get("/account/v1/session").expect(200).id();
        let nothing = Value::Null;
        for (method, path, body) in [
            (
                "POST",
                "/account/v1/tokens".to_owned(),
                json!({"name": "Late"}),
            ),
            (
                "POST",
                format!("/account/v1/tokens/{token}/rotate"),
                json!({}),
            ),
            (
                "DELETE",
                format!("/account/v1/tokens/{token}"),
                nothing.clone(),
            ),
            (
                "POST",
                "/account/v1/second-factor".to_owned(),
                nothing.clone(),
            ),
            (
                "DELETE",
                format!("/account/v1/sessions/{other_id}"),
                nothing.clone(),
            ),
            ("DELETE", "/account/v1/sessions".to_owned(), nothing.clone()),
        ] {
            let session = server.with_token(&person.sign_in());
            let id = session.get("/account/v1/session").expect(200).id();
            let id = CredentialId::new(id);
            let ending = move |connection: &mut DatabaseConnection| {
                revoke(connection, &id, "test", Timestamp::from_millis(0)).map(drop)
            };
            let answer = asked_during(server, ending, || session.send(method, &path, &[], &body));
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
        }
        assert_eq!(tokens(), before);
        let factor = other.get("/account/v1/second-factor").expect(200);
        assert_eq!(factor.body["enrolled"], json!(false));
    }
);

on_both_databases!(
    a_scim_key_that_is_revoked_meanwhile_changes_nothing,
    |server| {
        let person = server
            .scim()
            .post("/Users", &named("Before"))
            .expect(201)
            .id();
        let users = || server.scim().get("/Users").expect(200).body["totalResults"].clone();
        let before = users();
        let one = format!("/Users/{person}");
        for (method, path, body) in [
            ("POST", "/Users", named("Late")),
            (
                "POST",
                "/Groups",
                json!({"schemas": [GROUP_SCHEMA], "displayName": "Late"}),
            ),
            ("PUT", one.as_str(), named("Late")),
            (
                "PATCH",
                one.as_str(),
                patch_of(&json!([{"op": "remove", "path": "displayName"}])),
            ),
            ("DELETE", one.as_str(), Value::Null),
        ] {
            let path_of_keys = format!("/directories/{}/scim-keys", server.directory_id);
            let key = server
                .admin()
                .post(&path_of_keys, &json!({"name": "Late"}))
                .expect(201);
            let (id, secret) = (CredentialId::new(key.id()), key.text_at("/secret"));
            let ending = move |connection: &mut DatabaseConnection| {
                revoke(connection, &id, "test", Timestamp::from_millis(0)).map(drop)
            };
            let scim = server.scim_with(&secret);
            let answer = asked_during(server, ending, || scim.send(method, path, &[], &body));
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.text);
        }
        assert_eq!(users(), before);
        let person = server.scim().get(&one).expect(200).body;
        assert_eq!(
            (&person["userName"], &person["meta"]["version"]),
            (&json!("Before"), &json!("W/\"1\""))
        );
        assert_eq!(
            server.scim().get("/Groups").expect(200).body["totalResults"],
            0
        );
    }
);

fn named(name: &str) -> Value {
    json!({"schemas": [USER_SCHEMA], "userName": name, "displayName": name})
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Whether a request comes to be held up by a transaction. SQLite does not tell: a request that comes later than
/// that is refused before it writes, which is no failure.
fn a_write_waits(server: &TestServer) -> bool {
    const WAITING: &str = "EXISTS (SELECT 1 FROM pg_stat_activity \
                           WHERE datname = current_database() AND wait_event_type = 'Lock')";
    (0..500).any(|_| {
        std::thread::sleep(Duration::from_millis(10));
        let is_waiting = server.database.read_now(|connection| match connection {
            DatabaseConnection::Sqlite(_) => {
                std::thread::sleep(Duration::from_millis(300));
                Ok(true)
            }
            DatabaseConnection::Postgres(connection) => diesel::select(sql::<Bool>(WAITING))
                .get_result(connection)
                .map_err(StoreError::from),
        });
        is_waiting.expect("the database answers")
    })
}

on_both_databases!(
    a_key_that_somebody_else_has_rotated_lets_its_maker_back_in_no_more_than_an_orphan,
    |server| {
        let leaver = Leaver::arrange(server, "leaver");
        let session = server.with_token(&leaver.sessions[0]);
        let make = |name: &str| {
            let key = json!({"name": name, "scopes": ["users:write", "api-keys:write"]});
            let key = session.post("/admin/v1/api-keys", &key).expect(201);
            (key.id(), server.with_token(&key.text_at("/secret")))
        };
        let rotate = |id: &str| {
            let path = format!("/api-keys/{id}/rotate");
            server.admin().post(&path, &json!({})).expect(201);
        };
        let (before, after) = (make("Rotated before"), make("Rotated after"));
        rotate(&before.0);
        let path = format!("/users/{}", leaver.person.id);
        let leave = format!("{path}/deprovision");
        server.admin().post(&leave, &Value::Null).expect(200);
        rotate(&after.0);
        let back = format!("/admin/v1{path}/reactivate");
        for (name, client) in [("before", before.1), ("after", after.1)] {
            let refused = client.post(&back, &Value::Null);
            assert_eq!(refused.status, 403, "{name}: {}", refused.text);
            // It works on beside its successor, for what takes away.
            client
                .post(&format!("/admin/v1{leave}"), &Value::Null)
                .expect(200);
        }
    }
);

on_both_databases!(a_key_that_a_leaver_has_kept_gives_nobody_a_role, |server| {
    let accomplice = other(server, "accomplice");
    let leaver = Leaver::arrange(server, "leaver");
    let scopes = Scope::ALL.map(Scope::name);
    let key = server
        .with_token(&leaver.sessions[0])
        .post(
            "/admin/v1/api-keys",
            &json!({"name": "Kept", "scopes": scopes}),
        )
        .expect(201)
        .text_at("/secret");
    let team = group(&server.scim(), "Team", &[&accomplice.id]);
    let deactivate = format!("/users/{}/deprovision", leaver.person.id);
    server.admin().post(&deactivate, &Value::Null).expect(200);

    // It is an orphan and goes on working, but not to give away what was its maker's.
    let kept = server.with_token(&key);
    kept.get("/admin/v1/directories").expect(200);
    let grant = json!({"user_id": accomplice.id, "role": "admin"});
    kept.post("/admin/v1/roles/assignments", &grant).expect(403);
    let mapping = json!({"group_id": team, "role": "admin"});
    kept.post("/admin/v1/roles/mappings", &mapping).expect(403);
});
