//! P2, P12: each request that changes anything is made to fail at each of its changes, at its commit and at
//! each of its statements, one after another; everything or nothing has happened then, and the answer says
//! which. The requests come from tables that are held against the routes that there are.

mod account;
mod admin;
mod admin_keys;
mod injected;
mod scim;
mod things;

use std::cell::Cell;

use portcullis::config::Settings;
use serde_json::{Value, json};

use crate::people::{Leaver, Person, USER_SCHEMA};
use crate::server::{Answer, Client, DatabaseKind, TestDatabase, TestServer};
use injected::{Fault, Faults, MARK};

/// More faults than any request has places for.
const TOO_MANY: u64 = 2_000;
/// How often a request is repeated that met a connection which the fault before has cut.
const RECONNECTIONS: usize = 20;

/// A server on a database in which things can go wrong, and what the requests need.
struct World {
    server: TestServer,
    faults: Faults,
    number: Cell<u32>,
}

impl World {
    fn start(kind: DatabaseKind) -> Self {
        let database = TestDatabase::create(kind);
        let faults = Faults::prepare(kind, &database.url);
        Self {
            server: TestServer::start_answering(database, settings),
            faults,
            number: Cell::new(0),
        }
    }

    /// A name that nothing has yet.
    fn name(&self, what: &str) -> String {
        self.number.set(self.number.get() + 1);
        format!("{what}-{}", self.number.get())
    }

    fn admin(&self) -> Client {
        self.server.admin()
    }

    fn scim(&self) -> Client {
        self.server.scim()
    }

    /// Makes something of the admin interface, and gives its id.
    fn made(&self, path: &str, body: &Value) -> String {
        self.admin().post(path, body).expect(201).id()
    }

    /// Somebody of the first directory.
    fn person(&self) -> Person<'_> {
        let (directory, key) = (&self.server.directory_id, &self.server.scim_key);
        Person::create(&self.server, directory, key, &self.name("person"))
    }

    /// Somebody who has one or two of everything.
    fn leaver(&self) -> Leaver<'_> {
        Leaver::arrange(&self.server, &self.name("leaver"))
    }

    /// Such a person after they have left.
    fn left(&self) -> Leaver<'_> {
        let leaver = self.leaver();
        let path = format!("/users/{}/deprovision", leaver.person.id);
        self.admin().post(&path, &json!({})).expect(200);
        leaver
    }
}

/// Faults come faster than people try.
fn settings(settings: &mut Settings) {
    settings.limits.sign_in_attempts = 1_000;
    settings.notifications.allow_private_webhooks = true;
}

/// How an interface says that it failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Scim,
    Problem,
    OAuth,
    Page,
}

/// One request.
struct Call {
    method: &'static str,
    path: String,
    token: Option<String>,
    content_type: &'static str,
    body: String,
    protocol: Protocol,
}

impl Call {
    fn scim(world: &World, method: &'static str, path: &str, body: &Value) -> Self {
        Self {
            method,
            path: format!("/scim/v2{path}"),
            token: Some(world.server.scim_key.clone()),
            content_type: "application/scim+json",
            body: text(body),
            protocol: Protocol::Scim,
        }
    }

    fn admin(world: &World, method: &'static str, path: &str, body: &Value) -> Self {
        Self::of(
            &world.server.admin_key,
            method,
            &format!("/admin/v1{path}"),
            body,
        )
    }

    /// Of whoever has this credential.
    fn of(token: &str, method: &'static str, path: &str, body: &Value) -> Self {
        Self {
            method,
            path: path.to_owned(),
            token: Some(token.to_owned()),
            content_type: "application/json",
            body: text(body),
            protocol: Protocol::Problem,
        }
    }

    fn anonymous(path: &str, body: &Value) -> Self {
        Self {
            token: None,
            ..Self::of("", "POST", path, body)
        }
    }

    fn form(token: Option<&str>, path: &str, fields: &[(&str, &str)], protocol: Protocol) -> Self {
        let pair = |(name, value): &(&str, &str)| {
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        };
        Self {
            method: "POST",
            path: path.to_owned(),
            token: token.map(str::to_owned),
            content_type: "application/x-www-form-urlencoded",
            body: fields.iter().map(pair).collect::<Vec<_>>().join("&"),
            protocol,
        }
    }

    fn send(&self, server: &TestServer) -> Answer {
        let client = Client::new(&server.base_url, self.token.as_deref());
        let headers = [("Content-Type", self.content_type)];
        client.request(self.method, &self.path, &headers, self.body.as_bytes())
    }
}

fn text(body: &Value) -> String {
    if body.is_null() {
        String::new()
    } else {
        body.to_string()
    }
}

/// A request that changes something, by its route, and how it comes to be.
struct Case {
    route: &'static str,
    arrange: fn(&World) -> Call,
}

/// What is between an interrupted request and the next.
struct Trial<'a> {
    world: &'a World,
    route: &'static str,
    call: Call,
    before: Vec<String>,
}

