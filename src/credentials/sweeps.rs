//! What ends because nobody looked after it: orphaned keys whose grace period is over, and tokens that nobody
//! uses. Each function is one transaction, may run on several nodes at once, and does nothing twice.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::policies::authentication::{self, PERSON, Policy};
use crate::store::credentials::{self as table, Idle};
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, StoreError, policies, resources};

use super::event;

/// How many tokens one transaction tells of or revokes for each policy.
pub const BATCH: i64 = 1_000;
/// Why an orphaned key was revoked.
pub const GRACE_OVER: &str = "orphan_grace_over";
/// Why a token was revoked that nobody used.
pub const INACTIVE: &str = "inactive";

/// Revokes the orphaned keys that nobody has adopted or rotated within the grace period of the policy that held
/// for their maker, and counts them.
///
/// # Errors
/// When the database fails.
pub fn revoke_unadopted(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut revoked = Vec::new();
    for policy in authentication::list(connection, now)? {
        if let Some(days) = policy.settings.orphan_grace_days {
            let left_before = now.plus_days(-days);
            revoked.extend(table::revoke_orphans(
                connection,
                &policy.id,
                policy.is_default,
                left_before,
                GRACE_OVER,
                now,
            )?);
        }
    }
    let mut told = Vec::new();
    for id in &revoked {
        let Some(key) = table::find(connection, id)? else {
            continue;
        };
        let maker = key.created_by.as_ref();
        let event = event(Action::CredentialRevoked, &key)
            .with("reason", GRACE_OVER)
            .with("left_by", maker.map(|maker| maker.id.to_string()));
        audit::record(connection, &Actor::system(), now, event)?;
        told.push(json!({
            "id": key.id,
            "kind": key.kind.name(),
            "name": key.name,
            "prefix": key.prefix,
            "left_by_user_name": maker.and_then(|maker| maker.user_name.as_deref()),
        }));
    }
    if !told.is_empty() {
        let subject = format!(
            "{} orphaned keys were revoked: nobody adopted them within the grace period",
            told.len()
        );
        let detail = Map::from_iter([("keys".to_owned(), Value::from(told))]);
        notices::queue(
            connection,
            now,
            NoticeKind::OrphansRevoked,
            None,
            subject,
            detail,
        )?;
    }
    Ok(revoked.len())
}

/// Tells people of their tokens that will be revoked because nobody uses them, each once for each time that it
/// falls idle, and counts the tokens.
///
/// # Errors
/// When the database fails.
pub fn tell_inactive(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut count = 0;
    for policy in authentication::list(connection, now)? {
        let Some(days) = policy.settings.inactivity_days else {
            continue;
        };
        let notice = policy.settings.inactivity_notice_days;
        let row = held(connection, &policy)?;
        let unused_since = now.plus_days(notice - days);
        let idle = table::claim_idle(connection, &row, unused_since, BATCH, now)?;
        count += idle.len();
        for (owner, tokens) in by_owner(idle) {
            let from = |token: &Idle| {
                let by_disuse = Timestamp::from_millis(token.unused_since).plus_days(days);
                by_disuse.max(now.plus_days(notice))
            };
            let shown = tokens.iter().map(|token| {
                json!({
                    "id": token.id,
                    "name": token.name,
                    "prefix": token.prefix,
                    "unused_since": Timestamp::from_millis(token.unused_since),
                    "revoked_from": from(token),
                })
            });
            let shown = shown.collect();
            let subject = |name: &str| {
                format!(
                    "{} API tokens of {name} have not been used for long and will be revoked unless they are",
                    tokens.len()
                )
            };
            tell(
                connection,
                NoticeKind::TokensInactive,
                &owner,
                subject,
                shown,
                now,
            )?;
        }
    }
    Ok(count)
}

/// Revokes the tokens that nobody has used for as long as their policy allows, where that was told of as many
/// days before as it says, and counts them. A token that is used meanwhile is left alone.
///
/// # Errors
/// When the database fails.
pub fn revoke_inactive(
    connection: &mut DatabaseConnection,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut count = 0;
    for policy in authentication::list(connection, now)? {
        let Some(days) = policy.settings.inactivity_days else {
            continue;
        };
        let told_before = now.plus_days(-policy.settings.inactivity_notice_days);
        let row = held(connection, &policy)?;
        let revoked = table::revoke_idle(
            connection,
            &row,
            (now.plus_days(-days), told_before),
            BATCH,
            (INACTIVE, now),
        )?;
        count += revoked.len();
        for (owner, tokens) in by_owner(revoked) {
            let ids: Vec<&str> = tokens.iter().map(|token| token.id.as_str()).collect();
            let event = Event::new(Action::CredentialsRevoked)
                .to(PERSON, owner.as_str(), None)
                .with("reason", INACTIVE)
                .with("revoked", json!({"user_token": ids.len()}))
                .with("ids", json!(ids));
            audit::record(connection, &Actor::system(), now, event)?;
            let shown = tokens
                .iter()
                .map(|token| json!({"id": token.id, "name": token.name, "prefix": token.prefix}))
                .collect();
            let subject = |name: &str| {
                format!(
                    "{} API tokens of {name} were revoked: nobody used them",
                    ids.len()
                )
            };
            tell(
                connection,
                NoticeKind::InactiveTokensRevoked,
                &owner,
                subject,
                shown,
                now,
            )?;
        }
    }
    Ok(count)
}

/// The policy as it is stored, which the conditions of its people are made from.
fn held(
    connection: &mut DatabaseConnection,
    policy: &Policy,
) -> Result<policies::PolicyRow, StoreError> {
    policies::find(connection, &policy.id)?.ok_or(StoreError::Corrupt { what: "policy" })
}

fn by_owner(tokens: Vec<Idle>) -> BTreeMap<ResourceId, Vec<Idle>> {
    let mut grouped: BTreeMap<ResourceId, Vec<Idle>> = BTreeMap::new();
    for token in tokens {
        let owner = ResourceId::new(token.owner_id.as_str());
        grouped.entry(owner).or_default().push(token);
    }
    grouped
}

fn tell(
    connection: &mut DatabaseConnection,
    kind: NoticeKind,
    owner: &ResourceId,
    subject: impl Fn(&str) -> String,
    tokens: Vec<Value>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let person = resources::find_any(connection, owner)?;
    let user_name = person
        .as_ref()
        .and_then(|person| person.user_name.as_deref());
    let notice = Notice::new(kind, subject(user_name.unwrap_or("a person")))
        .within(person.as_ref().map(|person| &person.directory_id))
        .of(Some(owner))
        .with("user_name", json!(user_name))
        .with("tokens", tokens);
    notices::put(connection, now, notice)
}
