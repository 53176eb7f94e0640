//! Clients that provision, issue, ask and revoke at whichever node comes next, and write down what they are
//! answered. Where a node does not answer they go on with another, as a load balancer has them do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use super::history::{Fact, History};
use crate::people::{PASSWORD, USER_SCHEMA, patch_of};

/// What everybody knows.
pub struct Cluster {
    pub nodes: Vec<String>,
    pub scim_key: String,
    pub admin_key: String,
    pub product_key: String,
    pub account: String,
    pub directory: String,
    pub group: String,
    pub history: History,
    /// How many requests were answered.
    pub answered: AtomicUsize,
    /// How many were not, because their node was gone.
    pub unanswered: AtomicUsize,
    /// Credentials that the probers look at.
    watched: Mutex<Vec<Credential>>,
}

/// Something that authenticates, and how to find out.
#[derive(Clone)]
struct Credential {
    subject: String,
    secret: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A person's or service account's token: a product asks.
    Token,
    /// An admin API key.
    ApiKey,
    Session,
}

/// An answer.
struct Answered {
    status: u16,
    body: Value,
    begun: Duration,
}

impl Cluster {
    pub fn new(
        nodes: Vec<String>,
        [scim_key, admin_key, product_key]: [String; 3],
        [account, directory, group]: [String; 3],
    ) -> Self {
        Self {
            nodes,
            scim_key,
            admin_key,
            product_key,
            account,
            directory,
            group,
            history: History::begin(),
            answered: AtomicUsize::new(0),
            unanswered: AtomicUsize::new(0),
            watched: Mutex::new(Vec::new()),
        }
    }
}

/// One client, with connections of its own.
pub struct Client<'a> {
    cluster: &'a Cluster,
    agent: Agent,
    name: String,
    next: usize,
}

