//! P8: a secret is seen in the answer that creates it, and nowhere else.

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use crate::people::{Leaver, PASSWORD, USER_SCHEMA};
use crate::process::Deployment;
use crate::server::{Client, DatabaseKind, TestServer};

/// The text holds no part of a secret beyond its public prefix.
#[track_caller]
fn assert_hides(text: &str, secrets: &[&str], place: &str) {
    for secret in secrets {
        // Without the prefix and the six characters that are shown, and without the checksum.
        let (_, random) = secret.split_once('_').unwrap_or(("", secret));
        let hidden = &random[6..24];
        assert!(!text.contains(hidden), "{place} holds {}…", &secret[..14]);
    }
    assert!(!text.contains(PASSWORD), "{place} holds a password");
}

/// Everything that the database holds, as text.
fn contents(server: &TestServer) -> String {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        text: String,
    }
    server
        .database
        .read_now(|connection| {
            let DatabaseConnection::Postgres(connection) = connection else {
                return Ok(String::new());
            };
            let tables: Vec<Row> = diesel::sql_query(
                "SELECT tablename::text AS text FROM pg_tables WHERE schemaname = 'public'",
            )
            .load(connection)?;
            let mut text = String::new();
            for table in tables {
                let query = format!(
                    "SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM \"{}\" t",
                    table.text
                );
                let row: Row = diesel::sql_query(query).get_result(connection)?;
                text.push_str(&row.text);
            }
            Ok::<_, StoreError>(text)
        })
        .expect("the database works")
}

/// The bytes of every file beside the database, as far as they are text.
fn files(directory: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be listed").path();
        let bytes = std::fs::read(path).expect("it can be read");
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    text
}

on_both_databases!(a_secret_is_never_shown_again_nor_stored, |server| {
    let leaver = Leaver::arrange(server, "secretive");
    let admin = server.admin();
    let rotated = admin
        .post(
            &format!("/scim-keys/{}/rotate", leaver.scim_key.id),
            &json!({}),
        )
        .expect(201)
        .text_at("/secret");
    leaver.person.sign_in_with("wrong").expect(401);
    let mut secrets: Vec<&str> = vec![
        &server.scim_key,
        &server.admin_key,
        &leaver.scim_key.secret,
        &leaver.api_key.secret,
        &leaver.product_key.secret,
        &leaver.link,
        &rotated,
    ];
    secrets.extend(leaver.tokens.iter().map(String::as_str));
    secrets.extend(leaver.sessions.iter().map(String::as_str));
    let user = format!("/users/{}", leaver.person.id);
    let paths = [
        "/scim-keys".to_owned(),
        "/api-keys".to_owned(),
        "/orphaned-keys".to_owned(),
        "/products".to_owned(),
        "/audit-events".to_owned(),
        "/receipts".to_owned(),
        "/notices".to_owned(),
        "/users".to_owned(),
        "/roles/assignments".to_owned(),
        user.clone(),
        format!("{user}/tokens"),
        format!("/scim-keys/{}", leaver.scim_key.id),
        format!("/api-keys/{}", leaver.api_key.id),
        format!("/scim-keys/{}/adopt", leaver.scim_key.id),
        format!("/directories/{}/scim-keys", leaver.person.directory_id),
        format!("/directories/{}/scim-requests", leaver.person.directory_id),
    ];
    let look = || {
        for path in &paths {
            let answer = admin.get(path);
            assert_hides(&answer.text, &secrets, path);
            assert!(!answer.text.contains("\"secret\""), "{path}");
            assert!(!answer.text.contains("argon2"), "{path}");
        }
        for path in ["/metrics", "/account/v1/tokens", "/account/v1/session"] {
            let answer = server.with_token(&leaver.sessions[0]).get(path);
            assert_hides(&answer.text, &secrets, path);
        }
        assert_hides(&contents(server), &secrets, "the database");
        let files = files(&server.state.settings.data_dir);
        assert_hides(&files, &secrets, "a file");
    };

    look();
    let shown = admin
        .get(&format!("/scim-keys/{}", leaver.scim_key.id))
        .expect(200);
    let prefix = shown.text_at("/prefix");
    assert!(leaver.scim_key.secret.starts_with(&prefix));
    assert_eq!(prefix.len(), "pcscim_".len() + 6);
    // Where a secret would be found, what may be shown of it is.
    let stored = contents(server) + &files(&server.state.settings.data_dir);
    assert!(stored.contains(&prefix));
    leaver.scim().delete(&leaver.person.path()).expect(204);
    look();
});

/// Does what makes a server log: refusals, errors, secrets in the wrong places.
fn make_it_talk(anybody: &Client, scim: &Client, admin: &Client, secrets: &[&str]) {
    for secret in secrets {
        let with = |header: &str| {
            let headers = [("Authorization", header)];
            anybody.request("GET", "/scim/v2/Users", &headers, b"");
            anybody.request("GET", "/admin/v1/users", &headers, b"");
        };
        with(&format!("Bearer {secret}"));
        with(&format!("Bearer {secret}x"));
        with(secret);
        anybody.post(
            "/account/v1/password",
            &json!({"link": secret, "password": PASSWORD}),
        );
        let sign_in = json!({"user_name": "nobody", "password": secret});
        anybody.post("/account/v1/session", &sign_in);
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        let body = format!("token={secret}");
        anybody.request("POST", "/oauth2/introspect", &form, body.as_bytes());
    }
    let user = json!({"schemas": [USER_SCHEMA], "userName": "quiet", "password": PASSWORD});
    scim.post("/Users", &user).expect(201);
    scim.post("/Users", &user).expect(409);
    scim.post("/Users", &json!({"password": PASSWORD}))
        .expect(400);
    admin.post("/api-keys", &Value::Null);
}

#[test]
fn a_secret_is_never_logged() {
    let deployment = Deployment::create(DatabaseKind::Sqlite);
    let process = deployment.serve();
    let scim_key = deployment.first("scim_key").to_owned();
    let admin_key = deployment.first("admin_api_key").to_owned();
    let (_, link) = deployment
        .first("setup_url")
        .split_once("link=")
        .expect("the link holds a secret");
    let admin = process.client("/admin/v1", &admin_key);
    let made = admin
        .post("/api-keys", &json!({"name": "Logged", "scopes": []}))
        .expect(201)
        .text_at("/secret");
    let secrets = [scim_key.as_str(), &admin_key, link, &made];

    make_it_talk(
        &Client::new(&process.base_url, None),
        &process.client("/scim/v2", &scim_key),
        &admin,
        &secrets,
    );

    let log = process.stop();
    assert!(log.contains("serving"), "{log}");
    assert_hides(&log, &secrets, "the log");
    assert!(!log.contains("argon2id"), "the log holds a hash");
    assert_hides(&files(deployment.directory()), &secrets, "a file");
}
