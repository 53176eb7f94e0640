//! `doctor`: looks at everything and changes nothing. Problems make it fail, remarks do not.

mod authority;
mod configuration;
mod database;
mod findings;
mod storage;

use crate::clock::Clock;
use crate::config::{MasterKey, Origins, Settings};
use crate::scim::schema::Registry;
use crate::store::{DatabaseConnection, StoreError};

use super::CommandError;
use super::output::Output;
use super::startup::{self, StartupError};

use findings::Findings;

/// Shows the findings; fails where there is a problem.
pub(super) fn run(
    settings: &Settings,
    origins: &Origins,
    output: Output,
) -> Result<(), CommandError> {
    let mut findings = Findings::default();
    findings.good("configuration", "every setting can be taken");
    configuration::examine(settings, origins, &mut findings);
    storage::examine(settings, &mut findings);
    let registry = examine_schemas(settings, &mut findings);
    let mut master_keys: Vec<MasterKey> = authority::examine_master_key(settings, &mut findings)
        .into_iter()
        .collect();
    master_keys.extend(authority::previous_master_key(settings, &mut findings));
    match connect(settings) {
        Err(error) => findings.problem(
            "database",
            startup::chain(&error),
            "see that database-url is right and the database can be reached",
        ),
        Ok(mut connection) => {
            findings.good("database", "it can be reached");
            let examined = examine_database(
                &mut connection,
                settings,
                registry.as_ref(),
                &master_keys,
                &mut findings,
            );
            if let Err(error) = examined {
                findings.problem(
                    "database",
                    startup::chain(&error),
                    "look for the reason in the log of the database",
                );
            }
        }
    }
    if let Some(files) = &settings.server.tls {
        configuration::examine_certificate(files, Clock::system().now(), &mut findings);
    }
    if let Some(url) = &settings.replica_url {
        database::examine_replica(url, &mut findings);
    }
    output.list(&findings.0, &["check", "verdict", "detail", "to_do"])?;
    match findings.problems() {
        0 => Ok(()),
        1 => Err(CommandError::Refused("there is a problem".to_owned())),
        count => Err(CommandError::Refused(format!("there are {count} problems"))),
    }
}

fn connect(settings: &Settings) -> Result<DatabaseConnection, StartupError> {
    Ok(startup::existing_database_url(settings)?.connect()?)
}

fn examine_schemas(settings: &Settings, findings: &mut Findings) -> Option<Registry> {
    const CHECK: &str = "schemas";
    let loaded = startup::load_registry(settings.schemas.as_deref()).and_then(|registry| {
        startup::check_indexed_attributes(&registry, &settings.indexed_attributes)?;
        Ok(registry)
    });
    match loaded {
        Ok(registry) => {
            let types = registry.resource_types().len();
            findings.good(CHECK, format_args!("{types} resource types"));
            Some(registry)
        }
        Err(error) => {
            findings.problem(
                CHECK,
                startup::chain(&error),
                "mend the document that is named, or take it away",
            );
            None
        }
    }
}

fn examine_database(
    connection: &mut DatabaseConnection,
    settings: &Settings,
    registry: Option<&Registry>,
    master_keys: &[MasterKey],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let now = Clock::system().now();
    database::examine_kind(connection, settings, now, findings)?;
    if !database::is_current(connection, findings)? {
        return Ok(());
    }
    if !master_keys.is_empty() && !startup::is_key_of(connection, master_keys)? {
        findings.problem(
            "master key",
            "it is not the one that the database was set up with",
            "give every server the same: a copy of master.key, or PORTCULLIS_MASTER_KEY",
        );
    }
    authority::examine_sealed(connection, master_keys, findings)?;
    database::examine_clock(connection, now, findings)?;
    database::examine_counts(connection, registry, findings)?;
    authority::examine_keys(connection, now, findings)?;
    authority::examine_restoration(connection, now, findings)?;
    authority::examine_owners(connection, findings)?;
    authority::examine_notices(connection, settings, now, findings)?;
    authority::examine_chain(connection, now, findings)
}
