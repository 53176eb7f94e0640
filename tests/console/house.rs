//! A served installation, and those who use it beside the browser: an identity provider, and programs.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::console::browser::{Browser, Look};
use crate::support::installation::{DatabaseKind, Installation, Server};

pub const PASSWORD: &str = "a gate that never rusts";
const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

pub struct House {
    installation: Installation,
    server: Server,
    agent: Agent,
    pub base: String,
}

impl House {
    pub fn open(kind: DatabaseKind) -> Self {
        let installation = Installation::create(kind);
        let server = installation.serve(&[]);
        let scim = installation.credential("scim_base_url").to_owned();
        Self {
            base: scim.trim_end_matches("/scim/v2").to_owned(),
            installation,
            server,
            agent: Agent::config_builder()
                .http_status_as_error(false)
                .proxy(None)
                .timeout_global(Some(Duration::from_secs(60)))
                .build()
                .into(),
        }
    }

    /// Ends the server as a service manager does.
    pub fn close(self) {
        self.server.stop();
    }

    pub fn at(&self, path: &str) -> String {
        format!("{}/console{path}", self.base)
    }

    pub fn credential(&self, name: &str) -> &str {
        self.installation.credential(name)
    }

    /// Sends JSON with a key, and gives the body of the answer, whose status must be this.
    pub fn send(&self, method: &str, path: &str, key: &str, body: &Value, status: u16) -> Value {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("Authorization", format!("Bearer {key}"));
        let response = if method == "GET" {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            let request = request.header("Content-Type", "application/json");
            self.agent
                .run(request.body(body.to_string()).expect("a request"))
        };
        let mut response = response.expect("the server answers");
        let text = response
            .body_mut()
            .read_to_string()
            .expect("the answer can be read");
        assert_eq!(
            response.status().as_u16(),
            status,
            "{method} {path}: {text}"
        );
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// What the identity provider sends.
    pub fn scim(&self, method: &str, path: &str, key: &str, body: &Value, status: u16) -> Value {
        self.send(method, &format!("/scim/v2{path}"), key, body, status)
    }

    /// Makes a person through SCIM, who has a password and, where one is given, a role: their id.
    pub fn person(&self, name: &str, role: Option<&str>) -> String {
        let user_name = format!("{name}@example.org");
        let user = json!({
            "schemas": [USER_SCHEMA],
            "userName": user_name,
            "displayName": format!("{} Example", capitalised(name)),
            "name": {"givenName": capitalised(name), "familyName": "Example"},
            "emails": [{"value": user_name, "primary": true}],
        });
        let key = self.credential("scim_key");
        let id = text(&self.scim("POST", "/Users", key, &user, 201)["id"]);
        let admin = self.credential("admin_api_key");
        if let Some(role) = role {
            let body = json!({"user_id": id, "role": role});
            self.send("POST", "/admin/v1/roles/assignments", admin, &body, 201);
        }
        let path = format!("/admin/v1/users/{id}/password-link");
        let link = text(&self.send("POST", &path, admin, &json!({}), 201)["secret"]);
        let body = json!({"link": link, "password": PASSWORD});
        self.send("POST", "/account/v1/password", "", &body, 204);
        id
    }

    /// The name of the directory that the first SCIM key is bound to.
    pub fn directory_name(&self) -> String {
        let path = format!("/admin/v1/directories/{}", self.credential("directory_id"));
        text(
            &self.send(
                "GET",
                &path,
                self.credential("admin_api_key"),
                &json!({}),
                200,
            )["name"],
        )
    }

    /// A browser in which the person of this name has signed in.
    pub async fn browser_of(&self, name: &str, look: Look) -> Browser {
        let browser = Browser::open(look).await;
        browser.go(&self.at("/sign-in")).await;
        browser.click("Your account is in another directory").await;
        browser.fill("directory", &self.directory_name()).await;
        browser
            .fill("user_name", &format!("{name}@example.org"))
            .await;
        browser.fill("password", PASSWORD).await;
        browser.click("Sign in").await;
        browser.says("Sign out").await;
        browser
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}
