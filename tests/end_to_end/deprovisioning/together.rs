//! P2: the whole cascade commits, or nothing of it. P16: every change is audited once, for good.

use std::cell::Cell;

use diesel::connection::SimpleConnection;
use portcullis::store::{DatabaseConnection, StoreError};
use serde_json::json;

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

on_both_databases!(
    a_cascade_that_cannot_be_finished_leaves_everything_as_it_was,
    |server| {
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
    }
);

on_both_databases!(
    of_a_bulk_request_each_operation_is_whole_or_nothing,
    |server| {
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
        assert_eq!(
            cascades_of(server, &goes.person.id)[0].receipt["reason"],
            DELETED
        );
    }
);

/// Sees which actions are recorded from one request to the next.
struct Watch<'a> {
    server: &'a TestServer,
    seen: Cell<usize>,
}

impl<'a> Watch<'a> {
    fn from_now(server: &'a TestServer) -> Self {
        let watch = Self {
            server,
            seen: Cell::new(0),
        };
        watch.new_actions();
        watch
    }

    /// The actions that were recorded since the last look, oldest first.
    fn new_actions(&self) -> Vec<String> {
        let listed = self
            .server
            .admin()
            .get("/audit-events?limit=1000")
            .expect(200);
        let mut items = listed.body["items"].as_array().cloned().unwrap_or_default();
        // What the server does by itself comes whenever it comes.
        items.retain(|event| event["actor"]["kind"] != "system");
        let new = items.len() - self.seen.replace(items.len());
        let mut actions: Vec<String> = items
            .iter()
            .take(new)
            .map(|event| event["action"].as_str().unwrap_or_default().to_owned())
            .collect();
        actions.reverse();
        actions
    }

    /// The answer, which must have that status and have recorded these actions and no others.
    #[track_caller]
    fn expect(&self, answer: Answer, status: u16, actions: &[&str]) -> Answer {
        let answer = answer.expect(status);
        assert_eq!(self.new_actions(), actions, "{answer:?}");
        answer
    }
}

on_both_databases!(
    every_change_of_a_resource_or_role_is_audited_once,
    |server| {
        let scim = server.scim();
        let admin = server.admin();
        let none = json!({});
        let watch = Watch::from_now(server);
        let user = json!({"schemas": [USER_SCHEMA], "userName": "audited@example.org"});

        let id = watch
            .expect(scim.post("/Users", &user), 201, &["resource.created"])
            .id();
        let path = format!("/Users/{id}");
        watch.expect(scim.post("/Users", &user), 409, &[]);
        watch.expect(scim.get(&path), 200, &[]);
        watch.expect(scim.put(&path, &user), 200, &[]);
        let rename = patch_of(&json!([{"op": "replace", "path": "title", "value": "Dr"}]));
        watch.expect(scim.patch(&path, &rename), 200, &["resource.updated"]);
        watch.expect(scim.patch(&path, &rename), 200, &[]);
        let assignment = json!({"user_id": id, "role": "auditor"});
        watch.expect(
            admin.post("/roles/assignments", &assignment),
            201,
            &["role.assigned"],
        );
        watch.expect(admin.post("/roles/assignments", &assignment), 201, &[]);
        let unassign = format!("/roles/assignments/{id}/auditor");
        watch.expect(
            admin.delete(&unassign),
            204,
            &["role.unassigned", "role.lost"],
        );
        watch.expect(admin.delete(&unassign), 404, &[]);

        let team =
            json!({"schemas": [GROUP_SCHEMA], "displayName": "Team", "members": [{"value": id}]});
        let group = watch
            .expect(scim.post("/Groups", &team), 201, &["resource.created"])
            .id();
        let mapping = json!({"group_id": group, "role": "auditor"});
        let mapping = watch
            .expect(
                admin.post("/roles/mappings", &mapping),
                201,
                &["role_mapping.created"],
            )
            .id();
        let remove = patch_of(&json!([{"op": "remove", "path": "members"}]));
        let group_path = format!("/Groups/{group}");
        watch.expect(
            scim.patch(&group_path, &remove),
            200,
            &["role.lost", "resource.updated"],
        );
        watch.expect(scim.patch(&group_path, &remove), 200, &[]);
        let unmap = format!("/roles/mappings/{mapping}");
        watch.expect(admin.delete(&unmap), 204, &["role_mapping.deleted"]);
        watch.expect(scim.delete(&group_path), 204, &["resource.deleted"]);

        let deprovision = format!("/users/{id}/deprovision");
        let leaving = ["resource.updated", "user.deprovisioned"];
        watch.expect(admin.post(&deprovision, &none), 200, &leaving);
        watch.expect(admin.post(&deprovision, &none), 200, &[]);
        let reactivation = ["resource.updated", "user.reactivated"];
        watch.expect(
            admin.post(&format!("/users/{id}/reactivate"), &none),
            200,
            &reactivation,
        );
        watch.expect(
            scim.delete(&path),
            204,
            &["user.deprovisioned", "resource.deleted"],
        );
        watch.expect(scim.delete(&path), 404, &[]);
    }
);

