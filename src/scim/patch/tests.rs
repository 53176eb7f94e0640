//! Tests of the PATCH engine. The documents and the ways to patch them are here, the cases by topic below.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::scim::leniency::Dialect;
use crate::scim::resource;
use crate::scim::schema::{Registry, ResourceType};

mod elements;
mod identity_providers;
mod mutability;
mod operations;
mod properties;
mod requests;
mod strict;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn of_type(name: &str) -> Arc<ResourceType> {
    Arc::clone(Registry::load(&[]).unwrap().resource_type(name).unwrap())
}

/// A person with something of every shape.
fn barbara() -> Value {
    let input = json!({
        "schemas": [USER, ENTERPRISE], "userName": "bjensen", "title": "Guide", "active": true,
        "name": {"givenName": "Barbara", "familyName": "Jensen"},
        "emails": [
            {"value": "bjensen@example.com", "type": "work", "primary": true},
            {"value": "babs@jensen.org", "type": "home"},
        ],
        "addresses": [{"type": "work", "streetAddress": "100 Universal City Plaza", "primary": true},
            {"type": "home", "locality": "Hollywood"}],
        ENTERPRISE: {"department": "Tours", "manager": {"value": "26118915", "$ref": "../Users/26118915"}},
    });
    canonical("User", &input)
}

fn canonical(type_name: &str, input: &Value) -> Value {
    let mut leniencies = Leniencies::new(Dialect::Strict);
    Value::Object(resource::create(&of_type(type_name), input, &mut leniencies).unwrap())
}

fn body(operations: &Value) -> Value {
    json!({"schemas": [PATCH_SCHEMA], "Operations": operations})
}

fn apply_to(
    resource_type: &ResourceType,
    stored: &Value,
    operations: &Value,
    dialect: Dialect,
) -> Result<(Value, Vec<&'static str>), ScimError> {
    let mut leniencies = Leniencies::new(dialect);
    let request = parse(&body(operations), 100, &mut leniencies)?;
    let stored = stored.as_object().unwrap();
    let document = apply(resource_type, stored, &request, &mut leniencies)?;
    let used = leniencies.used().map(Leniency::name).collect();
    Ok((Value::Object(document), used))
}

/// Barbara after the operations.
fn patched(operations: &Value, dialect: Dialect) -> Result<Value, ScimError> {
    apply_to(&of_type("User"), &barbara(), operations, dialect).map(|(document, _)| document)
}

fn refusal(operations: &Value, dialect: Dialect) -> ErrorKind {
    match patched(operations, dialect) {
        Ok(document) => panic!("{operations} was taken: {document}"),
        Err(error) => error.kind,
    }
}

/// Barbara with some attributes set, or gone where the value is null.
fn barbara_with(changes: Value) -> Value {
    let mut document = barbara();
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    let mut members = document.as_object_mut().unwrap().clone();
    for (key, value) in changes {
        if value.is_null() {
            members.remove(&key);
        } else {
            members.insert(key, value);
        }
    }
    document = Value::Object(members);
    canonical("User", &document)
}

/// A resource type with immutable attributes and a list of plain texts.
fn device() -> Arc<ResourceType> {
    let documents = json!([
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"], "id": "urn:example:Device", "name": "Device", "attributes": [
            {"name": "serial", "type": "string", "mutability": "immutable"},
            {"name": "tags", "type": "string", "multiValued": true},
            {"name": "ports", "type": "complex", "multiValued": true, "required": true, "subAttributes": [
                {"name": "value", "type": "integer", "mutability": "immutable", "required": true},
                {"name": "label", "type": "string"}]}]},
        {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"], "name": "Device", "endpoint": "/Devices", "schema": "urn:example:Device"},
    ]);
    let registry = Registry::load(&[("device.json".to_owned(), documents.to_string())]).unwrap();
    Arc::clone(registry.resource_type("Device").unwrap())
}
