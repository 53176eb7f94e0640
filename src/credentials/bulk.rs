//! Many tokens at once: those of a policy's people, of a product, of a directory. One statement, one audit
//! event that counts them, one notice.

use serde_json::{Map, Value, json};

use crate::audit::{self, Action, Actor, Event};
use crate::clock::Timestamp;
use crate::notices::{self, NoticeKind};
use crate::policies::PolicyError;
use crate::secret::SecretKind;
use crate::store::credentials as table;
use crate::store::id::{DirectoryId, PolicyId, ProductId};
use crate::store::{DatabaseConnection, directories, policies, products};

use super::CredentialError;

/// Why the tokens stop, as their records say.
const REASON: &str = "revoked_by_admin";

/// Whose tokens are revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokensOf {
    /// Of those for whom the policy holds.
    Policy(PolicyId),
    /// Those that are limited to the product.
    Product(ProductId),
    /// Of the people of the directory.
    Directory(DirectoryId),
}

/// Revokes all API tokens of a policy's people, of a product, or of a directory, and counts them. Unlike
/// blocking, this is final.
///
/// # Errors
/// [`CredentialError::NotFound`]; when the database fails.
pub fn revoke_tokens(
    connection: &mut DatabaseConnection,
    of: &TokensOf,
    actor: &Actor,
    now: Timestamp,
) -> Result<usize, CredentialError> {
    let (what, id, name, revoked) = match of {
        TokensOf::Policy(id) => {
            // Who is under it is not changed meanwhile.
            policies::lock(connection)?;
            let policy = policies::find(connection, id)?.ok_or(PolicyError::NotFound("policy"))?;
            let revoked = table::revoke_tokens_held(connection, &policy, REASON, now)?;
            ("policy", id.as_str(), policy.name, revoked)
        }
        TokensOf::Product(id) => {
            let product =
                products::find(connection, id)?.ok_or(PolicyError::NotFound("product"))?;
            let revoked = table::revoke_tokens_of_product(connection, id, REASON, now)?;
            ("product", id.as_str(), product.name, revoked)
        }
        TokensOf::Directory(id) => {
            let directory =
                directories::find(connection, id)?.ok_or(PolicyError::NotFound("directory"))?;
            let revoked = table::revoke_tokens_of_directory(connection, id, REASON, now)?;
            ("directory", id.as_str(), directory.name, revoked)
        }
    };
    let mut event = Event::new(Action::CredentialsRevoked)
        .to(what, id, Some(&name))
        .with("revoked", json!({SecretKind::UserToken.name(): revoked}));
    let directory = match of {
        TokensOf::Directory(id) => Some(id),
        _ => None,
    };
    if let Some(directory) = directory {
        event = event.within(directory);
    }
    audit::record(connection, actor, now, event)?;
    if revoked > 0 {
        let detail = Map::from_iter([
            ("of".to_owned(), Value::from(what)),
            ("id".to_owned(), Value::from(id)),
            ("name".to_owned(), Value::from(name.as_str())),
            ("revoked".to_owned(), Value::from(revoked)),
            ("by".to_owned(), json!(actor.name)),
        ]);
        let subject =
            format!("{revoked} API tokens were revoked at once: those of the {what} {name}");
        notices::queue(
            connection,
            now,
            NoticeKind::TokensRevoked,
            directory,
            subject,
            detail,
        )?;
    }
    Ok(revoked)
}
