//! `user` and `token`

use clap::Subcommand;
use serde_json::json;

use crate::credentials::{keys, passwords, second_factor};
use crate::http::admin::view;
use crate::lifecycle::{USER, impact_of_leaving, recovery};
use crate::policies::roles::roles_of;
use crate::policies::{PolicyError, Role};
use crate::provisioning::ProvisioningError;
use crate::provisioning::people::{NewPerson, create_local, recover, set_active};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::ResourceId;
use crate::store::resource_search::{self, Beginning};
use crate::store::resources::{self, Resource};
use crate::store::{DatabaseConnection, deleted_people, directories, receipts};

use super::CommandError;
use super::context::CommandContext;
use super::key::{self, LIST_LIMIT};
use super::policy;

const COLUMNS: [&str; 6] = [
    "id",
    "directory_id",
    "user_name",
    "display_name",
    "active",
    "modified_at",
];
const TOKEN_COLUMNS: [&str; 7] = [
    "id",
    "user_id",
    "name",
    "prefix",
    "status",
    "expires_at",
    "last_used_at",
];

/// What to do with people.
#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Lists people
    List {
        /// Of this directory alone; id or name
        #[arg(long)]
        directory: Option<String>,
        /// Those whose user name begins so
        #[arg(long)]
        user_name: Option<String>,
        /// Those whose user name, display name, e-mail address or external id begins so
        #[arg(long, value_name = "TEXT", conflicts_with = "user_name")]
        search: Option<String>,
    },
    /// Makes a person in the local directory
    Create {
        /// What they sign in with
        #[arg(long)]
        user_name: String,
        /// What they are called
        #[arg(long)]
        display_name: Option<String>,
        /// Where they get mail
        #[arg(long)]
        email: Option<String>,
    },
    /// Shows one person and their roles
    Show {
        /// Their id
        id: String,
    },
    /// Tells what deprovisioning a person would end
    Impact {
        /// Their id
        id: String,
    },
    /// Deactivates a person, ends everything of theirs, and shows the receipt
    Deprovision {
        /// Their id
        id: String,
    },
    /// Activates a person again; nothing that was revoked comes back
    Reactivate {
        /// Their id
        id: String,
    },
    /// Removes the second factor of a person who has lost it, and ends their sessions
    ResetSecondFactor {
        /// Their id
        id: String,
    },
    /// Lists people who were deleted and can be recovered
    ListDeleted {
        /// Of this directory alone; id or name
        #[arg(long)]
        directory: Option<String>,
    },
    /// Recovers a deleted person: inactive, and with nothing to sign in with
    Recover {
        /// Their id
        id: String,
    },
    /// Forgets a deleted person for good, before their time
    Forget {
        /// Their id
        id: String,
    },
    /// Makes a one-time link for setting a password, and shows it, this once
    PasswordLink {
        /// Their id
        id: String,
    },
}

/// What to do with people's API tokens.
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Lists tokens
    List {
        /// Of this person alone
        #[arg(long)]
        user: Option<String>,
    },
    /// Shows one token
    Show {
        /// Its id
        id: String,
    },
    /// Revokes one token
    Revoke {
        /// Its id
        id: String,
    },
    /// Revokes all tokens of a person
    RevokeAll {
        /// Whose
        #[arg(long)]
        user: String,
    },
}

pub(super) fn find(
    connection: &mut DatabaseConnection,
    id: &ResourceId,
) -> Result<Resource, PolicyError> {
    resources::find_any(connection, id)?
        .filter(|found| found.resource_type == USER)
        .ok_or(PolicyError::NotFound("user"))
}

