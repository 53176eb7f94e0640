//! Authentication policies: what people may do with API tokens and sessions, and for how long.
//!
//! One default policy holds for whoever no other names. The policy of a person is the first, by rank, that
//! names them or a group that they are in. [`effective`] gives it as it is at an instant; verification asks
//! it for every token and session, so that a change holds from the next request on, or from the instant that
//! was set for it, without any job.

mod manage;
mod members;
mod preview;
mod row;
mod settings;

use crate::clock::Timestamp;
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies::{self as table, PolicyMember, PolicyRow};
use crate::store::{DatabaseConnection, StoreError};

use super::PolicyError;

pub use manage::{
    NewPolicy, PolicyChange, create, delete, find, list, reorder, settle_due, update, withdraw,
};
pub use members::{add_member, forget_directory, forget_member, remove_member};
pub use preview::{Preview, Proposal, preview};
pub use settings::{
    ApiTokens, Days, PendingChange, SecondFactor, ServiceAccountCreators, Settings, SettingsChange,
};

use settings::StoredChange;

/// The resource type whose resources are people.
pub const PERSON: &str = "User";
/// The resource type whose resources are groups.
pub(super) const GROUP: &str = "Group";

/// A policy as it is at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its identifier.
    pub id: PolicyId,
    /// Its name.
    pub name: String,
    /// Its place in the order of precedence, lowest first; the default one comes after all others.
    pub rank: i64,
    /// Whether it holds for whoever no other names.
    pub is_default: bool,
    /// What it says at that instant.
    pub settings: Settings,
    /// Of a change that already holds, but has not been written into the tokens yet.
    shortening: Option<Shortening>,
    /// What it will say from a later instant on.
    pub pending: Option<PendingChange>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
}

/// Tokens that existed at an instant live so many days more at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shortening {
    at: Timestamp,
    days: i64,
}

impl Policy {
    /// Reads a stored policy as it is at an instant.
    fn read(row: PolicyRow, now: Timestamp) -> Result<Self, StoreError> {
        const CORRUPT: StoreError = StoreError::Corrupt { what: "policy" };
        let mut settings: Settings = serde_json::from_str(&row.settings).map_err(|_| CORRUPT)?;
        let mut pending = match (&row.pending, row.pending_at) {
            (Some(text), Some(at)) => {
                let stored: StoredChange = serde_json::from_str(text).map_err(|_| CORRUPT)?;
                Some(PendingChange {
                    change: stored.change,
                    shorten_existing: stored.shorten_existing,
                    effective_at: Timestamp::from_millis(at),
                })
            }
            _ => None,
        };
        let mut shortening = None;
        if let Some(due) = pending.take_if(|pending| pending.effective_at <= now) {
            settings.apply(&due.change);
            shortening = due.shorten_existing.then_some(Shortening {
                at: due.effective_at,
                days: settings.max_token_days,
            });
        }
        Ok(Self {
            id: PolicyId::new(row.id),
            name: row.name,
            rank: row.rank,
            is_default: row.is_default,
            settings,
            shortening,
            pending,
            created_at: Timestamp::from_millis(row.created_at),
            modified_at: Timestamp::from_millis(row.modified_at),
        })
    }

    /// Whether API tokens of its people do not work and cannot be made.
    #[must_use]
    pub fn blocks_tokens(&self) -> bool {
        self.settings.api_tokens == ApiTokens::Blocked
    }

    /// When a token stops working that was made and expires then.
    #[must_use]
    pub fn token_end(&self, created_at: Timestamp, expires_at: Timestamp) -> Timestamp {
        match self.shortening {
            Some(Shortening { at, days }) if created_at < at => expires_at.min(at.plus_days(days)),
            _ => expires_at,
        }
    }

    /// When a session stops working that was opened and last used then.
    #[must_use]
    pub fn session_end(&self, created_at: Timestamp, last_used_at: Timestamp) -> Timestamp {
        let whole = created_at.plus_seconds(self.settings.session_hours.saturating_mul(3600));
        whole.min(last_used_at.plus_seconds(self.settings.idle_minutes.saturating_mul(60)))
    }
}

