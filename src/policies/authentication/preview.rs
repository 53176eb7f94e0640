//! The dry run: whom and what a change of policies would hit. Nothing is written; what is counted is decided
//! by the functions that verification asks.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::policies::PolicyError;
use crate::secret::SecretKind;
use crate::store::credentials::{self, Counts, Usage};
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies as table;
use crate::store::{DatabaseConnection, StoreError, resources};

use super::manage::{PolicyChange, check_date, check_order};
use super::members::{NO_MEMBERS, check_member_type};
use super::row::refuse_default;
use super::{NewPolicy, PERSON, Policy, SecondFactor, Settings};

/// Credentials read at a time.
const PAGE: i64 = 5_000;

/// A change that is only tried.
#[derive(Debug, Clone)]
pub enum Proposal {
    /// A policy is made.
    Create(NewPolicy),
    /// A policy is changed.
    Update(PolicyId, PolicyChange),
    /// A policy names others.
    Members {
        /// The policy.
        id: PolicyId,
        /// These too.
        add: Vec<ResourceId>,
        /// These no more.
        remove: Vec<ResourceId>,
    },
    /// A policy is deleted.
    Delete(PolicyId),
    /// The order of precedence changes.
    Reorder(Vec<PolicyId>),
}

/// Whom and what a change would hit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PolicyPreview)]
pub struct Preview {
    /// Active people whose settings would be others, or whose tokens would be shortened.
    pub people: i64,
    /// What would work no more or less long, by kind.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub credentials: Counts,
    /// Tokens that would not work as long as the change holds.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub blocked: Counts,
    /// Tokens that would work again.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub unblocked: Counts,
    /// Tokens that would expire earlier.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub shortened: Counts,
    /// Sessions that would end.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub sessions_ended: Counts,
    /// Tokens that have not been used for as long as they may be from then on: they are told of, then revoked.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub inactive: Counts,
    /// Orphaned keys whose grace period would be over.
    #[schema(value_type = BTreeMap<String, i64>)]
    pub orphans_due: Counts,
    /// People who would need a second factor and did not.
    pub second_factor_required: i64,
}

fn count(counts: &mut Counts, kind: &str) {
    *counts.entry(kind.to_owned()).or_default() += 1;
}

/// The policies in the order of precedence, and the people whom each names.
#[derive(Clone)]
struct World {
    named: Vec<(Policy, BTreeSet<ResourceId>)>,
    default: Policy,
    holding: HashMap<ResourceId, usize>,
}

impl World {
    fn read(connection: &mut DatabaseConnection, now: Timestamp) -> Result<Self, StoreError> {
        let mut named = Vec::new();
        let mut default = None;
        for policy in super::list(connection, now)? {
            if policy.is_default {
                default = Some(policy);
                continue;
            }
            let members = table::member_ids(connection, &policy.id)?;
            let people = people(connection, &members)?;
            named.push((policy, people));
        }
        let default = default.ok_or(StoreError::Corrupt {
            what: "default policy",
        })?;
        let mut world = Self {
            named,
            default,
            holding: HashMap::new(),
        };
        world.settle();
        Ok(world)
    }

    /// Finds the first policy of each person.
    fn settle(&mut self) {
        self.holding.clear();
        for (index, (_, people)) in self.named.iter().enumerate() {
            for person in people {
                self.holding.entry(person.clone()).or_insert(index);
            }
        }
    }

    fn policy_of(&self, person: &ResourceId) -> &Policy {
        self.holding
            .get(person)
            .and_then(|index| self.named.get(*index))
            .map_or(&self.default, |(policy, _)| policy)
    }

    fn policy(&self, id: &str) -> Option<&Policy> {
        let mut all = self.named.iter().map(|(policy, _)| policy);
        all.find(|policy| policy.id.as_str() == id)
    }

    fn policy_mut(&mut self, id: &PolicyId) -> Option<&mut Policy> {
        if self.default.id == *id {
            return Some(&mut self.default);
        }
        let mut all = self.named.iter_mut().map(|(policy, _)| policy);
        all.find(|policy| policy.id == *id)
    }
}

fn people(
    connection: &mut DatabaseConnection,
    members: &[ResourceId],
) -> Result<BTreeSet<ResourceId>, StoreError> {
    let found = table::active_people_within(connection, members, PERSON)?;
    Ok(found.into_iter().collect())
}