pub(super) fn run(command: UserCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    let surroundings = context.surroundings();
    match command {
        UserCommand::List {
            directory,
            user_name,
            search,
        } => match search {
            Some(text) if !text.trim().is_empty() => {
                search_for(context, directory.as_deref(), text.trim().to_owned())
            }
            _ => list(context, directory.as_deref(), user_name.as_deref()),
        },
        UserCommand::Create {
            user_name,
            display_name,
            email,
        } => {
            let new = NewPerson {
                user_name,
                display_name,
                email,
            };
            let made = context
                .write(move |connection| create_local(connection, &surroundings, &new, &cause))?;
            output.one(&view::user(&made))
        }
        UserCommand::Show { id } => {
            let id = ResourceId::new(id);
            let (user, roles) = context.read(|connection| {
                let roles = roles_of(connection, &id)?;
                Ok::<_, PolicyError>((find(connection, &id)?, roles))
            })?;
            output.one(&view::user_with_roles(&user, &roles))
        }
        UserCommand::Impact { id } => {
            let id = ResourceId::new(id);
            policy::show_impact(context, |connection, now| {
                impact_of_leaving(connection, &id, now)
            })
        }
        UserCommand::Deprovision { id } => {
            let id = ResourceId::new(id);
            let receipt = context.write(move |connection| {
                set_active(connection, &surroundings, &id, false, &cause)?;
                let newest = receipts::list(connection, &receipts::Selection::of(&id), None, 1)?;
                Ok::<_, ProvisioningError>(newest.first().map(view::receipt))
            })?;
            output.one(&receipt)
        }
        UserCommand::Reactivate { id } => {
            let id = ResourceId::new(id);
            let user = context.write(move |connection| {
                set_active(connection, &surroundings, &id, true, &cause)
            })?;
            output.one(&view::user(&user))
        }
        UserCommand::ResetSecondFactor { id } => {
            let id = ResourceId::new(id);
            context.write(move |connection| {
                let person = find(connection, &id)?;
                second_factor::reset(connection, &person, &cause.actor, now)
            })?;
            output.done("the second factor is removed, and the sessions have ended")
        }
        UserCommand::ListDeleted { directory } => list_deleted(context, directory.as_deref()),
        UserCommand::Recover { id } => {
            let (id, days) = (ResourceId::new(id), recovery_days(context));
            let recovered = context
                .write(move |connection| recover(connection, &surroundings, &id, days, &cause))?;
            output.one(&view::recovered(&recovered))
        }
        UserCommand::Forget { id } => {
            let (id, days) = (ResourceId::new(id), recovery_days(context));
            context
                .write(move |connection| recovery::forget_deleted(connection, &id, days, &cause))?;
            output.done("the person is forgotten")
        }
        UserCommand::PasswordLink { id } => {
            let id = ResourceId::new(id);
            let issued = context.write(move |connection| {
                passwords::create_link(connection, &id, &Role::ALL, &cause.actor, now)
            })?;
            output.one(&view::password_link(&issued, &context.base_url(), now))
        }
    }
}

fn recovery_days(context: &CommandContext) -> u32 {
    context.deployment.settings.limits.recovery_days
}

fn list_deleted(context: &CommandContext, directory: Option<&str>) -> Result<(), CommandError> {
    let directory = directory
        .map(|named| context.directory(named))
        .transpose()?;
    let directory = directory.as_ref().map(|directory| &directory.id);
    let days = recovery_days(context);
    let since = recovery::since(days, context.now);
    let found = context
        .read(|connection| deleted_people::list(connection, directory, since, None, LIST_LIMIT))?;
    let shown: Vec<_> = found
        .iter()
        .map(|deleted| view::deleted_user(deleted, days))
        .collect();
    let columns = [
        "id",
        "directory_id",
        "user_name",
        "display_name",
        "deleted_at",
        "recoverable_until",
        "deleted_by.name",
    ];
    context.output.list(&shown, &columns)
}

fn list(
    context: &CommandContext,
    directory: Option<&str>,
    user_name: Option<&str>,
) -> Result<(), CommandError> {
    let directory = match directory {
        Some(named) => Some(context.directory(named)?.id),
        None => None,
    };
    let found = context.read(|connection| {
        resources::list(
            connection,
            directory.as_ref(),
            USER,
            user_name,
            None,
            LIST_LIMIT,
        )
    })?;
    let shown: Vec<_> = found.iter().map(view::user).collect();
    context.output.list(&shown, &COLUMNS)
}

/// Those of whom something begins so, in the order of what does.
fn search_for(
    context: &CommandContext,
    directory: Option<&str>,
    text: String,
) -> Result<(), CommandError> {
    let directory = directory
        .map(|named| context.directory(named))
        .transpose()?
        .map(|directory| directory.id);
    let limit = usize::try_from(LIST_LIMIT).unwrap_or(usize::MAX);
    let found = context.read(|connection| {
        let within = match directory {
            Some(directory) => vec![directory],
            None => directories::list(connection)?
                .into_iter()
                .map(|directory| directory.id)
                .collect(),
        };
        let wanted = Beginning {
            directories: within,
            resource_types: vec![USER.to_owned()],
            text,
            within: None,
        };
        resource_search::beginning(connection, &wanted, None, limit)
    })?;
    let shown: Vec<_> = found.iter().map(|(user, _)| view::user(user)).collect();
    context.output.list(&shown, &COLUMNS)
}

pub(super) fn run_token(
    command: TokenCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let kind = SecretKind::UserToken;
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        TokenCommand::List { user } => {
            let selection = Selection {
                kinds: vec![kind],
                owner: user.map(ResourceId::new),
                ..Selection::default()
            };
            key::list(context, &selection, &TOKEN_COLUMNS)
        }
        TokenCommand::Show { id } => {
            let id = crate::store::id::CredentialId::new(id);
            let found = context.read(|connection| keys::find(connection, kind, &id))?;
            output.one(&view::credential(&found, now))
        }
        TokenCommand::Revoke { id } => key::revoke(context, kind, &id),
        TokenCommand::RevokeAll { user } => {
            let id = ResourceId::new(user);
            let counts = context.write(move |connection| {
                find(connection, &id)?;
                keys::revoke_tokens_of(connection, &id, &cause.actor, now)
            })?;
            let revoked: i64 = counts.values().sum();
            output.one(&json!({"revoked": revoked}))
        }
    }
}