/// The policy that holds for a person at an instant. One prepared statement.
///
/// # Errors
/// When the database fails.
pub fn effective(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Policy, StoreError> {
    Policy::read(table::holding(connection, person)?, now)
}

/// The policy that holds for a person, and why.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The policy.
    pub policy: Policy,
    /// By which of its members it names the person; none for the default policy.
    pub through: Vec<PolicyMember>,
    /// The other policies that name the person, which come later in the order.
    pub others: Vec<(Policy, Vec<PolicyMember>)>,
}

/// Says which policy holds for a person, and through which of its members.
///
/// # Errors
/// [`PolicyError::NotFound`]; when the database fails.
pub fn explain(
    connection: &mut DatabaseConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Explanation, PolicyError> {
    crate::store::resources::find_any(connection, person)?
        .filter(|found| found.resource_type == PERSON)
        .ok_or(PolicyError::NotFound("user"))?;
    let policy = effective(connection, person, now)?;
    let naming = table::naming(connection, person)?;
    let of = |policy: &Policy| -> Vec<PolicyMember> {
        let id = policy.id.as_str();
        naming
            .iter()
            .filter(|member| member.policy_id == id)
            .cloned()
            .collect()
    };
    let others = list(connection, now)?
        .into_iter()
        .filter(|other| other.id != policy.id)
        .map(|other| {
            let through = of(&other);
            (other, through)
        })
        .filter(|(other, through)| other.is_default || !through.is_empty())
        .collect();
    Ok(Explanation {
        through: of(&policy),
        policy,
        others,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn row(pending: &str) -> PolicyRow {
        PolicyRow {
            id: PolicyId::generate().to_string(),
            name: "One".to_owned(),
            name_folded: "one".to_owned(),
            rank: 1,
            is_default: false,
            settings: r#"{"max_token_days": 100}"#.to_owned(),
            pending: Some(pending.to_owned()),
            pending_at: Some(AT.as_millis()),
            created_at: 0,
            modified_at: 0,
        }
    }

    #[test]
    fn a_pending_change_holds_from_its_very_instant() {
        let row = row(
            r#"{"change": {"api_tokens": "blocked", "max_token_days": 10}, "shorten_existing": true}"#,
        );
        let before = Policy::read(row.clone(), AT.plus_millis(-1)).unwrap();
        assert!(!before.blocks_tokens());
        assert_eq!(before.settings.max_token_days, 100);
        assert_eq!(before.pending.as_ref().unwrap().effective_at, AT);
        let after = Policy::read(row, AT).unwrap();
        assert!(after.blocks_tokens());
        assert_eq!(after.settings.max_token_days, 10);
        assert_eq!(after.pending, None);

        // What was there is shortened, what is made from then on has been measured already.
        let (far, near) = (AT.plus_days(50), AT.plus_days(3));
        let old = AT.plus_millis(-1);
        assert_eq!(before.token_end(old, far), far);
        assert_eq!(after.token_end(old, far), AT.plus_days(10));
        assert_eq!(after.token_end(old, near), near);
        assert_eq!(after.token_end(AT, far), far);
    }

    #[test]
    fn tokens_are_shortened_only_where_the_change_says_so() {
        let row = row(r#"{"change": {"max_token_days": 10}, "shorten_existing": false}"#);
        let after = Policy::read(row, AT).unwrap();
        let far = AT.plus_days(50);
        assert_eq!(after.token_end(AT.plus_millis(-1), far), far);
    }

    #[test]
    fn a_session_ends_by_its_age_and_by_idleness_whichever_is_first() {
        let policy = Policy::read(
            PolicyRow {
                settings: r#"{"session_hours": 1, "idle_minutes": 10}"#.to_owned(),
                ..row("{}")
            },
            AT.plus_millis(-1),
        );
        assert!(policy.is_err(), "what cannot be read is no permission");
        let mut policy = Policy::read(
            row(r#"{"change": {}, "shorten_existing": false}"#),
            AT.plus_millis(-1),
        )
        .unwrap();
        policy.settings.session_hours = 1;
        policy.settings.idle_minutes = 10;
        assert_eq!(policy.session_end(AT, AT), AT.plus_seconds(600));
        let late = AT.plus_seconds(3_500);
        assert_eq!(policy.session_end(AT, late), AT.plus_seconds(3_600));
    }
}
