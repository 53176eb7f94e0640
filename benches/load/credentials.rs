//! The token authority: introspection, and what it costs when somebody leaves who has much to lose.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::LoadError;
use crate::http::{Answer, Connection, Endpoint, Request};
use crate::measure::{Bench, Chance, Measurement, Plan};
use crate::scim::Scim;

/// Tokens that a leaver has.
const TOKENS: u64 = 1_000;
/// Keys that a leaver has made.
const KEYS: u64 = 100;
/// People who leave.
const LEAVERS: u64 = 5;
/// Their password.
const PASSWORD: &str = "a gate that never rusts";

/// The server, and whoever administers it.
pub struct Authority<'a> {
    /// The server's own URL.
    pub endpoint: Endpoint,
    /// An admin API key.
    pub admin_key: &'a str,
    /// The directory that people are in.
    pub directory: &'a str,
    /// That directory, over SCIM.
    pub scim: &'a Scim,
}

/// Somebody with an admin's rights and a session.
pub struct Admin {
    /// Their id.
    pub id: String,
    /// The session's secret.
    pub session: String,
}

/// Measures introspection and leaving.
///
/// # Errors
/// Where the server refuses what has to be there first.
pub fn run(bench: &Bench, authority: &Authority, run: u64) -> Result<(), LoadError> {
    let credential = authority.product(run)?;
    let mut leavers = Vec::new();
    let mut tokens = Vec::new();
    for number in 0..LEAVERS {
        let leaver = authority.admin(&format!("leaver.{run}.{number}"))?;
        tokens = authority.endow(&leaver)?;
        leavers.push(leaver);
    }
    let ask = |token: &str| Request {
        method: "POST",
        path: "/oauth2/introspect".to_owned(),
        headers: vec![
            format!("Authorization: Bearer {credential}"),
            "Content-Type: application/x-www-form-urlencoded".to_owned(),
        ],
        body: format!("token={token}"),
    };
    bench.run(
        &authority.endpoint,
        &authority.scim.reads("introspection", 32),
        |_, chance| ask(any(&tokens, chance)),
        |answer| is_active(answer, true),
    )?;
    let mut latencies = Vec::new();
    let mut connection = Connection::new(&authority.scim.endpoint);
    for leaver in &leavers {
        latencies.push(authority.deactivate(&mut connection, leaver)?.whole);
    }
    for token in &tokens {
        let answer = authority.send(&ask(token))?;
        if !is_active(&answer, false) {
            return Err(LoadError::Survived(answer.text()));
        }
    }
    let measurement = Measurement::of(latencies);
    bench.write("deactivation", 1, &measurement, serde_json::Map::new())
}

