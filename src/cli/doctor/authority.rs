//! What authenticates, who can come in, and whether anybody would be told.

use crate::clock::Timestamp;
use crate::config::{MasterKey, Settings};
use crate::notices::mail::Mailer;
use crate::policies::Role;
use crate::sealed::Sealer;
use crate::secret::SecretKind;
use crate::store::credentials::{self, Selection};
use crate::store::id::ResourceId;
use crate::store::sealed_values::{self, COLUMNS};
use crate::store::{
    DatabaseConnection, StoreError, audit_chain, backup, deliveries, passwords, recipients,
    webhooks,
};

use super::super::key::LIST_LIMIT;
use super::super::startup;
use super::findings::Findings;
use super::storage::is_open_to_others;

/// Keys that expire within so many days are remarked on.
const EXPIRY_DAYS: i64 = 30;
/// Audit events wait for their place in the chain for a second or two; this long only where no server runs.
const CHAIN_TOLERANCE_MILLIS: i64 = 600_000;
/// Deliveries that failed within so many days are counted.
const DELIVERY_DAYS: i64 = 7;
/// A restoration is remarked on for so many days.
const RESTORATION_DAYS: i64 = 30;
/// So many sealed values of a column are opened at most.
const SEALED_LIMIT: i64 = 200;
/// So many failed deliveries of a webhook are looked at at most.
const DELIVERY_LIMIT: i64 = 100;

/// The master key in the data directory, or the one that is given.
pub(super) fn examine_master_key(
    settings: &Settings,
    findings: &mut Findings,
) -> Option<MasterKey> {
    const CHECK: &str = "master key";
    const LOST: &str = "put back the copy that was kept apart; without it, second factors, webhook secrets \
         and signing keys cannot be opened";
    if let Some(key) = &settings.master_key {
        findings.good(CHECK, "it is given by the environment or a file");
        return Some(key.clone());
    }
    match MasterKey::load(&settings.data_dir) {
        Ok(Some(key)) => {
            let path = settings.data_dir.join("master.key");
            if is_open_to_others(&path) {
                findings.problem(
                    CHECK,
                    "master.key is readable by others",
                    format_args!("chmod 600 {}", path.display()),
                );
            } else {
                findings.good(CHECK, "it is readable by its owner alone");
            }
            Some(key)
        }
        Ok(None) => {
            findings.problem(CHECK, "there is none in the data directory", LOST);
            None
        }
        Err(error) => {
            findings.problem(CHECK, startup::chain(&error), LOST);
            None
        }
    }
}

/// The one before it, while that is being replaced.
pub(super) fn previous_master_key(
    settings: &Settings,
    findings: &mut Findings,
) -> Option<MasterKey> {
    const CHECK: &str = "previous master key";
    if let Some(key) = &settings.previous_master_key {
        return Some(key.clone());
    }
    match MasterKey::load_previous(&settings.data_dir) {
        Ok(key) => key,
        Err(error) => {
            findings.problem(
                CHECK,
                startup::chain(&error),
                "remove master.key.previous where no rotation is under way",
            );
            None
        }
    }
}

/// Whether what is sealed can be opened with the keys that there are.
pub(super) fn examine_sealed(
    connection: &mut DatabaseConnection,
    keys: &[MasterKey],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "sealed values";
    let Some(key) = keys.first() else {
        return Ok(());
    };
    let sealer = Sealer::new(key, keys.get(1));
    let mut opened = 0;
    for column in COLUMNS {
        for (id, sealed) in sealed_values::sample(connection, column, SEALED_LIMIT)? {
            match sealer.open(column.purpose, &id, &sealed) {
                Ok(_) => opened += 1,
                Err(error) => findings.problem(
                    CHECK,
                    format_args!("{} of {id} cannot be opened: {error}", column.purpose),
                    "give the master key that it was sealed under, also as the previous one",
                ),
            }
        }
    }
    findings.good_unless_found(CHECK, format_args!("{opened} were opened"));
    Ok(())
}

pub(super) fn examine_keys(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "expiry";
    let expiring = Selection {
        kinds: vec![
            SecretKind::ScimKey,
            SecretKind::AdminKey,
            SecretKind::ProductCredential,
        ],
        expiring_before: Some(now.plus_days(EXPIRY_DAYS)),
        ..Selection::default()
    };
    let mut soon = credentials::list(connection, &expiring, None, LIST_LIMIT)?;
    soon.retain(|key| key.expires_at > now && key.successor_id.is_none());
    for key in &soon {
        findings.remark(
            CHECK,
            format_args!(
                "{} {:?} ({}) expires at {}",
                key.kind.name(),
                key.name,
                key.id,
                key.expires_at.to_rfc3339()
            ),
            "rotate it: the key works on until its successor is in use",
        );
    }
    findings.good_unless_found(
        CHECK,
        format_args!("no key expires within {EXPIRY_DAYS} days"),
    );
    let orphaned = Selection {
        orphaned: true,
        ..Selection::default()
    };
    match credentials::list(connection, &orphaned, None, LIST_LIMIT)?.len() {
        0 => findings.good("orphans", "there are none"),
        count => findings.remark(
            "orphans",
            format_args!("{count} keys work on whose makers have left"),
            "portcullis orphaned-key list, then portcullis orphaned-key adopt, rotate or revoke",
        ),
    }
    Ok(())
}

