//! What is shown of authentication policies and of what a change would end; the command line's `--json` is the same.

use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::credentials::view::view;
use crate::lifecycle::Impact;
use crate::policies::authentication::{Explanation, PendingChange, Policy};
use crate::secret::SecretKind;
use crate::store::policies::PolicyMember;

/// A policy with its settings, in one object.
#[must_use]
pub fn policy(policy: &Policy) -> Value {
    let mut shown = Map::from_iter([
        ("id".to_owned(), json!(policy.id)),
        ("name".to_owned(), json!(policy.name)),
        ("rank".to_owned(), json!(rank(policy))),
        ("is_default".to_owned(), json!(policy.is_default)),
    ]);
    if let Value::Object(settings) = json!(policy.settings) {
        shown.extend(settings);
    }
    shown.insert(
        "pending".to_owned(),
        json!(policy.pending.as_ref().map(pending)),
    );
    shown.insert("created_at".to_owned(), json!(policy.created_at));
    shown.insert("modified_at".to_owned(), json!(policy.modified_at));
    Value::Object(shown)
}

/// The default policy has no place in the order: it comes after all others.
fn rank(policy: &Policy) -> Option<i64> {
    (!policy.is_default).then_some(policy.rank)
}

fn pending(pending: &PendingChange) -> Value {
    let mut shown = Map::from_iter([
        ("effective_at".to_owned(), json!(pending.effective_at)),
        (
            "shorten_existing".to_owned(),
            json!(pending.shorten_existing),
        ),
    ]);
    if let Value::Object(change) = json!(pending.change) {
        shown.extend(change);
    }
    Value::Object(shown)
}

/// Somebody or a group that a policy names.
#[must_use]
pub fn member(member: &PolicyMember) -> Value {
    json!({
        "id": member.member_id,
        "type": member.member_type,
        "directory_id": member.directory_id,
        "user_name": member.user_name,
        "display_name": member.display_name,
        "added_at": Timestamp::from_millis(member.added_at),
    })
}

/// Which policy holds for a person, and why.
#[must_use]
pub fn explanation(user_id: &str, explanation: &Explanation) -> Value {
    let through = |members: &[PolicyMember]| members.iter().map(member).collect::<Vec<_>>();
    let others: Vec<Value> = explanation
        .others
        .iter()
        .map(|(other, members)| {
            json!({
                "id": other.id,
                "name": other.name,
                "rank": rank(other),
                "through": through(members),
            })
        })
        .collect();
    let held = &explanation.policy;
    json!({
        "user_id": user_id,
        "policy": policy(held),
        "reason": reason(explanation, user_id),
        "through": through(&explanation.through),
        "overruled": others,
    })
}

fn reason(explanation: &Explanation, user_id: &str) -> &'static str {
    let through = &explanation.through;
    if explanation.policy.is_default {
        "no other policy names the user"
    } else if through.iter().any(|member| member.member_id == user_id) {
        "it is the first that names the user"
    } else {
        "it is the first that names a group of the user"
    }
}

/// What would end; of the keys that would be left behind, those of the kinds that may be seen.
#[must_use]
pub fn impact(impact: &Impact, now: Timestamp, may_see: impl Fn(SecretKind) -> bool) -> Value {
    let keys: Vec<_> = impact
        .orphaned
        .iter()
        .filter(|key| may_see(key.kind))
        .map(|key| view(key, now))
        .collect();
    let roles: Vec<Value> = impact
        .roles_lost
        .iter()
        .map(|loss| {
            json!({
                "user": {
                    "id": loss.person.id,
                    "user_name": loss.person.user_name,
                    "display_name": loss.person.display_name,
                },
                "roles": loss.roles,
            })
        })
        .collect();
    json!({
        "people": impact.people,
        "revoked": impact.revoked,
        "orphaned": impact.orphaned_counts(),
        "orphaned_keys": keys,
        "roles_lost": roles,
        "last_owner": impact.last_owner,
    })
}
