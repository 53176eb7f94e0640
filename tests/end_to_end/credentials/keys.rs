//! The life of a key: rotation with an overlap, adoption, revocation.

use serde_json::{Value, json};

use super::{DAY, HOUR, MINUTE, REVOKED, asked_with, assert_challenge, scim_key, shown};
use crate::people::{Key, Leaver};
use crate::server::TestServer;

fn rotate(server: &TestServer, key: &Key, body: &Value) -> Key {
    let path = format!("/scim-keys/{}/rotate", key.id);
    Key::of(&server.admin().post(&path, body).expect(201))
}

on_both_databases!(
    a_rotated_key_works_until_the_overlap_ends_which_begins_with_its_successors_use,
    |server| {
        let networks = json!(["127.0.0.0/8"]);
        let old = Key::of(&scim_key(server, &json!({"allowed_networks": networks})).expect(201));
        let new = rotate(server, &old, &json!({}));

        let successor = shown(server, &new);
        let before = shown(server, &old);
        for kept in ["kind", "name", "directory_id", "scopes", "allowed_networks"] {
            assert_eq!(successor[kept], before[kept], "{kept}");
        }
        assert_eq!(successor["predecessor_id"], old.id);
        assert_eq!(before["successor_id"], new.id);
        assert_eq!(before["status"], "rotated");
        // However slow the change at the identity provider is, nothing ends before it.
        server.clock.advance_millis(30 * DAY);
        asked_with(server, &old).expect(200);
        assert_eq!(shown(server, &old)["retires_at"], Value::Null);

        asked_with(server, &new).expect(200);

        server.clock.advance_millis(24 * HOUR - MINUTE);
        asked_with(server, &old).expect(200);
        // Later uses move nothing.
        asked_with(server, &new).expect(200);
        server.clock.advance_millis(MINUTE);
        assert_challenge(&asked_with(server, &old).expect(401), REVOKED);
        asked_with(server, &new).expect(200);
    }
);

on_both_databases!(
    the_overlap_is_as_long_as_was_asked_and_never_beyond_the_keys_own_expiry,
    |server| {
        let brief = Key::of(&scim_key(server, &json!({})).expect(201));
        let new = rotate(server, &brief, &json!({"overlap_hours": 1}));
        asked_with(server, &new).expect(200);
        server.clock.advance_millis(HOUR - MINUTE);
        asked_with(server, &brief).expect(200);
        server.clock.advance_millis(MINUTE);
        asked_with(server, &brief).expect(401);

        let none = Key::of(&scim_key(server, &json!({})).expect(201));
        rotate(server, &none, &json!({"overlap_hours": 0}));
        asked_with(server, &none).expect(401);

        let short = Key::of(&scim_key(server, &json!({"expires_in_days": 2})).expect(201));
        let new = rotate(
            server,
            &short,
            &json!({"overlap_hours": 720, "expires_in_days": 30}),
        );
        asked_with(server, &new).expect(200);
        let row = shown(server, &short);
        assert_eq!(row["retires_at"], row["expires_at"]);
        server.clock.advance_millis(2 * DAY - MINUTE);
        asked_with(server, &short).expect(200);
        server.clock.advance_millis(MINUTE);
        asked_with(server, &short).expect(401);
        asked_with(server, &new).expect(200);
    }
);

on_both_databases!(
    a_rotation_that_makes_no_sense_is_refused_and_changes_nothing,
    |server| {
        let admin = server.admin();
        let key = Key::of(&scim_key(server, &json!({})).expect(201));
        let path = format!("/scim-keys/{}/rotate", key.id);
        for body in [
            json!({"overlap_hours": -1}),
            json!({"overlap_hours": 721}),
            json!({"expires_in_days": 366}),
            json!({"overlap": 1}),
            json!([]),
        ] {
            let status = admin.post(&path, &body).status;
            assert!([400, 422].contains(&status), "{body}: {status}");
        }
        assert_eq!(shown(server, &key)["successor_id"], Value::Null);
        rotate(server, &key, &json!({}));
        admin.post(&path, &json!({})).expect(409);
        let revoked = Key::of(&scim_key(server, &json!({})).expect(201));
        let revoked_path = format!("/scim-keys/{}", revoked.id);
        admin.delete(&revoked_path).expect(204);
        admin
            .post(&format!("{revoked_path}/rotate"), &json!({}))
            .expect(409);
        // A key of another kind is not there.
        let wrong = format!("/api-keys/{}/rotate", key.id);
        admin.post(&wrong, &json!({})).expect(404);
    }
);

