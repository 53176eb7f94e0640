//! The scopes of the admin interface. They form a closed list; a right that is not named here is nobody's.

/// What an admin API key or a signed-in admin may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// See directories, their recent requests and leniencies.
    DirectoriesRead,
    /// Make, change and remove directories.
    DirectoriesWrite,
    /// See SCIM keys.
    ScimKeysRead,
    /// Make, rotate, adopt and revoke SCIM keys.
    ScimKeysWrite,
    /// See admin API keys.
    ApiKeysRead,
    /// Make, rotate, adopt and revoke admin API keys, within one's own scopes.
    ApiKeysWrite,
    /// See people with their documents, groups and tokens.
    UsersRead,
    /// Make local people, deprovision and reactivate people, make password links.
    UsersWrite,
    /// See where people are signed in, from which addresses and when.
    SessionsRead,
    /// Revoke people's tokens, and end their sessions.
    TokensRevoke,
    /// See who has which role, and why.
    RolesRead,
    /// Grant and take away roles, and map groups to them.
    RolesWrite,
    /// See products.
    ProductsRead,
    /// Register, change and remove products, and make and revoke their credentials.
    ProductsWrite,
    /// See audit events and receipts.
    AuditRead,
    /// See notices and mark them as read.
    Notices,
    /// See authentication policies.
    PoliciesRead,
    /// Make, change and remove authentication policies, and revoke the tokens of their members.
    PoliciesWrite,
    /// See service accounts and their credentials.
    ServiceAccountsRead,
    /// Make, change, disable and adopt service accounts, and issue and revoke their credentials.
    ServiceAccountsWrite,
    /// See webhooks and the log of deliveries.
    NotificationsRead,
    /// Make, change and remove webhooks, and deliver again.
    NotificationsWrite,
    /// See the keys that access tokens are signed with.
    SigningKeysRead,
    /// Rotate the keys that access tokens are signed with.
    SigningKeysWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::DirectoriesRead,
        Self::DirectoriesWrite,
        Self::ScimKeysRead,
        Self::ScimKeysWrite,
        Self::ApiKeysRead,
        Self::ApiKeysWrite,
        Self::UsersRead,
        Self::UsersWrite,
        Self::SessionsRead,
        Self::TokensRevoke,
        Self::RolesRead,
        Self::RolesWrite,
        Self::ProductsRead,
        Self::ProductsWrite,
        Self::AuditRead,
        Self::Notices,
        Self::PoliciesRead,
        Self::PoliciesWrite,
        Self::ServiceAccountsRead,
        Self::ServiceAccountsWrite,
        Self::NotificationsRead,
        Self::NotificationsWrite,
        Self::SigningKeysRead,
        Self::SigningKeysWrite,
    ];

    /// The name in requests and answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectoriesRead => "directories:read",
            Self::DirectoriesWrite => "directories:write",
            Self::ScimKeysRead => "scim-keys:read",
            Self::ScimKeysWrite => "scim-keys:write",
            Self::ApiKeysRead => "api-keys:read",
            Self::ApiKeysWrite => "api-keys:write",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::SessionsRead => "sessions:read",
            Self::TokensRevoke => "tokens:revoke",
            Self::RolesRead => "roles:read",
            Self::RolesWrite => "roles:write",
            Self::ProductsRead => "products:read",
            Self::ProductsWrite => "products:write",
            Self::AuditRead => "audit:read",
            Self::Notices => "notices",
            Self::PoliciesRead => "policies:read",
            Self::PoliciesWrite => "policies:write",
            Self::ServiceAccountsRead => "service-accounts:read",
            Self::ServiceAccountsWrite => "service-accounts:write",
            Self::NotificationsRead => "notifications:read",
            Self::NotificationsWrite => "notifications:write",
            Self::SigningKeysRead => "signing-keys:read",
            Self::SigningKeysWrite => "signing-keys:write",
        }
    }

    /// The scope of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Whether it allows no change.
    #[must_use]
    pub fn is_read_only(self) -> bool {
        matches!(
            self,
            Self::DirectoriesRead
                | Self::ScimKeysRead
                | Self::ApiKeysRead
                | Self::UsersRead
                | Self::SessionsRead
                | Self::RolesRead
                | Self::ProductsRead
                | Self::AuditRead
                | Self::PoliciesRead
                | Self::ServiceAccountsRead
                | Self::NotificationsRead
                | Self::SigningKeysRead
        )
    }
}

/// Whether a text may name a scope of a product's tokens (RFC 6749 section 3.3).
#[must_use]
pub fn is_scope_token(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scope_is_found_by_its_name() {
        for scope in Scope::ALL {
            assert_eq!(Scope::from_name(scope.name()), Some(scope));
            assert!(is_scope_token(scope.name()));
        }
        assert_eq!(Scope::from_name("everything"), None);
    }

    #[test]
    fn a_scope_token_holds_no_space_quote_or_backslash() {
        for text in ["", "a b", "a\"", "a\\", "ä", "a\n"] {
            assert!(!is_scope_token(text), "{text:?}");
        }
    }
}