impl<'a> Trial<'a> {
    fn of(world: &'a World, case: &Case) -> Self {
        let call = (case.arrange)(world);
        Self {
            world,
            route: case.route,
            call,
            before: world.faults.dump(),
        }
    }

    /// Sends it with this fault; the answer where everything went well.
    fn survives(&self, fault: Fault) -> bool {
        for _ in 0..RECONNECTIONS {
            self.world.faults.arm(fault);
            let answer = self.call.send(&self.world.server);
            let has_struck = self.world.faults.disarm();
            let left = self.world.faults.rows_left();
            let what = format!("{} with {fault:?}: {}", self.route, answer.text);
            if (200..300).contains(&answer.status) {
                assert!(!has_struck, "answered as if nothing had happened: {what}");
                if let Fault::Row(_) = fault {
                    assert!(left > 0, "answered as if nothing had happened: {what}");
                }
                assert_ne!(
                    self.world.faults.dump(),
                    self.before,
                    "nothing changed: {what}"
                );
                return true;
            }
            self.assert_says_so(&answer, &what);
            if has_struck && self.world.server.kind == DatabaseKind::Postgres {
                assert_eq!(answer.status, 503, "the same may succeed now: {what}");
            }
            self.assert_nothing_happened(&what);
            let is_connection_of_before = matches!(fault, Fault::Statement(_)) && !has_struck;
            if !is_connection_of_before {
                return false;
            }
        }
        panic!("{}: {fault:?}: the server does not come back", self.route);
    }

    fn assert_nothing_happened(&self, what: &str) {
        let after = self.world.faults.dump();
        if after == self.before {
            return;
        }
        let lacks = |rows: &[String], row: &String| rows.binary_search(row).is_err();
        let new = after.iter().filter(|row| lacks(&self.before, row));
        let gone = self.before.iter().filter(|row| lacks(&after, row));
        panic!(
            "half of it happened: {what}\nnew: {:#?}\ngone: {:#?}",
            new.collect::<Vec<_>>(),
            gone.collect::<Vec<_>>()
        );
    }

    /// In the interface's own way, and nothing of what is inside.
    fn assert_says_so(&self, answer: &Answer, what: &str) {
        assert!(
            [500, 503].contains(&answer.status),
            "{} {what}",
            answer.status
        );
        // A page is for people, who do not read headers.
        if answer.status == 503 && self.call.protocol != Protocol::Page {
            assert_eq!(answer.header("Retry-After"), Some("1"), "{what}");
        }
        let body = &answer.body;
        match self.call.protocol {
            Protocol::Scim => {
                let schema = "urn:ietf:params:scim:api:messages:2.0:Error";
                assert_eq!(body["schemas"][0], schema, "{what}");
                assert_eq!(body["status"], answer.status.to_string(), "{what}");
            }
            Protocol::Problem => {
                let slug = if answer.status == 503 {
                    "unavailable"
                } else {
                    "internal"
                };
                assert_eq!(
                    body["type"],
                    format!("urn:portcullis:problem:{slug}"),
                    "{what}"
                );
            }
            Protocol::OAuth => {
                let code = if answer.status == 503 {
                    "temporarily_unavailable"
                } else {
                    "server_error"
                };
                assert_eq!(body["error"], code, "{what}");
            }
            Protocol::Page => {
                let begins = answer.text.to_lowercase().starts_with("<!doctype html>");
                assert!(begins, "{what}");
            }
        }
        for inside in [
            MARK,
            "fault_",
            "SELECT",
            "INSERT",
            "constraint",
            "terminat",
            "sqlite",
        ] {
            assert!(!answer.text.contains(inside), "{what}");
        }
    }

    /// Fails at every place of this kind, until there is none left and all of it happens.
    fn fails_everywhere(&self, kind: fn(u64) -> Fault) -> u64 {
        (1..TOO_MANY)
            .find(|number| self.survives(kind(*number)))
            .unwrap_or_else(|| panic!("{} has no end", self.route))
            - 1
    }
}

/// Everything or nothing, wherever each of these fails.
fn assert_all_or_nothing(kind: DatabaseKind, cases: &[Case]) {
    let world = World::start(kind);
    for case in cases {
        let trial = Trial::of(&world, case);
        let committed = trial.survives(Fault::Commit);
        assert!(!committed, "{} changes nothing", case.route);
        let rows = trial.fails_everywhere(Fault::Row);
        let statements = Trial::of(&world, case).fails_everywhere(Fault::Statement);
        assert!(rows > 0 && statements > 0, "{}", case.route);
        println!("{}: {rows} changes, {statements} statements", case.route);
    }
}

/// A user as an identity provider writes them.
fn user(name: &str) -> Value {
    json!({
        "schemas": [USER_SCHEMA, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": format!("{name}@example.org"),
        "externalId": name,
        "displayName": name,
        "emails": [{"value": format!("{name}@example.org"), "primary": true}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Gates"},
    })
}