on_both_databases!(
    a_revoked_key_is_refused_in_the_next_request_and_kept_for_the_record,
    |server| {
        let key = Key::of(&scim_key(server, &json!({})).expect(201));
        let successor = rotate(server, &key, &json!({}));
        asked_with(server, &successor).expect(200);
        let path = format!("/scim-keys/{}", key.id);
        for _ in 0..2 {
            server.admin().delete(&path).expect(204);
            assert_challenge(&asked_with(server, &key).expect(401), REVOKED);
        }
        let row = shown(server, &key);
        assert_eq!(row["status"], "revoked");
        assert_eq!(row["revoked_reason"], "revoked_by_admin");
        asked_with(server, &successor).expect(200);
    }
);

on_both_databases!(
    an_orphan_is_one_no_more_when_it_is_adopted_rotated_or_revoked,
    |server| {
        let admin = server.admin();
        let leaver = Leaver::arrange(server, "orphaner");
        admin
            .post(
                &format!("/scim-keys/{}/adopt", leaver.scim_key.id),
                &json!({}),
            )
            .expect(409);
        leaver.scim().delete(&leaver.person.path()).expect(204);
        leaver.assert_keys_are_orphaned("deleted");

        let adopt = format!("/scim-keys/{}/adopt", leaver.scim_key.id);
        let adopted = admin.post(&adopt, &json!({})).expect(200);

        assert_eq!(adopted.body["orphaned_at"], Value::Null);
        assert_eq!(adopted.body["orphaned_reason"], Value::Null);
        assert_eq!(adopted.body["created_by"]["id"], server.admin_id.as_str());
        admin.post(&adopt, &json!({})).expect(409);
        leaver.assert_keys_work();

        let rotate = format!("/api-keys/{}/rotate", leaver.api_key.id);
        let successor = admin.post(&rotate, &json!({})).expect(201);
        assert_eq!(successor.body["created_by"]["id"], server.admin_id.as_str());
        assert_eq!(successor.body["orphaned_at"], Value::Null);
        let left = product_key_left(server, &leaver.product_key.id);
        admin.post(&format!("{left}/adopt"), &json!({})).expect(200);
        let orphans = admin.get("/orphaned-keys").expect(200);
        assert_eq!(orphans.body["items"], json!([]));

        let other = Leaver::arrange(server, "second");
        other.scim().delete(&other.person.path()).expect(204);
        admin
            .delete(&format!("/scim-keys/{}", other.scim_key.id))
            .expect(204);
        admin
            .delete(&format!("/api-keys/{}", other.api_key.id))
            .expect(204);
        admin
            .post(
                &format!("/scim-keys/{}/adopt", other.scim_key.id),
                &json!({}),
            )
            .expect(409);
        let left = product_key_left(server, &other.product_key.id);
        admin.delete(&left).expect(204);
        let orphans = admin.get("/orphaned-keys").expect(200);
        assert_eq!(orphans.body["items"], json!([]));
    }
);

/// Where the only orphan that is left is: the credential of a product.
fn product_key_left(server: &TestServer, id: &str) -> String {
    let orphans = server.admin().get("/orphaned-keys").expect(200);
    assert_eq!(orphans.body["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(orphans.body["items"][0]["id"], id);
    let product = orphans.text_at("/items/0/product_id");
    format!("/products/{product}/credentials/{id}")
}

on_both_databases!(when_a_key_was_last_used_is_kept, |server| {
    let key = Key::of(&scim_key(server, &json!({})).expect(201));
    assert_eq!(shown(server, &key)["last_used_at"], Value::Null);
    asked_with(server, &key).expect(200);
    // It is written down a little later, in batches.
    let mut row = shown(server, &key);
    for _ in 0..600 {
        if row["last_used_at"].is_string() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
        row = shown(server, &key);
    }
    assert!(
        row["last_used_at"].as_str() >= row["created_at"].as_str(),
        "{row}"
    );
    assert_eq!(row["last_used_ip"], "127.0.0.1");
    server
        .admin()
        .delete(&format!("/scim-keys/{}", key.id))
        .expect(204);
    assert_eq!(shown(server, &key)["last_used_at"], row["last_used_at"]);
});
