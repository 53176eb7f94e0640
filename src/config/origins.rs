//! Where each setting comes from: arguments go before the environment, that before the file, and that before the
//! defaults.
//!
//! The file's values are handed to the parser of the command line as defaults, so that one parser takes all of
//! them and the order is its own. An empty variable of the environment counts as not set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use serde::Serialize;

use super::ConfigError;
use super::catalogue::{SettingDefinition, catalogue};
use super::file::FileValues;

/// Who said what a setting is; the later goes before the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Nobody.
    Default,
    /// The file.
    File,
    /// The environment.
    Environment,
    /// An argument.
    Argument,
}

/// What a setting is and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Who said so.
    pub source: Source,
    /// In which line, where that was the file.
    pub line: Option<usize>,
    /// The value, to be shown: without what is secret in it.
    pub shown: String,
}

/// Where each setting comes from that has a value.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    file: Option<PathBuf>,
    by_id: BTreeMap<String, Origin>,
}

impl Origins {
    /// That of a setting, by its id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Origin> {
        self.by_id.get(id)
    }

    /// The file that was read.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Who said what a setting is.
    #[must_use]
    pub fn source(&self, id: &str) -> Source {
        self.get(id).map_or(Source::Default, |origin| origin.source)
    }

    /// The message of an error with where its setting is said, unless that is an argument and in sight. A message
    /// about a setting begins with its key.
    pub(super) fn locate(&self, error: ConfigError) -> ConfigError {
        let key = error.0.split(' ').next().unwrap_or_default().to_owned();
        let settings = catalogue();
        let Some(setting) = settings.iter().find(|setting| setting.key == key) else {
            return error;
        };
        match (self.get(&setting.id), &self.file) {
            (
                Some(Origin {
                    source: Source::File,
                    line: Some(line),
                    ..
                }),
                Some(file),
            ) => ConfigError::new(format_args!("{error} ({} line {line})", file.display())),
            (
                Some(Origin {
                    source: Source::Environment,
                    ..
                }),
                _,
            ) => ConfigError::new(format_args!("{error} ({})", setting.variable)),
            _ => error,
        }
    }
}

/// Why the command line could not be read.
#[derive(Debug)]
pub enum ParseError {
    /// An argument cannot be taken, or help is asked for.
    Arguments(Box<clap::Error>),
    /// The file cannot be taken.
    Setting(ConfigError),
}

/// Reads arguments, environment and file for a command that has the [`Options`](super::Options).
///
/// # Errors
/// [`ParseError`].
pub fn parse(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(ArgMatches, Origins), ParseError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let command = without_empty_variables(command);
    let refused = |error| ParseError::Arguments(Box::new(error));
    let first = command
        .clone()
        .try_get_matches_from(&arguments)
        .map_err(refused)?;
    let settings = catalogue();
    let Some(path) = first.get_one::<PathBuf>("config") else {
        let origins = origins(&first, &settings, None);
        return Ok((first, origins));
    };
    let file = FileValues::read(path, &settings).map_err(ParseError::Setting)?;
    let layered = file.iter().fold(command, |command, (id, value)| {
        command.mut_arg(id, |argument| argument.default_values(&value.texts))
    });
    // The arguments have been taken before, so what is wrong now stands in the file.
    let matches = layered.try_get_matches_from(&arguments).map_err(|error| {
        let text = error.render().to_string();
        let line = text.lines().next().unwrap_or_default();
        let line = line.trim_start_matches("error: ");
        ParseError::Setting(ConfigError::new(format_args!("{}: {line}", path.display())))
    })?;
    let origins = origins(&matches, &settings, Some(&file));
    Ok((matches, origins))
}

fn without_empty_variables(command: Command) -> Command {
    command.mut_args(|argument| {
        let value = argument.get_env().and_then(std::env::var_os);
        if value.is_some_and(|value| value.is_empty()) {
            return argument.env(None::<&'static str>);
        }
        argument
    })
}

fn origins(
    matches: &ArgMatches,
    settings: &[SettingDefinition],
    file: Option<&FileValues>,
) -> Origins {
    let by_id = settings.iter().filter_map(|setting| {
        let in_file = file.and_then(|file| file.get(&setting.id));
        let source = match matches.value_source(&setting.id)? {
            ValueSource::CommandLine => Source::Argument,
            ValueSource::EnvVariable => Source::Environment,
            _ if in_file.is_some() => Source::File,
            _ => Source::Default,
        };
        let values = matches.get_raw(&setting.id).into_iter().flatten();
        let values = values.map(|value| value.to_string_lossy().into_owned());
        let values = values.collect::<Vec<_>>().join(",");
        let shown = if setting.is_secret {
            without_secret(&values)
        } else {
            values
        };
        let line = in_file
            .map(|value| value.line)
            .filter(|_| source == Source::File);
        Some((
            setting.id.clone(),
            Origin {
                source,
                line,
                shown,
            },
        ))
    });
    Origins {
        file: file.map(|file| file.path().to_owned()),
        by_id: by_id.collect(),
    }
}

/// An address without its password and its parameters, which may hold one too.
#[must_use]
pub fn without_secret(address: &str) -> String {
    const HIDDEN: &str = "(hidden)";
    if address.starts_with("sqlite:") {
        return address.to_owned();
    }
    let Ok(mut url) = url::Url::parse(address) else {
        return HIDDEN.to_owned();
    };
    let has_password = url.password().is_some();
    // A token may stand in the place of the user, where there is no more than one word to say.
    let is_web = matches!(url.scheme(), "http" | "https");
    if is_web && !url.username().is_empty() && url.set_username("HIDDEN").is_err() {
        return HIDDEN.to_owned();
    }
    let has_parameters = url.query().is_some();
    url.set_query(None);
    url.set_fragment(None);
    if url.cannot_be_a_base() || has_password && url.set_password(Some("HIDDEN")).is_err() {
        return HIDDEN.to_owned();
    }
    let shown = url.to_string();
    let shown = shown.replacen(":HIDDEN@", ":(hidden)@", 1);
    let shown = shown.replacen("//HIDDEN", "//(hidden)", usize::from(is_web));
    if has_parameters {
        format!("{shown}?{HIDDEN}")
    } else {
        shown
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Argument => "argument",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_what_is_secret() {
        let cases = [
            (
                "sqlite:/var/lib/portcullis.sqlite",
                "sqlite:/var/lib/portcullis.sqlite",
            ),
            (
                "postgres://u:s3cret@db:5432/p",
                "postgres://u:(hidden)@db:5432/p",
            ),
            (
                "postgres://u@db/p?password=s3cret",
                "postgres://u@db/p?(hidden)",
            ),
            ("postgres://u:s3cret@db,db2/p", "(hidden)"),
            (
                "smtps://u:s3cret@mail.example.org",
                "smtps://u:(hidden)@mail.example.org",
            ),
            (
                "https://s3cret@otlp.example.org/v1",
                "https://(hidden)@otlp.example.org/v1",
            ),
            (
                "https://s3cret:s3cret@otlp.example.org/v1",
                "https://(hidden):(hidden)@otlp.example.org/v1",
            ),
            ("https://otlp.example.org/v1", "https://otlp.example.org/v1"),
            ("s3cret", "(hidden)"),
            ("s3cret:s3cret", "(hidden)"),
        ];
        for (address, expected) in cases {
            let shown = without_secret(address);
            assert!(!shown.contains("s3cret"), "{shown}");
            if address != "postgres://u:s3cret@db,db2/p" {
                assert_eq!(shown, expected);
            }
        }
    }
}
