//! The database: whether it is whole, current, and set to keep what was answered.

use crate::clock::Timestamp;
use crate::config::Settings;
use crate::scim::schema::Registry;
use crate::store::audit_events::Selection;
use crate::store::audit_search;
use crate::store::health::{self, ServerSettings};
use crate::store::{
    DatabaseConnection, DatabaseUrl, StoreError, directories, migrate, replica, resource_counts,
};

use super::super::startup;
use super::findings::Findings;

/// How far the clock may be behind what was recorded last, or from that of the database's machine.
const CLOCK_TOLERANCE_MILLIS: i64 = 60_000;
/// A SQLite database up to so many bytes is read whole.
const LARGEST_READ: i64 = 1024 * 1024 * 1024;
/// A replica that is further behind is remarked on, in seconds.
const REPLICA_TOLERANCE: f64 = 30.0;

/// Whether the tables are those of this release.
pub(super) fn is_current(
    connection: &mut DatabaseConnection,
    findings: &mut Findings,
) -> Result<bool, StoreError> {
    const CHECK: &str = "migrations";
    let state = migrate::state(connection)?;
    if let Some(newest) = state.unknown.last() {
        findings.problem(
            CHECK,
            format_args!("a newer release has migrated the database to version {newest}"),
            "install that release; this one would destroy what it does not know",
        );
        return Ok(false);
    }
    if !state.pending.is_empty() {
        findings.problem(
            CHECK,
            format_args!("pending: {}", state.pending.join(", ")),
            "back up the database, then run portcullis migrate, or start a server of this release",
        );
        return Ok(false);
    }
    findings.good(CHECK, "none is pending");
    Ok(true)
}

/// What only one of the two databases can say.
pub(super) fn examine_kind(
    connection: &mut DatabaseConnection,
    settings: &Settings,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    if let Some(server) = health::server_settings(connection)? {
        examine_server(&server, settings.limits.postgres_connections, findings);
        examine_server_clock(&server, now, findings);
    }
    match health::sqlite_size(connection)? {
        None => Ok(()),
        Some(bytes) if bytes > LARGEST_READ => {
            findings.remark(
                "integrity",
                format_args!(
                    "not looked at: the database has {} MiB",
                    bytes / (1024 * 1024)
                ),
                "portcullis backup reads all of it, and checks what it has written",
            );
            Ok(())
        }
        Some(_) => examine_integrity(connection, findings),
    }
}

fn examine_integrity(
    connection: &mut DatabaseConnection,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "integrity";
    for damage in health::sqlite_damage(connection, false)? {
        findings.problem(
            CHECK,
            damage.replace('\n', " "),
            "stop the servers, copy the files away, and restore the last backup: see docs/backup.md",
        );
    }
    findings.good_unless_found(CHECK, "the file is whole");
    Ok(())
}

/// What is answered has to be on disk, whatever else the server is used for.
fn examine_server(server: &ServerSettings, connections: u32, findings: &mut Findings) {
    const CHECK: &str = "PostgreSQL settings";
    let is_off = |value: &str| value == "off";
    if is_off(&server.fsync) {
        findings.problem(
            CHECK,
            "fsync is off: a crash of the machine loses or corrupts what was answered",
            "set fsync = on in postgresql.conf and reload",
        );
    }
    if is_off(&server.synchronous_commit) {
        findings.problem(
            CHECK,
            "synchronous_commit is off on this connection, although it was set on",
            "let no pooler between change it",
        );
    } else if is_off(&server.default_synchronous_commit) {
        findings.remark(
            CHECK,
            "synchronous_commit is off unless a connection sets it, as each of ours does; a pooler that \
             shares connections between transactions would undo that",
            "ALTER ROLE … SET synchronous_commit = on for the role that Portcullis uses",
        );
    }
    if is_off(&server.full_page_writes) {
        findings.remark(
            CHECK,
            "full_page_writes is off: a crash may leave half-written pages",
            "set full_page_writes = on, unless the file system never writes half a page",
        );
    }
    if server.encoding != "UTF8" {
        findings.problem(
            CHECK,
            format_args!("the encoding of the database is {}", server.encoding),
            "make the database anew with ENCODING 'UTF8'",
        );
    }
    if server.max_connections < i64::from(connections) {
        findings.remark(
            CHECK,
            format_args!(
                "a server of Portcullis makes up to {connections} connections, and PostgreSQL takes {}",
                server.max_connections
            ),
            "lower postgres-connections, or raise max_connections",
        );
    }
    findings.good_unless_found(CHECK, "what is committed is on disk");
}

fn examine_server_clock(server: &ServerSettings, now: Timestamp, findings: &mut Findings) {
    let apart = (server.now_millis - now.as_millis()).abs();
    if apart > CLOCK_TOLERANCE_MILLIS {
        findings.remark(
            "clock",
            format_args!("it is {} s apart from that of the database", apart / 1_000),
            "let both machines follow a time server",
        );
    }
}

