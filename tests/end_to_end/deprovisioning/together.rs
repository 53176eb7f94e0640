//! P2: the whole cascade commits, or nothing of it. P16: every change is audited once, for good.

use diesel::connection::SimpleConnection;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::{Value, json};

use super::records::{Cascade, cascades_of};
use super::{DEACTIVATED, DELETED};
use crate::people::{GROUP_SCHEMA, Leaver, PASSWORD, Person, USER_SCHEMA, patch_of};
use crate::server::{Answer, DatabaseKind, TestServer};

fn execute(server: &TestServer, statements: String) -> Result<(), StoreError> {
    server.database.write_blocking(move |connection| {
        match connection {
            DatabaseConnection::Sqlite(connection) => connection.batch_execute(&statements),
            DatabaseConnection::Postgres(connection) => connection.batch_execute(&statements),
        }
        .map_err(StoreError::from)
    })
}

/// Makes a table refuse every change of this kind, as a full disk might.
fn refuse(server: &TestServer, table: &str, change: &str) {
    let statements = match server.kind {
        DatabaseKind::Sqlite => format!(
            "CREATE TRIGGER refused BEFORE {change} ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END;"
        ),
        DatabaseKind::Postgres => format!(
            "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''no''; END' LANGUAGE plpgsql;
             CREATE TRIGGER refused BEFORE {change} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse();"
        ),
    };
    execute(server, statements).expect("a trigger can be made");
}

fn allow(server: &TestServer, table: &str) {
    let statement = match server.kind {
        DatabaseKind::Sqlite => "DROP TRIGGER refused;".to_owned(),
        DatabaseKind::Postgres => format!("DROP TRIGGER refused ON {table};"),
    };
    execute(server, statement).expect("a trigger can be dropped");
}

on_both_databases!(a_cascade_that_cannot_be_finished_leaves_everything_as_it_was, |server| {
    let leaver = Leaver::arrange(server, "atomic");
    let (scim, path) = (leaver.scim(), leaver.person.path());
    let before = scim.get(&path).expect(200).body;
    let leave = patch_of(&json!([{"op": "replace", "value": {"active": false}}]));
    // Every table that the cascade writes: at whichever it fails, nothing has happened.
    for (table, change) in [
        ("resources", "UPDATE"),
        ("credentials", "UPDATE"),
        ("role_assignments", "DELETE"),
        ("passwords", "DELETE"),
        ("audit_events", "INSERT"),
        ("receipts", "INSERT"),
        ("notices", "INSERT"),
    ] {
        refuse(server, table, change);
        let answer = scim.patch(&path, &leave);
        allow(server, table);
        assert!(answer.status >= 500, "{table}: {}", answer.text);
        assert!(!answer.text.contains(table), "{}", answer.text);
        assert_eq!(scim.get(&path).expect(200).body, before, "{table}");
        leaver.assert_everything_works();
        assert_eq!(cascades_of(server, &leaver.person.id), [], "{table}");
    }
    for (table, change) in [("resources", "DELETE"), ("notices", "INSERT")] {
        refuse(server, table, change);
        let answer = scim.delete(&path);
        allow(server, table);
        assert!(answer.status >= 500, "{table}: {}", answer.text);
        leaver.assert_everything_works();
        assert_eq!(cascades_of(server, &leaver.person.id), [], "{table}");
    }

    scim.patch(&path, &leave).expect(200);

    leaver.assert_nothing_authenticates();
    assert_eq!(
        cascades_of(server, &leaver.person.id),
        [Cascade::of_everything(&leaver, DEACTIVATED, false)]
    );
});

