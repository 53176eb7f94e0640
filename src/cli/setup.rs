//! `init` and `quickstart`: the first directories, the break-glass admin, the first keys.

use serde::Serialize;

use crate::audit::{self, Action, Event};
use crate::config::Settings;
use crate::credentials::{NewCredential, issue, passwords};
use crate::http::admin::view::setup_url;
use crate::lifecycle::{Cause, create_directory};
use crate::policies::roles::assign;
use crate::policies::{Role, Scope};
use crate::provisioning::ProvisioningError;
use crate::provisioning::people::{NewPerson, Surroundings, create_local};
use crate::scim::leniency::Dialect;
use crate::secret::SecretKind;
use crate::store::directories::{self, DirectoryKind};
use crate::store::{DatabaseConnection, StoreError};

use super::context::CommandContext;
use super::output::{Output, print};
use super::{CommandError, serve};

/// The directory of the first identity provider.
const DEFAULT_DIRECTORY: &str = "default";
/// The directory of people without an identity provider.
const LOCAL_DIRECTORY: &str = "local";
/// The break-glass admin.
const ADMIN: &str = "admin";

/// What a new deployment is entered with.
#[derive(Debug, Clone, Serialize)]
struct FirstCredentials {
    scim_base_url: String,
    scim_key: String,
    directory_id: String,
    admin_api_key: String,
    setup_url: String,
}

/// Sets a new database up; refuses one that is set up already.
pub(super) fn init(settings: Settings, output: Output) -> Result<(), CommandError> {
    let context = CommandContext::open(settings, output)?;
    if is_set_up(&context)? {
        return Err(CommandError::Refused(
            "the database is set up already; use the other commands to make further keys"
                .to_owned(),
        ));
    }
    let base_url = context.base_url();
    let first = set_up(&context, &base_url)?;
    if output.json {
        return output.one(&first);
    }
    print(&block(&first))
}

/// Sets up where that has not been done, and serves.
pub(super) fn quickstart(settings: Settings, output: Output) -> Result<(), CommandError> {
    // Before secrets are made: those of a server that cannot listen are of no use.
    let listener = serve::listen(&settings)?;
    let context = CommandContext::open(settings, output)?;
    let base_url = serve::base_url(&context.deployment, &listener)?;
    if is_set_up(&context)? {
        print(&format!(
            "Portcullis is set up already. SCIM base URL: {base_url}/scim/v2, console: {base_url}/console/\n\
             Its keys were shown when they were made; `portcullis scim-key` makes further ones, and\n\
             `portcullis user password-link` a new link for somebody who cannot sign in."
        ))?;
    } else {
        print(&block(&set_up(&context, &base_url)?))?;
    }
    serve::serve(context.deployment, listener)
}

fn is_set_up(context: &CommandContext) -> Result<bool, CommandError> {
    context.read(|connection| Ok::<_, StoreError>(!directories::list(connection)?.is_empty()))
}

fn set_up(context: &CommandContext, base_url: &str) -> Result<FirstCredentials, CommandError> {
    let surroundings = context.surroundings();
    let cause = context.cause();
    let base_url = base_url.to_owned();
    context.write(move |connection| first_set_up(connection, &surroundings, &cause, &base_url))
}

/// Everything or nothing; of two processes at once, the second finds the directories' names taken.
fn first_set_up(
    connection: &mut DatabaseConnection,
    surroundings: &Surroundings,
    cause: &Cause,
    base_url: &str,
) -> Result<FirstCredentials, ProvisioningError> {
    let (actor, now) = (&cause.actor, cause.now);
    let dialect = Dialect::default();
    let directory = create_directory(
        connection,
        DEFAULT_DIRECTORY,
        DirectoryKind::Scim,
        dialect,
        false,
        cause,
    )?;
    create_directory(
        connection,
        LOCAL_DIRECTORY,
        DirectoryKind::Local,
        dialect,
        false,
        cause,
    )?;
    let admin = NewPerson {
        user_name: ADMIN.to_owned(),
        display_name: Some("Break-glass admin".to_owned()),
        email: None,
    };
    let admin = create_local(connection, surroundings, &admin, cause)?;
    assign(connection, &admin.id, Role::Owner, actor, now)
        .map_err(crate::lifecycle::LifecycleError::from)?;
    let link = passwords::create_link(connection, &admin.id, &Role::ALL, actor, now)?;
    let scim_key = NewCredential {
        directory_id: Some(directory.id.clone()),
        ..NewCredential::new(SecretKind::ScimKey, "first SCIM key")
    };
    let scim_key = issue(connection, &scim_key, actor, now)?;
    let api_key = NewCredential {
        scopes: Scope::ALL.map(|scope| scope.name().to_owned()).to_vec(),
        ..NewCredential::new(SecretKind::AdminKey, "first admin API key")
    };
    let api_key = issue(connection, &api_key, actor, now)?;
    audit::record(
        connection,
        actor,
        now,
        Event::new(Action::DeploymentInitialised),
    )?;
    Ok(FirstCredentials {
        scim_base_url: format!("{base_url}/scim/v2"),
        scim_key: scim_key.secret.expose().to_owned(),
        directory_id: directory.id.to_string(),
        admin_api_key: api_key.secret.expose().to_owned(),
        setup_url: setup_url(base_url, link.secret.expose()),
    })
}

fn block(first: &FirstCredentials) -> String {
    format!(
        "Portcullis is set up. These secrets are shown this once:\n\
         \n\
         \x20 for the identity provider\n\
         \x20   SCIM base URL   {}\n\
         \x20   SCIM key        {}\n\
         \x20   directory       {}\n\
         \n\
         \x20 for you\n\
         \x20   admin API key   {}\n\
         \x20   set the password of {ADMIN:?} at\n\
         \x20   {}\n",
        first.scim_base_url,
        first.scim_key,
        first.directory_id,
        first.admin_api_key,
        first.setup_url
    )
}
