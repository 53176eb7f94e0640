//! The manual: man pages, and the reference of all commands as Markdown (`docs/cli.md`), both made of the
//! definitions of the command line.

use std::fmt::Write;
use std::path::Path;

use clap::{Arg, Command};

use super::CommandError;
use super::output::Output;

const BEGINNING: &str = "\
# The command line
This page is made by `portcullis man --markdown` from the definitions of the commands, and a test holds it to them.

Commands that look after something work on the local database, beside servers that run on it. They show tables for people and, with `--json`, what the admin interface answers. Each takes the [settings](configuration.md) as options too; `--config FILE` names a file of them.

**Exit codes**: 0 when it is done, 1 when it failed or is refused, 2 when a setting or an argument cannot be taken. The reason is one line on standard error.
";

/// Writes a man page for each command into a directory, which is made where there is none.
pub(super) fn write(
    command: Command,
    directory: &Path,
    output: Output,
) -> Result<(), CommandError> {
    let failed = |cause| CommandError::Io {
        what: format!("writing man pages to {}", directory.display()),
        cause,
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    // What the short help leaves out is described here too.
    let command = with_settings_once(command).mut_args(|argument| argument.hide_short_help(false));
    clap_mangen::generate_to(command, directory).map_err(failed)?;
    output.done(&format!("wrote the man pages to {}", directory.display()))
}

/// The settings stand on the page of the program, and not on that of every command again.
fn with_settings_once(command: Command) -> Command {
    command.mut_args(|argument| argument.global(false))
}

/// The reference of all commands.
pub(super) fn markdown(command: Command) -> String {
    let mut command = with_settings_once(command).disable_help_subcommand(true);
    command.build();
    let mut page = BEGINNING.to_owned();
    for inner in command.get_subcommands() {
        describe(inner, &mut page, 2);
    }
    page
}

fn describe(command: &Command, page: &mut String, depth: usize) {
    let path = command.get_bin_name().unwrap_or_else(|| command.get_name());
    // Writing to a String cannot fail, here and below.
    let _ = write!(page, "\n{} {path}\n", "#".repeat(depth));
    if let Some(about) = command.get_long_about().or(command.get_about()) {
        let _ = writeln!(page, "{}.", escaped(&about.to_string()));
    }
    let is_group = command.get_subcommands().next().is_some();
    if !is_group {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").trim_end();
        let _ = write!(page, "\n```text\n{usage}\n```\n");
    }
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !is_help(argument))
        .collect();
    if !arguments.is_empty() {
        page.push('\n');
        for argument in arguments {
            page.push_str(&row(argument));
        }
    }
    for inner in command.get_subcommands() {
        describe(inner, page, depth + 1);
    }
}

fn is_help(argument: &Arg) -> bool {
    ["help", "version"].contains(&argument.get_id().as_str())
}

fn row(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let help = help.map_or_else(String::new, |help| {
        format!(": {}", escaped(&help.to_string().replace('\n', " ")))
    });
    let defaults = argument.get_default_values().iter();
    let defaults: Vec<_> = defaults.map(|value| value.to_string_lossy()).collect();
    let takes_values = argument.get_action().takes_values();
    let default = match defaults.as_slice() {
        [] => String::new(),
        _ if !takes_values => String::new(),
        values => format!("; `{}` unless said", values.join(",")),
    };
    let values: Vec<_> = argument
        .get_possible_values()
        .iter()
        .filter(|_| takes_values)
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!("; one of {}", values.join(", "))
    };
    format!("- `{}`{help}{default}{values}.\n", shown(argument))
}

/// As it is written: `--name NAME`, `ID`.
fn shown(argument: &Arg) -> String {
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let value = names.join(" ");
    match argument.get_long() {
        Some(long) if argument.get_action().takes_values() => format!("--{long} {value}"),
        Some(long) => format!("--{long}"),
        None => value,
    }
}

/// An angle bracket would begin an element.
fn escaped(text: &str) -> String {
    text.trim_end_matches('.').replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::Arguments;
    use super::*;

    #[test]
    fn the_page_in_the_tree_is_the_one_that_the_code_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            page == markdown(Arguments::command()),
            "run: portcullis man --markdown > docs/cli.md"
        );
    }

    #[test]
    fn every_command_has_a_man_page_and_the_settings_stand_on_one() {
        let directory = std::env::temp_dir().join(format!("portcullis-{}", uuid::Uuid::now_v7()));
        write(Arguments::command(), &directory, Output { json: true }).unwrap();
        let page = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        assert!(page("portcullis.1").contains("PORTCULLIS_DATABASE_URL"));
        let rotate = page("portcullis-scim-key-rotate.1");
        assert!(rotate.contains("overlap"), "{rotate}");
        assert!(!rotate.contains("PORTCULLIS_DATABASE_URL"), "{rotate}");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
