//! What identity providers do all day: create, read, look up, and change who is in a group. Works with any SCIM
//! server.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::LoadError;
use crate::http::{Answer, Connection, Endpoint, Request};
use crate::measure::{Bench, Chance, Measurement, Plan};
use crate::people::{self, Origin};

/// Members that are added and removed, at the most.
const MEMBERSHIPS: u64 = 400;

/// A SCIM server, and who asks it.
pub struct Scim {
    /// Its base URL.
    pub endpoint: Endpoint,
    /// The value of `Authorization`, where it wants one.
    pub authorization: Option<String>,
    /// For how long each is measured, in seconds.
    pub seconds: f64,
}

/// Whom questions are about.
pub enum People {
    /// So many, with the ids and names that they were imported with.
    Imported(u64),
    /// Those whom this run has created, with the ids that they were given.
    Created { run: u64, ids: Vec<String> },
}

impl People {
    fn any(&self, chance: &mut Chance) -> u64 {
        chance.below(match self {
            Self::Imported(count) => *count,
            Self::Created { ids, .. } => u64::try_from(ids.len()).unwrap_or(1).max(1),
        })
    }

    fn id(&self, number: u64) -> String {
        match self {
            Self::Imported(_) => people::id(number),
            Self::Created { ids, .. } => usize::try_from(number)
                .ok()
                .and_then(|number| ids.get(number))
                .cloned()
                .unwrap_or_default(),
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::Imported(_) => Origin::Imported,
            Self::Created { run, .. } => Origin::Created(*run),
        }
    }
}

impl Scim {
    /// A request of this caller's.
    pub fn request(&self, method: &'static str, path: String, body: &Value) -> Request {
        let mut headers = vec!["Accept: application/scim+json".to_owned()];
        if let Some(authorization) = &self.authorization {
            headers.push(format!("Authorization: {authorization}"));
        }
        let body = if body.is_null() {
            String::new()
        } else {
            headers.push("Content-Type: application/scim+json".to_owned());
            body.to_string()
        };
        Request {
            method,
            path,
            headers,
            body,
        }
    }

    /// A GET.
    pub fn get(&self, path: String) -> Request {
        self.request("GET", path, &Value::Null)
    }

    /// A list of users with this filter.
    pub fn filtered(&self, filter: &str, rest: &str) -> Request {
        self.get(format!("/Users?filter={}{rest}", encoded(filter)))
    }

    /// Sends one request, which must be answered with this status.
    ///
    /// # Errors
    /// Where it is not.
    pub fn once(&self, request: &Request, status: u16) -> Result<Answer, LoadError> {
        let answer = Connection::new(&self.endpoint).send(request)?;
        if answer.status == status {
            return Ok(answer);
        }
        Err(LoadError::Unexpected {
            what: format!("{} {}", request.method, request.path),
            status: answer.status,
            body: answer.text(),
        })
    }

    /// A loop of reads.
    pub fn reads(&self, name: &'static str, clients: u64) -> Plan {
        Plan {
            name,
            clients,
            seconds: self.seconds,
            at_most: u64::MAX,
            warms_up: true,
        }
    }

    /// Creates people, and gives those whom it has created, in the order of their numbers.
    ///
    /// # Errors
    /// Where results cannot be written.
    pub fn create(
        &self,
        bench: &Bench,
        plan: &Plan,
        run: u64,
    ) -> Result<(People, Measurement), LoadError> {
        let created = Mutex::new(Vec::new());
        let measurement = bench.run(
            &self.endpoint,
            plan,
            |number, _| {
                let user = Origin::Created(run).user(number);
                self.request("POST", "/Users".to_owned(), &user)
            },
            |answer| {
                let Some((name, id)) = name_and_id(answer) else {
                    return false;
                };
                created.lock().is_ok_and(|mut created| {
                    created.push((name, id));
                    answer.status == 201
                })
            },
        )?;
        let mut created = created.into_inner().map_err(|_| LoadError::Poisoned)?;
        created.sort();
        let ids = created.into_iter().map(|(_, id)| id).collect();
        Ok((People::Created { run, ids }, measurement))
    }

