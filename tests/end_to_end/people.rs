//! People who have everything that one can lose: a role, a password, sessions, tokens, a link, and keys
//! that they made for others.
//!
//! No test lives here; the tests of the promises arrange with [`Leaver`] and [`Team`].

use portcullis::scim::leniency::Dialect;
use serde_json::{Value, json};

use crate::server::{Answer, Client, TestServer};

pub const PASSWORD: &str = "a gate that never rusts";
pub const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A PATCH of these operations (RFC 7644 section 3.5.2).
pub fn patch_of(operations: &Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}

/// A bulk request of one operation, which must succeed (RFC 7644 section 3.7).
#[track_caller]
pub fn bulk(client: &Client, method: &str, path: &str, data: &Value) {
    let mut operation = json!({"method": method, "path": path});
    if !data.is_null() {
        operation["data"] = data.clone();
    }
    let answer = client
        .post(
            "/Bulk",
            &json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
                "Operations": [operation],
            }),
        )
        .expect(200);
    let status = answer.text_at("/Operations/0/status");
    assert!(status.starts_with('2'), "{method} {path}: {}", answer.text);
}

/// Makes a group with these members.
pub fn group(client: &Client, name: &str, members: &[&str]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    client
        .post(
            "/Groups",
            &json!({"schemas": [GROUP_SCHEMA], "displayName": name, "members": members}),
        )
        .expect(201)
        .id()
}

/// Maps a group to the admin role, and gives the mapping's id.
pub fn map_to_admin(server: &TestServer, group: &str) -> String {
    server
        .admin()
        .post(
            "/roles/mappings",
            &json!({"group_id": group, "role": "admin"}),
        )
        .expect(201)
        .id()
}

/// A person of an identity provider's directory.
pub struct Person<'a> {
    pub server: &'a TestServer,
    pub id: String,
    pub user_name: String,
    pub display_name: String,
    pub directory_id: String,
    pub directory_name: String,
}

impl<'a> Person<'a> {
    /// Creates one through SCIM.
    pub fn create(server: &'a TestServer, directory: &str, key: &str, name: &str) -> Self {
        let user_name = format!("{name}@example.org");
        let display_name = format!("The {name}");
        let id = server
            .scim_with(key)
            .post(
                "/Users",
                &json!({
                    "schemas": [USER_SCHEMA],
                    "userName": user_name,
                    "displayName": display_name,
                    "name": {"givenName": "The", "familyName": name},
                    "emails": [{"value": user_name, "primary": true}],
                }),
            )
            .expect(201)
            .id();
        let directory_name = server
            .admin()
            .get(&format!("/directories/{directory}"))
            .expect(200)
            .text_at("/name");
        Self {
            server,
            id,
            user_name,
            display_name,
            directory_id: directory.to_owned(),
            directory_name,
        }
    }

    /// Where SCIM has them.
    pub fn path(&self) -> String {
        format!("/Users/{}", self.id)
    }

    /// Grants a role by hand.
    pub fn assign(&self, role: &str) {
        self.server
            .admin()
            .post(
                "/roles/assignments",
                &json!({"user_id": self.id, "role": role}),
            )
            .expect(201);
    }

    /// Makes a one-time link to set a password with.
    pub fn password_link(&self) -> String {
        self.server
            .admin()
            .post(&format!("/users/{}/password-link", self.id), &Value::Null)
            .expect(201)
            .text_at("/secret")
    }

    /// Sets a password through such a link.
    pub fn set_password(&self, link: &str, password: &str) -> Answer {
        self.server.anonymous().post(
            "/account/v1/password",
            &json!({"link": link, "password": password}),
        )
    }

    /// Tries to sign in.
    pub fn sign_in_with(&self, password: &str) -> Answer {
        self.server.anonymous().post(
            "/account/v1/session",
            &json!({
                "directory": self.directory_name,
                "user_name": self.user_name,
                "password": password,
            }),
        )
    }

    /// Signs in, and gives the session's token.
    pub fn sign_in(&self) -> String {
        self.sign_in_with(PASSWORD).expect(201).text_at("/token")
    }

    /// Makes an API token for themselves.
    pub fn create_token(&self, session: &str, body: &Value) -> String {
        self.server
            .with_token(session)
            .post("/account/v1/tokens", body)
            .expect(201)
            .text_at("/secret")
    }
}

