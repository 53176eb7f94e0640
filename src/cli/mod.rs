//! The command line: one file per command group. Rules live in the rooms below; what is here asks them and
//! shows the answer, as tables for people and as JSON for programs.

mod logging;
mod serve;
mod startup;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::config::{ConfigError, Options, Settings};
use crate::store::migrate;

use startup::StartupError;

/// A SCIM 2.0 provisioning server joined to a token authority.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves; applies pending migrations first
    Serve,
    /// Applies pending migrations and does nothing else
    Migrate,
}

/// Why a command failed, as one line for people.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// A setting cannot be taken: exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The process could not start its work.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// The network or a file refused.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        cause: std::io::Error,
    },
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Startup(error) if error.is_setting() => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command that the arguments name and gives the exit code.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error)
            if error.kind() == ErrorKind::ValueValidation
                || error.kind() == ErrorKind::InvalidValue =>
        {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("portcullis: {}", line.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
        Err(error) => {
            // Nobody is left to be told when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {}", startup::chain(&error));
            error.exit_code()
        }
    }
}

fn execute(arguments: Arguments) -> Result<(), CommandError> {
    let settings = arguments.options.settings()?;
    logging::start(settings.log_format);
    match arguments.command {
        Command::Serve => serve::run(settings),
        Command::Migrate => run_migrations(&settings),
    }
}

fn run_migrations(settings: &Settings) -> Result<(), CommandError> {
    let url = startup::database_url(settings)?;
    let applied = migrate::run(&url).map_err(StartupError::from)?;
    if applied.is_empty() {
        println!("the database is current");
    }
    for version in applied {
        println!("applied {version}");
    }
    Ok(())
}