impl Authority<'_> {
    /// Makes somebody an admin who has signed in.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn admin(&self, name: &str) -> Result<Admin, LoadError> {
        let user_name = format!("{name}@example.com");
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        let user = json!({"schemas": [schema], "userName": user_name, "displayName": name});
        let request = self.scim.request("POST", "/Users".to_owned(), &user);
        let id = text(&self.scim.once(&request, 201)?, "id")?;
        self.make(
            "/roles/assignments",
            &json!({"user_id": id, "role": "admin"}),
        )?;
        let link = self.make(&format!("/users/{id}/password-link"), &Value::Null)?;
        let link = text(&link, "secret")?;
        let directory = self.directory_name()?;
        self.send(&json_request(
            "POST",
            "/account/v1/password".to_owned(),
            "",
            &json!({"link": link, "password": PASSWORD}),
        ))?;
        let session = self.send(&json_request(
            "POST",
            "/account/v1/session".to_owned(),
            "",
            &json!({"directory": directory, "user_name": user_name, "password": PASSWORD}),
        ))?;
        let session = text(&session, "token")?;
        Ok(Admin { id, session })
    }

    /// Registers a product, and gives the secret of its credential.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn product(&self, run: u64) -> Result<String, LoadError> {
        let product = self.make(
            "/products",
            &json!({"name": format!("Wiki {run}"), "scopes": []}),
        )?;
        let product = text(&product, "id")?;
        let credential = self.make(
            &format!("/products/{product}/credentials"),
            &json!({"name": "Wiki server"}),
        )?;
        text(&credential, "secret")
    }

    /// What the directory is called, which whoever signs in has to name.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn directory_name(&self) -> Result<String, LoadError> {
        let path = format!("/admin/v1/directories/{}", self.directory);
        let directory = self.send(&json_request("GET", path, self.admin_key, &Value::Null))?;
        text(&directory, "name")
    }

    /// Makes so many tokens of somebody.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn tokens(&self, owner: &Admin, count: u64) -> Result<Vec<String>, LoadError> {
        self.many(count, |number| {
            let body = json!({"name": format!("Token {number}")});
            json_request(
                "POST",
                "/account/v1/tokens".to_owned(),
                &owner.session,
                &body,
            )
        })
    }

    /// Gives somebody their tokens and has them make their keys. Gives back the tokens.
    fn endow(&self, leaver: &Admin) -> Result<Vec<String>, LoadError> {
        let tokens = self.tokens(leaver, TOKENS)?;
        self.many(KEYS, |number| {
            let path = format!("/admin/v1/directories/{}/scim-keys", self.directory);
            let body = json!({"name": format!("Key {number} of {}", leaver.id)});
            json_request("POST", path, &leaver.session, &body)
        })?;
        Ok(tokens)
    }

    /// Makes so many of something, and gives their secrets.
    fn many(
        &self,
        count: u64,
        request: impl Fn(u64) -> Request + Sync,
    ) -> Result<Vec<String>, LoadError> {
        let secrets = Mutex::new(Vec::new());
        let plan = Plan {
            name: "",
            clients: 8,
            seconds: 600.0,
            at_most: count,
            warms_up: false,
        };
        let made = crate::measure::drive(
            &self.endpoint,
            &plan,
            &|number, _: &mut Chance| request(number),
            &|answer: &Answer| match (text(answer, "secret"), secrets.lock()) {
                (Ok(secret), Ok(mut secrets)) => {
                    secrets.push(secret);
                    true
                }
                _ => false,
            },
        );
        made.without_failures()?;
        secrets.into_inner().map_err(|_| LoadError::Poisoned)
    }

    fn deactivate(&self, connection: &mut Connection, leaver: &Admin) -> Result<Answer, LoadError> {
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let operation = json!({"op": "replace", "path": "active", "value": false});
        let body = json!({"schemas": [schema], "Operations": [operation]});
        let request = self
            .scim
            .request("PATCH", format!("/Users/{}", leaver.id), &body);
        let answer = connection.send(&request)?;
        expect(&request, answer)
    }

    /// Makes something as the admin API key.
    fn make(&self, path: &str, body: &Value) -> Result<Answer, LoadError> {
        self.send(&json_request(
            "POST",
            format!("/admin/v1{path}"),
            self.admin_key,
            body,
        ))
    }

    fn send(&self, request: &Request) -> Result<Answer, LoadError> {
        expect(request, Connection::new(&self.endpoint).send(request)?)
    }
}

/// The answer, where it is a success.
fn expect(request: &Request, answer: Answer) -> Result<Answer, LoadError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    Err(LoadError::Unexpected {
        what: format!("{} {}", request.method, request.path),
        status: answer.status,
        body: answer.text(),
    })
}

/// A request of JSON, with this bearer credential where there is one.
pub fn json_request(method: &'static str, path: String, bearer: &str, body: &Value) -> Request {
    let mut headers = Vec::new();
    if !bearer.is_empty() {
        headers.push(format!("Authorization: Bearer {bearer}"));
    }
    let body = if body.is_null() {
        String::new()
    } else {
        headers.push("Content-Type: application/json".to_owned());
        body.to_string()
    };
    Request {
        method,
        path,
        headers,
        body,
    }
}

/// One of them.
pub fn any<'a>(tokens: &'a [String], chance: &mut Chance) -> &'a str {
    let bound = u64::try_from(tokens.len()).unwrap_or(1).max(1);
    let at = usize::try_from(chance.below(bound)).unwrap_or_default();
    tokens.get(at).map_or("", String::as_str)
}

/// Whether a token was said to be good, or not to be.
pub fn is_active(answer: &Answer, active: bool) -> bool {
    answer.status == 200 && answer.text().contains(&format!("\"active\":{active}"))
}

/// A text in an answer, by its name.
///
/// # Errors
/// Where there is none.
pub fn text(answer: &Answer, name: &str) -> Result<String, LoadError> {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let found = body.get(name).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| LoadError::Missing(format!("{name} in {}", answer.text())))
}
