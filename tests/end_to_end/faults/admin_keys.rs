//! What admins change of keys: the part of [`super::admin`] that is about what authenticates.

use serde_json::json;

use super::things::{
    adopt, api_key, delete, new_api_key, new_key, orphaned_account, product, product_credential,
    product_of, rotate, scim_key, service_account_with_token,
};
use super::{Call, Case, World, assert_all_or_nothing};
use crate::machine::program::service_account;
use crate::server::DatabaseKind;

#[test]
fn a_change_of_a_key_happens_whole_or_not_at_all_on_sqlite() {
    assert_all_or_nothing(DatabaseKind::Sqlite, CASES);
}

#[test]
fn a_change_of_a_key_happens_whole_or_not_at_all_on_postgresql() {
    assert_all_or_nothing(DatabaseKind::Postgres, CASES);
}

pub(super) const CASES: &[Case] = &[
    Case {
        route: "POST /api-keys",
        arrange: |world| Call::admin(world, "POST", "/api-keys", &new_api_key()),
    },
    Case {
        route: "DELETE /api-keys/{id}",
        arrange: |world| delete(world, &api_key(world)),
    },
    Case {
        route: "PATCH /api-keys/{id}",
        arrange: |world| Call::admin(world, "PATCH", &api_key(world), &json!({"name": "Renamed"})),
    },
    Case {
        route: "POST /api-keys/{id}/adopt",
        arrange: |world| adopt(world, &format!("/api-keys/{}", world.left().api_key.id)),
    },
    Case {
        route: "POST /api-keys/{id}/rotate",
        arrange: |world| rotate(world, &api_key(world)),
    },
    Case {
        route: "POST /directories/{id}/scim-keys",
        arrange: |world| {
            let path = format!("/directories/{}/scim-keys", world.server.directory_id);
            Call::admin(world, "POST", &path, &json!({"name": "Key"}))
        },
    },
    Case {
        route: "DELETE /scim-keys/{id}",
        arrange: |world| delete(world, &scim_key(world)),
    },
    Case {
        route: "PATCH /scim-keys/{id}",
        arrange: |world| {
            let body = json!({"allowed_networks": ["127.0.0.0/8"]});
            Call::admin(world, "PATCH", &scim_key(world), &body)
        },
    },
    Case {
        route: "POST /scim-keys/{id}/adopt",
        arrange: |world| adopt(world, &format!("/scim-keys/{}", world.left().scim_key.id)),
    },
    Case {
        route: "POST /scim-keys/{id}/rotate",
        arrange: |world| rotate(world, &scim_key(world)),
    },
    Case {
        route: "POST /products/{id}/credentials",
        arrange: |world| {
            let path = format!("/products/{}/credentials", product(world));
            Call::admin(world, "POST", &path, &json!({"name": "Gate"}))
        },
    },
    Case {
        route: "DELETE /products/{id}/credentials/{credential}",
        arrange: |world| delete(world, &product_credential(world)),
    },
    Case {
        route: "POST /products/{id}/credentials/{credential}/adopt",
        arrange: |world| {
            let left = world.left();
            let product = product_of(world, &left);
            adopt(
                world,
                &format!("/products/{product}/credentials/{}", left.product_key.id),
            )
        },
    },
    Case {
        route: "POST /products/{id}/credentials/{credential}/rotate",
        arrange: |world| rotate(world, &product_credential(world)),
    },
    Case {
        route: "POST /service-accounts/{id}/keys",
        arrange: |world| {
            let account = service_account(&world.server);
            Call::admin(
                world,
                "POST",
                &format!("/service-accounts/{account}/keys"),
                &new_key(),
            )
        },
    },
    Case {
        route: "DELETE /service-accounts/{id}/keys/{key_id}",
        arrange: |world| {
            let account = service_account(&world.server);
            let path = format!("/service-accounts/{account}/keys");
            let key = world.made(&path, &new_key());
            delete(world, &format!("{path}/{key}"))
        },
    },
    Case {
        route: "POST /service-accounts/{id}/tokens",
        arrange: |world| {
            let account = service_account(&world.server);
            let path = format!("/service-accounts/{account}/tokens");
            Call::admin(world, "POST", &path, &new_api_key())
        },
    },
    Case {
        route: "DELETE /service-accounts/{id}/tokens/{token}",
        arrange: |world| delete(world, &service_account_with_token(world).1),
    },
    Case {
        route: "POST /service-accounts/{id}/tokens/{token}/adopt",
        arrange: |world| adopt(world, &orphaned_account(world).1),
    },
    Case {
        route: "POST /service-accounts/{id}/tokens/{token}/rotate",
        arrange: |world| rotate(world, &service_account_with_token(world).1),
    },
    Case {
        route: "POST /service-accounts/{id}/keys/{key_id}/adopt",
        arrange: |world| {
            let leaver = world.leaver();
            let maker = world.server.with_token(&leaver.sessions[0]);
            let account = service_account(&world.server);
            let path = format!("/service-accounts/{account}/keys");
            let key = maker
                .post(&format!("/admin/v1{path}"), &new_key())
                .expect(201)
                .id();
            let leave = format!("/users/{}/deprovision", leaver.person.id);
            world.admin().post(&leave, &json!({})).expect(200);
            adopt(world, &format!("{path}/{key}"))
        },
    },
    Case {
        route: "POST /orphaned-keys/adopt",
        arrange: |world| with_all_left(world, "adopt"),
    },
    Case {
        route: "POST /orphaned-keys/revoke",
        arrange: |world| with_all_left(world, "revoke"),
    },
    Case {
        route: "POST /orphaned-keys/rotate",
        arrange: |world| with_all_left(world, "rotate"),
    },
];

/// Something done with all that somebody has left.
fn with_all_left(world: &World, action: &str) -> Call {
    let left = world.left();
    let ids = [&left.scim_key.id, &left.api_key.id, &left.product_key.id];
    let path = format!("/orphaned-keys/{action}");
    Call::admin(world, "POST", &path, &json!({"ids": ids}))
}
