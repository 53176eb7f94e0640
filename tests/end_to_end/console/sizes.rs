//! How heavy a full page of a list is: whoever works from a phone waits for each of its bytes.

use serde_json::json;

use portcullis::store::StoreError;
use portcullis::store::notices::{self, NoticeRow};

use crate::people::USER_SCHEMA;

use super::{Browser, member};

/// The most bytes that a page with 50 rows may have.
const MOST: usize = 50_000;
const ROWS: usize = 50;

on_both_databases!(a_full_page_of_every_list_is_below_50_kb, |server| {
    let api = server.admin();
    let leaver = member(server, "leaver", Some("admin"));
    let session = leaver.sign_in();
    let scim = server.scim();
    for number in 0..=ROWS {
        let key = json!({"name": format!("Synchronisation {number}"), "expires_in_days": 90});
        let path = format!("/admin/v1/directories/{}/scim-keys", server.directory_id);
        server.with_token(&session).post(&path, &key).expect(201);
        let user = json!({
            "schemas": [USER_SCHEMA],
            "userName": format!("person.{number}@example.org"),
            "displayName": format!("Person Number {number}"),
        });
        scim.post("/Users", &user).expect(201);
        let group = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": format!("Group {number}"),
        });
        scim.post("/Groups", &group).expect(201);
        let account = json!({
            "name": format!("Service {number}"),
            "purpose": "Backs up the database at night",
            "owner_id": server.admin_id,
        });
        api.post("/service-accounts", &account).expect(201);
    }
    api.post(&format!("/users/{}/deprovision", leaver.id), &json!({}))
        .expect(200);
    for name in ["first", "second"] {
        let user = json!({"schemas": [USER_SCHEMA], "userName": name});
        let id = scim.post("/Users", &user).expect(201).id();
        scim.delete(&format!("/Users/{id}")).expect(204);
    }
    let at = server.clock.now().as_millis();
    let directory = server.directory_id.clone();
    server
        .database
        .write_blocking(move |connection| {
            for number in 0..=ROWS {
                let notice = NoticeRow {
                    id: uuid::Uuid::now_v7().to_string(),
                    at,
                    kind: "keys_orphaned".to_owned(),
                    directory_id: Some(directory.clone()),
                    subject: format!("Keys of person.{number}@example.org are orphaned: adopt, rotate or revoke them"),
                    detail: "{}".to_owned(),
                    read_at: None,
                    delivered_at: None,
                    attempts: 0,
                    person_id: None,
                    distributed_at: Some(at),
                };
                notices::insert(connection, &notice)?;
            }
            Ok::<_, StoreError>(())
        })
        .expect("notices can be written");

    let mut browser = Browser::of(&member(server, "admin", Some("admin")));
    let mut heavy = Vec::new();
    for path in [
        "/console/orphans".to_owned(),
        "/console/keys".to_owned(),
        "/console/keys?expires=365".to_owned(),
        "/console/people".to_owned(),
        "/console/groups".to_owned(),
        "/console/service-accounts".to_owned(),
        "/console/notices".to_owned(),
        "/console/audit".to_owned(),
        format!("/console/directories/{}/requests", server.directory_id),
    ] {
        let page = browser.get(&path).expect(200).text;
        let (_, list) = page.split_once("<tbody").expect("a list");
        let rows = list.matches("<tr role=\"row\">").count();
        assert!(rows >= ROWS, "{path} has {rows} rows");
        if page.len() >= MOST {
            heavy.push((path, page.len()));
        }
    }
    assert_eq!(heavy, []);
});
