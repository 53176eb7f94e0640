//! `doctor`: looks at everything and changes nothing. Problems make it fail, remarks do not.

use serde::Serialize;

use crate::clock::{Clock, Timestamp};
use crate::config::{MasterKey, Settings};
use crate::scim::schema::Registry;
use crate::secret::SecretKind;
use crate::store::audit_events;
use crate::store::credentials::{self, Selection};
use crate::store::{
    DatabaseConnection, DatabaseUrl, StoreError, directories, migrate, replica, resource_counts,
};

use super::CommandError;
use super::key::LIST_LIMIT;
use super::output::Output;
use super::startup::{self, StartupError};

/// Keys that expire within so many days are remarked on.
const EXPIRY_DAYS: i64 = 30;
/// How far the clock may be behind what was recorded last.
const CLOCK_TOLERANCE_MILLIS: i64 = 60_000;

/// The bits of a file's mode that concern its owner, and what kind of file it is.
const OWNER: u32 = !0o077;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Remark,
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, verdict: Verdict, detail: impl Into<String>) {
        self.0.push(Finding {
            check,
            verdict,
            detail: detail.into(),
        });
    }
}

/// Shows the findings; fails where there is a problem.
pub(super) fn run(settings: &Settings, output: Output) -> Result<(), CommandError> {
    let mut findings = Findings::default();
    findings.add("configuration", Verdict::Good, "every setting can be taken");
    let loaded = startup::load_registry(settings.schemas.as_deref()).and_then(|registry| {
        startup::check_indexed_attributes(&registry, &settings.indexed_attributes)?;
        Ok(registry)
    });
    let registry = match loaded {
        Ok(registry) => {
            let types = registry.resource_types().len();
            findings.add("schemas", Verdict::Good, format!("{types} resource types"));
            Some(registry)
        }
        Err(error) => {
            findings.add("schemas", Verdict::Problem, startup::chain(&error));
            None
        }
    };
    let mut master_keys: Vec<MasterKey> = examine_master_key(settings, &mut findings)
        .into_iter()
        .collect();
    master_keys.extend(previous_master_key(settings, &mut findings));
    match connect(settings) {
        Err(error) => findings.add("database", Verdict::Problem, startup::chain(&error)),
        Ok(mut connection) => {
            findings.add("database", Verdict::Good, "it can be reached");
            let examined = examine_database(
                &mut connection,
                registry.as_ref(),
                &master_keys,
                &mut findings,
            );
            if let Err(error) = examined {
                findings.add("database", Verdict::Problem, startup::chain(&error));
            }
        }
    }
    if let Some(url) = &settings.replica_url {
        examine_replica(url, &mut findings);
    }
    output.list(&findings.0, &["check", "verdict", "detail"])?;
    let problems = findings.0.iter();
    let problems = problems.filter(|finding| finding.verdict == Verdict::Problem);
    match problems.count() {
        0 => Ok(()),
        1 => Err(CommandError::Refused("there is a problem".to_owned())),
        count => Err(CommandError::Refused(format!("there are {count} problems"))),
    }
}

fn connect(settings: &Settings) -> Result<DatabaseConnection, StartupError> {
    Ok(startup::existing_database_url(settings)?.connect()?)
}

/// A replica that is away or behind makes lists old, and is no problem.
fn examine_replica(url: &str, findings: &mut Findings) {
    const CHECK: &str = "replica";
    let state = DatabaseUrl::parse(url)
        .and_then(|url| url.connect())
        .and_then(|mut connection| replica::state(&mut connection));
    let (verdict, detail) = match state {
        Ok(Some(state)) if state.follows => (
            Verdict::Good,
            format!("it is {:.0} s behind", state.seconds_behind),
        ),
        Ok(_) => (Verdict::Remark, "it follows no other server".to_owned()),
        Err(error) => (Verdict::Remark, startup::chain(&error)),
    };
    findings.add(CHECK, verdict, detail);
}