/// Asks as a product about a token (RFC 7662).
pub fn introspect(server: &TestServer, product_key: &str, token: &str) -> Value {
    server
        .with_token(product_key)
        .request(
            "POST",
            "/oauth2/introspect",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            format!("token={token}").as_bytes(),
        )
        .expect(200)
        .body
}

/// An admin of a directory who has one or two of everything.
pub struct Leaver<'a> {
    pub person: Person<'a>,
    pub sessions: Vec<String>,
    pub tokens: Vec<String>,
    /// A link to set a password that has not been used.
    pub link: String,
    /// The key of their directory that they made: the identity provider synchronises with it.
    pub scim_key: Key,
    pub api_key: Key,
    pub product_key: Key,
}

/// A key, as the answer that created it shows it.
pub struct Key {
    pub id: String,
    pub secret: String,
}

impl Key {
    pub fn of(answer: &Answer) -> Self {
        Self {
            id: answer.id(),
            secret: answer.text_at("/secret"),
        }
    }
}

/// How somebody comes by the admin role.
pub enum RoleBy<'a> {
    Assignment,
    /// This group, which is mapped to it, holds this member: the person where there is none.
    Group(&'a Team),
}

/// A group that is mapped to the admin role, and one in it. It holds the person in the one or the other.
pub struct Team {
    pub mapped: String,
    pub inner: String,
    pub mapping: String,
    pub holds_directly: bool,
}

impl Team {
    pub fn create(server: &TestServer, key: &str, holds_directly: bool) -> Self {
        let scim = server.scim_with(key);
        let inner = group(&scim, "Inner", &[]);
        let mapped = group(&scim, "Mapped", &[&inner]);
        let mapping = map_to_admin(server, &mapped);
        Self {
            mapped,
            inner,
            mapping,
            holds_directly,
        }
    }

    /// The group that the person is a member of.
    pub fn holder(&self) -> &str {
        if self.holds_directly {
            &self.mapped
        } else {
            &self.inner
        }
    }

    fn admit(&self, scim: &Client, person: &str) {
        let operations = json!([{"op": "add", "path": "members", "value": [{"value": person}]}]);
        scim.patch(
            &format!("/Groups/{}", self.holder()),
            &patch_of(&operations),
        )
        .expect(200);
    }
}

impl<'a> Leaver<'a> {
    /// One with the role by assignment, in a directory of their own.
    pub fn arrange(server: &'a TestServer, name: &str) -> Self {
        let (directory, key) = server.new_directory(Dialect::Lenient);
        Self::arrange_in(server, &directory, &key, name, &RoleBy::Assignment)
    }

    pub fn arrange_in(
        server: &'a TestServer,
        directory: &str,
        key: &str,
        name: &str,
        role: &RoleBy<'_>,
    ) -> Self {
        let person = Person::create(server, directory, key, name);
        match role {
            RoleBy::Assignment => person.assign("admin"),
            RoleBy::Group(team) => team.admit(&server.scim_with(key), &person.id),
        }
        person
            .set_password(&person.password_link(), PASSWORD)
            .expect(204);
        let sessions = vec![person.sign_in(), person.sign_in()];
        let product = server
            .admin()
            .post(
                "/products",
                &json!({"name": format!("Product of {}", person.id), "scopes": ["read"]}),
            )
            .expect(201)
            .id();
        let tokens = vec![
            person.create_token(&sessions[0], &json!({"name": "For everything"})),
            person.create_token(
                &sessions[0],
                &json!({"name": "For one", "product_id": product, "scopes": ["read"]}),
            ),
        ];
        let as_leaver = server.with_token(&sessions[0]);
        let make = |path: &str, body: &Value| {
            Key::of(
                &as_leaver
                    .post(&format!("/admin/v1{path}"), body)
                    .expect(201),
            )
        };
        let scim_key = make(
            &format!("/directories/{directory}/scim-keys"),
            &json!({"name": "Synchronisation"}),
        );
        let api_key = make(
            "/api-keys",
            &json!({"name": "Automation", "scopes": ["directories:read"]}),
        );
        let product_key = make(
            &format!("/products/{product}/credentials"),
            &json!({"name": "Gate"}),
        );
        let link = person.password_link();
        let leaver = Self {
            person,
            sessions,
            tokens,
            link,
            scim_key,
            api_key,
            product_key,
        };
        leaver.assert_everything_works();
        leaver
    }

