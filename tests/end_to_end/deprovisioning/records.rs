//! What a cascade leaves on record: the receipt (P6a), the audit event (P16) and the notices, which must
//! say the same and be there once.

use serde_json::{Value, json};

use crate::people::Leaver;
use crate::server::TestServer;

/// How much of each kind a [`Leaver`] loses.
pub fn everything() -> Value {
    json!({"password_link": 1, "session": 2, "user_token": 2})
}

/// How many keys of each kind a [`Leaver`] leaves behind.
pub fn keys() -> Value {
    json!({"api_key": 1, "product_credential": 1, "scim_key": 1})
}

/// What is on record of one cascade.
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade {
    pub receipt: Value,
    pub event: Value,
    pub notices: Vec<Value>,
}

impl Cascade {
    /// The cascade of a leaver who had the admin role and still had everything.
    pub fn of_everything(leaver: &Leaver<'_>, reason: &str, by_admin: bool) -> Self {
        let mut notices = vec![("admin_deprovisioned", json!({"roles": ["admin"]}))];
        notices.push(("keys_orphaned", json!({"orphaned": keys()})));
        Self::new(
            leaver,
            "user.deprovisioned",
            reason,
            by_admin,
            &everything(),
            &keys(),
            &["admin"],
            &notices,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is one thing that is on record"
    )]
    pub fn new(
        leaver: &Leaver<'_>,
        action: &str,
        reason: &str,
        by_admin: bool,
        revoked: &Value,
        orphaned: &Value,
        roles: &[&str],
        notices: &[(&str, Value)],
    ) -> Self {
        let person = &leaver.person;
        let actor = if by_admin { "api_key" } else { "scim_key" };
        let credential = (!by_admin).then_some(&leaver.scim_key.id);
        let user = json!({
            "id": person.id,
            "user_name": person.user_name,
            "display_name": person.display_name,
        });
        let notices = notices
            .iter()
            .map(|(kind, detail)| {
                let mut all = json!({
                    "user_id": person.id,
                    "user_name": person.user_name,
                    "display_name": person.display_name,
                    "reason": reason,
                });
                for (name, value) in detail.as_object().into_iter().flatten() {
                    all[name] = value.clone();
                }
                json!({"kind": kind, "directory_id": person.directory_id, "detail": all})
            })
            .collect();
        Self {
            receipt: json!({
                "directory_id": person.directory_id,
                "user": user,
                "reason": reason,
                "actor_kind": actor,
                "actor_credential": credential,
                "revoked": revoked,
                "orphaned": orphaned,
            }),
            event: json!({
                "action": action,
                "outcome": "success",
                "directory_id": person.directory_id,
                "actor_kind": actor,
                "actor_credential": credential,
                "source_ip": "127.0.0.1",
                "target": {"type": "User", "id": person.id, "name": person.display_name},
                "detail": {
                    "reason": reason,
                    "user_name": person.user_name,
                    "revoked": revoked,
                    "orphaned": orphaned,
                    "roles": roles,
                },
            }),
            notices,
        }
    }
}

/// What is on record of a person's leaving or losing a role, oldest first.
pub fn cascades_of(server: &TestServer, person: &str) -> Vec<Cascade> {
    let admin = server.admin();
    let list = |path: &str| -> Vec<Value> {
        let answer = admin.get(path).expect(200);
        assert_eq!(
            answer.body["next_cursor"],
            Value::Null,
            "{path} has one page"
        );
        let mut items = answer.body["items"].as_array().cloned().unwrap_or_default();
        items.reverse();
        items
    };
    let receipts = list(&format!("/receipts?user_id={person}&limit=1000"));
    let events: Vec<Value> = list(&format!("/audit-events?target_id={person}&limit=1000"))
        .into_iter()
        .filter(|event| {
            ["user.deprovisioned", "role.lost"].contains(&event["action"].as_str().unwrap_or(""))
        })
        .collect();
    let mut notices: Vec<Value> = list("/notices?limit=1000")
        .into_iter()
        .filter(|notice| notice["detail"]["user_id"] == person)
        // Whether there are others depends on who else is there; it has tests of its own.
        .filter(|notice| notice["kind"] != "last_admin_deprovisioned")
        .collect();
    for notice in &mut notices {
        if notice["kind"] == "keys_orphaned" {
            take_keys(&mut notice["detail"]);
        }
    }
    assert_eq!(receipts.len(), events.len(), "one event for each receipt");
    let cascades = receipts
        .iter()
        .zip(&events)
        .map(|(receipt, event)| {
            assert!(receipt["requested_at"].as_str() <= receipt["effective_at"].as_str());
            // What was committed together has one time.
            let (of_this, others) = notices
                .drain(..)
                .partition(|notice| notice["at"] == receipt["effective_at"]);
            notices = others;
            let mut of_this: Vec<Value> = of_this
                .iter()
                .map(|notice| pick(notice, &["kind", "directory_id", "detail"]))
                .collect();
            of_this.sort_by_key(|notice| notice["kind"].to_string());
            assert_eq!(event["at"], receipt["effective_at"]);
            let mut event = event.clone();
            let detail = event["detail"].as_object_mut().expect("an object");
            assert_eq!(detail.remove("receipt_id"), Some(receipt["id"].clone()));
            Cascade {
                receipt: with_actor(
                    pick(
                        receipt,
                        &["directory_id", "user", "reason", "revoked", "orphaned"],
                    ),
                    receipt,
                ),
                event: with_actor(
                    pick(
                        &event,
                        &["action", "outcome", "directory_id", "target", "detail"],
                    ),
                    &event,
                ),
                notices: of_this,
            }
        })
        .collect();
    assert_eq!(
        notices,
        [json!(null); 0],
        "every notice belongs to a cascade"
    );
    cascades
}

fn pick(from: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), from[*name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Adds who did it; which admin API key it was is not compared.
fn with_actor(mut picked: Value, from: &Value) -> Value {
    let actor = &from["actor"];
    picked["actor_kind"] = actor["kind"].clone();
    picked["actor_credential"] = if actor["kind"] == "scim_key" {
        actor["credential_id"].clone()
    } else {
        Value::Null
    };
    if let Some(address) = actor.get("source_ip") {
        picked["source_ip"] = address.clone();
    }
    picked
}

/// The notice names as many keys of each kind as it counts, and says what to do; the rest is compared whole.
fn take_keys(detail: &mut Value) {
    let detail = detail.as_object_mut().expect("an object");
    let keys = detail.remove("keys").expect("keys");
    let mut counts = serde_json::Map::new();
    for key in keys.as_array().expect("a list") {
        let kind = key["kind"].as_str().expect("a kind");
        let count = counts.entry(kind).or_insert(json!(0));
        *count = json!(count.as_i64().expect("a number") + 1);
        assert!(key["id"].is_string() && key["prefix"].is_string(), "{key}");
    }
    let mut counted = detail["orphaned"].as_object().expect("counts").clone();
    let accounts = detail.remove("service_accounts").expect("accounts");
    let accounts = accounts.as_array().expect("a list").len();
    let counted_accounts = counted.remove("service_account");
    assert_eq!(counted_accounts.unwrap_or(json!(0)), json!(accounts));
    assert_eq!(Value::Object(counts), Value::Object(counted));
    let steps = detail.remove("what_to_do").expect("what to do");
    assert!(!steps.as_array().expect("a list").is_empty());
}