on_both_databases!(every_change_of_ones_own_is_audited_once, |server| {
    let admin = server.admin();
    let none = json!({});
    let directory = &server.directory_id;
    let person = Person::create(server, directory, &server.scim_key, "audited");
    let watch = Watch::from_now(server);
    let link = format!("/users/{}/password-link", person.id);
    let link = watch
        .expect(admin.post(&link, &none), 201, &["password_link.created"])
        .text_at("/secret");
    watch.expect(person.set_password(&link, "short"), 422, &[]);
    watch.expect(person.set_password(&link, PASSWORD), 204, &["password.set"]);
    watch.expect(person.set_password(&link, PASSWORD), 404, &[]);
    watch.expect(person.sign_in_with("wrong"), 401, &["session.refused"]);
    let session = watch
        .expect(person.sign_in_with(PASSWORD), 201, &["session.started"])
        .text_at("/token");
    let own = server.with_token(&session);
    let token = watch.expect(
        own.post("/account/v1/tokens", &json!({"name": "One"})),
        201,
        &["credential.created"],
    );
    let token = format!("/account/v1/tokens/{}", token.id());
    watch.expect(own.delete(&token), 204, &["credential.revoked"]);
    watch.expect(own.delete(&token), 204, &[]);
    watch.expect(own.delete("/account/v1/session"), 204, &["session.ended"]);
    watch.expect(own.delete("/account/v1/session"), 401, &[]);
});

on_both_databases!(
    every_change_of_a_key_product_or_directory_is_audited_once,
    |server| {
        let admin = server.admin();
        let none = json!({});
        let watch = Watch::from_now(server);
        let keys = format!("/directories/{}/scim-keys", server.directory_id);
        let key = watch.expect(
            admin.post(&keys, &json!({"name": "Key"})),
            201,
            &["credential.created"],
        );
        let key = format!("/scim-keys/{}", key.id());
        let successor = watch.expect(
            admin.post(&format!("{key}/rotate"), &none),
            201,
            &["credential.rotated"],
        );
        let successor_key = server.scim_with(&successor.text_at("/secret"));
        watch.expect(successor_key.get("/Users"), 200, &["credential.retiring"]);
        watch.expect(successor_key.get("/Users"), 200, &[]);
        watch.expect(admin.post(&format!("{key}/rotate"), &none), 409, &[]);
        watch.expect(admin.post(&format!("{key}/adopt"), &none), 409, &[]);
        watch.expect(admin.delete(&key), 204, &["credential.revoked"]);
        watch.expect(admin.delete(&key), 204, &[]);

        let product = json!({"name": "Product", "scopes": ["read"]});
        let product = watch
            .expect(admin.post("/products", &product), 201, &["product.created"])
            .id();
        let product = format!("/products/{product}");
        watch.expect(
            admin.patch(&product, &json!({"scopes": ["read", "write"]})),
            200,
            &["product.updated"],
        );
        let gate = watch.expect(
            admin.post(&format!("{product}/credentials"), &json!({"name": "Gate"})),
            201,
            &["credential.created"],
        );
        let gate = format!("{product}/credentials/{}", gate.id());
        watch.expect(admin.delete(&gate), 204, &["credential.revoked"]);
        watch.expect(admin.delete(&product), 204, &["product.deleted"]);

        let directory = json!({"name": "Another"});
        let directory = watch
            .expect(
                admin.post("/directories", &directory),
                201,
                &["directory.created"],
            )
            .id();
        let directory = format!("/directories/{directory}");
        watch.expect(
            admin.patch(&directory, &json!({"name": "Other"})),
            200,
            &["directory.updated"],
        );
        watch.expect(admin.delete(&directory), 204, &["directory.removed"]);
    }
);

on_both_databases!(audit_events_cannot_be_changed_or_removed, |server| {
    for statement in [
        "UPDATE audit_events SET action = 'x'",
        "DELETE FROM audit_events",
    ] {
        assert!(
            execute(server, statement.to_owned()).is_err(),
            "{statement}"
        );
    }
});
