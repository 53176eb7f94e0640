//! Attribute paths (RFC 7644 section 3.10): `userName`, `name.familyName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName`.
//!
//! Purely syntactic; [`super::schema::ResourceType::resolve`] gives a path its meaning.

/// An attribute path as written, split at its last colon and at the first dot after that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The schema URN before the last colon, where there is one.
    pub schema: Option<String>,
    /// The attribute's name.
    pub attribute: String,
    /// The sub-attribute's name.
    pub sub_attribute: Option<String>,
}