impl<'a> Client<'a> {
    pub fn new(cluster: &'a Cluster, number: usize) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Self {
            cluster,
            agent,
            name: format!("client{number}"),
            next: number,
        }
    }

    /// One after the other, so that what one node has done is looked at on others.
    fn next_node(&mut self) -> usize {
        self.next += 1;
        self.next % self.cluster.nodes.len()
    }

    /// None where the node has gone before it answered.
    fn ask(
        &self,
        node: usize,
        method: &str,
        path: &str,
        token: &str,
        body: &str,
    ) -> Option<Answered> {
        let begun = self.cluster.history.now();
        let content_type = match path {
            "/oauth2/introspect" => "application/x-www-form-urlencoded",
            _ if path.starts_with("/scim/") => "application/scim+json",
            _ => "application/json",
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.cluster.nodes[node]))
            .header("Authorization", format!("Bearer {token}"))
            .header("Content-Type", content_type)
            .body(body.to_owned())
            .expect("a request");
        let answer = self.agent.run(request).ok().and_then(|mut response| {
            let text = response.body_mut().read_to_string().ok()?;
            Some((response.status().as_u16(), text))
        });
        let Some((status, text)) = answer else {
            self.cluster.unanswered.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        assert!(
            status < 500,
            "{method} {path} on node {node}: {status} {text}"
        );
        self.cluster.answered.fetch_add(1, Ordering::SeqCst);
        Some(Answered {
            status,
            body: serde_json::from_str(&text).unwrap_or_default(),
            begun,
        })
    }

    /// Makes something that must come to be; none where nobody knows whether it did.
    fn make(&mut self, path: &str, token: &str, body: &Value) -> Option<(usize, Answered)> {
        let node = self.next_node();
        let answer = self.ask(node, "POST", path, token, &body.to_string())?;
        assert!(
            (200..300).contains(&answer.status),
            "{path}: {} {}",
            answer.status,
            answer.body
        );
        Some((node, answer))
    }

    fn note(&self, subject: &str, fact: Fact, node: usize, begun: Duration) {
        self.cluster.history.note(subject, fact, node, begun);
    }

    /// Ends something, on another node where one does not answer. What ends with it is noted too.
    fn end(&mut self, method: &str, path: &str, token: &str, body: &str, subjects: &[String]) {
        loop {
            let node = self.next_node();
            let begun = self.cluster.history.now();
            if let Some(answer) = self.ask(node, method, path, token, body) {
                // It may have been done by a request that was not answered.
                let is_done = (200..300).contains(&answer.status) || answer.status == 404;
                assert!(is_done, "{path}: {} {}", answer.status, answer.body);
                for subject in subjects {
                    self.note(subject, Fact::Ended, node, begun);
                }
                return;
            }
            for subject in subjects {
                self.note(subject, Fact::MayHaveEnded, node, begun);
            }
        }
    }

    /// Looks at a credential on one node.
    fn try_out(&self, node: usize, credential: &Credential) {
        let secret = &credential.secret;
        let form = format!("token={secret}");
        let product_key = &self.cluster.product_key;
        let answer = match credential.kind {
            Kind::Token => self.ask(node, "POST", "/oauth2/introspect", product_key, &form),
            Kind::ApiKey => self.ask(node, "GET", "/admin/v1/directories", secret, ""),
            Kind::Session => self.ask(node, "GET", "/account/v1/session", secret, ""),
        };
        let Some(answer) = answer else {
            return;
        };
        let is_good = match credential.kind {
            Kind::Token => answer.body["active"] == true,
            _ => answer.status == 200,
        };
        let fact = if is_good {
            Fact::Held
        } else {
            Fact::DidNotHold
        };
        self.note(&credential.subject, fact, node, answer.begun);
    }

    fn try_out_everywhere(&self, credentials: &[Credential]) {
        for node in 0..self.cluster.nodes.len() {
            for credential in credentials {
                self.try_out(node, credential);
            }
        }
    }

    fn watch(&self, credential: Credential) -> Credential {
        let watched = &self.cluster.watched;
        watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(credential.clone());
        credential
    }

    /// Notes what a request has made.
    fn made(&self, kind: Kind, path: &str, (node, answer): &(usize, Answered)) -> Credential {
        let secret = answer.body["secret"]
            .as_str()
            .or(answer.body["token"].as_str());
        let credential = Credential {
            subject: format!("{path} {}", answer.body["id"]),
            secret: secret.expect("it is shown once").to_owned(),
            kind,
        };
        self.note(&credential.subject, Fact::Made, *node, answer.begun);
        self.watch(credential)
    }

    /// Somebody joins, is changed, is made a member, and is looked at elsewhere.
    fn hire(&mut self, round: usize) -> Option<String> {
        let scim_key = self.cluster.scim_key.clone();
        let name = format!("{}-{round}@example.org", self.name);
        let body = json!({"schemas": [USER_SCHEMA], "userName": name, "title": "0"});
        let (node, made) = self.make("/scim/v2/Users", &scim_key, &body)?;
        let id = made.body["id"].as_str()?.to_owned();
        self.note(&exists(&id), Fact::Made, node, made.begun);
        self.note(&is_active(&id), Fact::Made, node, made.begun);
        self.look_at(&id);

        let change = patch_of(&json!([{"op": "replace", "path": "title", "value": "1"}]));
        let node = self.next_node();
        let path = format!("/scim/v2/Users/{id}");
        let answer = self.ask(node, "PATCH", &path, &scim_key, &change.to_string())?;
        assert_eq!(answer.status, 200, "{}", answer.body);
        self.note(&has_title(&id), Fact::Made, node, answer.begun);

        let add = patch_of(&json!([{"op": "add", "path": "members", "value": [{"value": id}]}]));
        let path = format!("/scim/v2/Groups/{}", self.cluster.group);
        let node = self.next_node();
        let answer = self.ask(node, "PATCH", &path, &scim_key, &add.to_string())?;
        assert!((200..300).contains(&answer.status), "{}", answer.body);
        self.note(&is_member(&id), Fact::Made, node, answer.begun);
        self.look_at(&id);
        Some(id)
    }

    /// What the next node knows of somebody.
    pub fn look_at(&mut self, id: &str) {
        let node = self.next_node();
        self.look_on(node, id);
    }

    pub fn look_on(&self, node: usize, id: &str) {
        let path = format!("/scim/v2/Users/{id}");
        let Some(answer) = self.ask(node, "GET", &path, &self.cluster.scim_key, "") else {
            return;
        };
        let fact = |holds: bool| if holds { Fact::Held } else { Fact::DidNotHold };
        self.note(&exists(id), fact(answer.status == 200), node, answer.begun);
        if answer.status != 200 {
            return;
        }
        let is_member_here = answer.body["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|group| group["value"] == self.cluster.group.as_str());
        for (subject, holds) in [
            (is_active(id), answer.body["active"] == true),
            (has_title(id), answer.body["title"] == "1"),
            (is_member(id), is_member_here),
        ] {
            self.note(&subject, fact(holds), node, answer.begun);
        }
    }

    /// Somebody leaves, with a session, a token and a key that they made. The key goes on working.
    fn leave(&mut self, id: &str, round: usize) -> Option<()> {
        let admin_key = self.cluster.admin_key.clone();
        let role = json!({"user_id": id, "role": "admin"});
        self.make("/admin/v1/roles/assignments", &admin_key, &role)?;
        let path = format!("/admin/v1/users/{id}/password-link");
        let (_, link) = self.make(&path, &admin_key, &json!({}))?;
        let password = json!({"link": link.body["secret"], "password": PASSWORD});
        self.make("/account/v1/password", "", &password)?;
        let sign_in = json!({
            "directory": self.cluster.directory,
            "user_name": format!("{}-{round}@example.org", self.name),
            "password": PASSWORD,
        });
        let opened = self.make("/account/v1/session", "", &sign_in)?;
        let session = self.made(Kind::Session, "session", &opened);
        let token = self.make(
            "/account/v1/tokens",
            &session.secret,
            &json!({"name": "Mine"}),
        )?;
        let token = self.made(Kind::Token, "token", &token);
        let key = json!({"name": "Ours", "scopes": ["directories:read"]});
        let key = self.make("/admin/v1/api-keys", &session.secret, &key)?;
        let key = self.made(Kind::ApiKey, "key", &key);
        let all = [session.clone(), token.clone(), key];
        self.try_out_everywhere(&all);

        let mut ends = vec![session.subject, token.subject, is_active(id)];
        let (scim_key, user) = (
            self.cluster.scim_key.clone(),
            format!("/scim/v2/Users/{id}"),
        );
        match round % 3 {
            0 => {
                let leave = patch_of(&json!([{"op": "replace", "value": {"active": false}}]));
                self.end("PATCH", &user, &scim_key, &leave.to_string(), &ends);
            }
            1 => {
                ends.extend([exists(id), has_title(id), is_member(id)]);
                self.end("DELETE", &user, &scim_key, "", &ends);
            }
            _ => {
                let path = format!("/admin/v1/users/{id}/deprovision");
                self.end("POST", &path, &admin_key, "", &ends);
            }
        }
        self.try_out_everywhere(&all);
        self.look_at(id);
        Some(())
    }

    /// Keys and tokens of programs come and go.
    fn rotate(&mut self) -> Option<()> {
        let admin_key = self.cluster.admin_key.clone();
        let new = json!({"name": "Key", "scopes": ["directories:read"]});
        let keys = "/admin/v1/api-keys".to_owned();
        let tokens = format!("/admin/v1/service-accounts/{}/tokens", self.cluster.account);
        for path in [keys, tokens] {
            let made = self.make(&path, &admin_key, &new)?;
            let key = self.made(Kind::ApiKey, &path, &made);
            self.try_out_everywhere(std::slice::from_ref(&key));
            let one = format!("{path}/{}", made.1.body["id"].as_str()?);
            self.end(
                "DELETE",
                &one,
                &admin_key,
                "",
                std::slice::from_ref(&key.subject),
            );
            self.try_out_everywhere(std::slice::from_ref(&key));
        }
        Some(())
    }

    /// So many rounds; one that a node has left half-way is not taken up again. Gives whom it has hired.
    pub fn work(&mut self, rounds: usize) -> Vec<String> {
        let mut hired = Vec::new();
        for round in 0..rounds {
            if let Some(id) = self.hire(round) {
                hired.push(id.clone());
                // What is left half-way has no witness but the history.
                let _ = self.leave(&id, round);
            }
            let _ = self.rotate();
        }
        hired
    }

    /// Looks at what anybody has made until told to stop: also while it is being revoked.
    pub fn probe(&mut self, stop: &AtomicBool) {
        let mut turn = self.next;
        while !stop.load(Ordering::SeqCst) {
            turn = turn.wrapping_mul(31).wrapping_add(7);
            let chosen = {
                let watched = &self.cluster.watched;
                let watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
                // The newest are those that something happens to.
                let newest = watched.len().saturating_sub(12);
                let place = newest + turn % 12;
                watched.get(place).cloned()
            };
            let node = self.next_node();
            match chosen {
                Some(credential) => self.try_out(node, &credential),
                None => std::thread::yield_now(),
            }
        }
    }

    /// At the end, every node is asked about everybody and everything.
    pub fn look_at_everything(&mut self, hired: &[String]) {
        let watched = self
            .cluster
            .watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for node in 0..self.cluster.nodes.len() {
            for id in hired {
                self.look_on(node, id);
            }
            for credential in &watched {
                self.try_out(node, credential);
            }
        }
    }
}

fn exists(id: &str) -> String {
    format!("user {id} exists")
}

fn is_active(id: &str) -> String {
    format!("user {id} is active")
}

fn has_title(id: &str) -> String {
    format!("user {id} has the title")
}

fn is_member(id: &str) -> String {
    format!("user {id} is a member")
}
