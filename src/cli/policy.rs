//! `policy`

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::clock::Timestamp;
use crate::credentials::bulk::{self, TokensOf};
use crate::http::admin::policy_view as view;
use crate::lifecycle::{Impact, LifecycleError};
use crate::policies::PolicyError;
use crate::policies::authentication::{
    self as rules, NewPolicy, PolicyChange, Proposal, SettingsChange,
};
use crate::store::DatabaseConnection;
use crate::store::id::{PolicyId, ResourceId};
use crate::store::policies as table;

use super::CommandError;
use super::context::CommandContext;
use super::key::LIST_LIMIT;

const COLUMNS: [&str; 7] = [
    "rank",
    "id",
    "name",
    "api_tokens",
    "max_token_days",
    "second_factor",
    "pending.effective_at",
];
const MEMBER_COLUMNS: [&str; 5] = ["id", "type", "user_name", "display_name", "added_at"];

/// What to do with authentication policies.
#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Lists policies in the order of precedence; the default one holds for whoever no other names
    List,
    /// Makes a policy, which comes last before the default one
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// The people and groups that it names, by id, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "ID,…")]
        members: Vec<String>,
        #[command(flatten)]
        settings: SettingsArguments,
        /// Tells whom and what it would hit, and makes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Shows one policy
    Show {
        /// Its id
        id: String,
    },
    /// Changes a policy; what is not named stays
    Update {
        /// Its id
        id: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        settings: SettingsArguments,
        /// Cuts tokens that live longer than the maximum, counted from when the change holds
        #[arg(long)]
        shorten_existing: bool,
        /// From when on the change holds [default: now]
        #[arg(long, value_name = "TIME", value_parser = time)]
        effective_at: Option<Timestamp>,
        /// Tells whom and what it would hit, and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Withdraws the change that waits for its date
    Withdraw {
        /// The policy's id
        id: String,
    },
    /// Deletes a policy
    Delete {
        /// Its id
        id: String,
        /// Tells whom and what it would hit, and deletes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Puts the policies into an order of precedence, the first before all others
    Reorder {
        /// All policies but the default one, by id
        #[arg(required = true)]
        ids: Vec<String>,
        /// Tells whom and what it would hit, and changes nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Lists the people and groups that a policy names
    Members {
        /// The policy's id
        id: String,
    },
    /// Lets a policy name a person or group
    AddMember {
        /// The policy's id
        id: String,
        /// The id of the person or group
        member: String,
    },
    /// Lets a policy name a person or group no more
    RemoveMember {
        /// The policy's id
        id: String,
        /// The id of the person or group
        member: String,
    },
    /// Revokes all API tokens of those for whom a policy holds
    RevokeTokens {
        /// The policy's id
        id: String,
    },
    /// Tells which policy holds for a person, and why
    Of {
        /// The person's id
        user: String,
    },
}

/// The settings of a policy, under the names that the admin interface has for them.
#[derive(Debug, Args)]
pub(super) struct SettingsArguments {
    /// A setting, such as `api_tokens=blocked`, `max_token_days=90` or `orphan_grace_days=null`; may be repeated
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, Value)>,
}

/// The value is JSON; what is none is text.
fn setting(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is no setting; write NAME=VALUE"))?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let alone = Value::Object(Map::from_iter([(name.to_owned(), value.clone())]));
    serde_json::from_value::<SettingsChange>(alone).map_err(|error| format!("{name}: {error}"))?;
    Ok((name.to_owned(), value))
}

fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| format!("{text:?} is no time; write one such as 2026-01-31T12:00:00Z"))
}

impl SettingsArguments {
    fn change(self) -> Result<SettingsChange, CommandError> {
        let settings: Map<String, Value> = self.settings.into_iter().collect();
        Ok(serde_json::from_value(Value::Object(settings))?)
    }
}

