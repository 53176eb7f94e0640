//! `service-account`

use clap::{Args, Subcommand};

use crate::credentials::service_accounts::{
    self as rules, NewServiceAccount, ServiceAccountChange,
};
use crate::credentials::{NewCredential, keys};
use crate::http::admin::view;
use crate::policies::networks;
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{CredentialId, InstanceId, ProductId, ResourceId, ServiceAccountId};
use crate::store::service_accounts::{self as accounts, ServiceAccount};

use super::CommandError;
use super::context::CommandContext;
use super::key::{self, LIST_LIMIT};

const KIND: SecretKind = SecretKind::ServiceAccountToken;
const COLUMNS: [&str; 7] = [
    "id",
    "name",
    "address",
    "purpose",
    "owner.user_name",
    "active",
    "orphaned_at",
];
const TOKEN_COLUMNS: [&str; 7] = [
    "id",
    "name",
    "prefix",
    "status",
    "expires_at",
    "last_used_at",
    "orphaned_at",
];

/// What to do with service accounts.
#[derive(Debug, Subcommand)]
pub(super) enum ServiceAccountCommand {
    /// Lists service accounts
    List {
        /// Those alone whose owners have left
        #[arg(long)]
        orphaned: bool,
    },
    /// Makes a service account
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// What it is for
        #[arg(long)]
        purpose: String,
        /// The id of the person who answers for it
        #[arg(long, value_name = "USER-ID")]
        owner: String,
    },
    /// Shows one service account
    Show {
        /// Its id
        id: String,
    },
    /// Changes a service account
    Update {
        /// Its id
        id: String,
        /// A new name; the address stays
        #[arg(long)]
        name: Option<String>,
        /// What it is for now
        #[arg(long)]
        purpose: Option<String>,
        /// The id of the person who answers for it from now on
        #[arg(long, value_name = "USER-ID")]
        owner: Option<String>,
    },
    /// Disables a service account and revokes all that authenticates it, for good
    Disable {
        /// Its id
        id: String,
    },
    /// Enables a service account again; it needs new tokens
    Enable {
        /// Its id
        id: String,
    },
    /// Gives an orphaned service account to a person who answers for it
    Adopt {
        /// Its id
        id: String,
        /// The id of the person
        #[arg(long, value_name = "USER-ID")]
        owner: String,
    },
    /// Deletes a service account and revokes all that authenticates it
    Delete {
        /// Its id
        id: String,
    },
    /// Lists the tokens of a service account
    Tokens {
        /// Its id
        id: String,
    },
    /// Makes a token for a service account and shows its secret, this once
    CreateToken {
        /// The service account's id
        id: String,
        #[command(flatten)]
        token: NewToken,
    },
    /// Makes a successor of a token and shows its secret, this once; the token works until the overlap ends
    RotateToken {
        /// The token's id
        id: String,
        /// Hours that the token goes on working after the first use of its successor [default: 24]
        #[arg(long)]
        overlap_hours: Option<i64>,
        /// Days that the successor works [default: 365]
        #[arg(long)]
        expires_in_days: Option<i64>,
    },
    /// Revokes a token
    RevokeToken {
        /// The token's id
        id: String,
    },
}

/// What is said of a new token.
#[derive(Debug, Args)]
pub(super) struct NewToken {
    /// What it is called
    #[arg(long)]
    name: String,
    /// The id of the product that it is for [default: every product]
    #[arg(long, value_name = "PRODUCT-ID")]
    product: Option<String>,
    /// The ids of the instances that it is for, separated by commas [default: each]
    #[arg(long, value_delimiter = ',', value_name = "INSTANCE-ID,…")]
    instances: Vec<String>,
    /// Its scopes, separated by commas: the product's, or without a product those of the admin interface
    #[arg(long, value_delimiter = ',')]
    scopes: Vec<String>,
    /// Days that it works, 1 to 365 [default: 365]
    #[arg(long)]
    expires_in_days: Option<i64>,
    /// Networks that it may be used from, separated by commas [default: any]
    #[arg(long, value_delimiter = ',', value_name = "CIDR,…")]
    allowed_networks: Vec<String>,
}

