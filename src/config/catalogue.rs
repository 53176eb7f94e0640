//! Which settings there are, read from the definitions of the command line: so that the file, the reference and
//! the example cannot know others than the options.

use std::ffi::OsStr;

use clap::{Arg, Args, Command};

use super::limits::RANGES;
use super::options::Options;

/// The option that names the file, which alone cannot stand in the file.
const FILE_OPTION: &str = "config";
/// What comes before the example of a value at the end of an option's help.
const EXAMPLE: &str = "such as ";

/// A setting: an option of the command line, a variable of the environment and a key of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingDefinition {
    /// What the command line calls it inside.
    pub id: String,
    /// The key in the file; with `--` before it, the option.
    pub key: String,
    /// The table of the file that the key is in; none at the top.
    pub section: Option<String>,
    /// The variable of the environment.
    pub variable: String,
    /// What stands for the value in the help.
    pub value_name: String,
    /// What holds when nothing is said; none where nothing does.
    pub default: Option<String>,
    /// The least and the greatest number that can be taken, where it is one.
    pub range: Option<(u32, u32)>,
    /// What it is for.
    pub help: String,
    /// A value that it could have, where there is no default to show.
    pub example: Option<String>,
    /// Whether it takes several values, separated by commas, or in the file as an array.
    pub is_list: bool,
    /// Whether it is true or false.
    pub is_switch: bool,
    /// Whether its value may hold a secret and is never shown.
    pub is_secret: bool,
}

/// A secret that is taken from the environment, or from a file that an option names, and never from an argument,
/// which other users of the machine can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretVariable {
    /// The variable.
    pub variable: &'static str,
    /// The key of the setting that names a file instead.
    pub file_key: &'static str,
    /// What it is for.
    pub help: &'static str,
}

/// The master key.
pub(super) const MASTER_KEY: SecretVariable = SecretVariable {
    variable: "PORTCULLIS_MASTER_KEY",
    file_key: "master-key-file",
    help: "The master key, 64 hexadecimal digits; without it, `master.key` in the data directory",
};
/// The one before it.
pub(super) const PREVIOUS_MASTER_KEY: SecretVariable = SecretVariable {
    variable: "PORTCULLIS_PREVIOUS_MASTER_KEY",
    file_key: "previous-master-key-file",
    help: "The master key before it, while that is being replaced; without it, `master.key.previous` in the data \
           directory",
};
/// The mail server's password.
pub(super) const SMTP_PASSWORD: SecretVariable = SecretVariable {
    variable: "PORTCULLIS_SMTP_PASSWORD",
    file_key: "smtp-password-file",
    help: "The password for the mail server",
};

/// All of them.
pub const SECRET_VARIABLES: [SecretVariable; 3] = [MASTER_KEY, PREVIOUS_MASTER_KEY, SMTP_PASSWORD];

/// All settings, in the order of the help.
#[must_use]
pub fn catalogue() -> Vec<SettingDefinition> {
    let command = Options::augment_args(Command::new("settings"));
    let settings = command.get_arguments();
    settings
        .filter(|argument| argument.get_long() != Some(FILE_OPTION))
        .filter_map(definition)
        .collect()
}

fn definition(argument: &Arg) -> Option<SettingDefinition> {
    let key = argument.get_long()?.to_owned();
    let help = argument
        .get_long_help()
        .or(argument.get_help())?
        .to_string();
    let defaults = argument.get_default_values();
    let value_name = argument.get_value_names()?.first()?.to_string();
    Some(SettingDefinition {
        id: argument.get_id().to_string(),
        section: argument.get_help_heading().map(section),
        variable: text(argument.get_env()?),
        default: (!defaults.is_empty()).then(|| {
            let texts = defaults.iter().map(|default| text(default.as_os_str()));
            texts.collect::<Vec<_>>().join(",")
        }),
        range: RANGES
            .iter()
            .find(|(known, ..)| *known == key)
            .map(|(_, least, most)| (*least, *most)),
        example: help
            .rsplit_once(EXAMPLE)
            .map(|(_, example)| example.trim_matches(['`', '"']).to_owned()),
        help: help.replace('\n', " "),
        is_list: argument.get_value_delimiter().is_some(),
        is_switch: value_name == "BOOL",
        is_secret: argument.is_hide_env_values_set(),
        value_name,
        key,
    })
}

