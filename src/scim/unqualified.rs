//! Attributes of extensions that are named without the URN of their schema, as Entra ID's `manager` is.

use super::leniency::{Leniencies, Leniency};
use super::path::AttributePath;
use super::schema::ResourceType;
use super::{ErrorKind, ScimError};

/// The path with the URN of the extension that defines its attribute; `None` where it has one already, or where no
/// extension is meant because the core defines the attribute, or nobody does.
///
/// # Errors
/// 400 of this kind where several extensions define it, and where the dialect asks for the URN: what is known by
/// another name is never taken for unknown.
pub(crate) fn qualified(
    resource_type: &ResourceType,
    path: &AttributePath,
    kind: ErrorKind,
    leniencies: &mut Leniencies,
) -> Result<Option<AttributePath>, ScimError> {
    let candidates = candidates(resource_type, path);
    let Some(first) = candidates.first() else {
        return Ok(None);
    };
    if candidates.len() > 1 {
        let spelled: Vec<String> = candidates.iter().map(ToString::to_string).collect();
        return Err(ScimError::new(
            kind,
            format!(
                "several extensions of a {} define {path}: write one of {}",
                resource_type.name,
                spelled.join(", ")
            ),
        ));
    }
    if leniencies.take(Leniency::UnqualifiedAttribute) {
        return Ok(Some(first.clone()));
    }
    Err(ScimError::new(
        kind,
        format!("{path} belongs to an extension and must be written as {first}"),
    ))
}

/// What a path without URN may stand for in extensions, where the core has no attribute of its name.
pub(crate) fn candidates(resource_type: &ResourceType, path: &AttributePath) -> Vec<AttributePath> {
    if path.schema.is_some() || resource_type.attribute(&path.attribute).is_some() {
        return Vec::new();
    }
    let spelled = resource_type.extensions.iter().map(|extension| {
        let schema = Some(extension.schema.id.clone());
        AttributePath {
            schema,
            ..path.clone()
        }
    });
    spelled
        .filter(|path| resource_type.resolve(path).is_some())
        .collect()
}

/// Refuses the URN of the base schema as a name of its own: its attributes stand at the top of the resource, and
/// what is said of them elsewhere must not get lost.
///
/// # Errors
/// 400 of this kind.
pub(crate) fn refuse_base_schema(
    resource_type: &ResourceType,
    name: &str,
    kind: ErrorKind,
) -> Result<(), ScimError> {
    if !name.eq_ignore_ascii_case(&resource_type.schema.id) {
        return Ok(());
    }
    Err(ScimError::new(
        kind,
        format!("{name} is the base schema: its attributes are named without it, or each with it"),
    ))
}
