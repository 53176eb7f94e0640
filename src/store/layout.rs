//! Where the attributes of a resource type are kept, for the compiler of filters: in the document unless
//! said otherwise here. The rooms above know the attributes' names.

/// What holds an attribute that is not in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// The identifier.
    Id,
    /// `userName`, also folded.
    UserName,
    /// `externalId`.
    ExternalId,
    /// `displayName`, also folded.
    DisplayName,
    /// When the resource was made.
    CreatedAt,
    /// When it was last changed.
    ModifiedAt,
    /// The entity tag of its version.
    EntityTag,
    /// The name of its resource type.
    ResourceType,
    /// Its address.
    Location,
    /// The members of a group: computed from the memberships.
    Members,
    /// The groups of a resource, also through other groups: computed from the memberships.
    Groups,
}

/// The layout of one resource type.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// The name of the type.
    pub resource_type: String,
    /// What is not in the document, by canonical path.
    pub columns: Vec<(String, Column)>,
    /// The canonical paths that have a side table.
    pub indexed: Vec<String>,
    /// The address of resources up to their id, by the name of their type.
    pub addresses: Vec<(String, String)>,
}

impl Layout {
    pub(super) fn column(&self, path: &str) -> Option<Column> {
        self.columns
            .iter()
            .find(|(known, _)| known == path)
            .map(|(_, column)| *column)
    }

    pub(super) fn is_indexed(&self, path: &str) -> bool {
        self.indexed.iter().any(|known| known == path)
    }
}