    /// Speaks to SCIM with the key that they made.
    pub fn scim(&self) -> Client {
        self.person.server.scim_with(&self.scim_key.secret)
    }

    pub fn introspect(&self, token: &str) -> Value {
        introspect(self.person.server, &self.product_key.secret, token)
    }

    /// The status with which a session is answered.
    pub fn status_of_session(&self, session: &str) -> u16 {
        self.person
            .server
            .with_token(session)
            .get("/account/v1/session")
            .status
    }

    #[track_caller]
    pub fn assert_everything_works(&self) {
        self.assert_tokens_work();
        for session in &self.sessions {
            assert_eq!(self.status_of_session(session), 200);
        }
        self.assert_keys_work();
    }

    #[track_caller]
    pub fn assert_tokens_work(&self) {
        for token in &self.tokens {
            assert_eq!(self.introspect(token)["active"], true);
        }
    }

    /// The keys work; the first use of each is harmless.
    #[track_caller]
    pub fn assert_keys_work(&self) {
        self.scim().get("/Users?count=0").expect(200);
        self.person
            .server
            .with_token(&self.api_key.secret)
            .get("/admin/v1/directories")
            .expect(200);
        self.introspect("nothing");
    }

    /// Promise P1: nothing that was theirs authenticates anybody.
    #[track_caller]
    pub fn assert_nothing_authenticates(&self) {
        let server = self.person.server;
        for token in &self.tokens {
            // RFC 7662 section 2.2: and nothing else is told.
            assert_eq!(self.introspect(token), json!({"active": false}));
        }
        self.assert_sessions_have_ended();
        self.person.sign_in_with(PASSWORD).expect(401);
        self.person.set_password(&self.link, PASSWORD).expect(404);
        for secret in self.tokens.iter().chain([&self.link]) {
            server
                .with_token(secret)
                .get("/account/v1/session")
                .expect(401);
        }
    }

    #[track_caller]
    pub fn assert_sessions_have_ended(&self) {
        for session in &self.sessions {
            let caller = self.person.server.with_token(session);
            for (method, path) in [
                ("GET", "/account/v1/session"),
                ("GET", "/account/v1/tokens"),
                ("GET", "/admin/v1/directories"),
                ("GET", "/scim/v2/Me"),
            ] {
                let answer = caller.request(method, path, &[], b"").expect(401);
                let challenge = answer.header("WWW-Authenticate").unwrap_or_default();
                assert!(challenge.contains("has been revoked"), "{challenge}");
            }
            caller
                .post("/account/v1/tokens", &json!({"name": "One more"}))
                .expect(401);
        }
    }

    /// Promise P3: the keys are flagged with who left them, why and when, and are told apart from others.
    #[track_caller]
    pub fn assert_keys_are_orphaned(&self, reason: &str) {
        let orphans = self
            .person
            .server
            .admin()
            .get("/orphaned-keys?limit=1000")
            .expect(200);
        for key in [&self.scim_key, &self.api_key] {
            let found = orphans.body["items"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|item| item["id"] == key.id.as_str())
                .unwrap_or_else(|| panic!("{} is no orphan: {}", key.id, orphans.text));
            assert_eq!(found["orphaned_reason"], reason);
            assert!(found["orphaned_at"].is_string());
            assert_eq!(found["status"], "active");
            assert_eq!(
                found["created_by"],
                json!({
                    "id": self.person.id,
                    "user_name": self.person.user_name,
                    "display_name": self.person.display_name,
                })
            );
        }
    }
}

/// A session of the break-glass admin; only the command line may give an owner a password.
pub fn owner_session(server: &TestServer) -> String {
    use portcullis::audit::Actor;
    use portcullis::credentials::passwords::create_link;
    use portcullis::policies::Role;
    use portcullis::store::id::ResourceId;

    let id = ResourceId::new(server.admin_id.clone());
    let now = server.clock.now();
    let link = server
        .database
        .write_blocking(move |connection| {
            create_link(connection, &id, &Role::ALL, &Actor::command_line(), now)
        })
        .expect("a link can be made");
    let anonymous = server.anonymous();
    let body = json!({"link": link.secret.expose(), "password": PASSWORD});
    anonymous.post("/account/v1/password", &body).expect(204);
    let body = json!({"user_name": crate::server::ADMIN, "password": PASSWORD});
    anonymous
        .post("/account/v1/session", &body)
        .expect(201)
        .text_at("/token")
}
