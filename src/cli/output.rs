//! Answers: tables for people, and for programs the JSON that the admin interface gives. Names come from whoever may
//! edit a profile at an identity provider, so nothing of what is stored reaches a terminal as it is.

use std::io::{ErrorKind, Write};

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

use crate::legible::{escaped, json_escaped};

use super::CommandError;

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    pub(super) json: bool,
}

impl Output {
    /// Shows a list: of each item, these members, named by their path.
    pub(super) fn list<T: Serialize>(
        self,
        items: &[T],
        columns: &[&str],
    ) -> Result<(), CommandError> {
        let items = values(items)?;
        if self.json {
            return print_json(&json!({"items": items, "next_cursor": null}));
        }
        if items.is_empty() {
            return print("none");
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(columns.iter().map(|path| path.replace(['_', '.'], " ")));
        for item in &items {
            table.add_row(
                columns
                    .iter()
                    .map(|path| escaped(&cell(item, path)).into_owned()),
            );
        }
        print(&table.to_string())
    }

    /// Shows one thing with all its members.
    pub(super) fn one(self, item: &impl Serialize) -> Result<(), CommandError> {
        let item = serde_json::to_value(item)?;
        if self.json {
            return print_json(&item);
        }
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        for (name, value) in item.as_object().into_iter().flatten() {
            if !value.is_null() {
                let name = name.replace('_', " ");
                table.add_row([escaped(&name), escaped(&text(value))]);
            }
        }
        print(&table.to_string())
    }

    /// Says what was done, where nothing is to be shown.
    pub(super) fn done(self, what: &str) -> Result<(), CommandError> {
        if self.json {
            return print_json(&json!({"done": what}));
        }
        print(&escaped(what))
    }
}

/// Writes lines to standard output. That nobody reads to the end is no error.
pub(super) fn print(text: &str) -> Result<(), CommandError> {
    let mut stdout = std::io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(cause) if cause.kind() != ErrorKind::BrokenPipe => Err(CommandError::Io {
            what: "writing the answer".to_owned(),
            cause,
        }),
        _ => Ok(()),
    }
}

fn values<T: Serialize>(items: &[T]) -> Result<Vec<Value>, CommandError> {
    let values = items.iter().map(serde_json::to_value);
    Ok(values.collect::<Result<_, _>>()?)
}

fn print_json(value: &Value) -> Result<(), CommandError> {
    print(&json_escaped(&serde_json::to_string_pretty(value)?))
}

fn cell(item: &Value, path: &str) -> String {
    let mut value = item;
    for name in path.split('.') {
        match value.get(name) {
            Some(inner) => value = inner,
            None => return String::new(),
        }
    }
    text(value)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{name}: {}", text(value)))
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}
