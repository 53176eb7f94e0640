//! `config`: what is set and by whom, and what can be set. Nothing here opens the database or shows a secret.

mod example;
mod reference;

use clap::Subcommand;
use serde::Serialize;

use crate::config::{
    self, Options, Origins, SECRET_VARIABLES, SettingDefinition, Source, without_secret,
};

use super::CommandError;
use super::output::{Output, print};

/// What to show of the settings.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Shows what holds and where each value comes from: argument, environment, file or default
    Show,
    /// Prints the reference of all settings, as Markdown
    Reference,
    /// Prints a TOML file with every setting, explained
    Example,
}

/// A setting as it holds.
#[derive(Debug, Serialize)]
struct Held {
    setting: String,
    value: Option<String>,
    source: Source,
    /// The argument, the variable, or the file and its line.
    given_by: Option<String>,
}

pub(super) fn run(
    command: &ConfigCommand,
    options: Options,
    output: Output,
) -> Result<(), CommandError> {
    match command {
        ConfigCommand::Show => show(options, output),
        ConfigCommand::Reference => print(reference::markdown(&config::catalogue()).trim_end()),
        ConfigCommand::Example => print(example::file(&config::catalogue()).trim_end()),
    }
}

/// Fails where a setting cannot be taken: then none of them holds.
fn show(options: Options, output: Output) -> Result<(), CommandError> {
    let origins = options.origins.clone();
    let settings = options.settings()?;
    let mut held: Vec<Held> = config::catalogue()
        .into_iter()
        .map(|setting| held(&origins, &setting))
        .collect();
    for one in held.iter_mut().filter(|one| one.setting == "database-url") {
        // From a file, or made of the data directory.
        one.value = Some(without_secret(&settings.database_url));
    }
    for secret in SECRET_VARIABLES {
        let is_set = std::env::var_os(secret.variable).is_some_and(|value| !value.is_empty());
        held.push(Held {
            setting: secret.variable.to_owned(),
            value: is_set.then(|| "(hidden)".to_owned()),
            source: if is_set {
                Source::Environment
            } else {
                Source::Default
            },
            given_by: is_set.then(|| secret.variable.to_owned()),
        });
    }
    output.list(&held, &["setting", "value", "source", "given_by"])
}

fn held(origins: &Origins, setting: &SettingDefinition) -> Held {
    let origin = origins.get(&setting.id);
    let source = origins.source(&setting.id);
    let line = origin.and_then(|origin| origin.line);
    let given_by = match (source, origins.file(), line) {
        (Source::Argument, ..) => Some(format!("--{}", setting.key)),
        (Source::Environment, ..) => Some(setting.variable.clone()),
        (Source::File, Some(file), Some(line)) => Some(format!("{} line {line}", file.display())),
        _ => None,
    };
    Held {
        setting: setting.path(),
        value: origin.map(|origin| origin.shown.clone()),
        source,
        given_by,
    }
}