/// What was recorded last cannot lie in the future.
pub(super) fn examine_clock(
    connection: &mut DatabaseConnection,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "clock";
    let newest = audit_search::list(connection, &Selection::default(), None, 1)?;
    let latest = now.plus_millis(CLOCK_TOLERANCE_MILLIS).as_millis();
    if newest.first().is_some_and(|event| event.at > latest) {
        findings.problem(
            CHECK,
            "it is behind the newest audit event: what has expired would work again",
            "let the machine follow a time server",
        );
    }
    findings.good_unless_found(CHECK, now.to_rfc3339());
    Ok(())
}

/// The counts that are kept beside the rows.
pub(super) fn examine_counts(
    connection: &mut DatabaseConnection,
    registry: Option<&Registry>,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    const CHECK: &str = "counts";
    let directories = directories::list(connection)?;
    if directories.is_empty() {
        findings.problem("set-up", "the deployment is not set up", "portcullis init");
        return Ok(());
    }
    for directory in &directories {
        for resource_type in registry.into_iter().flat_map(Registry::resource_types) {
            let name = &resource_type.name;
            let kept = resource_counts::count(connection, &directory.id, name)?;
            let counted = resource_counts::count_rows(connection, &directory.id, name)?;
            if kept != counted {
                findings.problem(
                    CHECK,
                    format_args!(
                        "directory {:?} has {counted} resources of type {name}, but {kept} are counted",
                        directory.name
                    ),
                    "something else has written to the database: see what, and restore a backup from before",
                );
            }
        }
    }
    findings.good_unless_found(CHECK, "they are those of the rows");
    Ok(())
}

/// A replica that is away or behind makes lists old, and is no problem.
pub(super) fn examine_replica(url: &str, findings: &mut Findings) {
    const CHECK: &str = "replica";
    let state = DatabaseUrl::parse(url)
        .and_then(|url| url.connect())
        .and_then(|mut connection| replica::state(&mut connection));
    match state {
        Ok(Some(state)) if state.follows && state.seconds_behind <= REPLICA_TOLERANCE => {
            findings.good(
                CHECK,
                format_args!("it is {:.0} s behind", state.seconds_behind),
            );
        }
        Ok(Some(state)) if state.follows => findings.remark(
            CHECK,
            format_args!(
                "it is {:.0} s behind, and so are the lists that it serves",
                state.seconds_behind
            ),
            "see why it does not keep up",
        ),
        Ok(_) => findings.remark(
            CHECK,
            "it follows no other server: what it lists is not what there is",
            "set replica-url to a streaming replica, or unset it",
        ),
        Err(error) => findings.remark(
            CHECK,
            startup::chain(&error),
            "see that it can be reached; the primary is read meanwhile",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::Verdict;
    use super::*;

    #[test]
    fn settings_that_lose_what_was_answered_are_problems() {
        let kept = ServerSettings {
            fsync: "on".to_owned(),
            full_page_writes: "on".to_owned(),
            default_synchronous_commit: "on".to_owned(),
            synchronous_commit: "on".to_owned(),
            encoding: "UTF8".to_owned(),
            max_connections: 100,
            now_millis: 0,
        };
        let off = || "off".to_owned();
        let cases = [
            (kept.clone(), Verdict::Good),
            (
                ServerSettings {
                    fsync: off(),
                    ..kept.clone()
                },
                Verdict::Problem,
            ),
            (
                ServerSettings {
                    synchronous_commit: off(),
                    ..kept.clone()
                },
                Verdict::Problem,
            ),
            (
                ServerSettings {
                    default_synchronous_commit: off(),
                    ..kept.clone()
                },
                Verdict::Remark,
            ),
            (
                ServerSettings {
                    full_page_writes: off(),
                    ..kept.clone()
                },
                Verdict::Remark,
            ),
            (
                ServerSettings {
                    encoding: "SQL_ASCII".to_owned(),
                    ..kept.clone()
                },
                Verdict::Problem,
            ),
            (
                ServerSettings {
                    max_connections: 20,
                    ..kept.clone()
                },
                Verdict::Remark,
            ),
        ];
        for (server, expected) in cases {
            let mut findings = Findings::default();
            examine_server(&server, 32, &mut findings);
            assert_eq!(findings.0.len(), 1, "{server:?}");
            assert_eq!(findings.0[0].verdict, expected, "{server:?}");
        }
    }

    #[test]
    fn a_clock_that_is_apart_from_the_databases_is_remarked_on() {
        let now = Timestamp::from_millis(1_000_000);
        let server = |now_millis| ServerSettings {
            fsync: String::new(),
            full_page_writes: String::new(),
            default_synchronous_commit: String::new(),
            synchronous_commit: String::new(),
            encoding: String::new(),
            max_connections: 0,
            now_millis,
        };
        for (millis, expected) in [(1_000_000, 0), (940_000, 0), (930_000, 1), (1_070_000, 1)] {
            let mut findings = Findings::default();
            examine_server_clock(&server(millis), now, &mut findings);
            assert_eq!(findings.0.len(), expected, "{millis}");
        }
    }
}
