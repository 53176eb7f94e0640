//! The catalogue of what is audited.

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A resource was created.
    ResourceCreated,
    /// A resource was changed.
    ResourceUpdated,
    /// A resource was deleted.
    ResourceDeleted,
    /// A person was deactivated, deleted, or lost their directory: everything that authenticated them has ended.
    UserDeprovisioned,
    /// A person was made active again; nothing that had ended came back.
    UserReactivated,
    /// A deleted person was recovered: inactive, and with nothing to sign in with.
    UserRecovered,
    /// Deleted people were forgotten for good.
    DeletedUserForgotten,
    /// What is an unusual number of leavers was changed.
    AlarmThresholdSet,
    /// An admin has seen to an alarm of too many leavers, which is raised no more.
    AlarmLifted,
    /// A role was granted to a person.
    RoleAssigned,
    /// A granted role was taken away.
    RoleUnassigned,
    /// A person has no role any more.
    RoleLost,
    /// A group was mapped to a role.
    RoleMappingCreated,
    /// A mapping from a group to a role was removed.
    RoleMappingDeleted,
    /// A credential was issued.
    CredentialCreated,
    /// The name or the limits of a credential were changed.
    CredentialUpdated,
    /// A credential got a successor.
    CredentialRotated,
    /// The successor of a rotated credential was used first: the overlap has begun.
    CredentialRetiring,
    /// A credential was revoked.
    CredentialRevoked,
    /// An orphaned credential was adopted.
    CredentialAdopted,
    /// Several credentials were revoked at once.
    CredentialsRevoked,
    /// A person signed in.
    SessionStarted,
    /// A person signed out, or ended another session of theirs; or an admin ended it.
    SessionEnded,
    /// A signed-in person showed again who they are.
    SessionConfirmed,
    /// A sign-in was refused.
    SignInRefused,
    /// A one-time link to set a password was made.
    PasswordLinkCreated,
    /// A password was set.
    PasswordSet,
    /// A person began to enrol a second factor.
    SecondFactorBegun,
    /// A person showed a code of their second factor: from now on it is asked for.
    SecondFactorEnrolled,
    /// A session passed the second factor.
    SecondFactorPassed,
    /// A code was refused.
    SecondFactorRefused,
    /// A person removed their second factor.
    SecondFactorRemoved,
    /// An admin removed the second factor of a person who has lost it.
    SecondFactorReset,
    /// A person got new recovery codes in place of the earlier ones.
    RecoveryCodesRenewed,
    /// A directory was made.
    DirectoryCreated,
    /// A directory's settings were changed.
    DirectoryUpdated,
    /// A directory and all it held was removed.
    DirectoryRemoved,
    /// A product was registered.
    ProductCreated,
    /// A product was changed.
    ProductUpdated,
    /// A product was removed.
    ProductDeleted,
    /// Audit events were removed because they had been kept long enough.
    AuditEventsRemoved,
    /// A webhook was made.
    WebhookCreated,
    /// A webhook was changed.
    WebhookUpdated,
    /// A webhook was removed.
    WebhookDeleted,
    /// A webhook got a new secret.
    WebhookSecretRotated,
    /// A webhook was tried.
    WebhookTested,
    /// A notice was sent to a webhook again by hand.
    WebhookRedelivered,
    /// What did not arrive by mail is sent again.
    MailRedelivered,
    /// An authentication policy was made.
    PolicyCreated,
    /// An authentication policy was changed.
    PolicyUpdated,
    /// A change of an authentication policy was given a date from which it holds.
    PolicyChangeScheduled,
    /// A change of an authentication policy was withdrawn before its date.
    PolicyChangeWithdrawn,
    /// An authentication policy was deleted.
    PolicyDeleted,
    /// The order of precedence of the authentication policies was changed.
    PoliciesReordered,
    /// An authentication policy names a person or group.
    PolicyMemberAdded,
    /// An authentication policy names a person or group no more.
    PolicyMemberRemoved,
    /// The deployment was set up.
    DeploymentInitialised,
    /// A copy of the database was made.
    BackupMade,
    /// The database was restored from a copy; what might have ended since has ended.
    DeploymentRestored,
    /// A key that access tokens are signed with was made.
    SigningKeyCreated,
    /// A key that access tokens are signed with was ended before its time, with all that it signed.
    SigningKeyEnded,
    /// An access token was issued for an assertion.
    AccessTokenIssued,
    /// The master key was replaced by another.
    MasterKeyRotated,
    /// A credential was reported as leaked, and revoked.
    CredentialLeaked,
    /// A service account was made.
    ServiceAccountCreated,
    /// A service account was changed.
    ServiceAccountUpdated,
    /// An orphaned service account was adopted.
    ServiceAccountAdopted,
    /// A service account was disabled: all that authenticated it has ended.
    ServiceAccountDisabled,
    /// A service account was enabled again; nothing that had ended came back.
    ServiceAccountEnabled,
    /// A service account was deleted, with all that authenticated it.
    ServiceAccountDeleted,
    /// An instance of a product was registered.
    InstanceCreated,
    /// An instance of a product was changed.
    InstanceUpdated,
    /// An instance of a product was removed.
    InstanceDeleted,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 73] = [
        Self::ResourceCreated,
        Self::ResourceUpdated,
        Self::ResourceDeleted,
        Self::UserDeprovisioned,
        Self::UserReactivated,
        Self::UserRecovered,
        Self::DeletedUserForgotten,
        Self::AlarmThresholdSet,
        Self::AlarmLifted,
        Self::RoleAssigned,
        Self::RoleUnassigned,
        Self::RoleLost,
        Self::RoleMappingCreated,
        Self::RoleMappingDeleted,
        Self::CredentialCreated,
        Self::CredentialUpdated,
        Self::CredentialRotated,
        Self::CredentialRetiring,
        Self::CredentialRevoked,
        Self::CredentialAdopted,
        Self::CredentialsRevoked,
        Self::SessionStarted,
        Self::SessionEnded,
        Self::SessionConfirmed,
        Self::SignInRefused,
        Self::PasswordLinkCreated,
        Self::PasswordSet,
        Self::SecondFactorBegun,
        Self::SecondFactorEnrolled,
        Self::SecondFactorPassed,
        Self::SecondFactorRefused,
        Self::SecondFactorRemoved,
        Self::SecondFactorReset,
        Self::RecoveryCodesRenewed,
        Self::DirectoryCreated,
        Self::DirectoryUpdated,
        Self::DirectoryRemoved,
        Self::ProductCreated,
        Self::ProductUpdated,
        Self::ProductDeleted,
        Self::AuditEventsRemoved,
        Self::WebhookCreated,
        Self::WebhookUpdated,
        Self::WebhookDeleted,
        Self::WebhookSecretRotated,
        Self::WebhookTested,
        Self::WebhookRedelivered,
        Self::MailRedelivered,
        Self::PolicyCreated,
        Self::PolicyUpdated,
        Self::PolicyChangeScheduled,
        Self::PolicyChangeWithdrawn,
        Self::PolicyDeleted,
        Self::PoliciesReordered,
        Self::PolicyMemberAdded,
        Self::PolicyMemberRemoved,
        Self::DeploymentInitialised,
        Self::BackupMade,
        Self::DeploymentRestored,
        Self::SigningKeyCreated,
        Self::SigningKeyEnded,
        Self::AccessTokenIssued,
        Self::MasterKeyRotated,
        Self::CredentialLeaked,
        Self::ServiceAccountCreated,
        Self::ServiceAccountUpdated,
        Self::ServiceAccountAdopted,
        Self::ServiceAccountDisabled,
        Self::ServiceAccountEnabled,
        Self::ServiceAccountDeleted,
        Self::InstanceCreated,
        Self::InstanceUpdated,
        Self::InstanceDeleted,
    ];

    /// The stable name in answers and filters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResourceCreated => "resource.created",
            Self::ResourceUpdated => "resource.updated",
            Self::ResourceDeleted => "resource.deleted",
            Self::UserDeprovisioned => "user.deprovisioned",
            Self::UserReactivated => "user.reactivated",
            Self::UserRecovered => "user.recovered",
            Self::DeletedUserForgotten => "deleted_user.forgotten",
            Self::AlarmThresholdSet => "alarm_threshold.set",
            Self::AlarmLifted => "alarm.lifted",
            Self::RoleAssigned => "role.assigned",
            Self::RoleUnassigned => "role.unassigned",
            Self::RoleLost => "role.lost",
            Self::RoleMappingCreated => "role_mapping.created",
            Self::RoleMappingDeleted => "role_mapping.deleted",
            Self::CredentialCreated => "credential.created",
            Self::CredentialUpdated => "credential.updated",
            Self::CredentialRotated => "credential.rotated",
            Self::CredentialRetiring => "credential.retiring",
            Self::CredentialRevoked => "credential.revoked",
            Self::CredentialAdopted => "credential.adopted",
            Self::CredentialsRevoked => "credentials.revoked",
            Self::SessionStarted => "session.started",
            Self::SessionEnded => "session.ended",
            Self::SessionConfirmed => "session.confirmed",
            Self::SignInRefused => "session.refused",
            Self::PasswordLinkCreated => "password_link.created",
            Self::PasswordSet => "password.set",
            Self::SecondFactorBegun => "second_factor.begun",
            Self::SecondFactorEnrolled => "second_factor.enrolled",
            Self::SecondFactorPassed => "second_factor.passed",
            Self::SecondFactorRefused => "second_factor.refused",
            Self::SecondFactorRemoved => "second_factor.removed",
            Self::SecondFactorReset => "second_factor.reset",
            Self::RecoveryCodesRenewed => "recovery_codes.renewed",
            Self::DirectoryCreated => "directory.created",
            Self::DirectoryUpdated => "directory.updated",
            Self::DirectoryRemoved => "directory.removed",
            Self::ProductCreated => "product.created",
            Self::ProductUpdated => "product.updated",
            Self::ProductDeleted => "product.deleted",
            Self::AuditEventsRemoved => "audit_events.removed",
            Self::WebhookCreated => "webhook.created",
            Self::WebhookUpdated => "webhook.updated",
            Self::WebhookDeleted => "webhook.deleted",
            Self::WebhookSecretRotated => "webhook.secret_rotated",
            Self::WebhookTested => "webhook.tested",
            Self::WebhookRedelivered => "webhook.redelivered",
            Self::MailRedelivered => "mail.redelivered",
            Self::PolicyCreated => "policy.created",
            Self::PolicyUpdated => "policy.updated",
            Self::PolicyChangeScheduled => "policy.change_scheduled",
            Self::PolicyChangeWithdrawn => "policy.change_withdrawn",
            Self::PolicyDeleted => "policy.deleted",
            Self::PoliciesReordered => "policies.reordered",
            Self::PolicyMemberAdded => "policy.member_added",
            Self::PolicyMemberRemoved => "policy.member_removed",
            Self::DeploymentInitialised => "deployment.initialised",
            Self::BackupMade => "backup.made",
            Self::DeploymentRestored => "deployment.restored",
            Self::SigningKeyCreated => "signing_key.created",
            Self::SigningKeyEnded => "signing_key.ended",
            Self::AccessTokenIssued => "access_token.issued",
            Self::MasterKeyRotated => "master_key.rotated",
            Self::CredentialLeaked => "credential.leaked",
            Self::ServiceAccountCreated => "service_account.created",
            Self::ServiceAccountUpdated => "service_account.updated",
            Self::ServiceAccountAdopted => "service_account.adopted",
            Self::ServiceAccountDisabled => "service_account.disabled",
            Self::ServiceAccountEnabled => "service_account.enabled",
            Self::ServiceAccountDeleted => "service_account.deleted",
            Self::InstanceCreated => "product_instance.created",
            Self::InstanceUpdated => "product_instance.updated",
            Self::InstanceDeleted => "product_instance.deleted",
        }
    }
}

#[cfg(test)]
mod tests {
    /// What stands between two marks, of each line that has both, sorted.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
        let lines = text.lines();
        let mut names: Vec<&str> = lines
            .filter_map(|line| line.split_once(before)?.1.split_once(after))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn the_documentation_and_the_list_have_every_action_once_and_no_other() {
        let (_, types) = include_str!("../../docs/audit.md")
            .split_once("## Event types")
            .unwrap();
        let (types, _) = types.split_once("\n## ").unwrap();
        let (source, _) = include_str!("action.rs")
            .split_once("#[cfg(test)]")
            .unwrap();
        let actions = between(source, " => \"", "\"");
        assert!(actions.contains(&"user.deprovisioned"));
        assert_eq!(between(types, "| `", "`"), actions);
        let mut known = super::Action::ALL.map(super::Action::name);
        known.sort_unstable();
        assert_eq!(known.to_vec(), actions);
    }
}
