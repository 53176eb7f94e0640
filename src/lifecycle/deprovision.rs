//! The cascade of somebody's leaving.

use serde_json::{Map, Value, json};

use crate::audit::{self, Action, Event};
use crate::notices::outbox::TOLD;
use crate::notices::{self, NoticeKind, expiry};
use crate::policies::{Role, authentication};
use crate::store::credentials::{self, Counts};
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::{DirectoryId, ReceiptId};
use crate::store::receipts::{self, ReceiptRow};
use crate::store::resources::Resource;
use crate::store::{
    DatabaseConnection, StoreError, orphans, passwords, recipients, roles, second_factors,
    service_accounts,
};

use super::{Cause, alarm, owners};

/// How many keys a notice names that were left behind.
const KEYS_NAMED: i64 = 50;

/// Why somebody loses what they had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `active` became false.
    Deactivated,
    /// The person was deleted.
    Deleted,
    /// The person has no admin role any more.
    RoleLost,
    /// The person's directory was removed.
    DirectoryRemoved,
}

impl Reason {
    /// The stable name in receipts and flags.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deactivated => "deactivated",
            Self::Deleted => "deleted",
            Self::RoleLost => "role_lost",
            Self::DirectoryRemoved => "directory_removed",
        }
    }
}

/// What a cascade ended.
struct Ended {
    revoked: Counts,
    orphaned: Counts,
    roles: Vec<String>,
    password: bool,
    second_factor: bool,
}

impl Ended {
    fn is_nothing(&self) -> bool {
        self.revoked.is_empty()
            && self.orphaned.is_empty()
            && self.roles.is_empty()
            && !self.password
            && !self.second_factor
    }
}

/// Ends everything of a person who leaves. The person's row is held by the caller.
///
/// Where they have left before and nothing new is found, nothing is recorded again.
///
/// # Errors
/// When the database fails.
pub(super) fn deprovision(
    connection: &mut DatabaseConnection,
    person: &Resource,
    reason: Reason,
    is_repeated: bool,
    cause: &Cause,
) -> Result<(), StoreError> {
    let had_roles = roles::roles_of(connection, &person.id)?;
    let revoked = credentials::revoke_all_of(connection, &person.id, reason.name(), cause.now)?;
    let ended = Ended {
        revoked: with_links_made_by(connection, person, reason, revoked, cause)?,
        orphaned: leave_behind(connection, person, reason, cause)?,
        // A role comes back only from where it came: by hand, or with a mapped group.
        roles: roles::delete_of_person(connection, &person.id)?,
        password: passwords::delete(connection, &person.id)?,
        second_factor: second_factors::delete(connection, &person.id)?,
    };
    if is_repeated && ended.is_nothing() {
        return Ok(());
    }
    record(connection, person, reason, &ended, cause)?;
    if ended.roles.iter().any(|role| role == Role::Owner.name()) {
        owners::tell_if_lost(connection, person, cause)?;
    }
    // A directory that is removed is told of by itself.
    let has_left = match reason {
        Reason::Deactivated => !is_repeated,
        Reason::Deleted => person.active,
        Reason::RoleLost | Reason::DirectoryRemoved => false,
    };
    if has_left {
        alarm::count(connection, person, cause.now)?;
    }
    if !had_roles.is_empty() && !is_repeated {
        tell(
            connection,
            NoticeKind::AdminDeprovisioned,
            person,
            reason,
            json!({"roles": had_roles}),
            cause,
        )?;
        tell_of_the_last(connection, person, reason, &had_roles, cause)?;
    }
    Ok(())
}

/// Runs the cascade again for a person who is not active, because their deactivation was asked for again: an
/// answer that was lost may be the reason, and whatever slipped through ends now.
///
/// # Errors
/// When the database fails.
pub fn repeat_deactivation(
    connection: &mut DatabaseConnection,
    person: &Resource,
    cause: &Cause,
) -> Result<(), StoreError> {
    deprovision(connection, person, Reason::Deactivated, true, cause)
}

