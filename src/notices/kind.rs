//! The catalogue of notices; `docs/notices.md` describes each.

/// Whom a notice is for, beside the webhooks that want its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Owners and admins, and the addresses that are configured.
    Admins,
    /// The person whose credential it is.
    Person,
    /// All of them.
    PersonAndAdmins,
    /// Nobody by mail.
    Nobody,
}

/// Declares each kind once: its stable name, what a mail of several is headed with, and whom it is for.
macro_rules! kinds {
    ($($(#[doc = $documentation:literal])+ $kind:ident = $name:literal, $title:literal, $audience:ident;)*) => {
        /// What a notice tells of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum NoticeKind {
            $($(#[doc = $documentation])+ $kind,)*
        }

        impl NoticeKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The stable name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// What a mail about several of them is headed with.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$kind => $title,)* }
            }

            /// Whom it is for.
            #[must_use]
            pub fn audience(self) -> Audience {
                match self { $(Self::$kind => Audience::$audience,)* }
            }
        }
    };
}

kinds! {
    /// Keys were left behind by their maker.
    KeysOrphaned = "keys_orphaned", "Keys were orphaned", Admins;
    /// An admin was deprovisioned.
    AdminDeprovisioned = "admin_deprovisioned", "Admins were deprovisioned", Admins;
    /// The last owner or admin who was not local was deprovisioned or lost their role.
    LastAdminDeprovisioned = "last_admin_deprovisioned", "The last admin was deprovisioned", Admins;
    /// The last owner outside of the local directory was deprovisioned.
    LastOwnerLost = "last_owner_lost", "The last owner was deprovisioned", Admins;
    /// Many API tokens were revoked at once.
    TokensRevoked = "tokens_revoked", "API tokens were revoked at once", Admins;
    /// Orphaned keys were revoked: nobody adopted them within the grace period.
    OrphansRevoked = "orphans_revoked", "Orphaned keys were revoked", Admins;
    /// A person's API tokens will be revoked because nobody uses them.
    TokensInactive = "tokens_inactive", "API tokens of yours will be revoked unless they are used", Person;
    /// A person's API tokens were revoked because nobody used them.
    InactiveTokensRevoked = "inactive_tokens_revoked", "API tokens of yours were revoked", Person;
    /// A directory was removed.
    DirectoryRemoved = "directory_removed", "Directories were removed", Admins;
    /// A key expires soon.
    CredentialExpiring = "credential_expiring", "Keys expire soon", Admins;
    /// A key has expired.
    CredentialExpired = "credential_expired", "Keys have expired", Admins;
    /// A person's API token expires soon.
    TokenExpiring = "token_expiring", "API tokens of yours expire soon", Person;
    /// A person's API token has expired.
    TokenExpired = "token_expired", "API tokens of yours have expired", Person;
    /// An identity provider goes on calling with a key that has expired or was revoked: whoever leaves there
    /// keeps their access here.
    DeadKeyInUse = "dead_key_in_use", "An identity provider calls with a dead key: leavers keep their access", Admins;
    /// Sign-ins were refused because too many had failed.
    SignInThrottled = "sign_in_throttled", "Sign-ins are throttled", Admins;
    /// A secret was reported as leaked, and revoked.
    SecretLeaked = "secret_leaked", "Secrets were leaked and are revoked", PersonAndAdmins;
    /// An admin reset somebody's second factor.
    SecondFactorReset = "second_factor_reset", "Second factors were reset", PersonAndAdmins;
    /// A person changed their password.
    PasswordChanged = "password_changed", "Your password was changed", Person;
    /// An unusual share of a directory was deprovisioned within an hour.
    MassDeprovisioning = "mass_deprovisioning", "Many people were deprovisioned", Admins;
    /// The database was restored from a copy: who left since then is there again.
    DeploymentRestored = "deployment_restored", "The database was restored from a backup", Admins;
    /// Notices do not arrive.
    DeliveriesFailing = "deliveries_failing", "Deliveries are failing", Admins;
    /// A webhook is tried.
    WebhookTest = "webhook_test", "A test", Nobody;
}

impl NoticeKind {
    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether its mail waits for no others to go with it.
    #[must_use]
    pub fn is_urgent(self) -> bool {
        matches!(
            self,
            Self::DeadKeyInUse
                | Self::LastAdminDeprovisioned
                | Self::LastOwnerLost
                | Self::SecretLeaked
                | Self::MassDeprovisioning
                | Self::DeploymentRestored
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_alone() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_name(kind.name()), Some(*kind));
        }
        assert_eq!(NoticeKind::from_name("everything"), None);
    }

    #[test]
    fn the_catalogue_in_the_documentation_has_every_kind() {
        let catalogue = include_str!("../../docs/notices.md");
        for kind in NoticeKind::ALL {
            let entry = format!("`{}`", kind.name());
            assert!(catalogue.contains(&entry), "docs/notices.md lacks {entry}");
        }
    }
}
