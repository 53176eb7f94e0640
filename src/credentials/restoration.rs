//! After a database was restored from a copy: ends what may have ended since the copy was taken.
//!
//! A copy does not know of anything that was revoked after it, and revocation is final. So what authenticates ends
//! with a restoration, whatever it is, unless somebody says that nothing of its kind has ended meanwhile.

use serde_json::json;

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::policies::Role;
use crate::sealed::Sealer;
use crate::secret::SecretKind;
use crate::store::backup::{self, Restoration};
use crate::store::credentials::{self as table, Counts};
use crate::store::directories::{self, DirectoryKind};
use crate::store::id::ResourceId;
use crate::store::{DatabaseConnection, passwords as stored, recipients};

use super::{CredentialError, Issued, passwords, signing_keys};

/// Why credentials stop, as their records say.
const REASON: &str = "restored_from_backup";

/// What is to go on working: somebody knows that none of it has ended since the copy was taken. Sessions and links
/// always end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// Credentials of these kinds.
    pub kinds: Vec<SecretKind>,
    /// Passwords.
    pub passwords: bool,
}

/// What has ended.
#[derive(Debug)]
pub struct Ended {
    /// How many credentials of each kind.
    pub revoked: Counts,
    /// How many passwords.
    pub passwords: usize,
    /// A link for an owner to set a password with, where passwords have ended and there is one.
    pub owner_link: Option<Issued>,
}

/// Revokes every credential but what is kept, removes passwords, ends the keys that access tokens were signed with,
/// and makes a link for an owner to come in again. Records it and has admins told.
///
/// # Errors
/// When no key can be made; when the database fails.
pub fn end(
    connection: &mut DatabaseConnection,
    sealer: &Sealer,
    kept: &Kept,
    taken_at: Option<Timestamp>,
    actor: &Actor,
    now: Timestamp,
) -> Result<Ended, CredentialError> {
    let always = [SecretKind::Session, SecretKind::PasswordLink];
    let ends = |kind: &SecretKind| always.contains(kind) || !kept.kinds.contains(kind);
    let kinds: Vec<SecretKind> = SecretKind::ALL.into_iter().filter(ends).collect();
    let revoked = table::revoke_kinds(connection, &kinds, REASON, now)?;
    let passwords = if kept.passwords {
        0
    } else {
        stored::delete_all(connection)?
    };
    // One of them may have been ended since because somebody else had it.
    signing_keys::rotate(connection, sealer, true, actor, now)?;
    let restoration = Restoration {
        restored_at: now,
        taken_at,
    };
    backup::remember(connection, &restoration)?;
    let taken_at = taken_at.map(Timestamp::to_rfc3339);
    let kept_names: Vec<&str> = kept.kinds.iter().map(|kind| kind.name()).collect();
    let event = Event::new(Action::DeploymentRestored)
        .with("backup_taken_at", json!(taken_at))
        .with("revoked", json!(revoked))
        .with("passwords_removed", passwords)
        .with("kept", json!(kept_names));
    audit::record(connection, actor, now, event)?;
    let subject = format!(
        "The database was restored from a backup of {}",
        taken_at.as_deref().unwrap_or("an unknown time")
    );
    let notice = Notice::new(NoticeKind::DeploymentRestored, subject)
        .with("backup_taken_at", json!(taken_at))
        .with("revoked", json!(revoked))
        .with("passwords_removed", passwords)
        .with("what_to_do", json!(WHAT_TO_DO));
    notices::put(connection, now, notice)?;
    let owner = if kept.passwords {
        None
    } else {
        local_owner(connection)?
    };
    let owner_link = owner
        .map(|owner| passwords::create_link(connection, &owner, &Role::ALL, actor, now))
        .transpose()?;
    Ok(Ended {
        revoked,
        passwords,
        owner_link,
    })
}

/// What is left to people.
const WHAT_TO_DO: [&str; 3] = [
    "Give each identity provider a new SCIM key and have it send everything again: people who left since the \
     backup are active until it does.",
    "Give products and service accounts new credentials.",
    "Look through roles, policies, webhooks and directories: changes since the backup are undone.",
];

/// An active owner, of the local directory where there is one.
fn local_owner(connection: &mut DatabaseConnection) -> Result<Option<ResourceId>, CredentialError> {
    let owner = Role::Owner.name();
    let owners = recipients::with_either_role(connection, [owner, owner])?;
    let directories = directories::list(connection)?;
    let is_local = |id: &str| {
        let directory = directories
            .iter()
            .find(|directory| directory.id.as_str() == id);
        directory.is_some_and(|directory| directory.kind == DirectoryKind::Local)
    };
    let local = owners.iter().find(|owner| is_local(&owner.directory_id));
    let found = local.or(owners.first());
    Ok(found.map(|owner| ResourceId::new(owner.id.as_str())))
}
