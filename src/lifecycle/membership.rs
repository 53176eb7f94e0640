//! Changes of a group's members.

use std::collections::HashSet;

use crate::store::id::ResourceId;
use crate::store::memberships::GroupMember;
use crate::store::resources::Resource;
use crate::store::{DatabaseConnection, StoreError, memberships};

use super::Cause;
use super::rights::RolesBefore;

/// One change of a group's members. Those who are added have a `display` only where the client's differs
/// from their own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    /// These too.
    Add(Vec<GroupMember>),
    /// Without these.
    Remove(Vec<ResourceId>),
    /// These and no others.
    Replace(Vec<GroupMember>),
}

/// Who has come and gone.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) added: Vec<ResourceId>,
    pub(super) removed: Vec<ResourceId>,
    renamed: bool,
}

impl Moved {
    pub(super) fn is_nothing(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && !self.renamed
    }
}

/// Members read at a time.
const PAGE: i64 = 1_000;

/// Changes the members of a group, whose row the caller holds.
pub(super) fn change_members(
    connection: &mut DatabaseConnection,
    group: &Resource,
    changes: &[MemberChange],
    cause: &Cause,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    for change in changes {
        match change {
            MemberChange::Add(members) => add(connection, group, members, &mut moved)?,
            MemberChange::Remove(members) => {
                remove(connection, group, members, cause, &mut moved)?;
            }
            MemberChange::Replace(members) => {
                let kept: HashSet<&ResourceId> = members.iter().map(|member| &member.id).collect();
                let leaving = others(connection, group, &kept)?;
                remove(connection, group, &leaving, cause, &mut moved)?;
                rename(connection, group, members, &mut moved)?;
                add(connection, group, members, &mut moved)?;
            }
        }
    }
    Ok(moved)
}

fn add(
    connection: &mut DatabaseConnection,
    group: &Resource,
    members: &[GroupMember],
    moved: &mut Moved,
) -> Result<(), StoreError> {
    let added = memberships::add(connection, &group.directory_id, &group.id, members)?;
    moved.added.extend(added);
    Ok(())
}

fn rename(
    connection: &mut DatabaseConnection,
    group: &Resource,
    members: &[GroupMember],
    moved: &mut Moved,
) -> Result<(), StoreError> {
    for member in members {
        if let Some(display) = &member.display {
            moved.renamed |= memberships::rename(connection, &group.id, &member.id, display)?;
        }
    }
    Ok(())
}

fn remove(
    connection: &mut DatabaseConnection,
    group: &Resource,
    members: &[ResourceId],
    cause: &Cause,
    moved: &mut Moved,
) -> Result<(), StoreError> {
    let before = RolesBefore::of_members(connection, &group.directory_id, &group.id, members)?;
    let removed = memberships::remove(connection, &group.id, members)?;
    before.settle(connection, cause)?;
    moved.removed.extend(removed);
    Ok(())
}

/// The members of a group that are not to be kept.
fn others(
    connection: &mut DatabaseConnection,
    group: &Resource,
    kept: &HashSet<&ResourceId>,
) -> Result<Vec<ResourceId>, StoreError> {
    let mut others = Vec::new();
    let mut after = None;
    loop {
        let page = memberships::page(connection, &group.id, after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(others);
        };
        after = Some(last.id.clone());
        others.extend(
            page.into_iter()
                .map(|member| member.id)
                .filter(|id| !kept.contains(id)),
        );
    }
}
