//! Attribute paths (RFC 7644 section 3.10): `userName`, `name.familyName`,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName`.
//!
//! Purely syntactic; [`super::schema::ResourceType::resolve`] gives a path its meaning.

use std::fmt;

/// An attribute path as written, split at its last colon and at the first dot after that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The schema URN before the last colon, where there is one.
    pub schema: Option<String>,
    /// The attribute's name.
    pub attribute: String,
    /// The sub-attribute's name. Of an extension's URN that is a path by itself, whatever follows a dot.
    pub sub_attribute: Option<String>,
}

/// The text is no attribute path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an attribute path")]
pub struct PathError(pub String);

impl AttributePath {
    /// Splits a path. Names follow RFC 7643 section 2.1, and `$ref`.
    ///
    /// # Errors
    /// [`PathError`] where a name is empty or holds other characters.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let refused = || PathError(text.to_owned());
        let (schema, rest) = match text.rsplit_once(':') {
            Some((schema, rest)) => (Some(schema), rest),
            None => (None, text),
        };
        let (attribute, sub_attribute) = match rest.split_once('.') {
            Some((attribute, sub)) => (attribute, Some(sub)),
            None => (rest, None),
        };
        let schema_ok = schema.is_none_or(is_urn);
        // In `urn:…:1.0`, an extension's URN, what follows the dot is no name either.
        let sub_ok = sub_attribute.is_none_or(|sub| {
            sub.split('.')
                .all(|part| is_name(part) || (schema.is_some() && is_urn_part(part)))
        });
        // `urn:…:core:2.0` is the front of a URN whose last part begins with a digit.
        let name_ok = is_name(attribute) || (schema.is_some() && is_urn_part(attribute));
        if !(schema_ok && name_ok && sub_ok) {
            return Err(refused());
        }
        Ok(Self {
            schema: schema.map(str::to_owned),
            attribute: attribute.to_owned(),
            sub_attribute: sub_attribute.map(str::to_owned),
        })
    }

    /// A path of one name.
    #[must_use]
    pub fn of(attribute: &str) -> Self {
        Self {
            schema: None,
            attribute: attribute.to_owned(),
            sub_attribute: None,
        }
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(formatter, "{schema}:")?;
        }
        formatter.write_str(&self.attribute)?;
        match &self.sub_attribute {
            Some(sub) => write!(formatter, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// Whether a character may be part of a path (and so ends no word of a filter).
#[must_use]
pub(crate) fn is_path_character(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '-' | '_' | '.' | ':' | '$' | '/' | '%')
}

fn is_name(name: &str) -> bool {
    let rest = name.strip_prefix('$').unwrap_or(name);
    let mut characters = rest.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_'))
}

fn is_urn(text: &str) -> bool {
    text.get(..4)
        .is_some_and(|front| front.eq_ignore_ascii_case("urn:"))
        && text.split(':').all(is_urn_part)
}

fn is_urn_part(part: &str) -> bool {
    !part.is_empty()
        && part
            .chars()
            .all(|next| next.is_ascii_alphanumeric() || matches!(next, '-' | '_' | '.' | '/' | '%'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_at_the_last_colon_and_the_first_dot() {
        let cases = [
            ("userName", (None, "userName", None)),
            ("name.familyName", (None, "name", Some("familyName"))),
            ("manager.$ref", (None, "manager", Some("$ref"))),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:name.familyName",
                (
                    Some("urn:ietf:params:scim:schemas:core:2.0:User"),
                    "name",
                    Some("familyName"),
                ),
            ),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
                (
                    Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0"),
                    "User",
                    None,
                ),
            ),
            (
                "urn:example:Lease:1.0",
                (Some("urn:example:Lease"), "1", Some("0")),
            ),
        ];
        for (text, (schema, attribute, sub)) in cases {
            let path = AttributePath::parse(text).unwrap();
            let parts = (
                path.schema.as_deref(),
                path.attribute.as_str(),
                path.sub_attribute.as_deref(),
            );
            assert_eq!(parts, (schema, attribute, sub));
            assert_eq!(path.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", ".", "a.", ".a", "1a", "a b", "a[b]", "x:y", "urn:", "urn::a", "a..b", "é",
        ] {
            assert!(AttributePath::parse(text).is_err(), "{text}");
        }
    }
}
