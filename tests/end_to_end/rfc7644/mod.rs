//! RFC 7643, RFC 7644 and RFC 9865, section by section: one file for each group of sections.

mod attributes;
mod bulk;
mod create;
mod custom_types;
mod discovery;
mod etags;
mod filters;
mod groups;
mod in_order;
mod me;
mod modify;
mod paging;
mod projection;
mod read;
mod replace_and_delete;
mod search;
mod sorting;

use serde_json::{Value, json};

use crate::server::{Answer, Client};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// A user with further attributes, as a client sends it.
fn user(user_name: &str, further: Value) -> Value {
    let mut body = json!({"schemas": [USER], "userName": user_name});
    extend(&mut body, further);
    body
}

/// A group with these members, as a client sends it.
fn group(display_name: &str, members: &[&str]) -> Value {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    json!({"schemas": [GROUP], "displayName": display_name, "members": members})
}

fn extend(body: &mut Value, further: Value) {
    let (Value::Object(body), Value::Object(further)) = (body, further) else {
        panic!("both must be objects");
    };
    body.extend(further);
}

/// Creates the resource and gives its id.
#[track_caller]
fn create(client: &Client, endpoint: &str, body: &Value) -> String {
    client.post(endpoint, body).expect(201).id()
}

#[track_caller]
fn create_user(client: &Client, user_name: &str, further: Value) -> String {
    create(client, "/Users", &user(user_name, further))
}

#[track_caller]
fn create_group(client: &Client, display_name: &str, members: &[&str]) -> String {
    create(client, "/Groups", &group(display_name, members))
}

/// The body of a PATCH request.
#[expect(
    clippy::needless_pass_by_value,
    reason = "operations are written down where this is called"
)]
fn patch(operations: Value) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// The texts of an attribute of the resources in a list, in their order.
#[track_caller]
fn texts(list: &Answer, pointer: &str) -> Vec<String> {
    let resources = list.body["Resources"].as_array();
    resources
        .unwrap_or_else(|| panic!("no Resources in {}", list.text))
        .iter()
        .map(|resource| {
            resource
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_else(|| panic!("no text at {pointer} in {resource}"))
                .to_owned()
        })
        .collect()
}

#[track_caller]
fn user_names(list: &Answer) -> Vec<String> {
    texts(list, "/userName")
}

/// The body without what the server adds to every resource.
fn without_common(mut body: Value) -> Value {
    if let Value::Object(body) = &mut body {
        body.shift_remove("id");
        body.shift_remove("meta");
    }
    body
}
