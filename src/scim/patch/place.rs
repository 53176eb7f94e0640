//! Where an operation works.

use crate::scim::filter::Filter;
use crate::scim::schema::{Attribute, Schema};

/// An attribute that an operation works on, in the object that holds it.
pub(super) struct Place<'a> {
    pub(super) extension: Option<&'a Schema>,
    pub(super) attribute: &'a Attribute,
    pub(super) sub_attribute: Option<&'a Attribute>,
    pub(super) filter: Option<&'a Filter>,
    /// As errors name it.
    pub(super) name: String,
}
