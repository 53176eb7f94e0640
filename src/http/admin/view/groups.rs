//! Groups, and who is in them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::store::id::{DirectoryId, ResourceId};
use crate::store::memberships::GroupMember;
use crate::store::resources::Resource;

/// A group.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Group)]
pub struct GroupView {
    id: ResourceId,
    directory_id: DirectoryId,
    #[schema(required)]
    external_id: Option<String>,
    #[schema(required)]
    display_name: Option<String>,
    created_at: Timestamp,
    modified_at: Timestamp,
}

/// A group.
#[must_use]
pub fn group(group: &Resource) -> GroupView {
    GroupView {
        id: group.id.clone(),
        directory_id: group.directory_id.clone(),
        external_id: group.external_id.clone(),
        display_name: group.display_name.clone(),
        created_at: group.created_at,
        modified_at: group.modified_at,
    }
}

/// Somebody or something in a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = GroupMember)]
pub struct GroupMemberView {
    id: ResourceId,
    /// `User` or `Group`.
    #[schema(example = "User")]
    r#type: String,
    #[schema(required)]
    display_name: Option<String>,
}

/// Somebody or something in a group.
#[must_use]
pub fn group_member(member: &GroupMember) -> GroupMemberView {
    GroupMemberView {
        id: member.id.clone(),
        r#type: member.member_type.clone(),
        display_name: member.display.clone(),
    }
}
