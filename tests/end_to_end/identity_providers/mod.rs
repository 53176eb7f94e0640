//! What identity providers really send, replayed: one file for each, with bodies as the vendor sends them
//! and whole answers. [`Conversation`] is the identity provider's side.

mod authentik_keycloak;
mod conversation;
mod entra;
mod entra_flag;
mod google;
mod jumpcloud;
mod okta;
mod onelogin;
mod ping_sailpoint;

use conversation::{Conversation, error, list, member, meta, patch, with};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
