//! A mixed load, as a company makes it all day: an identity provider that writes and asks, products that
//! introspect, people in the console, and those who come, sign in, make a token and leave.
//!
//! What is asked is decided here; how often, and what becomes of the latencies, is not.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::LoadError;
use crate::credentials::{Admin, Authority, is_active, json_request, text};
use crate::http::{Answer, Connection, HttpError, Request};
use crate::measure::Chance;
use crate::people::{self, Origin};
use crate::scim::finds_one;

/// Of a thousand requests so many are of each kind.
const SHARES: [(Kind, u64); 9] = [
    (Kind::Read, 390),
    (Kind::LookUp, 200),
    (Kind::Introspect, 250),
    (Kind::Change, 60),
    (Kind::Member, 20),
    (Kind::Create, 30),
    (Kind::List, 25),
    (Kind::Page, 20),
    (Kind::ComeAndGo, 5),
];
/// Tokens of somebody who stays.
const TOKENS: u64 = 50;
/// The pages that are looked at.
const PAGES: [&str; 4] = [
    "/console/",
    "/console/people",
    "/console/keys",
    "/console/audit",
];
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Read,
    LookUp,
    Introspect,
    Change,
    Member,
    Create,
    List,
    Page,
    /// Several requests, each with a name of its own in the results.
    ComeAndGo,
}

/// What came of one request, by the name that it has in the results.
pub type Outcome = (&'static str, Result<Answered, String>);

/// An answer as it is counted.
#[derive(Debug, Clone, Copy)]
pub enum Answered {
    /// What was asked for.
    Served,
    /// 503, and whether it said when to come again.
    Shed { told_when: bool },
}

/// What the requests are about.
pub struct Mixed<'a> {
    authority: &'a Authority<'a>,
    size: u64,
    run: u64,
    admin: Admin,
    tokens: Vec<String>,
    product: String,
    directory_name: String,
    /// Answers that still accepted a token whose owner had left: there must be none.
    pub survived: Mutex<Vec<String>>,
}

impl<'a> Mixed<'a> {
    /// Makes what has to be there: a product, somebody with tokens and a session.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn prepare(authority: &'a Authority<'a>, size: u64, run: u64) -> Result<Self, LoadError> {
        let admin = authority.admin(&format!("resident.{run}"))?;
        Ok(Self {
            size,
            run,
            tokens: authority.tokens(&admin, TOKENS)?,
            product: authority.product(run)?,
            directory_name: authority.directory_name()?,
            survived: Mutex::default(),
            admin,
            authority,
        })
    }

    /// Which kind the request of this number is: the same in every run.
    pub fn kind(number: u64) -> Kind {
        let mut at = Chance::new(number).below(1_000);
        for (kind, share) in SHARES {
            if at < share {
                return kind;
            }
            at -= share;
        }
        Kind::Read
    }

    /// Asks once, or more often where one thing leads to another; `done` is told of each answer.
    pub fn ask(
        &self,
        connection: &mut Connection,
        number: u64,
        done: &mut dyn FnMut(Outcome, Duration),
    ) {
        let mut chance = Chance::new(number ^ 0x5eed);
        let kind = Self::kind(number);
        let mut send = |name, request: &Request, is_expected: &dyn Fn(&Answer) -> bool| {
            let started = Instant::now();
            let (outcome, answer) = classify(connection.send(request), is_expected);
            done((name, outcome), started.elapsed());
            answer
        };
        let scim = self.authority.scim;
        let person = chance.below(self.size);
        match kind {
            Kind::Read => {
                let request = over_scim(scim.get(format!("/Users/{}", people::id(person))));
                send("read a user", &request, &|answer| answer.body.len() > 1_000);
            }
            Kind::LookUp => {
                let name = Origin::Imported.user_name(person);
                let request = over_scim(scim.filtered(&format!("userName eq \"{name}\""), ""));
                send("look a user up", &request, &finds_one);
            }
            Kind::Introspect => {
                let request = self.introspection(self.any_token(&mut chance));
                send("introspect a token", &request, &|answer| {
                    is_active(answer, true)
                });
            }
            Kind::Change => {
                let operation =
                    json!({"op": "replace", "path": "title", "value": format!("Analyst {number}")});
                let request = patch(scim, &format!("/Users/{}", people::id(person)), &operation);
                send("change a user", &request, &|_| true);
            }
            Kind::Member => {
                // In and out by turns, so that the group stays as it is on the whole.
                let member = people::id(person);
                let operation = if number.is_multiple_of(2) {
                    json!({"op": "add", "path": "members", "value": [{"value": member}]})
                } else {
                    json!({"op": "remove", "path": format!("members[value eq \"{member}\"]")})
                };
                let group = people::group_id(self.size.min(1_000));
                send(
                    "change a group",
                    &patch(scim, &format!("/Groups/{group}"), &operation),
                    &|_| true,
                );
            }
            Kind::Create => {
                let user = Origin::Created(self.run).user(number);
                let request = over_scim(scim.request("POST", "/Users".to_owned(), &user));
                send("create a user", &request, &|answer| answer.status == 201);
            }
            Kind::List => {
                let start = 1 + chance.below(self.size.saturating_sub(100).max(1));
                let request = over_scim(scim.get(format!("/Users?startIndex={start}&count=100")));
                send("list 100 users", &request, &|answer| {
                    answer.body.len() > 50_000
                });
            }
            Kind::Page => {
                let at = usize::try_from(number).unwrap_or_default() % PAGES.len();
                let request = Request {
                    method: "GET",
                    path: PAGES.get(at).copied().unwrap_or_default().to_owned(),
                    headers: vec![
                        format!("Cookie: portcullis_session={}", self.admin.session),
                        "Accept: text/html".to_owned(),
                    ],
                    body: String::new(),
                };
                send("a page of the console", &request, &|_| true);
            }
            Kind::ComeAndGo => {
                self.come_and_go(number, &mut send);
            }
        }
    }

    /// Somebody is created, sets a password, signs in, makes a token, and is deactivated; the token must be refused
    /// from then on. Ends early where one step is not served.
    fn come_and_go(&self, number: u64, send: &mut Send<'_>) -> Option<()> {
        let scim = self.authority.scim;
        let user_name = format!("passing.{}.{number}@example.com", self.run);
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": user_name, "displayName": "Passing",
        });
        let is_created: &dyn Fn(&Answer) -> bool = &|answer| answer.status == 201;
        let create = over_scim(scim.request("POST", "/Users".to_owned(), &body));
        let id = text(&send("create a user", &create, is_created)?, "id").ok()?;
        let own = |path: &str, bearer: &str, body: Value| {
            json_request("POST", path.to_owned(), bearer, &body)
        };
        let any: &dyn Fn(&Answer) -> bool = &|_| true;
        let path = format!("/admin/v1/users/{id}/password-link");
        let link = own(&path, self.authority.admin_key, Value::Null);
        let link = text(&send("make a password link", &link, any)?, "secret").ok()?;
        let password = "a gate that never rusts";
        let set = own(
            "/account/v1/password",
            "",
            json!({"link": link, "password": password}),
        );
        send("set a password", &set, any)?;
        let signing_in =
            json!({"directory": self.directory_name, "user_name": user_name, "password": password});
        let session = own("/account/v1/session", "", signing_in);
        let session = text(&send("sign in", &session, any)?, "token").ok()?;
        let token = own("/account/v1/tokens", &session, json!({"name": "passing"}));
        let token = text(&send("make a token", &token, any)?, "secret").ok()?;
        let ask = self.introspection(&token);
        send("introspect a token", &ask, &|answer| {
            is_active(answer, true)
        })?;
        let operation = json!({"op": "replace", "path": "active", "value": false});
        let leave = patch(scim, &format!("/Users/{id}"), &operation);
        send("deactivate a person", &leave, any)?;
        let after = send("introspect a token", &ask, any)?;
        if !is_active(&after, false)
            && let Ok(mut survived) = self.survived.lock()
        {
            survived.push(after.text());
        }
        Some(())
    }

    fn introspection(&self, token: &str) -> Request {
        Request {
            method: "POST",
            path: "/oauth2/introspect".to_owned(),
            headers: vec![
                format!("Authorization: Bearer {}", self.product),
                "Content-Type: application/x-www-form-urlencoded".to_owned(),
            ],
            body: format!("token={token}"),
        }
    }

    fn any_token(&self, chance: &mut Chance) -> &str {
        crate::credentials::any(&self.tokens, chance)
    }
}

