//! The reference of all settings, made of the definitions of the command line: `docs/configuration.md`.

use std::fmt::Write;

use crate::config::{SECRET_VARIABLES, SettingDefinition};

const BEGINNING: &str = "\
# Configuration
This page is made by `portcullis config reference` from the definitions of the options, and a test holds it to them.

Every setting is an option of the command line, a variable of the environment and a key of one TOML file, which `--config` (`PORTCULLIS_CONFIG`) names. **Arguments go before the environment, the environment before the file, the file before the defaults.** What cannot be taken ends the process with exit code 2 and one line that names the setting and, where it is not an argument, who says it.

- `portcullis config show` shows what holds and where each value comes from, without secrets.
- `portcullis config example` prints a TOML file with every setting, explained.
- `portcullis doctor` looks for the usual mistakes, also for variables that begin with `PORTCULLIS_` and mean nothing.

## The rules
- **An empty variable counts as not set**, since that is what a container gets for a value that is left out. An empty text in the file is refused.
- **Lists** are separated by commas; in the file they may be arrays. `indexed-attributes = []` indexes none.
- **Numbers** of the file may be written with `_` between digits.
- **A key that no setting has** is refused, with the line and the nearest key that there is; so is one that stands in the wrong table.
- **The file is read once**, when the process starts.

## Secrets
An address that may hold a password, the master key and the password for the mail server can each be given in a file, as containers hand over secrets: `PORTCULLIS_DATABASE_URL_FILE=/run/secrets/database-url`. Line ends at the end of the file are cut off. Where the same source says both the secret and its file, the process refuses to start; where two sources do, the one that goes before holds. A file that cannot be read, is empty or longer than 64 KiB is named, and never shown.

These secrets are taken from the environment or from a file, never from an argument, which other users of the machine can read, nor from the TOML file:
";

pub(super) fn markdown(settings: &[SettingDefinition]) -> String {
    let mut page = BEGINNING.to_owned();
    page.push_str("\n| variable | or the file named by | what it is for |\n|---|---|---|\n");
    for secret in SECRET_VARIABLES {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            page,
            "| `{variable}` | `--{key}`, `{variable}_FILE`, `{key}` | {help} |",
            variable = secret.variable,
            key = secret.file_key,
            help = secret.help
        );
    }
    let mut sections: Vec<Option<&str>> = Vec::new();
    for section in settings.iter().map(|setting| setting.section.as_deref()) {
        if !sections.contains(&section) {
            sections.push(section);
        }
    }
    for section in sections {
        let _ = match section {
            None => writeln!(page, "\n## General\nKeys at the top of the file.\n"),
            Some(name) => writeln!(
                page,
                "\n## {}\nKeys in the table `[{name}]` of the file.\n",
                capitalised(name)
            ),
        };
        page.push_str(
            "| option | variable | key | default | what it is for |\n|---|---|---|---|---|\n",
        );
        let of_section = settings
            .iter()
            .filter(|setting| setting.section.as_deref() == section);
        for setting in of_section {
            page.push_str(&row(setting));
        }
    }
    page
}

fn row(setting: &SettingDefinition) -> String {
    let default = setting
        .default
        .as_ref()
        .map_or_else(String::new, |default| format!("`{default}`"));
    let range = setting.range.map_or_else(String::new, |(least, most)| {
        format!("; from {least} to {most}")
    });
    format!(
        "| `--{key} {value}` | `{variable}` | `{key}` | {default} | {help}{range}. |\n",
        key = setting.key,
        value = setting.value_name,
        variable = setting.variable,
        help = escaped(&setting.help),
    )
}

/// A bar would end the cell, and an angle bracket begin an element.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

fn capitalised(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_tree_is_the_one_that_the_code_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == markdown(&crate::config::catalogue()),
            "run: portcullis config reference > docs/configuration.md"
        );
    }
}
