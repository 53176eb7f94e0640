//! What is shown of authentication policies and of what a change would end; the command line's `--json` is the same.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::credentials::view::{CredentialView, PersonReference, view};
use crate::lifecycle::{self, GivingGroup, Returning, RoleByGroups, RoleLoss};
use crate::policies::Role;
use crate::policies::authentication::{
    self as rules, Explanation, PendingChange, Settings, SettingsChange,
};
use crate::secret::SecretKind;
use crate::store::credentials::Counts;
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies::PolicyMember;
use crate::store::resources::Resource;

/// A policy with its settings, in one object.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Policy)]
pub struct PolicyView {
    id: PolicyId,
    name: String,
    /// Its place in the order of precedence, lowest first; null for the default one, which comes last.
    #[schema(required)]
    rank: Option<i64>,
    is_default: bool,
    #[serde(flatten)]
    settings: Settings,
    #[schema(required)]
    pending: Option<PendingView>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A change of settings that holds from an instant on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PendingPolicyChange)]
pub struct PendingView {
    effective_at: Timestamp,
    shorten_existing: bool,
    /// The settings that change, beside the others.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    change: SettingsChange,
}

/// A policy with its settings, in one object.
#[must_use]
pub fn policy(policy: &rules::Policy) -> PolicyView {
    PolicyView {
        id: policy.id.clone(),
        name: policy.name.clone(),
        rank: rank(policy),
        is_default: policy.is_default,
        settings: policy.settings.clone(),
        pending: policy.pending.as_ref().map(pending),
        created_at: policy.created_at,
        modified_at: policy.modified_at,
    }
}

/// The default policy has no place in the order: it comes after all others.
fn rank(policy: &rules::Policy) -> Option<i64> {
    (!policy.is_default).then_some(policy.rank)
}

fn pending(pending: &PendingChange) -> PendingView {
    PendingView {
        effective_at: pending.effective_at,
        shorten_existing: pending.shorten_existing,
        change: pending.change.clone(),
    }
}

/// Somebody or a group that a policy names.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PolicyMember)]
pub struct MemberView {
    id: String,
    /// `User` or `Group`.
    r#type: String,
    directory_id: String,
    #[schema(required)]
    user_name: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    added_at: Timestamp,
}

/// Somebody or a group that a policy names.
#[must_use]
pub fn member(member: &PolicyMember) -> MemberView {
    MemberView {
        id: member.member_id.clone(),
        r#type: member.member_type.clone(),
        directory_id: member.directory_id.clone(),
        user_name: member.user_name.clone(),
        display_name: member.display_name.clone(),
        added_at: Timestamp::from_millis(member.added_at),
    }
}

/// Which policy holds for a person, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PolicyOfUser)]
pub struct ExplanationView {
    user_id: String,
    policy: PolicyView,
    /// In words.
    reason: &'static str,
    /// By which of its members it names the person.
    through: Vec<MemberView>,
    /// The others that name the person, which come later in the order.
    overruled: Vec<OverruledView>,
}

/// A policy that names a person for whom another holds.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = OverruledPolicy)]
pub struct OverruledView {
    id: PolicyId,
    name: String,
    #[schema(required)]
    rank: Option<i64>,
    through: Vec<MemberView>,
}

/// Which policy holds for a person, and why.
#[must_use]
pub fn explanation(user_id: &str, explanation: &Explanation) -> ExplanationView {
    let through = |members: &[PolicyMember]| members.iter().map(member).collect();
    let others = explanation.others.iter().map(|(other, members)| {
        let (id, name) = (other.id.clone(), other.name.clone());
        OverruledView {
            id,
            name,
            rank: rank(other),
            through: through(members),
        }
    });
    ExplanationView {
        user_id: user_id.to_owned(),
        policy: policy(&explanation.policy),
        reason: reason(explanation, user_id),
        through: through(&explanation.through),
        overruled: others.collect(),
    }
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

/// What would end.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Impact)]
pub struct ImpactView {
    /// How many people it concerns.
    people: i64,
    /// What would be revoked, by kind; sessions end.
    #[schema(value_type = BTreeMap<String, i64>)]
    revoked: Counts,
    /// What would be left behind, by kind.
    #[schema(value_type = BTreeMap<String, i64>)]
    orphaned: Counts,
    /// The keys that would be left behind, of the kinds that the caller may see.
    orphaned_keys: Vec<CredentialView>,
    /// Who would lose which roles for good.
    roles_lost: Vec<RoleLossView>,
    /// The roles that would rest while the person is inactive, and be theirs again when they are reactivated.
    roles_resting: Vec<RoleByGroupsView>,
    /// Whether it would leave nobody with the owner role, so that it is refused.
    last_owner: bool,
}

/// The roles that somebody would lose.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleLoss)]
pub struct RoleLossView {
    user: PersonReference,
    #[schema(value_type = Vec<Role>)]
    roles: Vec<String>,
}

/// What would end; of the keys that would be left behind, those of the kinds that may be seen.
#[must_use]
pub fn impact(
    impact: &lifecycle::Impact,
    now: Timestamp,
    may_see: impl Fn(SecretKind) -> bool,
) -> ImpactView {
    let keys = impact.orphaned.iter().filter(|key| may_see(key.kind));
    ImpactView {
        people: impact.people,
        revoked: impact.revoked.clone(),
        orphaned: impact.orphaned_counts(),
        orphaned_keys: keys.map(|key| view(key, now)).collect(),
        roles_lost: impact.roles_lost.iter().map(role_loss).collect(),
        roles_resting: impact.roles_resting.iter().map(role_by_groups).collect(),
        last_owner: impact.last_owner,
    }
}

/// A role that groups give to somebody.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RoleByGroups)]
pub struct RoleByGroupsView {
    #[schema(value_type = Role)]
    role: String,
    /// The groups that are mapped to it, of which they are members, or of a group within.
    groups: Vec<GivingGroupView>,
}

/// A group that gives a role.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = GivingGroup)]
pub struct GivingGroupView {
    id: ResourceId,
    #[schema(required)]
    display_name: Option<String>,
}

fn role_by_groups(role: &RoleByGroups) -> RoleByGroupsView {
    let group = |group: &GivingGroup| GivingGroupView {
        id: group.id.clone(),
        display_name: group.name.clone(),
    };
    RoleByGroupsView {
        role: role.role.clone(),
        groups: role.groups.iter().map(group).collect(),
    }
}

/// What a reactivation would bring back.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReactivationImpact)]
pub struct ReactivationImpactView {
    /// The roles that rest, and would be theirs again at once; nothing else comes back.
    roles: Vec<RoleByGroupsView>,
}

/// What a reactivation would bring back.
#[must_use]
pub fn reactivation(returning: &Returning) -> ReactivationImpactView {
    ReactivationImpactView {
        roles: returning.roles.iter().map(role_by_groups).collect(),
    }
}

fn role_loss(loss: &RoleLoss) -> RoleLossView {
    RoleLossView {
        user: person(&loss.person),
        roles: loss.roles.clone(),
    }
}

fn person(person: &Resource) -> PersonReference {
    PersonReference {
        id: person.id.to_string(),
        user_name: person.user_name.clone(),
        display_name: person.display_name.clone(),
    }
}