/// Ends the admin rights of a person who has lost their role: their sessions end, what they made is flagged.
///
/// # Errors
/// When the database fails.
pub(super) fn lose_role(
    connection: &mut DatabaseConnection,
    person: &Resource,
    lost: &[String],
    cause: &Cause,
) -> Result<(), StoreError> {
    let reason = Reason::RoleLost;
    let revoked = credentials::revoke_kinds_of(
        connection,
        &person.id,
        &[crate::secret::SecretKind::Session],
        reason.name(),
        cause.now,
    )?;
    let ended = Ended {
        revoked: with_links_made_by(connection, person, reason, revoked, cause)?,
        orphaned: leave_behind(connection, person, reason, cause)?,
        roles: lost.to_vec(),
        password: false,
        second_factor: false,
    };
    record(connection, person, reason, &ended, cause)?;
    tell_of_the_last(connection, person, reason, lost, cause)
}

/// Ends the links as well that the person has made for others to set a password with: by one that they kept,
/// they could sign in as somebody else.
fn with_links_made_by(
    connection: &mut DatabaseConnection,
    person: &Resource,
    reason: Reason,
    mut revoked: Counts,
    cause: &Cause,
) -> Result<Counts, StoreError> {
    let links =
        credentials::revoke_links_made_by(connection, &person.id, reason.name(), cause.now)?;
    for (kind, count) in links {
        *revoked.entry(kind).or_default() += count;
    }
    Ok(revoked)
}

/// Where the identity providers have taken away the last owner or admin whom they had given, only who is local
/// is left, the break-glass admin, and is told.
fn tell_of_the_last(
    connection: &mut DatabaseConnection,
    person: &Resource,
    reason: Reason,
    lost: &[String],
    cause: &Cause,
) -> Result<(), StoreError> {
    if !lost.iter().any(|role| TOLD.contains(&role.as_str())) {
        return Ok(());
    }
    let local: Vec<DirectoryId> = directories::list(connection)?
        .into_iter()
        .filter(|directory| directory.kind == DirectoryKind::Local)
        .map(|directory| directory.id)
        .collect();
    let is_local = |id: &str| local.iter().any(|local| local.as_str() == id);
    let others = recipients::with_either_role(connection, TOLD)?;
    let is_last = others
        .iter()
        .filter(|other| other.id != person.id.as_str())
        .all(|other| is_local(&other.directory_id));
    if !is_last || is_local(person.directory_id.as_str()) {
        return Ok(());
    }
    let kind = NoticeKind::LastAdminDeprovisioned;
    let detail = json!({
        "roles": lost,
        "local_admins": others.iter().filter(|other| is_local(&other.directory_id)).count(),
        "what_to_do": [
            "If this is what was meant, nothing: whoever is local has their rights.",
            "If not: sign in as the break-glass admin, give somebody the role, and look in the identity provider for what has gone wrong.",
        ],
    });
    tell(connection, kind, person, reason, detail, cause)
}

/// Flags what somebody leaves behind: the service accounts that they answer for with all that authenticates
/// those, and the keys that they made.
fn leave_behind(
    connection: &mut DatabaseConnection,
    person: &Resource,
    reason: Reason,
    cause: &Cause,
) -> Result<Counts, StoreError> {
    let (reason, now) = (reason.name(), cause.now);
    // Its grace period counts, whatever becomes of the person's groups.
    let policy = authentication::effective(connection, &person.id, now)?.id;
    let mut flagged = Counts::new();
    // Accounts first: whoever makes a token holds its account, so that none is made behind this.
    let accounts = service_accounts::flag_orphans_of(connection, &person.id, reason, now)?;
    for account in &accounts {
        *flagged.entry("service_account".to_owned()).or_default() += 1;
        let theirs =
            credentials::flag_orphans_of_account(connection, account, &policy, reason, now)?;
        add(&mut flagged, theirs);
    }
    let made = credentials::flag_orphans_of(connection, &person.id, &policy, reason, now)?;
    add(&mut flagged, made);
    Ok(flagged)
}

fn add(counts: &mut Counts, more: Counts) {
    for (kind, count) in more {
        *counts.entry(kind).or_default() += count;
    }
}

