//! Promise P12: a request that is refused changes nothing, and no input of any size or shape makes the
//! server panic, hang or say more than the protocol's own error.

mod bodies;
mod credentials;
mod filters;
mod paths;

use serde_json::Value;

use crate::server::{Answer, Client, TestServer};

const SCIM_JSON: (&str, &str) = ("Content-Type", "application/scim+json");
const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A user and a group, and what there is before bad requests come in.
struct Scene<'s> {
    server: &'s TestServer,
    scim: Client,
    user: String,
    group: String,
    before: Vec<Value>,
}

impl<'s> Scene<'s> {
    fn set(server: &'s TestServer) -> Self {
        let scim = server.scim();
        let user = serde_json::json!({"schemas": [USER], "userName": "ada", "title": "Countess"});
        let user = scim.post("/Users", &user).expect(201).id();
        let group = serde_json::json!({"schemas": [GROUP], "displayName": "Engines", "members": [{"value": user}]});
        let group = scim.post("/Groups", &group).expect(201).id();
        let mut scene = Self {
            server,
            scim,
            user,
            group,
            before: Vec::new(),
        };
        scene.before = scene.everything();
        scene
    }

    /// The same, from now on: what was set up since is part of it.
    fn and_now(mut self) -> Self {
        self.before = self.everything();
        self
    }

    /// What can be seen of the directory, and what was audited.
    fn everything(&self) -> Vec<Value> {
        let scim = ["/Users", "/Groups"].map(|path| self.scim.get(path).expect(200).body);
        let audited = self
            .server
            .admin()
            .get("/audit-events?limit=1000")
            .expect(200)
            .body;
        scim.into_iter().chain([audited]).collect()
    }

    /// Asserts that nothing has changed, which takes a server that still answers.
    #[track_caller]
    fn is_untouched(&self) {
        assert_eq!(self.everything(), self.before);
        self.server.anonymous().get("/readyz").expect(200);
    }

    fn user_path(&self) -> String {
        format!("/Users/{}", self.user)
    }

    fn group_path(&self) -> String {
        format!("/Groups/{}", self.group)
    }

    /// Every endpoint that takes a body, with its method.
    fn endpoints_with_bodies(&self) -> Vec<(&'static str, String)> {
        let fixed = [
            "/Users",
            "/Groups",
            "/Bulk",
            "/.search",
            "/Users/.search",
            "/Groups/.search",
        ];
        let mut endpoints: Vec<_> = fixed.map(|path| ("POST", path.to_owned())).to_vec();
        for path in [self.user_path(), self.group_path()] {
            endpoints.extend([("PUT", path.clone()), ("PATCH", path)]);
        }
        endpoints
    }
}

/// Collects every answer that is not the expected refusal, so that one run shows them all.
#[derive(Default)]
struct Refusals {
    wrong: Vec<String>,
}

impl Refusals {
    /// Expects the protocol's own error, which tells nothing of what is inside.
    fn expect(&mut self, what: &str, answer: &Answer, status: u16, scim_type: Option<&str>) {
        let body = &answer.body;
        let detail = body["detail"].as_str().unwrap_or_default();
        let is_error = answer.status == status
            && body["schemas"]
                == serde_json::json!(["urn:ietf:params:scim:api:messages:2.0:Error"])
            && body["status"].as_str() == Some(status.to_string().as_str())
            && body["scimType"].as_str() == scim_type
            && answer.header("content-type") == Some("application/scim+json")
            && !detail.is_empty()
            && detail.len() < 2_000;
        let told = [
            "SELECT", "diesel", "sqlite", "postgres", "panicked", "src/", ".rs",
        ];
        if !is_error || told.iter().any(|word| answer.text.contains(word)) {
            let text: String = answer.text.chars().take(300).collect();
            self.wrong.push(format!("{what}: {} {text}", answer.status));
        }
    }

    #[track_caller]
    fn assert_all(self) {
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}