fn examine_master_key(settings: &Settings, findings: &mut Findings) -> Option<MasterKey> {
    const CHECK: &str = "master key";
    if let Some(key) = &settings.master_key {
        findings.add(CHECK, Verdict::Good, "it is given by the environment");
        return Some(key.clone());
    }
    match MasterKey::load(&settings.data_dir) {
        Ok(Some(key)) => {
            if is_private(settings) {
                findings.add(CHECK, Verdict::Good, "it is readable by its owner alone");
            } else {
                findings.add(
                    CHECK,
                    Verdict::Problem,
                    "master.key is readable by others: chmod 600",
                );
            }
            Some(key)
        }
        Ok(None) => {
            findings.add(
                CHECK,
                Verdict::Problem,
                "there is none in the data directory",
            );
            None
        }
        Err(error) => {
            findings.add(CHECK, Verdict::Problem, startup::chain(&error));
            None
        }
    }
}

/// The one before it, while that is being replaced.
fn previous_master_key(settings: &Settings, findings: &mut Findings) -> Option<MasterKey> {
    const CHECK: &str = "previous master key";
    if let Some(key) = &settings.previous_master_key {
        return Some(key.clone());
    }
    match MasterKey::load_previous(&settings.data_dir) {
        Ok(key) => key,
        Err(error) => {
            findings.add(CHECK, Verdict::Problem, startup::chain(&error));
            None
        }
    }
}

fn is_private(settings: &Settings) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(settings.data_dir.join("master.key"))
        .is_ok_and(|metadata| metadata.permissions().mode() | OWNER == OWNER)
}

fn examine_database(
    connection: &mut DatabaseConnection,
    registry: Option<&Registry>,
    master_keys: &[MasterKey],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    if !migrate::is_current(connection)? {
        findings.add(
            "migrations",
            Verdict::Problem,
            "some are pending: portcullis migrate",
        );
        return Ok(());
    }
    findings.add("migrations", Verdict::Good, "none is pending");
    if !master_keys.is_empty() && !startup::is_key_of(connection, master_keys)? {
        findings.add(
            "master key",
            Verdict::Problem,
            "it is not the one that the database was set up with",
        );
    }
    let now = Clock::system().now();
    examine_clock(connection, now, findings)?;
    examine_counts(connection, registry, findings)?;
    examine_keys(connection, now, findings)
}

/// What was recorded last cannot lie in the future.
fn examine_clock(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let newest = audit_events::list(connection, &audit_events::Selection::default(), None, 1)?;
    let behind = newest
        .first()
        .is_some_and(|event| event.at > now.plus_millis(CLOCK_TOLERANCE_MILLIS).as_millis());
    if behind {
        findings.add(
            "clock",
            Verdict::Problem,
            "it is behind the newest audit event",
        );
    } else {
        findings.add("clock", Verdict::Good, now.to_rfc3339());
    }
    Ok(())
}

fn examine_counts(
    connection: &mut DatabaseConnection,
    registry: Option<&Registry>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "counts";
    let directories = directories::list(connection)?;
    if directories.is_empty() {
        findings.add(
            "set-up",
            Verdict::Problem,
            "the deployment is not set up: portcullis init",
        );
        return Ok(());
    }
    let mut wrong = 0;
    for directory in &directories {
        for resource_type in registry.into_iter().flat_map(Registry::resource_types) {
            let name = &resource_type.name;
            let kept = resource_counts::count(connection, &directory.id, name)?;
            let counted = resource_counts::count_rows(connection, &directory.id, name)?;
            if kept != counted {
                wrong += 1;
                findings.add(
                    CHECK,
                    Verdict::Problem,
                    format!(
                        "directory {:?} has {counted} resources of type {name}, but {kept} are counted",
                        directory.name
                    ),
                );
            }
        }
    }
    if wrong == 0 {
        findings.add(CHECK, Verdict::Good, "they are those of the rows");
    }
    Ok(())
}

fn examine_keys(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
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
        findings.add(
            "expiry",
            Verdict::Remark,
            format!(
                "{} {:?} ({}) expires at {}",
                key.kind.name(),
                key.name,
                key.id,
                key.expires_at.to_rfc3339()
            ),
        );
    }
    if soon.is_empty() {
        findings.add(
            "expiry",
            Verdict::Good,
            format!("no key expires within {EXPIRY_DAYS} days"),
        );
    }
    let orphaned = Selection {
        orphaned: true,
        ..Selection::default()
    };
    match credentials::list(connection, &orphaned, None, LIST_LIMIT)?.len() {
        0 => findings.add("orphans", Verdict::Good, "there are none"),
        count => findings.add(
            "orphans",
            Verdict::Remark,
            format!("{count}: portcullis orphaned-key list"),
        ),
    }
    Ok(())
}
