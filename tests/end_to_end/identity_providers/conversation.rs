//! One identity provider talking to its own directory. Identifiers have names here: `<ada>` stands for the
//! id of the resource that was met as `ada`, in what is sent and in what comes back.

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::server::{Answer, Client, TestServer};

const TIME: &str = "<time>";

/// The identity provider's side.
pub struct Conversation<'s> {
    server: &'s TestServer,
    directory: String,
    client: Client,
    content_type: &'static str,
    /// Identifiers with their names.
    known: Vec<(String, String)>,
}

impl<'s> Conversation<'s> {
    /// With a directory of its own that speaks this dialect.
    pub fn start(server: &'s TestServer, dialect: Dialect, content_type: &'static str) -> Self {
        let (directory, key) = server.new_directory(dialect);
        Self {
            server,
            client: server.scim_with(&key),
            directory,
            content_type,
            known: vec![(server.scim_base.clone(), "<base>".to_owned())],
        }
    }

    pub fn get(&self, path: &str) -> Heard {
        self.say("GET", path, None)
    }

    pub fn post(&self, path: &str, body: &str) -> Heard {
        self.say("POST", path, Some(body))
    }

    pub fn put(&self, path: &str, body: &str) -> Heard {
        self.say("PUT", path, Some(body))
    }

    pub fn patch(&self, path: &str, body: &str) -> Heard {
        self.say("PATCH", path, Some(body))
    }

    pub fn delete(&self, path: &str) -> Heard {
        self.say("DELETE", path, None)
    }

    /// Creates a resource, which has this name from then on.
    pub fn create(&mut self, name: &str, path: &str, body: &str) -> Heard {
        let answer = self.exchange("POST", path, Some(body));
        let id = answer.body["id"].as_str();
        let id = id.unwrap_or_else(|| panic!("{} {}", answer.status, answer.text));
        self.known.push((id.to_owned(), format!("<{name}>")));
        self.heard(answer)
    }

    /// Names the resource at the end of a location in an answer.
    pub fn meet(&mut self, name: &str, heard: &Heard, pointer: &str) {
        let location = heard
            .body
            .pointer(pointer)
            .and_then(Value::as_str)
            .expect("a location");
        let id = location.rsplit('/').next().expect("an id");
        self.known.push((id.to_owned(), format!("<{name}>")));
    }

    /// The same answer with the names that have become known since.
    pub fn again(&self, heard: Heard) -> Heard {
        Heard {
            body: self.redacted(heard.body),
            ..heard
        }
    }

    fn say(&self, method: &str, path: &str, body: Option<&str>) -> Heard {
        self.heard(self.exchange(method, path, body))
    }

    fn exchange(&self, method: &str, path: &str, body: Option<&str>) -> Answer {
        let path = self.with_ids(path);
        let headers: &[(&str, &str)] = match body {
            Some(_) => &[
                ("accept", "application/scim+json, application/json"),
                ("content-type", self.content_type),
            ],
            None => &[("accept", "application/scim+json, application/json")],
        };
        let body = self.with_ids(body.unwrap_or_default());
        self.client.request(method, &path, headers, body.as_bytes())
    }

