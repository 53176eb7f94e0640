//! `webhook`: endpoints of other programs that notices are sent to.

use std::sync::Arc;

use clap::Subcommand;

use crate::clock::Clock;
use crate::http::admin::view;
use crate::notices::delivery::Channels;
use crate::notices::redelivery;
use crate::notices::webhooks::{self, Change};
use crate::store::id::{DeliveryId, WebhookId};
use crate::store::{deliveries, webhooks as table};

use super::CommandError;
use super::context::CommandContext;

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Lists webhooks
    List,
    /// Makes a webhook and shows its secret, this once
    Create {
        /// Where notices are sent
        #[arg(long)]
        url: String,
        /// The kinds of notices that it is sent, separated by commas [default: every kind]
        #[arg(long, value_delimiter = ',')]
        kinds: Vec<String>,
    },
    /// Shows one webhook
    Show {
        /// Its id
        id: String,
    },
    /// Changes a webhook
    Update {
        /// Its id
        id: String,
        /// Where notices are sent
        #[arg(long)]
        url: Option<String>,
        /// The kinds of notices that it is sent, separated by commas
        #[arg(long, value_delimiter = ',')]
        kinds: Option<Vec<String>>,
        /// Whether it is sent anything
        #[arg(long)]
        active: Option<bool>,
    },
    /// Deletes a webhook and the log of what was sent there
    Delete {
        /// Its id
        id: String,
    },
    /// Gives a webhook a new secret and shows it, this once; messages are signed with both until the overlap ends
    RotateSecret {
        /// Its id
        id: String,
        /// Hours that messages are also signed with the old secret [default: 24]
        #[arg(long)]
        overlap_hours: Option<i64>,
    },
    /// Sends a test message now and shows how it went
    Test {
        /// Its id
        id: String,
    },
    /// Lists what was sent to a webhook, newest first
    Deliveries {
        /// Its id
        id: String,
        /// Only those in this state: pending, delivered or failed
        #[arg(long, value_parser = ["pending", "delivered", "failed"])]
        state: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Sends a delivery again; a serving process does it
    Redeliver {
        /// The delivery's id
        id: String,
    },
}

pub(super) fn run(command: WebhookCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    let channels = channels(context);
    let sealer = Arc::clone(&channels.sealer);
    match command {
        WebhookCommand::List => {
            let found = context.read(table::list)?;
            let shown: Vec<_> = found.iter().map(view::webhook).collect();
            output.list(&shown, &["id", "url", "kinds", "active", "created_at"])
        }
        WebhookCommand::Create { url, kinds } => {
            let url = channels.webhooks.checked_url(&url)?;
            let made = context.write(move |connection| {
                webhooks::create(connection, &sealer, &url, &kinds, &actor, now)
            })?;
            output.one(&view::webhook_with_secret(&made))
        }
        WebhookCommand::Show { id } => {
            let id = WebhookId::new(id);
            let found = context.read(|connection| webhooks::find(connection, &id))?;
            output.one(&view::webhook(&found))
        }
        WebhookCommand::Update {
            id,
            url,
            kinds,
            active,
        } => {
            let id = WebhookId::new(id);
            let url = url
                .map(|url| channels.webhooks.checked_url(&url))
                .transpose()?;
            let change = Change { url, kinds, active };
            let changed = context
                .write(move |connection| webhooks::update(connection, &id, &change, &actor, now))?;
            output.one(&view::webhook(&changed))
        }
        WebhookCommand::Delete { id } => {
            let id = WebhookId::new(id);
            context.write(move |connection| webhooks::delete(connection, &id, &actor, now))?;
            output.done("deleted")
        }
        WebhookCommand::RotateSecret { id, overlap_hours } => {
            let id = WebhookId::new(id);
            let made = context.write(move |connection| {
                webhooks::rotate_secret(connection, &sealer, &id, overlap_hours, &actor, now)
            })?;
            output.one(&view::webhook_with_secret(&made))
        }
        WebhookCommand::Test { id } => {
            let id = WebhookId::new(id);
            let database = &context.deployment.database;
            let tried = webhooks::test(database, &channels, &id, &actor, &Clock::system())?;
            output.one(&view::delivery(&tried))
        }
        WebhookCommand::Deliveries { id, state, limit } => {
            let id = WebhookId::new(id);
            let found = context.read(|connection| {
                let webhook = webhooks::find(connection, &id)?;
                let target = webhook.id.as_str();
                let found = deliveries::list(connection, target, state.as_deref(), None, limit)?;
                Ok::<_, crate::notices::NoticeError>(found)
            })?;
            let shown: Vec<_> = found.iter().map(view::delivery).collect();
            let columns = [
                "id",
                "created_at",
                "kind",
                "state",
                "attempts",
                "next_attempt_at",
                "last_status",
                "last_error",
            ];
            output.list(&shown, &columns)
        }
        WebhookCommand::Redeliver { id } => {
            let id = DeliveryId::new(id);
            let mail = channels.mail_plan();
            let again = context.write(move |connection| {
                redelivery::redeliver(connection, &id, mail.as_ref(), &actor, now)
            })?;
            output.one(&view::delivery(&again))
        }
    }
}

fn channels(context: &CommandContext) -> Channels {
    let deployment = &context.deployment;
    let sealer = Arc::new(deployment.sealer());
    Channels::new(&deployment.settings, sealer, &context.base_url())
}
