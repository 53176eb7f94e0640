//! `product`

use clap::Subcommand;

use crate::credentials::bulk::TokensOf;
use crate::credentials::{NewCredential, products as ending};
use crate::http::admin::view;
use crate::policies::{PolicyError, instances, products as policy};
use crate::secret::SecretKind;
use crate::store::credentials::Selection;
use crate::store::id::{InstanceId, ProductId, ResourceId};
use crate::store::{product_instances, products};

use super::CommandError;
use super::context::CommandContext;
use super::key;
use super::policy as policies;

/// What to do with products.
#[derive(Debug, Subcommand)]
pub(super) enum ProductCommand {
    /// Lists products
    List,
    /// Registers a product
    Create {
        /// Its name
        #[arg(long)]
        name: String,
        /// The scopes that tokens for it may carry, separated by commas
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// The ids of the groups whose people may use it, separated by commas [default: everybody]
        #[arg(long, value_delimiter = ',')]
        access_groups: Vec<String>,
    },
    /// Shows one product
    Show {
        /// Its id
        id: String,
    },
    /// Changes a product
    Update {
        /// Its id
        id: String,
        /// A new name
        #[arg(long)]
        name: Option<String>,
        /// The scopes that tokens for it may carry, separated by commas
        #[arg(long, value_delimiter = ',')]
        scopes: Option<Vec<String>>,
        /// The ids of the groups whose people may use it, separated by commas; empty for everybody
        #[arg(long, value_delimiter = ',', num_args = 0..)]
        access_groups: Option<Vec<String>>,
    },
    /// Deletes a product and revokes its credentials and the tokens that are for it alone
    Delete {
        /// Its id
        id: String,
    },
    /// Revokes all API tokens that are limited to a product
    RevokeTokens {
        /// Its id
        id: String,
    },
    /// Lists the instances of a product: the sites at which it runs
    Instances {
        /// The product's id
        id: String,
    },
    /// Registers an instance of a product
    CreateInstance {
        /// The product's id
        id: String,
        /// What the instance is called
        #[arg(long)]
        name: String,
        /// Where it is
        #[arg(long)]
        url: Option<String>,
    },
    /// Deletes an instance and revokes what is limited to it alone
    DeleteInstance {
        /// The product's id
        id: String,
        /// The instance's id
        instance: String,
    },
    /// Lists the credentials of a product
    Credentials {
        /// Its id
        id: String,
    },
    /// Makes a credential for a product and shows its secret, this once
    CreateCredential {
        /// The product's id
        id: String,
        /// What the credential is called
        #[arg(long)]
        name: String,
        /// The id of the instance that asks with it [default: any]
        #[arg(long, value_name = "INSTANCE-ID")]
        instance: Option<String>,
        /// Days that it works, 1 to 365 [default: 365]
        #[arg(long)]
        expires_in_days: Option<i64>,
    },
    /// Revokes a credential of a product
    RevokeCredential {
        /// The credential's id
        id: String,
    },
}

pub(super) fn run(command: ProductCommand, context: &CommandContext) -> Result<(), CommandError> {
    let (cause, now, output) = (context.cause(), context.now, context.output);
    match command {
        ProductCommand::List => {
            let found = context.read(products::list)?;
            let shown: Vec<_> = found.iter().map(view::product).collect();
            output.list(&shown, &["id", "name", "scopes", "created_at"])
        }
        ProductCommand::Create {
            name,
            scopes,
            access_groups,
        } => {
            let groups = ids(access_groups);
            let made = context.write(move |connection| {
                policy::create(connection, &name, &scopes, &groups, &cause.actor, now)
            })?;
            output.one(&view::product(&made))
        }
        ProductCommand::Show { id } => {
            let id = ProductId::new(id);
            let found = context.read(|connection| policy::find(connection, &id))?;
            output.one(&view::product(&found))
        }
        ProductCommand::Update {
            id,
            name,
            scopes,
            access_groups,
        } => {
            let id = ProductId::new(id);
            let change = policy::ProductChange {
                name,
                scopes,
                access_groups: access_groups.map(ids),
            };
            let changed = context.write(move |connection| {
                policy::update(connection, &id, &change, &cause.actor, now)
            })?;
            output.one(&view::product(&changed))
        }
        ProductCommand::Delete { id } => {
            let id = ProductId::new(id);
            context.write(move |connection| ending::delete(connection, &id, &cause.actor, now))?;
            output.done("deleted")
        }
        ProductCommand::RevokeTokens { id } => {
            policies::revoke_tokens(context, TokensOf::Product(ProductId::new(id)))
        }
        ProductCommand::Credentials { id } => {
            let selection = Selection {
                kinds: vec![SecretKind::ProductCredential],
                product: Some(ProductId::new(id)),
                ..Selection::default()
            };
            let columns = [
                "id",
                "name",
                "prefix",
                "status",
                "expires_at",
                "last_used_at",
            ];
            key::list(context, &selection, &columns)
        }
        ProductCommand::Instances { id } => {
            let id = ProductId::new(id);
            let found = context.read(|connection| {
                policy::find(connection, &id)?;
                Ok::<_, PolicyError>(product_instances::list(connection, &id)?)
            })?;
            let shown: Vec<_> = found.iter().map(view::instance).collect();
            output.list(&shown, &["id", "name", "url", "created_at"])
        }
        ProductCommand::CreateInstance { id, name, url } => {
            let id = ProductId::new(id);
            let made = context.write(move |connection| {
                instances::create(connection, &id, &name, url.as_deref(), &cause.actor, now)
            })?;
            output.one(&view::instance(&made))
        }
        ProductCommand::DeleteInstance { id, instance } => {
            let (id, instance) = (ProductId::new(id), InstanceId::new(instance));
            context.write(move |connection| {
                ending::delete_instance(connection, &id, &instance, &cause.actor, now)
            })?;
            output.done("deleted")
        }
        ProductCommand::CreateCredential {
            id,
            name,
            instance,
            expires_in_days,
        } => key::create(
            context,
            NewCredential {
                product_id: Some(ProductId::new(id)),
                instance_ids: instance.into_iter().map(InstanceId::new).collect(),
                expires_in_days,
                ..NewCredential::new(SecretKind::ProductCredential, &name)
            },
        ),
        ProductCommand::RevokeCredential { id } => {
            key::revoke(context, SecretKind::ProductCredential, &id)
        }
    }
}

fn ids(texts: Vec<String>) -> Vec<ResourceId> {
    texts
        .into_iter()
        .filter(|text| !text.is_empty())
        .map(ResourceId::new)
        .collect()
}