    fn heard(&self, answer: Answer) -> Heard {
        let headers = answer
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    self.with_names(value.to_str().unwrap_or_default()),
                )
            })
            .collect();
        Heard {
            status: answer.status,
            body: self.redacted(answer.body),
            headers,
            text: answer.text,
        }
    }

    /// How often the directory has needed each leniency.
    pub fn leniencies(&self) -> Value {
        let path = format!("/directories/{}/leniencies", self.directory);
        let answer = self.server.admin().get(&path).expect(200);
        let mut counts = json!({});
        for item in answer.body["items"].as_array().expect("a list") {
            let name = item["leniency"].as_str().expect("a name");
            counts[name] = item["count"].clone();
        }
        counts
    }

    /// The log of the conversation, oldest first: method, path without values, status, outcome, changed
    /// attributes, leniencies.
    pub fn log(&self) -> Vec<String> {
        let path = format!("/directories/{}/scim-requests?limit=1000", self.directory);
        let answer = self.server.admin().get(&path).expect(200);
        let items = answer.body["items"].as_array().expect("a list");
        let names = |value: &Value| {
            let names = value.as_array().expect("a list").iter();
            names
                .map(|name| name.as_str().expect("a name"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let line = |item: &Value| {
            let text = |name: &str| item[name].as_str().expect("a text").to_owned();
            let (method, path, outcome) = (text("method"), text("path"), text("outcome"));
            let path = path.strip_prefix("/scim/v2").expect("below the base");
            let mut line = format!(
                "{method} {} {} {outcome}",
                self.with_names(path),
                item["status"]
            );
            for (label, value) in [
                ("changed", &item["changed"]),
                ("forgiven", &item["leniencies"]),
            ] {
                let names = names(value);
                if !names.is_empty() {
                    line = format!("{line}, {label}: {names}");
                }
            }
            line
        };
        items.iter().rev().map(line).collect()
    }

    fn with_ids(&self, text: &str) -> String {
        let replace = |text: String, (id, name): &(String, String)| text.replace(name, id);
        self.known.iter().fold(text.to_owned(), replace)
    }

    fn with_names(&self, text: &str) -> String {
        let replace = |text: String, (id, name): &(String, String)| text.replace(id, name);
        self.known.iter().fold(text.to_owned(), replace)
    }

    fn redacted(&self, value: Value) -> Value {
        match value {
            Value::Object(members) => members
                .into_iter()
                .map(|(key, value)| {
                    let is_time =
                        matches!(key.as_str(), "created" | "lastModified") && value.is_string();
                    let value = if is_time {
                        json!(TIME)
                    } else {
                        self.redacted(value)
                    };
                    (key, value)
                })
                .collect(),
            Value::Array(elements) => elements
                .into_iter()
                .map(|value| self.redacted(value))
                .collect(),
            Value::String(text) => Value::String(self.with_names(&text)),
            other => other,
        }
    }
}

/// An answer, with names instead of identifiers.
pub struct Heard {
    pub status: u16,
    pub body: Value,
    headers: Vec<(String, String)>,
    text: String,
}

impl Heard {
    /// Asserts the whole answer.
    #[track_caller]
    pub fn is(self, status: u16, body: &Value) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert!(
            self.body == *body,
            "expected {body:#}\nbut heard {:#}",
            self.body
        );
        self
    }

    /// Asserts an answer without a body.
    #[track_caller]
    pub fn has_no_body(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.text, "");
        self
    }

    /// Asserts a header.
    #[track_caller]
    pub fn with_header(self, name: &str, value: &str) -> Self {
        let found = self.headers.iter().find(|(known, _)| known == name);
        assert_eq!(
            found.map(|(_, found)| found.as_str()),
            Some(value),
            "{name}"
        );
        self
    }
}

/// `meta` of a resource that was met under this name.
pub fn meta(resource_type: &str, name: &str, version: u32) -> Value {
    json!({
        "resourceType": resource_type,
        "created": TIME,
        "lastModified": TIME,
        "location": format!("<base>/{resource_type}s/<{name}>"),
        "version": format!("W/\"{version}\""),
    })
}

/// A list that holds all there is to be found.
pub fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "itemsPerPage": resources.len(),
        "startIndex": 1,
        "Resources": resources,
    })
}

/// The protocol's own error (RFC 7644 section 3.12).
pub fn error(status: u16, scim_type: Option<&str>, detail: &str) -> Value {
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": status.to_string(),
        "detail": detail,
    });
    if let Some(scim_type) = scim_type {
        body["scimType"] = json!(scim_type);
    }
    body
}

/// Changes members of an object; null takes one away.
pub fn with(object: &mut Value, changes: Value) {
    let object = object.as_object_mut().expect("an object");
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (key, value) in changes {
        if value.is_null() {
            object.remove(&key);
        } else {
            object.insert(key, value);
        }
    }
}

/// A user among the members of a group.
pub fn member(name: &str, display: &str) -> Value {
    json!({
        "value": format!("<{name}>"),
        "$ref": format!("<base>/Users/<{name}>"),
        "display": display,
        "type": "User",
    })
}

/// The body of a PATCH with these operations.
pub fn patch(operations: &str) -> String {
    format!(
        r#"{{"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [{operations}]}}"#
    )
}