pub(super) fn run(command: PolicyCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    match command {
        PolicyCommand::List => {
            let found = context.read(|connection| rules::list(connection, now))?;
            let shown: Vec<_> = found.iter().map(view::policy).collect();
            output.list(&shown, &COLUMNS)
        }
        PolicyCommand::Create {
            name,
            members,
            settings,
            dry_run,
        } => {
            let new = NewPolicy {
                name,
                settings: settings.change()?,
                members: members.into_iter().map(ResourceId::new).collect(),
            };
            if dry_run {
                return preview(context, &Proposal::Create(new));
            }
            let made =
                context.write(move |connection| rules::create(connection, &new, &actor, now))?;
            output.one(&view::policy(&made))
        }
        PolicyCommand::Show { id } => {
            let id = PolicyId::new(id);
            let found = context.read(|connection| rules::find(connection, &id, now))?;
            output.one(&view::policy(&found))
        }
        PolicyCommand::Update {
            id,
            name,
            settings,
            shorten_existing,
            effective_at,
            dry_run,
        } => {
            let id = PolicyId::new(id);
            let change = PolicyChange {
                name,
                settings: settings.change()?,
                shorten_existing,
                effective_at,
            };
            if dry_run {
                return preview(context, &Proposal::Update(id, change));
            }
            let changed = context
                .write(move |connection| rules::update(connection, &id, &change, &actor, now))?;
            output.one(&view::policy(&changed))
        }
        PolicyCommand::Withdraw { id } => {
            let id = PolicyId::new(id);
            let changed =
                context.write(move |connection| rules::withdraw(connection, &id, &actor, now))?;
            output.one(&view::policy(&changed))
        }
        PolicyCommand::Delete { id, dry_run } => {
            let id = PolicyId::new(id);
            if dry_run {
                return preview(context, &Proposal::Delete(id));
            }
            context.write(move |connection| rules::delete(connection, &id, &actor, now))?;
            output.done("deleted")
        }
        PolicyCommand::Reorder { ids, dry_run } => {
            let order: Vec<PolicyId> = ids.into_iter().map(PolicyId::new).collect();
            if dry_run {
                return preview(context, &Proposal::Reorder(order));
            }
            let found =
                context.write(move |connection| rules::reorder(connection, &order, &actor, now))?;
            let shown: Vec<_> = found.iter().map(view::policy).collect();
            output.list(&shown, &COLUMNS)
        }
        command => run_members(command, context),
    }
}

fn run_members(command: PolicyCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    match command {
        PolicyCommand::AddMember { id, member } => {
            let (id, member) = (PolicyId::new(id), ResourceId::new(member));
            context.write(move |connection| {
                rules::add_member(connection, &id, &member, &actor, now)
            })?;
            output.done("added")
        }
        PolicyCommand::RemoveMember { id, member } => {
            let (id, member) = (PolicyId::new(id), ResourceId::new(member));
            context.write(move |connection| {
                rules::remove_member(connection, &id, &member, &actor, now)
            })?;
            output.done("removed")
        }
        PolicyCommand::Members { id } => {
            let id = PolicyId::new(id);
            let found = context.read(|connection| {
                rules::find(connection, &id, now)?;
                Ok::<_, PolicyError>(table::members(connection, &id, None, LIST_LIMIT)?)
            })?;
            let shown: Vec<_> = found.iter().map(view::member).collect();
            output.list(&shown, &MEMBER_COLUMNS)
        }
        PolicyCommand::RevokeTokens { id } => {
            revoke_tokens(context, TokensOf::Policy(PolicyId::new(id)))
        }
        PolicyCommand::Of { user } => {
            let id = ResourceId::new(user);
            let found = context.read(|connection| rules::explain(connection, &id, now))?;
            output.one(&view::explanation(id.as_str(), &found))
        }
        _ => Ok(()),
    }
}

/// Revokes many tokens at once and shows how many.
pub(super) fn revoke_tokens(context: &CommandContext, of: TokensOf) -> Result<(), CommandError> {
    let (actor, now) = (context.cause().actor, context.now);
    let revoked =
        context.write(move |connection| bulk::revoke_tokens(connection, &of, &actor, now))?;
    context.output.one(&json!({"revoked": revoked}))
}

/// Shows what an act would end.
pub(super) fn show_impact(
    context: &CommandContext,
    ask: impl FnOnce(&mut DatabaseConnection, Timestamp) -> Result<Impact, LifecycleError>,
) -> Result<(), CommandError> {
    let now = context.now;
    let impact = context.read(|connection| ask(connection, now))?;
    context.output.one(&view::impact(&impact, now, |_| true))
}

fn preview(context: &CommandContext, proposal: &Proposal) -> Result<(), CommandError> {
    let now = context.now;
    let found = context.read(|connection| rules::preview(connection, proposal, now))?;
    context.output.one(&json!(found))
}
