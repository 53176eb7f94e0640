//! `orphaned-key`: what leavers have left behind, looked for, and many of them adopted, rotated or revoked at once, all
//! of them or none.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::credentials::{Credential, keys, orphans};
use crate::http::admin::view;
use crate::policies::Rights;
use crate::secret::SecretKind;
use crate::store::credentials::{Search, Standing, newest};
use crate::store::id::{CredentialId, ResourceId};

use super::CommandError;
use super::confirm::confirm;
use super::context::CommandContext;
use super::key::LIST_LIMIT;

const COLUMNS: [&str; 8] = [
    "id",
    "kind",
    "name",
    "prefix",
    "created_by.user_name",
    "orphaned_at",
    "orphaned_reason",
    "last_used_at",
];
const SUCCESSOR_COLUMNS: [&str; 5] = ["predecessor_id", "id", "kind", "name", "secret"];

/// What to do with orphaned keys.
#[derive(Debug, Subcommand)]
pub(super) enum OrphanedKeyCommand {
    /// Lists orphaned keys, of every kind where nothing is said
    List {
        /// Only those whose name contains this, or whose secret begins with it
        #[arg(long)]
        search: Option<String>,
        /// Only those of this kind
        #[arg(long, value_parser = kinds())]
        kind: Option<SecretKind>,
        /// Only those that this person has left: that they made, or that are of a service account that they answered
        /// for; their id
        #[arg(long, value_name = "ID")]
        left_by: Option<String>,
        /// Only those that were not used for so many days, or never
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
        unused_days: Option<u16>,
    },
    /// Takes orphaned keys over, all of them or none
    Adopt(Chosen),
    /// Makes the successors of orphaned keys, of all of them or none, and shows their secrets, this once; each key
    /// works until its overlap ends
    Rotate {
        #[command(flatten)]
        chosen: Chosen,
        /// Hours that a key goes on working after the first use of its successor [default: 24]
        #[arg(long)]
        overlap_hours: Option<i64>,
        /// Days that the successors work [default: 365]
        #[arg(long)]
        expires_in_days: Option<i64>,
    },
    /// Revokes orphaned keys, all of them or none
    Revoke(Chosen),
}

/// Which keys something is done with.
#[derive(Debug, Args)]
pub(super) struct Chosen {
    /// Their ids, of any kinds, 100 at most
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// Confirms it beforehand, which otherwise is asked for on the terminal
    #[arg(long)]
    yes: bool,
}

impl Chosen {
    /// The keys, once it was confirmed that this is done with them.
    fn confirmed(
        self,
        what: &str,
        context: &CommandContext,
    ) -> Result<Vec<CredentialId>, CommandError> {
        let ids: Vec<_> = self.ids.into_iter().map(CredentialId::new).collect();
        let rights = Rights::everything();
        let keys = context.read(|connection| orphans::chosen(connection, &ids, &rights))?;
        confirm(&question(what, &keys), self.yes)?;
        Ok(ids)
    }
}

/// What is about to be done, with how many and with which.
fn question(what: &str, keys: &[Credential]) -> String {
    let number = match keys.len() {
        1 => "1 orphaned key".to_owned(),
        number => format!("{number} orphaned keys"),
    };
    let named: Vec<_> = keys
        .iter()
        .map(|key| format!("{} ({}, {}…)", key.name, key.kind.name(), key.prefix))
        .collect();
    format!("{number} will be {what}: {}", named.join(", "))
}

/// The kinds that can be left behind, by their names.
fn kinds() -> impl TypedValueParser<Value = SecretKind> {
    let kinds = orphans::seen_by(&Rights::everything()).kinds;
    PossibleValuesParser::new(kinds.into_iter().map(SecretKind::name))
        .try_map(|name| SecretKind::from_name(&name).ok_or("it is no kind"))
}

pub(super) fn run(
    command: OrphanedKeyCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    let rights = Rights::everything();
    match command {
        OrphanedKeyCommand::List {
            search,
            kind,
            left_by,
            unused_days,
        } => {
            let text = search.map(|text| text.trim().to_owned());
            let search = Search {
                kinds: kind.map_or_else(|| orphans::seen_by(&rights).kinds, |kind| vec![kind]),
                standing: Some((Standing::Orphaned, now)),
                left_by: left_by.map(ResourceId::new),
                unused_since: unused_days.map(|days| now.plus_days(-i64::from(days))),
                text: text.filter(|text| !text.is_empty()),
                ..Search::default()
            };
            let mut found =
                context.read(|connection| newest(connection, &search, None, LIST_LIMIT))?;
            found.reverse();
            let shown: Vec<_> = found.iter().map(|key| view::credential(key, now)).collect();
            output.list(&shown, &COLUMNS)
        }
        OrphanedKeyCommand::Adopt(chosen) => {
            let ids = chosen.confirmed("taken over", context)?;
            let adopted = context.write(move |connection| {
                orphans::with_each(connection, &ids, &rights, |connection, key| {
                    keys::adopt(connection, key.kind, &key.id, &actor, now)
                })
            })?;
            let shown: Vec<_> = adopted
                .iter()
                .map(|key| view::credential(key, now))
                .collect();
            output.list(&shown, &COLUMNS)
        }
        OrphanedKeyCommand::Rotate {
            chosen,
            overlap_hours,
            expires_in_days,
        } => {
            let ids = chosen.confirmed("given successors", context)?;
            let issued = context.write(move |connection| {
                orphans::with_each(connection, &ids, &rights, |connection, key| {
                    let (kind, id) = (key.kind, &key.id);
                    keys::rotate(
                        connection,
                        kind,
                        id,
                        overlap_hours,
                        expires_in_days,
                        &actor,
                        now,
                    )
                })
            })?;
            let shown: Vec<_> = issued.iter().map(|one| view::issued(one, now)).collect();
            output.list(&shown, &SUCCESSOR_COLUMNS)
        }
        OrphanedKeyCommand::Revoke(chosen) => {
            let ids = chosen.confirmed("revoked", context)?;
            let revoked = context
                .write(move |connection| orphans::revoke(connection, &ids, &rights, &actor, now))?;
            output.one(&json!({"revoked": revoked}))
        }
    }
}