    /// Reads people by id.
    ///
    /// # Errors
    /// Where results cannot be written.
    pub fn read(&self, bench: &Bench, people: &People) -> Result<(), LoadError> {
        for (name, clients) in [("read", 32), ("read, one client", 1)] {
            bench.run(
                &self.endpoint,
                &self.reads(name, clients),
                |_, chance| self.get(format!("/Users/{}", people.id(people.any(chance)))),
                |answer| answer.status == 200 && answer.body.len() > 1_000,
            )?;
        }
        Ok(())
    }

    /// Looks one person up, with a filter that is made for each.
    ///
    /// # Errors
    /// Where results cannot be written.
    pub fn look_up(
        &self,
        bench: &Bench,
        name: &'static str,
        people: &People,
        rest: &str,
        filter: impl Fn(Origin, u64) -> String + Sync,
    ) -> Result<(), LoadError> {
        bench.run(
            &self.endpoint,
            &self.reads(name, 8),
            |_, chance| self.filtered(&filter(people.origin(), people.any(chance)), rest),
            finds_one,
        )?;
        Ok(())
    }

    /// Adds people to a group one by one, and removes them again.
    ///
    /// # Errors
    /// Where results cannot be written.
    pub fn change_members(
        &self,
        bench: &Bench,
        names: (&'static str, &'static str),
        group: &str,
        newcomers: &[String],
    ) -> Result<(), LoadError> {
        let plan = |name, at_most| Plan {
            name,
            clients: 1,
            seconds: self.seconds,
            at_most,
            warms_up: false,
        };
        let newcomer = |number| {
            usize::try_from(number)
                .ok()
                .and_then(|number| newcomers.get(number))
                .cloned()
                .unwrap_or_default()
        };
        let address = format!("/Groups/{group}");
        let patch = |operation: Value| {
            let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
            let body = json!({"schemas": [schema], "Operations": [operation]});
            self.request("PATCH", address.clone(), &body)
        };
        let at_most = MEMBERSHIPS.min(u64::try_from(newcomers.len()).unwrap_or_default());
        let added = bench.run(
            &self.endpoint,
            &plan(names.0, at_most),
            |number, _| {
                let value = json!([{"value": newcomer(number)}]);
                patch(json!({"op": "add", "path": "members", "value": value}))
            },
            is_done,
        )?;
        // Those who were added, and nobody else.
        let added = u64::try_from(added.requests()).unwrap_or_default();
        bench.run(
            &self.endpoint,
            &plan(names.1, added),
            |number, _| {
                let selected = format!("members[value eq \"{}\"]", newcomer(number));
                patch(json!({"op": "remove", "path": selected}))
            },
            is_done,
        )?;
        Ok(())
    }
}

/// Percent-encoded, for a query.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Whether a list has exactly one result.
pub fn finds_one(answer: &Answer) -> bool {
    answer.status == 200 && total_results(answer) == Some(1)
}

/// How many results a list says that there are.
pub fn total_results(answer: &Answer) -> Option<u64> {
    number(answer, "totalResults")
}

/// A number in an answer, by the name that first has one.
pub fn number(answer: &Answer, name: &str) -> Option<u64> {
    let text = std::str::from_utf8(&answer.body).ok()?;
    let (_, rest) = text.split_once(&format!("\"{name}\":"))?;
    let end = rest.find([',', '}'])?;
    rest.get(..end)?.trim().parse().ok()
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer.status, 200 | 204)
}

fn name_and_id(answer: &Answer) -> Option<(String, String)> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let text = |name: &str| Some(body.get(name)?.as_str()?.to_owned());
    Some((text("userName")?, text("id")?))
}
