//! Revocation by whoever presents the secret: a product or a person who may use it, or anybody who has found it.

use serde_json::json;

use crate::audit::{self, Action, Actor};
use crate::clock::Timestamp;
use crate::notices::{self, Notice, NoticeKind};
use crate::secret::{PlainSecret, SecretKind};
use crate::store::credentials::{self as table, Found};
use crate::store::id::{CredentialId, ProductId, ResourceId};
use crate::store::{DatabaseConnection, StoreError};

use super::{Credential, CredentialError, event};

/// Who revokes, with which credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoker {
    /// A product: the tokens that are for it.
    Product(ProductId, CredentialId),
    /// A signed-in person: what authenticates them.
    Person(ResourceId, CredentialId),
    /// A credential: itself.
    Itself(CredentialId),
}

impl Revoker {
    fn may_revoke(&self, credential: &Credential) -> bool {
        let (Self::Product(_, own) | Self::Person(_, own) | Self::Itself(own)) = self;
        if credential.id == *own {
            return true;
        }
        match self {
            Self::Itself(_) => false,
            Self::Person(person, _) => credential.owner_id.as_ref() == Some(person),
            Self::Product(product, _) => {
                let is_token = matches!(
                    credential.kind,
                    SecretKind::UserToken | SecretKind::ServiceAccountToken
                );
                let limit = credential.product_id.as_ref();
                // One that is for every product is for this one too; one for the admin interface is for none.
                let is_for_it = limit.map_or_else(
                    || credential.kind == SecretKind::UserToken || credential.scopes.is_empty(),
                    |limit| limit == product,
                );
                is_token && is_for_it
            }
        }
    }
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The credential has ended now.
    Ended,
    /// Nobody knows it, or it had been revoked before.
    NothingToEnd,
    /// It is not theirs to revoke.
    NotTheirs,
}

/// Revokes the credential of this secret, where it is theirs.
///
/// # Errors
/// When the database fails.
pub fn revoke_presented(
    connection: &mut DatabaseConnection,
    secret: &PlainSecret,
    revoker: &Revoker,
    actor: &Actor,
    now: Timestamp,
) -> Result<Outcome, CredentialError> {
    let Some(found) = table::find_with_owner(connection, &secret.hash())? else {
        return Ok(Outcome::NothingToEnd);
    };
    if !revoker.may_revoke(&found.credential) {
        return Ok(Outcome::NotTheirs);
    }
    let reason = match revoker {
        Revoker::Product(..) => "revoked_by_product",
        Revoker::Person(..) | Revoker::Itself(_) => "revoked_by_holder",
    };
    if !table::revoke(connection, &found.credential.id, reason, now)? {
        return Ok(Outcome::NothingToEnd);
    }
    let event = event(Action::CredentialRevoked, &found.credential).with("reason", reason);
    audit::record(connection, actor, now, event)?;
    Ok(Outcome::Ended)
}

/// Which of these secrets are of credentials that could still be used, on a node whose clock is behind too.
///
/// # Errors
/// When the database fails.
pub fn still_usable(
    connection: &mut DatabaseConnection,
    secrets: Vec<PlainSecret>,
    now: Timestamp,
) -> Result<Vec<PlainSecret>, CredentialError> {
    let (mut usable, now) = (Vec::new(), now.by_a_slow_clock());
    for secret in secrets {
        let found = table::find_with_owner(connection, &secret.hash())?;
        if found.is_some_and(|found| super::verify::has_not_ended(&found.credential, now).is_ok()) {
            usable.push(secret);
        }
    }
    Ok(usable)
}

/// Revokes the credentials of secrets that somebody has found where they should not be, and has the owner and
/// admins told.
///
/// # Errors
/// When the database fails.
pub fn revoke_leaked(
    connection: &mut DatabaseConnection,
    secrets: &[PlainSecret],
    actor: &Actor,
    now: Timestamp,
) -> Result<(), CredentialError> {
    for secret in secrets {
        let Some(found) = table::find_with_owner(connection, &secret.hash())? else {
            continue;
        };
        if !table::revoke(connection, &found.credential.id, "leaked", now)? {
            continue;
        }
        let event = event(Action::CredentialLeaked, &found.credential);
        audit::record(connection, actor, now, event)?;
        tell(connection, &found, actor, now)?;
    }
    Ok(())
}

fn tell(
    connection: &mut DatabaseConnection,
    found: &Found,
    actor: &Actor,
    now: Timestamp,
) -> Result<(), StoreError> {
    let credential = &found.credential;
    let owner = found.owner.as_ref();
    let holder = owner
        .and_then(|owner| owner.user_name.as_deref())
        .or(found
            .service_account
            .as_ref()
            .map(|account| account.address.as_str()))
        .unwrap_or(&credential.name);
    let subject = format!(
        "A secret of {holder} was reported as leaked, and revoked: {}",
        credential.prefix
    );
    let creator = credential.created_by.as_ref().map(|creator| {
        json!({
            "id": creator.id,
            "user_name": creator.user_name,
            "display_name": creator.display_name,
        })
    });
    let directory = credential
        .directory_id
        .as_ref()
        .or(owner.map(|owner| &owner.directory_id));
    let last_used_at = credential.last_used_at.map(Timestamp::to_rfc3339);
    let reported_from = actor.source_ip.map(|address| address.to_string());
    let notice = Notice::new(NoticeKind::SecretLeaked, subject)
        .within(directory)
        .of(credential.owner_id.as_ref())
        .with("credential_id", credential.id.as_str())
        .with("credential_kind", credential.kind.name())
        .with("name", credential.name.as_str())
        .with("prefix", credential.prefix.as_str())
        .with("user_id", json!(credential.owner_id))
        .with("user_name", owner.and_then(|owner| owner.user_name.clone()))
        .with("service_account_id", json!(credential.service_account_id))
        .with("created_by", json!(creator))
        .with("last_used_at", last_used_at)
        .with("last_used_ip", credential.last_used_ip.clone())
        .with("reported_from", reported_from)
        .with(
            "what_to_do",
            json!([
                "Look at when and from where it was last used, and at the audit events of it.",
                "Issue a new one where it is still needed, and keep it where this one was not found.",
            ]),
        );
    notices::put(connection, now, notice)
}
