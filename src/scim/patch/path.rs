//! The path of an operation (RFC 7644 section 3.5.2, figure 7): `attribute`, `attribute.sub`,
//! `attribute[filter]`, `attribute[filter].sub`, each qualified by a schema URN or not, or such a URN alone.

use std::fmt;

use crate::scim::ScimError;
use crate::scim::filter::{Filter, parse_value_filter};
use crate::scim::path::AttributePath;

/// A path as written.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchPath {
    /// The attribute, and the sub-attribute, whether that stood after a filter or not.
    pub attribute: AttributePath,
    /// Which elements of the attribute.
    pub filter: Option<Filter>,
}

impl PatchPath {
    /// Parses a path.
    ///
    /// # Errors
    /// 400 `invalidFilter` for what is wrong between brackets (RFC 7644 table 9), `invalidPath` otherwise.
    pub fn parse(text: &str) -> Result<Self, ScimError> {
        let refused = || ScimError::invalid_path(format!("{text:?} is not a path of an attribute"));
        let (front, bracketed) = match text.split_once('[') {
            Some((front, bracketed)) => (front, Some(bracketed)),
            None => (text, None),
        };
        let mut attribute = AttributePath::parse(front).map_err(|_| refused())?;
        let Some(bracketed) = bracketed else {
            return Ok(Self {
                attribute,
                filter: None,
            });
        };
        let (filter, rest) = parse_value_filter(bracketed)?;
        if attribute.sub_attribute.is_some() {
            return Err(refused());
        }
        if !rest.is_empty() {
            let sub = rest.strip_prefix('.').ok_or_else(refused)?;
            let sub = AttributePath::parse(sub).map_err(|_| refused())?;
            if sub.schema.is_some() || sub.sub_attribute.is_some() {
                return Err(refused());
            }
            attribute.sub_attribute = Some(sub.attribute);
        }
        Ok(Self {
            attribute,
            filter: Some(filter),
        })
    }
}

impl fmt::Display for PatchPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(filter) = &self.filter else {
            return write!(formatter, "{}", self.attribute);
        };
        let front = AttributePath {
            sub_attribute: None,
            ..self.attribute.clone()
        };
        write!(formatter, "{front}[{filter}]")?;
        match &self.attribute.sub_attribute {
            Some(sub) => write!(formatter, ".{sub}"),
            None => Ok(()),
        }
    }
}