/// Whether this is a copy of some time ago: who left since is there again.
pub(super) fn examine_restoration(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "restoration";
    let recent = backup::restoration(connection)?
        .filter(|restoration| restoration.restored_at > now.plus_days(-RESTORATION_DAYS));
    let Some(restoration) = recent else {
        return Ok(());
    };
    let taken_at = restoration.taken_at.map(Timestamp::to_rfc3339);
    findings.remark(
        CHECK,
        format_args!(
            "the database was restored at {} from a copy of {}: what was changed since is not known here",
            restoration.restored_at.to_rfc3339(),
            taken_at.as_deref().unwrap_or("an unknown time")
        ),
        "have each identity provider send everything again, and look through roles, policies and webhooks: \
         see docs/backup.md",
    );
    Ok(())
}

/// Whether an owner could sign in, should everything else fail.
pub(super) fn examine_owners(
    connection: &mut DatabaseConnection,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "owners";
    let owner = Role::Owner.name();
    let owners = recipients::with_either_role(connection, [owner, owner])?;
    let mut able = 0;
    for one in &owners {
        let password = passwords::find(connection, &ResourceId::new(one.id.as_str()))?;
        if password.is_some_and(|password| password.roles.iter().any(|role| role == owner)) {
            able += 1;
        }
    }
    if able > 0 {
        findings.good(CHECK, format_args!("{able} can sign in"));
    } else if owners.is_empty() {
        findings.problem(
            CHECK,
            "nobody is an owner",
            "portcullis role assign makes somebody one",
        );
    } else {
        findings.remark(
            CHECK,
            "no owner has a password that opens the role",
            "portcullis user password-link makes a link to set one with",
        );
    }
    Ok(())
}

/// Whether notices have a way, and whether it is open.
pub(super) fn examine_notices(
    connection: &mut DatabaseConnection,
    settings: &Settings,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "notices";
    let mail = settings.notifications.mail.as_ref();
    if let Some(mail) = mail {
        match Mailer::new(mail).check() {
            Ok(()) => findings.good("mail server", format_args!("{} answers", mail.host)),
            Err(error) => findings.problem(
                "mail server",
                error,
                "see that smtp-url is right and the server can be reached; notices wait meanwhile",
            ),
        }
    }
    let mut webhooks = webhooks::list(connection)?;
    webhooks.retain(|webhook| webhook.active);
    if webhooks.is_empty() && mail.is_none() {
        findings.remark(
            CHECK,
            "nobody is told of orphaned keys, of keys that expire, or of an alarm: there is neither mail nor \
             a webhook",
            "set smtp-url and mail-from, or portcullis webhook create",
        );
    }
    let since = now.plus_days(-DELIVERY_DAYS).as_millis();
    for webhook in &webhooks {
        let failed = deliveries::list(
            connection,
            webhook.id.as_str(),
            Some(deliveries::FAILED),
            None,
            DELIVERY_LIMIT,
        )?;
        let failed: Vec<_> = failed
            .iter()
            .filter(|one| one.created_at >= since)
            .collect();
        let Some(last) = failed.first() else {
            continue;
        };
        findings.remark(
            CHECK,
            format_args!(
                "{} deliveries to webhook {} failed within {DELIVERY_DAYS} days, the last with {:?}",
                failed.len(),
                webhook.id,
                last.last_error.as_deref().unwrap_or("no reason")
            ),
            "portcullis webhook test tries it; then send again what failed",
        );
    }
    findings.good_unless_found(CHECK, "they have a way");
    Ok(())
}

/// Whether the chain of audit events goes on.
pub(super) fn examine_chain(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "audit chain";
    let oldest = audit_chain::pending(connection, 1)?;
    let waiting = audit_chain::count_pending(connection)?;
    let since = now.plus_millis(-CHAIN_TOLERANCE_MILLIS).as_millis();
    match oldest.first() {
        Some(event) if event.at < since => findings.remark(
            CHECK,
            format_args!(
                "{waiting} events wait for their place, the oldest since {}",
                Timestamp::from_millis(event.at).to_rfc3339()
            ),
            "start a server: it chains them; where one runs, look for errors in its log",
        ),
        _ => findings.good(CHECK, format_args!("{waiting} events wait for their place")),
    }
    Ok(())
}