/// Tells whom and what a change would hit, if it held now; a dated one, from its date on.
///
/// # Errors
/// Those that the change itself would give; when the database fails.
pub fn preview(
    connection: &mut DatabaseConnection,
    proposal: &Proposal,
    now: Timestamp,
) -> Result<Preview, PolicyError> {
    let before = World::read(connection, now)?;
    let mut after = before.clone();
    let mut shortening = None;
    match proposal {
        Proposal::Create(new) => create(connection, &mut after, new, now)?,
        Proposal::Update(id, change) => {
            shortening = update(&mut after, id, change, now)?;
        }
        Proposal::Members { id, add, remove } => {
            change_members(connection, &mut after, id, add, remove)?;
        }
        Proposal::Delete(id) => {
            refuse_default(&find(connection, id)?, "be deleted")?;
            after.named.retain(|(policy, _)| policy.id != *id);
        }
        Proposal::Reorder(order) => {
            check_order(&table::list(connection)?, order)?;
            let place = |policy: &Policy| order.iter().position(|id| *id == policy.id);
            after.named.sort_by_key(|(policy, _)| place(policy));
        }
    }
    after.settle();
    compare(connection, &before, &after, shortening.as_ref(), now)
}

fn find(
    connection: &mut DatabaseConnection,
    id: &PolicyId,
) -> Result<table::PolicyRow, PolicyError> {
    table::find(connection, id)?.ok_or(PolicyError::NotFound("policy"))
}

fn create(
    connection: &mut DatabaseConnection,
    after: &mut World,
    new: &NewPolicy,
    now: Timestamp,
) -> Result<(), PolicyError> {
    check_members(connection, &new.members)?;
    let policy = Policy {
        id: PolicyId::generate(),
        name: new.name.clone(),
        rank: i64::MAX,
        is_default: false,
        settings: Settings::default().changed(&new.settings)?,
        shortening: None,
        pending: None,
        created_at: now,
        modified_at: now,
    };
    let people = people(connection, &new.members)?;
    after.named.push((policy, people));
    Ok(())
}

fn check_members(
    connection: &mut DatabaseConnection,
    members: &[ResourceId],
) -> Result<(), PolicyError> {
    for member in members {
        let found = resources::find_any(connection, member)?
            .ok_or(PolicyError::NotFound("user or group"))?;
        check_member_type(&found.resource_type)?;
    }
    Ok(())
}

/// Which policy cuts the tokens that there are, and to when.
struct Cut {
    policy: PolicyId,
    end: Timestamp,
}

fn update(
    after: &mut World,
    id: &PolicyId,
    change: &PolicyChange,
    now: Timestamp,
) -> Result<Option<Cut>, PolicyError> {
    if let Some(at) = change.effective_at {
        check_date(change, at, now)?;
    }
    let policy = after
        .policy_mut(id)
        .ok_or(PolicyError::NotFound("policy"))?;
    policy.settings = policy.settings.clone().changed(&change.settings)?;
    let from = change.effective_at.unwrap_or(now);
    Ok(change.shorten_existing.then(|| Cut {
        policy: id.clone(),
        end: from.plus_days(policy.settings.max_token_days),
    }))
}

fn change_members(
    connection: &mut DatabaseConnection,
    after: &mut World,
    id: &PolicyId,
    add: &[ResourceId],
    remove: &[ResourceId],
) -> Result<(), PolicyError> {
    refuse_default(&find(connection, id)?, NO_MEMBERS)?;
    check_members(connection, add)?;
    let mut members = table::member_ids(connection, id)?;
    members.retain(|member| !remove.contains(member));
    members.extend_from_slice(add);
    let people = people(connection, &members)?;
    for (policy, named) in &mut after.named {
        if policy.id == *id {
            named.clone_from(&people);
        }
    }
    Ok(())
}