on_both_databases!(of_a_bulk_request_each_operation_is_whole_or_nothing, |server| {
    let stays = Leaver::arrange(server, "stays");
    let key = &stays.scim_key.secret;
    let directory = &stays.person.directory_id;
    let goes = Leaver::arrange_in(
        server,
        directory,
        key,
        "goes",
        &crate::people::RoleBy::Assignment,
    );
    let answer = stays
        .scim()
        .post(
            "/Bulk",
            &json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [
                    {"method": "PATCH", "path": stays.person.path(), "data": patch_of(&json!([
                        {"op": "replace", "path": "active", "value": false},
                        {"op": "replace", "path": "userName", "value": goes.person.user_name},
                    ]))},
                    {"method": "DELETE", "path": goes.person.path()},
                ],
            }),
        )
        .expect(200);
    assert_eq!(answer.text_at("/Operations/0/status"), "409");
    assert_eq!(answer.text_at("/Operations/1/status"), "204");
    stays.assert_everything_works();
    assert_eq!(cascades_of(server, &stays.person.id), []);
    goes.assert_nothing_authenticates();
    assert_eq!(cascades_of(server, &goes.person.id).len(), 1);
    assert_eq!(cascades_of(server, &goes.person.id)[0].receipt["reason"], DELETED);
});

/// The actions that were recorded since the last look, oldest first.
fn new_actions(server: &TestServer, seen: &mut usize) -> Vec<String> {
    let listed = server.admin().get("/audit-events?limit=1000").expect(200);
    let items = listed.body["items"].as_array().cloned().unwrap_or_default();
    let new = items.len() - *seen;
    *seen = items.len();
    let mut actions: Vec<String> = items
        .iter()
        .take(new)
        .map(|event| event["action"].as_str().unwrap_or_default().to_owned())
        .collect();
    actions.reverse();
    actions
}