fn record(
    connection: &mut DatabaseConnection,
    person: &Resource,
    reason: Reason,
    ended: &Ended,
    cause: &Cause,
) -> Result<(), StoreError> {
    let receipt_id = ReceiptId::generate();
    let action = match reason {
        Reason::RoleLost => Action::RoleLost,
        _ => Action::UserDeprovisioned,
    };
    let event = Event::new(action)
        .within(&person.directory_id)
        .to(&person.resource_type, person.id.as_str(), person.label())
        .with("reason", reason.name())
        .with("user_name", person.user_name.clone())
        .with("revoked", json!(ended.revoked))
        .with("orphaned", json!(ended.orphaned))
        .with("roles", ended.roles.clone())
        .with("receipt_id", receipt_id.as_str());
    audit::record(connection, &cause.actor, cause.now, event)?;
    receipts::insert(
        connection,
        &ReceiptRow {
            id: receipt_id.to_string(),
            directory_id: Some(person.directory_id.to_string()),
            person_id: person.id.to_string(),
            user_name: person.user_name.clone(),
            display_name: person.display_name.clone(),
            reason: reason.name().to_owned(),
            requested_at: cause.requested_at.as_millis(),
            effective_at: cause.now.as_millis(),
            actor_kind: cause.actor.kind.clone(),
            actor_credential_id: cause.actor.credential_id.as_ref().map(ToString::to_string),
            actor_name: cause.actor.name.clone(),
            revoked: json!(ended.revoked).to_string(),
            orphaned: json!(ended.orphaned).to_string(),
        },
    )?;
    if !ended.orphaned.is_empty() {
        let detail = left_behind(connection, person, ended, cause)?;
        tell(
            connection,
            NoticeKind::KeysOrphaned,
            person,
            reason,
            detail,
            cause,
        )?;
    }
    Ok(())
}

/// What is told of keys that were left behind: which, and what to do with each.
fn left_behind(
    connection: &mut DatabaseConnection,
    person: &Resource,
    ended: &Ended,
    cause: &Cause,
) -> Result<Value, StoreError> {
    let keys = orphans::left_by(connection, &person.id, cause.now, KEYS_NAMED)?;
    let keys: Vec<Value> = keys.iter().map(expiry::shown).collect();
    let accounts = orphans::accounts_left_by(connection, &person.id, cause.now, KEYS_NAMED)?;
    let accounts: Vec<Value> = accounts
        .iter()
        .map(|account| json!({"id": account.id, "name": account.name}))
        .collect();
    let mut what_to_do = vec![
        "Everything in the list works on, so that nothing stops; look at each: GET /admin/v1/orphaned-keys, or portcullis orphaned-key list.",
        "Adopt what is needed and cannot have leaked with its maker (POST …/adopt, or portcullis scim-key adopt ID and the like).",
        "Rotate what its maker may have kept a copy of: the successor's secret is shown once, the old one works until the overlap ends.",
        "Revoke what nobody needs.",
    ];
    if !accounts.is_empty() {
        what_to_do.push("Adopt a service account, and what it has is adopted with it (POST /admin/v1/service-accounts/{id}/adopt); or disable it.");
    }
    Ok(json!({
        "orphaned": ended.orphaned,
        "keys": keys,
        "service_accounts": accounts,
        "what_to_do": what_to_do,
    }))
}

fn tell(
    connection: &mut DatabaseConnection,
    kind: NoticeKind,
    person: &Resource,
    reason: Reason,
    detail: Value,
    cause: &Cause,
) -> Result<(), StoreError> {
    let name = person.user_name.as_deref().unwrap_or("a person");
    let subject = match kind {
        NoticeKind::KeysOrphaned => {
            format!("Keys of {name} are orphaned: adopt, rotate or revoke them")
        }
        NoticeKind::LastAdminDeprovisioned => {
            format!(
                "{name} was the last owner or admin whom an identity provider had given; only local ones are left"
            )
        }
        _ => format!("{name}, who had an admin role, was deprovisioned"),
    };
    let mut members = Map::from_iter([
        ("user_id".to_owned(), Value::from(person.id.as_str())),
        ("user_name".to_owned(), json!(person.user_name)),
        ("display_name".to_owned(), json!(person.display_name)),
        ("reason".to_owned(), Value::from(reason.name())),
    ]);
    if let Value::Object(detail) = detail {
        members.extend(detail);
    }
    notices::queue(
        connection,
        cause.now,
        kind,
        Some(&person.directory_id),
        subject,
        members,
    )
}