fn compare(
    connection: &mut DatabaseConnection,
    before: &World,
    after: &World,
    cut: Option<&Cut>,
    now: Timestamp,
) -> Result<Preview, PolicyError> {
    let mut preview = Preview::default();
    let mut hit = people_hit(connection, before, after, &mut preview)?;
    let mut last = String::new();
    loop {
        let page = credentials::usages(connection, now, &last, PAGE)?;
        let Some(end) = page.last() else {
            break;
        };
        last.clone_from(&end.id);
        for usage in &page {
            let Some(owner) = usage.owner_id.as_deref().map(ResourceId::new) else {
                continue;
            };
            let (old, new) = (before.policy_of(&owner), after.policy_of(&owner));
            let is_shortened = if usage.kind == SecretKind::Session.name() {
                compare_session(usage, old, new, now, &mut preview);
                false
            } else {
                compare_token(usage, old, new, cut, now, &mut preview)
            };
            if is_shortened && old.settings == new.settings && hit.insert(owner) {
                preview.people += 1;
            }
        }
    }
    for orphan in credentials::orphans(connection, now)? {
        let is_due = |world: &World| {
            let policy = orphan.policy_id.as_deref().and_then(|id| world.policy(id));
            let grace = policy.unwrap_or(&world.default).settings.orphan_grace_days;
            let left_at = orphan.orphaned_at.map(Timestamp::from_millis);
            matches!((grace, left_at), (Some(days), Some(at)) if at.plus_days(days) <= now)
        };
        if is_due(after) && !is_due(before) {
            count(&mut preview.orphans_due, &orphan.kind);
            count(&mut preview.credentials, &orphan.kind);
        }
    }
    Ok(preview)
}

/// Counts the people whose settings change, and gives those of them whom some policy names.
fn people_hit(
    connection: &mut DatabaseConnection,
    before: &World,
    after: &World,
    preview: &mut Preview,
) -> Result<HashSet<ResourceId>, StoreError> {
    let mut hit = HashSet::new();
    let named: HashSet<&ResourceId> = before.holding.keys().chain(after.holding.keys()).collect();
    let needs = |settings: &Settings| settings.second_factor == SecondFactor::Required;
    let mut tally = |people: i64, old: &Settings, new: &Settings| {
        if old == new {
            return false;
        }
        preview.people += people;
        if needs(new) && !needs(old) {
            preview.second_factor_required += people;
        }
        true
    };
    for person in &named {
        let (old, new) = (before.policy_of(person), after.policy_of(person));
        if tally(1, &old.settings, &new.settings) {
            hit.insert((*person).clone());
        }
    }
    let all = table::count_active_people(connection, PERSON)?;
    let others = all - i64::try_from(named.len()).unwrap_or(all);
    tally(others, &before.default.settings, &after.default.settings);
    Ok(hit)
}

fn compare_session(
    usage: &Usage,
    old: &Policy,
    new: &Policy,
    now: Timestamp,
    preview: &mut Preview,
) {
    let made = Timestamp::from_millis(usage.created_at);
    let used = usage.last_used_at.map_or(made, Timestamp::from_millis);
    if old.session_end(made, used) > now && new.session_end(made, used) <= now {
        count(&mut preview.sessions_ended, &usage.kind);
        count(&mut preview.credentials, &usage.kind);
    }
}

/// Whether the token is shortened, beside what is counted.
fn compare_token(
    usage: &Usage,
    old: &Policy,
    new: &Policy,
    cut: Option<&Cut>,
    now: Timestamp,
    preview: &mut Preview,
) -> bool {
    let made = Timestamp::from_millis(usage.created_at);
    let used = usage.last_used_at.map_or(made, Timestamp::from_millis);
    let end = old.token_end(made, Timestamp::from_millis(usage.expires_at));
    if end <= now {
        return false;
    }
    let is_blocked = !old.blocks_tokens() && new.blocks_tokens();
    if is_blocked {
        count(&mut preview.blocked, &usage.kind);
    } else if old.blocks_tokens() && !new.blocks_tokens() {
        count(&mut preview.unblocked, &usage.kind);
    }
    let is_shortened = cut.is_some_and(|cut| cut.policy == new.id && cut.end < end);
    if is_shortened {
        count(&mut preview.shortened, &usage.kind);
    }
    let is_inactive = |policy: &Policy| {
        let days = policy.settings.inactivity_days;
        days.is_some_and(|days| used.plus_days(days) <= now)
    };
    let falls_inactive = is_inactive(new) && !is_inactive(old);
    if falls_inactive {
        count(&mut preview.inactive, &usage.kind);
    }
    if is_blocked || is_shortened || falls_inactive {
        count(&mut preview.credentials, &usage.kind);
    }
    is_shortened
}
