//! A TOML file with every setting, made of the definitions of the command line.

use std::fmt::Write;

use crate::config::SettingDefinition;

const BEGINNING: &str = "\
# Settings of Portcullis. Name this file with --config or PORTCULLIS_CONFIG.
# Arguments and variables of the environment go before it. What is commented out is the default, or, after
# \"for example\", a value that could be set.
";

/// What stands before a setting that has a default.
const DEFAULT: &str = "#";
/// What stands before an example.
const EXAMPLE: &str = "# for example: ";
/// How long the lines of explanations are, in characters.
const WIDTH: usize = 100;

pub(super) fn file(settings: &[SettingDefinition]) -> String {
    let mut file = BEGINNING.to_owned();
    let mut section = None;
    for setting in settings {
        if setting.section != section {
            section.clone_from(&setting.section);
            // Writing to a String cannot fail, here and below.
            let _ = write!(file, "\n[{}]\n", section.as_deref().unwrap_or_default());
        }
        file.push('\n');
        for line in lines(&explanation(setting)) {
            let _ = writeln!(file, "# {line}");
        }
        let _ = match (&setting.default, &setting.example) {
            (Some(default), _) => {
                writeln!(
                    file,
                    "{DEFAULT}{} = {}",
                    setting.key,
                    value(setting, default)
                )
            }
            (None, Some(example)) => {
                writeln!(
                    file,
                    "{EXAMPLE}{} = {}",
                    setting.key,
                    value(setting, example)
                )
            }
            (None, None) => Ok(()),
        };
    }
    file
}

fn explanation(setting: &SettingDefinition) -> String {
    // The example has a line of its own.
    let help = match setting.example {
        Some(_) => setting
            .help
            .rsplit_once("such as ")
            .map_or(setting.help.as_str(), |(before, _)| before)
            .trim_end_matches([' ', ',', '.', ';']),
        None => &setting.help,
    };
    match setting.range {
        Some((least, most)) => format!("{help}; from {least} to {most}."),
        None => format!("{help}."),
    }
}

/// As TOML writes it.
fn value(setting: &SettingDefinition, text: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    if setting.is_list {
        let items: Vec<String> = text.split(',').map(quoted).collect();
        return format!("[{}]", items.join(", "));
    }
    if setting.range.is_some() || setting.is_switch {
        return text.to_owned();
    }
    quoted(text)
}

fn lines(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;
    use crate::config::{Options, Settings, Source, catalogue, parse};

    /// The settings that this text makes as a file.
    fn settings(text: &str) -> (Options, Settings) {
        let path = std::env::temp_dir().join(format!("portcullis-{}.toml", uuid::Uuid::now_v7()));
        std::fs::write(&path, text).unwrap();
        let command = Options::augment_args(clap::Command::new("portcullis"));
        let arguments = ["portcullis", "--config", path.to_str().unwrap()];
        let parsed = parse(command, arguments.map(std::ffi::OsString::from));
        let (matches, origins) = parsed.unwrap_or_else(|error| panic!("{error:?}"));
        std::fs::remove_file(path).unwrap();
        let options = Options {
            origins,
            ..Options::from_arg_matches(&matches).unwrap()
        };
        (options.clone(), options.settings().unwrap())
    }

    /// Every line of the example that begins so, without that.
    fn said_after(beginning: &str) -> String {
        let uncommented = |line: &str| match line.strip_prefix(beginning) {
            Some(setting) if setting.contains(" = ") && !setting.starts_with(' ') => {
                setting.to_owned()
            }
            _ => line.to_owned(),
        };
        let lines: Vec<_> = file(&catalogue()).lines().map(uncommented).collect();
        lines.join("\n")
    }

    #[test]
    fn the_example_sets_nothing_and_what_is_commented_out_in_it_is_the_default() {
        let (_, untouched) = settings("");
        let (options, as_it_is) = settings(&file(&catalogue()));
        assert_eq!(format!("{as_it_is:?}"), format!("{untouched:?}"));
        assert_eq!(options.origins.source("listen"), Source::Default);

        let (options, uncommented) = settings(&said_after(DEFAULT));
        assert_eq!(format!("{uncommented:?}"), format!("{untouched:?}"));
        for setting in catalogue() {
            let expected = if setting.default.is_some() {
                Source::File
            } else {
                Source::Default
            };
            assert_eq!(
                options.origins.source(&setting.id),
                expected,
                "{}",
                setting.key
            );
        }
    }

    #[test]
    fn every_example_stands_under_a_key_that_is_known() {
        let path = std::env::temp_dir().join(format!("portcullis-{}.toml", uuid::Uuid::now_v7()));
        std::fs::write(&path, said_after(EXAMPLE)).unwrap();
        let command = Options::augment_args(clap::Command::new("portcullis"));
        let arguments = ["portcullis", "--config", path.to_str().unwrap()];
        let (_, origins) = parse(command, arguments.map(std::ffi::OsString::from)).unwrap();
        std::fs::remove_file(path).unwrap();
        for setting in catalogue()
            .iter()
            .filter(|setting| setting.default.is_none())
        {
            assert_eq!(origins.source(&setting.id), Source::File, "{}", setting.key);
        }
    }
}