/// The table of the file for the options under a heading of the help.
fn section(heading: &str) -> String {
    heading.to_ascii_lowercase().replace(' ', "-")
}

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

impl SettingDefinition {
    /// The key with the table that it is in: `limits.max-body`.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.section {
            Some(section) => format!("{section}.{}", self.key),
            None => self.key.clone(),
        }
    }
}

/// The one of these names that is most like what was written, where one is.
#[must_use]
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, names have little in common.
    const LEAST_LIKENESS: f64 = 0.75;
    known
        .into_iter()
        .map(|name| (name, strsim::jaro_winkler(written, name)))
        .filter(|(_, likeness)| *likeness >= LEAST_LIKENESS)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(name, _)| name)
}

/// Variables of the environment that begin as ours do and are none of ours, each with the nearest that is.
///
/// A cluster adds some of its own for a service of the name `portcullis`; those are left out.
#[must_use]
pub fn unknown_variables() -> Vec<(String, Option<String>)> {
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    unknown_among(names)
}

fn unknown_among(names: impl Iterator<Item = String>) -> Vec<(String, Option<String>)> {
    let settings = catalogue();
    let mut known: Vec<&str> = settings.iter().map(|one| one.variable.as_str()).collect();
    known.push("PORTCULLIS_CONFIG");
    known.extend(SECRET_VARIABLES.map(|secret| secret.variable));
    let mut unknown: Vec<_> = names
        .filter(|name| name.starts_with("PORTCULLIS_") && !is_of_a_cluster(name))
        .filter(|name| !known.contains(&name.as_str()))
        .map(|name| {
            let nearest = nearest(&name, known.iter().copied()).map(str::to_owned);
            (name, nearest)
        })
        .collect();
    unknown.sort();
    unknown
}

/// `PORTCULLIS_PORT_8080_TCP_ADDR`, `PORTCULLIS_SERVICE_HOST` and the like.
fn is_of_a_cluster(name: &str) -> bool {
    [
        "PORTCULLIS_PORT",
        "PORTCULLIS_SERVICE_HOST",
        "PORTCULLIS_SERVICE_PORT",
    ]
    .iter()
    .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_an_option_a_variable_and_a_default_or_an_example() {
        for setting in catalogue() {
            let variable = format!(
                "PORTCULLIS_{}",
                setting.key.to_uppercase().replace('-', "_")
            );
            assert_eq!(setting.variable, variable);
            assert!(!setting.help.ends_with('.'), "{}", setting.key);
            assert!(
                setting.default.is_some() || setting.example.is_some(),
                "the help of {} has to end with `such as` and a value, since there is no default",
                setting.key
            );
        }
    }

    #[test]
    fn every_secret_can_be_in_a_file() {
        let settings = catalogue();
        let has = |key: &str| settings.iter().any(|setting| setting.key == key);
        for setting in settings.iter().filter(|setting| setting.is_secret) {
            assert!(has(&format!("{}-file", setting.key)), "{}", setting.key);
        }
        for secret in SECRET_VARIABLES {
            assert!(has(secret.file_key), "{}", secret.variable);
            let variable = format!("{}_FILE", secret.variable);
            assert!(settings.iter().any(|setting| setting.variable == variable));
        }
    }

    #[test]
    fn a_variable_with_a_typing_error_is_found_and_those_of_a_cluster_are_let_be() {
        let names = [
            "PORTCULLIS_LISSTEN",
            "PORTCULLIS_LISTEN",
            "PORTCULLIS_MASTER_KEY",
            "PORTCULLIS_SERVICE_HOST",
            "PORTCULLIS_PORT_8080_TCP_ADDR",
            "PORTCULLIS_ZZZ",
            "HOME",
        ];
        let unknown = unknown_among(names.into_iter().map(str::to_owned));
        let expected = [
            ("PORTCULLIS_LISSTEN", Some("PORTCULLIS_LISTEN")),
            ("PORTCULLIS_ZZZ", None),
        ];
        let found: Vec<_> = unknown
            .iter()
            .map(|(name, nearest)| (name.as_str(), nearest.as_deref()))
            .collect();
        assert_eq!(found[0], expected[0]);
        assert_eq!(found[1].0, expected[1].0);
        assert_eq!(found.len(), expected.len());
    }
}
