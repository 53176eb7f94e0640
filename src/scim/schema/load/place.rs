//! A place in a schema document, what is read there, and the error that names it.

use serde_json::Value;

/// A document that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}{pointer}: {reason}", if pointer.is_empty() { "" } else { "#" })]
pub struct SchemaError {
    /// The document's file name.
    pub file: String,
    /// The JSON pointer (RFC 6901) of the culprit; empty for the whole document.
    pub pointer: String,
    /// Why, and what would be accepted.
    pub reason: String,
}

/// A document's file and the place in it that is being read.
#[derive(Clone)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) pointer: String,
}

impl<'a> Place<'a> {
    pub(super) fn below(&self, step: impl std::fmt::Display) -> Place<'a> {
        Place {
            file: self.file,
            pointer: format!("{}/{step}", self.pointer),
        }
    }

    pub(super) fn refuse<T>(&self, reason: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError {
            file: self.file.to_owned(),
            pointer: self.pointer.clone(),
            reason: reason.into(),
        })
    }
}

pub(super) fn required_text(
    place: &Place<'_>,
    holder: &Value,
    key: &str,
) -> Result<String, SchemaError> {
    match holder.get(key) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
        _ => place
            .below(key)
            .refuse("must be a string that is not empty"),
    }
}

pub(super) fn optional_text(
    place: &Place<'_>,
    holder: &Value,
    key: &str,
) -> Result<String, SchemaError> {
    match holder.get(key) {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => place.below(key).refuse("must be a string"),
    }
}

pub(super) fn flag(place: &Place<'_>, holder: &Value, key: &str) -> Result<bool, SchemaError> {
    match holder.get(key) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => place.below(key).refuse("must be true or false"),
    }
}

pub(super) fn texts(
    place: &Place<'_>,
    holder: &Value,
    key: &str,
) -> Result<Vec<String>, SchemaError> {
    let refused = || place.below(key).refuse("must be an array of strings");
    match holder.get(key) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| item.as_str().map(str::to_owned))
            .collect::<Option<_>>()
            .map_or_else(refused, Ok),
        Some(_) => refused(),
    }
}

pub(super) fn choice<T: Copy>(
    place: &Place<'_>,
    holder: &Value,
    key: &str,
    default: T,
    choices: &[(&str, T)],
) -> Result<T, SchemaError> {
    let chosen = match holder.get(key) {
        None => return Ok(default),
        Some(value) => choices.iter().find(|(name, _)| value == name),
    };
    chosen.map_or_else(
        || {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            place
                .below(key)
                .refuse(format!("must be one of {}", names.join(", ")))
        },
        |(_, choice)| Ok(*choice),
    )
}