impl NewToken {
    fn credential(self, account: &str) -> Result<NewCredential, CommandError> {
        Ok(NewCredential {
            service_account_id: Some(ServiceAccountId::new(account)),
            product_id: self.product.map(ProductId::new),
            instance_ids: self.instances.into_iter().map(InstanceId::new).collect(),
            scopes: self.scopes,
            allowed_networks: networks::parse(&self.allowed_networks)?,
            expires_in_days: self.expires_in_days,
            ..NewCredential::new(KIND, &self.name)
        })
    }
}

pub(super) fn run(
    command: ServiceAccountCommand,
    context: &CommandContext,
) -> Result<(), CommandError> {
    let (actor, now, output) = (context.cause().actor, context.now, context.output);
    let show = |account: &ServiceAccount| output.one(&view::service_account(account));
    match command {
        ServiceAccountCommand::List { orphaned } => {
            let selection = accounts::Selection {
                orphaned,
                ..accounts::Selection::default()
            };
            let found = context
                .read(|connection| accounts::list(connection, &selection, None, LIST_LIMIT))?;
            let shown: Vec<_> = found.iter().map(view::service_account).collect();
            output.list(&shown, &COLUMNS)
        }
        ServiceAccountCommand::Create {
            name,
            purpose,
            owner,
        } => {
            let new = NewServiceAccount {
                name,
                purpose,
                owner: Some(ResourceId::new(owner)),
            };
            let domain = context.deployment.settings.service_account_domain.clone();
            show(
                &context.write(move |connection| {
                    rules::create(connection, &new, &domain, &actor, now)
                })?,
            )
        }
        ServiceAccountCommand::Show { id } => {
            let id = ServiceAccountId::new(id);
            show(&context.read(|connection| rules::find(connection, &id))?)
        }
        ServiceAccountCommand::Update {
            id,
            name,
            purpose,
            owner,
        } => {
            let id = ServiceAccountId::new(id);
            let change = ServiceAccountChange {
                name,
                purpose,
                owner: owner.map(ResourceId::new),
            };
            show(
                &context.write(move |connection| {
                    rules::update(connection, &id, &change, &actor, now)
                })?,
            )
        }
        ServiceAccountCommand::Disable { id } => {
            let id = ServiceAccountId::new(id);
            show(&context.write(move |connection| rules::disable(connection, &id, &actor, now))?)
        }
        ServiceAccountCommand::Enable { id } => {
            let id = ServiceAccountId::new(id);
            show(&context.write(move |connection| rules::enable(connection, &id, &actor, now))?)
        }
        ServiceAccountCommand::Adopt { id, owner } => {
            let (id, owner) = (ServiceAccountId::new(id), ResourceId::new(owner));
            show(&context.write(move |connection| {
                rules::adopt(connection, &id, Some(&owner), &actor, now)
            })?)
        }
        ServiceAccountCommand::Delete { id } => {
            let id = ServiceAccountId::new(id);
            context.write(move |connection| rules::delete(connection, &id, &actor, now))?;
            output.done("deleted")
        }
        ServiceAccountCommand::Tokens { id } => {
            let selection = Selection {
                kinds: vec![KIND],
                service_account: Some(ServiceAccountId::new(id)),
                ..Selection::default()
            };
            key::list(context, &selection, &TOKEN_COLUMNS)
        }
        ServiceAccountCommand::CreateToken { id, token } => {
            key::create(context, token.credential(&id)?)
        }
        ServiceAccountCommand::RotateToken {
            id,
            overlap_hours,
            expires_in_days,
        } => {
            let id = CredentialId::new(id);
            let issued = context.write(move |connection| {
                keys::rotate(
                    connection,
                    KIND,
                    &id,
                    overlap_hours,
                    expires_in_days,
                    &actor,
                    now,
                )
            })?;
            output.one(&view::issued(&issued, now))
        }
        ServiceAccountCommand::RevokeToken { id } => key::revoke(context, KIND, &id),
    }
}
