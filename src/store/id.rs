//! Identifiers: UUIDv7 in canonical text form, one type for each thing that is identified.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A text that no database takes as an identifier.
#[derive(Debug, thiserror::Error)]
#[error("an identifier holds no U+0000")]
pub struct NoIdentifier;

macro_rules! identifiers {
    ($($(#[$documentation:meta])* $name:ident;)*) => {$(
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// A new one; later ones sort after earlier ones.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7().to_string())
            }

            /// Takes a text that came from a request or the database; one that is not a UUID names nothing.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NoIdentifier;

            fn try_from(text: String) -> Result<Self, NoIdentifier> {
                if text.contains('\0') {
                    return Err(NoIdentifier);
                }
                Ok(Self(text))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    )*};
}

identifiers! {
    /// A directory: one identity provider, or the local people.
    DirectoryId;
    /// A resource of a directory, whatever its type.
    ResourceId;
    /// Anything that can authenticate.
    CredentialId;
    /// A product that asks about tokens.
    ProductId;
    /// A site at which a product runs.
    InstanceId;
    /// The account of a program.
    ServiceAccountId;
    /// A mapping from a group to a role.
    RoleMappingId;
    /// A key that access tokens are signed with.
    SigningKeyId;
    /// An authentication policy.
    PolicyId;
    /// An audit event.
    AuditEventId;
    /// A receipt of a deprovisioning.
    ReceiptId;
    /// A notice to admins.
    NoticeId;
    /// An endpoint that notices are sent to.
    WebhookId;
    /// A notice on its way to one receiver.
    DeliveryId;
    /// A logged SCIM request.
    ScimRequestId;
}
