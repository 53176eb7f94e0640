//! Leaving: promises P1 to P6a, P9a and P16, by whatever way somebody leaves.

mod authority;
mod kept;
mod records;
mod repeated;
mod resting;
mod returning;
mod role_loss;
mod together;

use serde_json::{Value, json};

use crate::people::{Leaver, bulk, patch_of};
use crate::server::TestServer;
use records::{Cascade, cascades_of};

/// A way to leave.
struct Way {
    name: &'static str,
    reason: &'static str,
    by_admin: bool,
    leave: fn(&TestServer, &Leaver<'_>),
}

impl Way {
    const fn over_scim(
        name: &'static str,
        reason: &'static str,
        leave: fn(&TestServer, &Leaver<'_>),
    ) -> Self {
        Self {
            name,
            reason,
            by_admin: false,
            leave,
        }
    }
}

fn deactivation(operation: &Value) -> Value {
    patch_of(&json!([operation]))
}

fn patch(leaver: &Leaver<'_>, operation: &Value) {
    leaver
        .scim()
        .patch(&leaver.person.path(), &deactivation(operation))
        .expect(200);
}

/// The person as SCIM shows them, but not active.
fn inactive(leaver: &Leaver<'_>) -> Value {
    let mut body = leaver.scim().get(&leaver.person.path()).expect(200).body;
    body["active"] = json!(false);
    body
}

const DEACTIVATED: &str = "deactivated";
const DELETED: &str = "deleted";

/// Every write that makes a person leave. The SCIM ones are done with the key that the leaver made.
const WAYS: &[Way] = &[
    Way::over_scim("PATCH with a path", DEACTIVATED, |_, leaver| {
        patch(
            leaver,
            &json!({"op": "replace", "path": "active", "value": false}),
        );
    }),
    Way::over_scim("PATCH without a path", DEACTIVATED, |_, leaver| {
        patch(
            leaver,
            &json!({"op": "replace", "value": {"active": false}}),
        );
    }),
    Way::over_scim("PATCH that adds", DEACTIVATED, |_, leaver| {
        patch(
            leaver,
            &json!({"op": "add", "path": "active", "value": false}),
        );
    }),
    Way::over_scim("PATCH as Entra sends it", DEACTIVATED, |_, leaver| {
        patch(
            leaver,
            &json!({"op": "Replace", "path": "active", "value": "False"}),
        );
    }),
    Way::over_scim("PATCH with a qualified path", DEACTIVATED, |_, leaver| {
        let path = "urn:ietf:params:scim:schemas:core:2.0:User:active";
        patch(
            leaver,
            &json!({"op": "replace", "path": path, "value": false}),
        );
    }),
    Way::over_scim("PATCH among other changes", DEACTIVATED, |_, leaver| {
        let operations = json!([
            {"op": "replace", "path": "title", "value": "Alumna"},
            {"op": "replace", "path": "active", "value": false},
            {"op": "remove", "path": "emails"},
        ]);
        leaver
            .scim()
            .patch(&leaver.person.path(), &patch_of(&operations))
            .expect(200);
    }),
    Way::over_scim("PUT", DEACTIVATED, |_, leaver| {
        leaver
            .scim()
            .put(&leaver.person.path(), &inactive(leaver))
            .expect(200);
    }),
    Way::over_scim("DELETE", DELETED, |_, leaver| {
        leaver.scim().delete(&leaver.person.path()).expect(204);
    }),
    Way::over_scim("PATCH in bulk", DEACTIVATED, |_, leaver| {
        let change = deactivation(&json!({"op": "replace", "value": {"active": false}}));
        bulk(&leaver.scim(), "PATCH", &leaver.person.path(), &change);
    }),
    Way::over_scim("PUT in bulk", DEACTIVATED, |_, leaver| {
        bulk(
            &leaver.scim(),
            "PUT",
            &leaver.person.path(),
            &inactive(leaver),
        );
    }),
    Way::over_scim("DELETE in bulk", DELETED, |_, leaver| {
        bulk(
            &leaver.scim(),
            "DELETE",
            &leaver.person.path(),
            &Value::Null,
        );
    }),
    Way {
        name: "an admin's deprovisioning",
        reason: DEACTIVATED,
        by_admin: true,
        leave: |server, leaver| {
            let path = format!("/users/{}/deprovision", leaver.person.id);
            let receipt = server.admin().post(&path, &Value::Null).expect(200);
            assert_eq!(receipt.body["reason"], DEACTIVATED);
            assert_eq!(receipt.body["revoked"], records::everything());
        },
    },
    Way {
        name: "the removal of the directory",
        reason: "directory_removed",
        by_admin: true,
        leave: |server, leaver| {
            let path = format!("/directories/{}", leaver.person.directory_id);
            server.admin().delete(&path).expect(204);
        },
    },
];

on_both_databases!(
    whoever_leaves_by_any_way_loses_everything_at_once,
    |server| {
        for (number, way) in WAYS.iter().enumerate() {
            println!("{}", way.name);
            let leaver = Leaver::arrange(server, &format!("leaver{number}"));

            (way.leave)(server, &leaver);

            leaver.assert_nothing_authenticates();
            let directory_is_gone = way.reason == "directory_removed";
            if directory_is_gone {
                leaver.scim().get("/Users").expect(401);
            } else {
                leaver.assert_keys_are_orphaned(way.reason);
                leaver.assert_keys_work();
            }
            let product = server.admin().get("/products").expect(200).body["items"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|product| product["name"] == format!("Product of {}", leaver.person.id))
                .map(|product| product["id"].clone())
                .expect("the product is still there");
            let product_key = server
                .admin()
                .get(&format!(
                    "/products/{}/credentials",
                    product.as_str().unwrap_or_default()
                ))
                .expect(200);
            assert_eq!(
                product_key.body["items"][0]["orphaned_reason"], way.reason,
                "{}",
                product_key.text
            );
            assert_eq!(
                cascades_of(server, &leaver.person.id),
                [Cascade::of_everything(&leaver, way.reason, way.by_admin)],
                "{}",
                way.name
            );
        }
    }
);