/// Sends a request under a name, and gives the answer where it is the one that was asked for.
type Send<'s> = dyn FnMut(&'static str, &Request, &dyn Fn(&Answer) -> bool) -> Option<Answer> + 's;

fn patch(scim: &crate::scim::Scim, path: &str, operation: &Value) -> Request {
    let body = json!({"schemas": [PATCH], "Operations": [operation]});
    over_scim(scim.request("PATCH", path.to_owned(), &body))
}

/// All requests of a client go over one connection, whatever they are for.
fn over_scim(request: Request) -> Request {
    Request {
        path: format!("/scim/v2{}", request.path),
        ..request
    }
}

fn classify(
    answer: Result<Answer, HttpError>,
    is_expected: &dyn Fn(&Answer) -> bool,
) -> (Result<Answered, String>, Option<Answer>) {
    match answer {
        Ok(answer) if answer.status == 503 => {
            let told_when = answer.retry_after.is_some();
            (Ok(Answered::Shed { told_when }), None)
        }
        Ok(answer) if (200..300).contains(&answer.status) && is_expected(&answer) => {
            (Ok(Answered::Served), Some(answer))
        }
        Ok(answer) => {
            let text: String = answer.text().chars().take(200).collect();
            (Err(format!("{} {text}", answer.status)), None)
        }
        Err(error) => (Err(format!("{error:?}")), None),
    }
}

/// What was counted under one name.
#[derive(Debug, Default)]
pub struct Count {
    /// Of those that were served.
    pub latencies: Vec<Duration>,
    /// Those that were told to come again.
    pub shed: u64,
    /// Those of them that were not told when.
    pub untold: u64,
    /// Any other answer, or none.
    pub failures: u64,
    /// The last of these.
    pub failure: Option<String>,
}

/// What was counted since it was last taken, by name.
#[derive(Default)]
pub struct Counts(Mutex<BTreeMap<&'static str, Count>>);

impl Counts {
    /// Counts one answer.
    pub fn add(&self, (name, outcome): Outcome, latency: Duration) {
        let Ok(mut counts) = self.0.lock() else {
            return;
        };
        let count = counts.entry(name).or_default();
        match outcome {
            Ok(Answered::Served) => count.latencies.push(latency),
            Ok(Answered::Shed { told_when }) => {
                count.shed += 1;
                count.untold += u64::from(!told_when);
            }
            Err(failure) => {
                count.failures += 1;
                count.failure = Some(failure);
            }
        }
    }

    /// All of it; counting begins anew.
    pub fn take(&self) -> BTreeMap<&'static str, Count> {
        self.0
            .lock()
            .map(|mut counts| std::mem::take(&mut *counts))
            .unwrap_or_default()
    }
}
