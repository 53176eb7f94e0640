//! What the requests of [`super::admin`] are made to: things of every kind, each made anew.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{Call, World};
use crate::machine::program::{Pair, service_account};
use crate::people::Leaver;
use crate::service_accounts::account;

pub(super) fn delete(world: &World, path: &str) -> Call {
    Call::admin(world, "DELETE", path, &Value::Null)
}

pub(super) fn adopt(world: &World, key: &str) -> Call {
    Call::admin(world, "POST", &format!("{key}/adopt"), &Value::Null)
}

pub(super) fn rotate(world: &World, key: &str) -> Call {
    Call::admin(
        world,
        "POST",
        &format!("{key}/rotate"),
        &json!({"overlap_hours": 1}),
    )
}

/// Somebody who was deleted and can be recovered.
pub(super) fn deleted(world: &World) -> String {
    let leaver = world.leaver();
    leaver.scim().delete(&leaver.person.path()).expect(204);
    leaver.person.id
}

pub(super) fn policy(world: &World, further: &Value) -> String {
    let mut body = further.clone();
    body["name"] = json!(world.name("policy"));
    world.made("/policies", &body)
}

pub(super) fn product(world: &World) -> String {
    let body = json!({"name": world.name("product"), "scopes": ["read"]});
    world.made("/products", &body)
}

/// The product that came with them.
pub(super) fn product_of(world: &World, leaver: &Leaver<'_>) -> String {
    let name = format!("Product of {}", leaver.person.id);
    let products = world.admin().get("/products").expect(200);
    products.body["items"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|product| product["name"] == name.as_str())
        .and_then(|product| product["id"].as_str())
        .expect("they have one")
        .to_owned()
}

/// An instance of a product, to which a credential is bound.
pub(super) fn instance(world: &World) -> String {
    let product = product(world);
    let path = format!("/products/{product}/instances");
    let instance = world.made(&path, &json!({"name": "Staging"}));
    let body = json!({"name": "Gate", "instance_id": instance});
    world.made(&format!("/products/{product}/credentials"), &body);
    format!("{path}/{instance}")
}

pub(super) fn webhook(world: &World) -> String {
    let body = json!({"url": "http://127.0.0.1:9/hook", "kinds": []});
    format!("/webhooks/{}", world.made("/webhooks", &body))
}

pub(super) fn new_api_key() -> Value {
    json!({"name": "Key", "scopes": ["users:read"]})
}

pub(super) fn new_key() -> Value {
    json!({"name": "Key", "jwk": Pair::generate(Algorithm::ES256).jwk, "scopes": ["users:read"]})
}

pub(super) fn api_key(world: &World) -> String {
    format!("/api-keys/{}", world.made("/api-keys", &new_api_key()))
}

pub(super) fn scim_key(world: &World) -> String {
    let path = format!("/directories/{}/scim-keys", world.server.directory_id);
    format!("/scim-keys/{}", world.made(&path, &json!({"name": "Key"})))
}

pub(super) fn product_credential(world: &World) -> String {
    let path = format!("/products/{}/credentials", product(world));
    format!("{path}/{}", world.made(&path, &json!({"name": "Gate"})))
}

/// A service account and a token of it.
pub(super) fn service_account_with_token(world: &World) -> (String, String) {
    let account = format!("/service-accounts/{}", service_account(&world.server));
    let tokens = format!("{account}/tokens");
    let token = world.made(&tokens, &new_api_key());
    (account, format!("{tokens}/{token}"))
}

/// The same, whose owner has left.
pub(super) fn orphaned_account(world: &World) -> (String, String) {
    let leaver = world.leaver();
    let session = world.server.with_token(&leaver.sessions[0]);
    let account = account(&session, &world.name("account"));
    let token = account.token(&session, &new_api_key());
    let path = format!("/users/{}/deprovision", leaver.person.id);
    world.admin().post(&path, &json!({})).expect(200);
    let account = format!("/service-accounts/{}", account.id);
    (account.clone(), format!("{account}/tokens/{}", token.id))
}

/// A directory about which an alarm is raised.
pub(super) fn alarmed(world: &World) -> String {
    let body = json!({"percent": 0, "people": 1});
    let path = "/alarms/mass-deprovisioning";
    world.admin().patch(path, &body).expect(200);
    let leaver = world.leaver();
    leaver.scim().delete(&leaver.person.path()).expect(204);
    let directory = leaver.person.directory_id.clone();
    let path = format!("/directories/{directory}/alarm");
    let alarm = world.admin().get(&path).expect(200).body;
    assert_eq!(alarm["raised"], true, "{alarm}");
    directory
}
