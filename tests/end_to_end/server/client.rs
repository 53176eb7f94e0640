//! Requests and their answers.

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request};

use super::TIMEOUT;

/// The media type of RFC 7644 section 8.1.
const SCIM_JSON: &str = "application/scim+json";

/// Speaks to paths below a base URL, with or without a bearer token.
pub struct Client {
    agent: Agent,
    base: String,
    token: Option<String>,
}

impl Client {
    pub fn new(base: &str, token: Option<&str>) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(TIMEOUT))
            .build()
            .into();
        Self {
            agent,
            base: base.to_owned(),
            token: token.map(str::to_owned),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], b"")
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path, &[], b"")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, &[], body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, &[], body)
    }

    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, &[], body)
    }

    /// Sends JSON, as SCIM to the SCIM interface and as plain JSON elsewhere, with further headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let content_type = if self.base.contains("/scim/") {
            SCIM_JSON
        } else {
            "application/json"
        };
        let mut all = vec![("Content-Type", content_type)];
        all.extend_from_slice(headers);
        self.request(method, path, &all, body.to_string().as_bytes())
    }

    /// Sends bytes as they are. The path is relative to the base, or a whole URL.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.base)
        };
        let what = format!("{method} {path}");
        let method: Method = method.parse().expect("a method");
        let mut request = Request::builder().method(method).uri(encoded(&url));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = if body.is_empty() {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            self.agent
                .run(request.body(body.to_vec()).expect("a request"))
        };
        let mut response = response.unwrap_or_else(|error| panic!("{what}: no answer: {error}"));
        let text = response
            .body_mut()
            .with_config()
            .limit(u64::MAX)
            .read_to_string()
            .unwrap_or_else(|error| panic!("{what}: the body ends early: {error}"));
        Answer {
            what,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        }
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    what: String,
    pub status: u16,
    pub headers: HeaderMap,
    /// Null where there is none, or none of JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// This answer, which must have that status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status, status,
            "{} was answered {}: {}",
            self.what, self.status, self.text
        );
        self
    }

    /// The SCIM error that it must be (RFC 7644 section 3.12): the status in line and body, the scimType,
    /// and a detail.
    #[track_caller]
    pub fn expect_error(self, status: u16, scim_type: Option<&str>) -> Self {
        let answer = self.expect(status);
        let body = &answer.body;
        let expected_schema = "urn:ietf:params:scim:api:messages:2.0:Error";
        assert_eq!(body["schemas"][0], expected_schema, "{}", answer.text);
        assert_eq!(body["status"], status.to_string(), "{}", answer.text);
        assert_eq!(body["scimType"].as_str(), scim_type, "{}", answer.text);
        assert!(
            body["detail"].as_str().is_some_and(|text| !text.is_empty()),
            "{}",
            answer.text
        );
        answer
    }

    /// A header, where there is one.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| {
            value
                .to_str()
                .unwrap_or_else(|_| panic!("{}: {name} is not text", self.what))
        })
    }

    /// The `id` of the resource or object in the body.
    #[track_caller]
    pub fn id(&self) -> String {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{}: no id in {}", self.what, self.text))
            .to_owned()
    }

    /// A text of the body by its JSON pointer.
    #[track_caller]
    pub fn text_at(&self, pointer: &str) -> String {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_else(|| panic!("{}: no text at {pointer} in {}", self.what, self.text))
            .to_owned()
    }
}

/// What tests write as they read it (`filter=userName eq "x"`), as a URL must have it. What is encoded
/// already stays.
fn encoded(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for byte in url.bytes() {
        match byte {
            b'!' | b'#'..=b'.' | b'/'..=b';' | b'=' | b'?'..=b'Z' | b'_' | b'a'..=b'z' | b'~' => {
                text.push(char::from(byte));
            }
            _ => {
                // Writing to a String cannot fail.
                let _ = std::fmt::Write::write_fmt(&mut text, format_args!("%{byte:02X}"));
            }
        }
    }
    text
}
