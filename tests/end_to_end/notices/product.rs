//! Notices in the product itself: listed by kind, marked as read, and removed when they are old.

use portcullis::store::notices as table;
use serde_json::json;

use super::{DAY, happen, notices};

on_both_databases!(
    notices_are_listed_by_kind_and_by_whether_anybody_has_read_them,
    |server| {
        let admin = server.admin();
        for _ in 0..3 {
            happen(server);
        }
        let found = notices(server, "directory_removed");
        assert_eq!(found.len(), 3);
        assert!(notices(server, "keys_orphaned").is_empty());
        admin.get("/notices?kind=everything").expect(422);

        let id = found[1]["id"].as_str().expect("it is there");
        for _ in 0..2 {
            admin
                .post(&format!("/notices/{id}/read"), &json!({}))
                .expect(204);
        }
        let read_at = admin.get(&format!("/notices/{id}")).expect(200);
        assert!(read_at.body["read_at"].is_string());
        let unread = admin.get("/notices?unread=true").expect(200);
        let ids: Vec<_> = unread.body["items"]
            .as_array()
            .expect("it is there")
            .iter()
            .map(|notice| notice["id"].clone())
            .collect();
        assert_eq!(ids, [found[0]["id"].clone(), found[2]["id"].clone()]);

        let other = json!({"kind": "keys_orphaned"});
        let marked = admin.post("/notices/read", &other).expect(200);
        assert_eq!(marked.body, json!({"marked": 0}));
        let marked = admin.post("/notices/read", &json!({})).expect(200);
        assert_eq!(marked.body, json!({"marked": 2}));
        let unread = admin.get("/notices?unread=true").expect(200);
        assert_eq!(unread.body["items"], json!([]));
        admin
            .post("/notices/read", &json!({"kind": "everything"}))
            .expect(422);
        for path in ["/notices/none", "/notices/none/read"] {
            let answer = match path {
                "/notices/none" => admin.get(path),
                _ => admin.post(path, &json!({})),
            };
            answer.expect(404);
        }
    }
);

on_both_databases!(
    old_notices_are_removed_and_none_that_is_on_its_way,
    |server| {
        happen(server);
        super::deliver(server);
        let now = server.clock.now();
        let prune = |before: i64| {
            server
                .database
                .write_blocking(move |connection| table::prune(connection, before, 100))
                .expect("the database works")
        };
        assert_eq!(prune(now.plus_days(-1).as_millis()), 0);
        let id = notices(server, "directory_removed")[0]["id"].clone();
        assert_eq!(prune(now.plus_millis(DAY).as_millis()), 1);
        let path = format!("/notices/{}", id.as_str().expect("it is there"));
        server.admin().get(&path).expect(404);
    }
);