on_both_databases!(every_change_is_audited_once_and_what_changes_nothing_is_not, |server| {
    let (scim, admin) = (server.scim(), server.admin());
    let mut seen = 0;
    new_actions(server, &mut seen);
    let mut expect = |answer: Answer, status: u16, actions: &[&str]| {
        let answer = answer.expect(status);
        assert_eq!(new_actions(server, &mut seen), actions, "{answer:?}");
        answer
    };
    let none = json!({});
    let user = json!({"schemas": [USER_SCHEMA], "userName": "audited@example.org"});

    let id = expect(scim.post("/Users", &user), 201, &["resource.created"]).id();
    let path = format!("/Users/{id}");
    expect(scim.post("/Users", &user), 409, &[]);
    expect(scim.get(&path), 200, &[]);
    expect(scim.put(&path, &user), 200, &[]);
    let rename = patch_of(&json!([{"op": "replace", "path": "title", "value": "Dr"}]));
    expect(scim.patch(&path, &rename), 200, &["resource.updated"]);
    expect(scim.patch(&path, &rename), 200, &[]);
    let assignment = json!({"user_id": id, "role": "auditor"});
    expect(admin.post("/roles/assignments", &assignment), 201, &["role.assigned"]);
    expect(admin.post("/roles/assignments", &assignment), 201, &[]);
    let unassign = format!("/roles/assignments/{id}/auditor");
    expect(admin.delete(&unassign), 204, &["role.unassigned", "role.lost"]);
    expect(admin.delete(&unassign), 404, &[]);

    let team = json!({"schemas": [GROUP_SCHEMA], "displayName": "Team", "members": [{"value": id}]});
    let group = expect(scim.post("/Groups", &team), 201, &["resource.created"]).id();
    let mapping = json!({"group_id": group, "role": "auditor"});
    let mapping = expect(admin.post("/roles/mappings", &mapping), 201, &["role_mapping.created"]).id();
    let remove = patch_of(&json!([{"op": "remove", "path": "members"}]));
    let group_path = format!("/Groups/{group}");
    expect(scim.patch(&group_path, &remove), 200, &["role.lost", "resource.updated"]);
    expect(scim.patch(&group_path, &remove), 200, &[]);
    let unmap = format!("/roles/mappings/{mapping}");
    expect(admin.delete(&unmap), 204, &["role_mapping.deleted"]);
    expect(scim.delete(&group_path), 204, &["resource.deleted"]);

    let person = Person {
        server,
        id: id.clone(),
        user_name: "audited@example.org".to_owned(),
        display_name: String::new(),
        directory_id: server.directory_id.clone(),
        directory_name: "Identity provider".to_owned(),
    };
    let link = format!("/users/{id}/password-link");
    let link = expect(admin.post(&link, &none), 201, &["password_link.created"]).text_at("/secret");
    expect(person.set_password(&link, "short"), 422, &[]);
    expect(person.set_password(&link, PASSWORD), 204, &["password.set"]);
    expect(person.set_password(&link, PASSWORD), 404, &[]);
    expect(person.sign_in_with("wrong"), 401, &["session.refused"]);
    let session = expect(person.sign_in_with(PASSWORD), 201, &["session.started"]).text_at("/token");
    let own = server.with_token(&session);
    let token = expect(
        own.post("/account/v1/tokens", &json!({"name": "One"})),
        201,
        &["credential.created"],
    );
    let token = format!("/account/v1/tokens/{}", token.id());
    expect(own.delete(&token), 204, &["credential.revoked"]);
    expect(own.delete(&token), 204, &[]);
    expect(own.delete("/account/v1/session"), 204, &["session.ended"]);
    expect(own.delete("/account/v1/session"), 401, &[]);

    let keys = format!("/directories/{}/scim-keys", server.directory_id);
    let key = expect(admin.post(&keys, &json!({"name": "Key"})), 201, &["credential.created"]);
    let key = format!("/scim-keys/{}", key.id());
    let successor = expect(admin.post(&format!("{key}/rotate"), &none), 201, &["credential.rotated"]);
    let successor_key = server.scim_with(&successor.text_at("/secret"));
    expect(successor_key.get("/Users"), 200, &["credential.retiring"]);
    expect(successor_key.get("/Users"), 200, &[]);
    expect(admin.post(&format!("{key}/rotate"), &none), 409, &[]);
    expect(admin.post(&format!("{key}/adopt"), &none), 409, &[]);
    expect(admin.delete(&key), 204, &["credential.revoked"]);
    expect(admin.delete(&key), 204, &[]);

    let product = json!({"name": "Product", "scopes": ["read"]});
    let product = expect(admin.post("/products", &product), 201, &["product.created"]).id();
    let product = format!("/products/{product}");
    expect(admin.patch(&product, &json!({"scopes": ["read", "write"]})), 200, &["product.updated"]);
    let gate = expect(
        admin.post(&format!("{product}/credentials"), &json!({"name": "Gate"})),
        201,
        &["credential.created"],
    );
    let gate = format!("{product}/credentials/{}", gate.id());
    expect(admin.delete(&gate), 204, &["credential.revoked"]);
    expect(admin.delete(&product), 204, &["product.deleted"]);

    let directory = json!({"name": "Another"});
    let directory = expect(admin.post("/directories", &directory), 201, &["directory.created"]).id();
    let directory = format!("/directories/{directory}");
    expect(admin.patch(&directory, &json!({"name": "Other"})), 200, &["directory.updated"]);
    expect(admin.delete(&directory), 204, &["directory.removed"]);

    let deprovision = format!("/users/{id}/deprovision");
    let leaving = ["resource.updated", "user.deprovisioned"];
    expect(admin.post(&deprovision, &none), 200, &leaving);
    expect(admin.post(&deprovision, &none), 200, &[]);
    let reactivation = ["resource.updated", "user.reactivated"];
    expect(admin.post(&format!("/users/{id}/reactivate"), &none), 200, &reactivation);
    expect(scim.delete(&path), 204, &["user.deprovisioned", "resource.deleted"]);
    expect(scim.delete(&path), 404, &[]);
});

on_both_databases!(audit_events_cannot_be_changed_or_removed, |server| {
    for statement in ["UPDATE audit_events SET action = 'x'", "DELETE FROM audit_events"] {
        assert!(execute(server, statement.to_owned()).is_err(), "{statement}");
    }
});
