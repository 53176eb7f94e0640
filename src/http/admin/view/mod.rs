//! What is shown of the things that the admin interface knows; the command line's `--json` is the same, and the
//! OpenAPI document describes these types.

mod credentials;
mod groups;
mod notices;
mod people;
mod products;
mod records;

pub use credentials::{
    IssuedView, PasswordLinkView, RegisteredKeyView, ServiceAccountView, SigningKeyView,
    credential, issued, password_link, registered_key, service_account, setup_url, signing_key,
};
pub use groups::{GroupMemberView, GroupView, group, group_member};
pub use notices::{
    DeliveryView, NoticeView, NoticeWithDeliveriesView, WebhookView, WebhookWithSecretView,
    delivery, notice, notice_with_deliveries, webhook, webhook_with_secret,
};
pub use people::{
    AssignmentView, DeletedUserView, DirectoryView, MappingView, RecoveredView, UserView,
    UserWithRolesView, assignment, deleted_user, directory, mapping, recovered, user,
    user_with_roles,
};
pub use products::{InstanceView, ProductView, instance, product};
pub use records::{
    AuditEventView, ChainedEventView, LeniencyCountView, PlacedEventView, ReceiptView,
    ScimRequestView, audit_event, chained_event, leniency_count, placed_event, receipt,
    scim_request,
};

/// JSON that was stored as text.
fn stored(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_default()
}
