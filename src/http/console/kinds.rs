//! The kinds of credentials that the console shows, each with the scopes of the admin interface.

use crate::credentials::Credential;
use crate::policies::{Rights, Scope};
use crate::secret::SecretKind;
use crate::store::id::CredentialId;

use super::super::problem::Problem;
use super::answer::Failure;
use super::page::Access;

/// A kind of credential, as the console shows it: the same scopes as in the admin interface.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// In addresses.
    pub(super) slug: &'static str,
    pub(super) secret: SecretKind,
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) read: Scope,
    pub(super) write: Scope,
    /// Whether a successor can be issued.
    pub(super) is_key: bool,
}

pub(super) const KINDS: [Kind; 6] = [
    Kind {
        slug: "scim-keys",
        secret: SecretKind::ScimKey,
        one: "SCIM key",
        many: "SCIM keys",
        read: Scope::ScimKeysRead,
        write: Scope::ScimKeysWrite,
        is_key: true,
    },
    Kind {
        slug: "api-keys",
        secret: SecretKind::AdminKey,
        one: "Admin API key",
        many: "Admin API keys",
        read: Scope::ApiKeysRead,
        write: Scope::ApiKeysWrite,
        is_key: true,
    },
    Kind {
        slug: "user-tokens",
        secret: SecretKind::UserToken,
        one: "User token",
        many: "User tokens",
        read: Scope::UsersRead,
        write: Scope::TokensRevoke,
        is_key: false,
    },
    Kind {
        slug: "service-account-tokens",
        secret: SecretKind::ServiceAccountToken,
        one: "Service account token",
        many: "Service account tokens",
        read: Scope::ServiceAccountsRead,
        write: Scope::ServiceAccountsWrite,
        is_key: true,
    },
    Kind {
        slug: "service-account-keys",
        secret: SecretKind::ServiceAccountKey,
        one: "Service account public key",
        many: "Service account public keys",
        read: Scope::ServiceAccountsRead,
        write: Scope::ServiceAccountsWrite,
        is_key: false,
    },
    Kind {
        slug: "product-credentials",
        secret: SecretKind::ProductCredential,
        one: "Product credential",
        many: "Product credentials",
        read: Scope::ProductsRead,
        write: Scope::ProductsWrite,
        is_key: true,
    },
];

/// Whoever may see some kind of them.
pub(super) const ANY: Access = Access::WithAny(&[
    Scope::ScimKeysRead,
    Scope::ApiKeysRead,
    Scope::UsersRead,
    Scope::ServiceAccountsRead,
    Scope::ProductsRead,
]);

impl Kind {
    /// The kind of this name in addresses.
    pub(super) fn of(slug: &str) -> Result<Self, Failure> {
        let found = KINDS.into_iter().find(|kind| kind.slug == slug);
        found.ok_or_else(|| Failure::Problem(Problem::not_found("kind of key", slug)))
    }

    /// The kind of a credential; none for sessions and links.
    pub(super) fn of_credential(credential: &Credential) -> Option<Self> {
        KINDS
            .into_iter()
            .find(|kind| kind.secret == credential.kind)
    }

    /// Whether somebody with these rights may see them.
    pub(super) fn is_shown_to(&self, rights: &Rights) -> bool {
        rights.include(self.read)
    }

    pub(super) fn is_changed_by(&self, rights: &Rights) -> bool {
        rights.include(self.write)
    }

    /// Whether an orphan of this kind can be adopted.
    pub(super) fn can_be_adopted(&self) -> bool {
        self.is_key || self.secret == SecretKind::ServiceAccountKey
    }

    /// Whether its name and limits can be changed once it is there.
    pub(super) fn can_be_changed(&self) -> bool {
        matches!(self.secret, SecretKind::ScimKey | SecretKind::AdminKey)
    }

    /// The page of one of them.
    pub(super) fn address(&self, id: &CredentialId) -> String {
        format!("/console/keys/{}/{id}", self.slug)
    }
}
