//! The command line: one file per command group. Rules live in the rooms below; what is here asks them and
//! shows the answer, as tables for people and as JSON for programs.

mod audit;
mod backup;
mod config;
mod confirm;
mod context;
mod directory;
mod doctor;
mod files;
mod key;
mod lines;
mod log_lines;
mod logging;
mod manual;
mod master_key;
mod notice;
mod orphaned_key;
mod otlp;
mod output;
mod policy;
mod product;
mod restore;
mod role;
mod serve;
mod service_account;
mod service_account_key;
mod session;
mod setup;
mod signing_key;
mod startup;
mod transfer;
mod user;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use clap_complete::Shell;
use opentelemetry_otlp::ExporterBuildError;

use crate::audit::chain::ChainError;
use crate::config::{ConfigError, Options, Origins, ParseError, Settings, parse as parse_settings};
use crate::credentials::CredentialError;
use crate::http::{ServeError, openapi};
use crate::lifecycle::LifecycleError;
use crate::notices::NoticeError;
use crate::policies::PolicyError;
use crate::provisioning::ProvisioningError;
use crate::store::{self, StoreError, migrate};

use audit::AuditCommand;
use backup::BackupArguments;
use config::ConfigCommand;
use context::CommandContext;
use directory::DirectoryCommand;
use key::{ApiKeyCommand, ScimKeyCommand};
use master_key::MasterKeyCommand;
use notice::NoticeCommand;
use orphaned_key::OrphanedKeyCommand;
use output::Output;
use policy::PolicyCommand;
use product::ProductCommand;
use restore::RestoreArguments;
use role::RoleCommand;
use service_account::ServiceAccountCommand;
use service_account_key::ServiceAccountKeyCommand;
use session::SessionCommand;
use signing_key::SigningKeyCommand;
use transfer::{ExportArguments, ImportArguments};
use user::{TokenCommand, UserCommand};
use webhook::WebhookCommand;

use startup::StartupError;

/// A SCIM 2.0 provisioning server joined to a token authority.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, max_term_width = 100)]
struct Arguments {
    /// Shows answers as JSON, for programs
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sets up where that has not been done, shows what an identity provider needs, and serves
    Quickstart,
    /// Serves; applies pending migrations first
    Serve,
    /// Sets a new database up: directories, the break-glass admin, the first keys
    Init,
    /// Applies pending migrations and does nothing else
    Migrate,
    /// Looks for the usual mistakes in configuration, files, database, keys and notices, and says what to do;
    /// changes nothing
    Doctor,
    /// Copies a SQLite database into a file, while servers run on it, and checks the copy
    Backup(BackupArguments),
    /// Puts a backup in place of a database that is gone, and ends what may have ended since it was taken
    Restore(RestoreArguments),
    /// Settings: what holds and who says so, the reference, an example of the file
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Directories: one for each identity provider, and the local one
    #[command(subcommand)]
    Directory(DirectoryCommand),
    /// SCIM keys
    #[command(subcommand)]
    ScimKey(ScimKeyCommand),
    /// Admin API keys
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Keys whose makers have left
    #[command(subcommand)]
    OrphanedKey(OrphanedKeyCommand),
    /// People
    #[command(subcommand)]
    User(UserCommand),
    /// Roles, and the groups that give them
    #[command(subcommand)]
    Role(RoleCommand),
    /// Authentication policies: API tokens, sessions, second factor
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Products and their credentials
    #[command(subcommand)]
    Product(ProductCommand),
    /// Service accounts: the accounts of programs
    #[command(subcommand)]
    ServiceAccount(ServiceAccountCommand),
    /// People's API tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Where people are signed in
    #[command(subcommand)]
    Session(SessionCommand),
    /// The public keys of service accounts
    #[command(subcommand)]
    ServiceAccountKey(ServiceAccountKeyCommand),
    /// The keys that access tokens are signed with
    #[command(subcommand)]
    SigningKey(SigningKeyCommand),
    /// The master key, which what must be read back is encrypted under
    #[command(subcommand)]
    MasterKey(MasterKeyCommand),
    /// Audit events, receipts and notices
    #[command(subcommand)]
    Audit(AuditCommand),
    /// What there is to tell
    #[command(subcommand)]
    Notice(NoticeCommand),
    /// Endpoints of other programs that notices are sent to
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Reads users, groups and other resources into a directory, from a file with one on each line
    Import(ImportArguments),
    /// Writes all users, groups and other resources of a directory to a file, one on each line
    Export(ExportArguments),
    /// Prints the OpenAPI document of every interface
    #[command(name = "openapi")]
    OpenApi,
    /// Writes man pages, or prints the reference of all commands
    Man {
        /// The directory that gets a page for each command
        #[arg(value_name = "DIR", required_unless_present = "markdown")]
        directory: Option<PathBuf>,
        /// Prints the reference of all commands as Markdown instead
        #[arg(long, conflicts_with = "directory")]
        markdown: bool,
    },
    /// Prints a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
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
    /// No traces can be sent.
    #[error("otlp-endpoint cannot be used")]
    Traces(#[from] ExporterBuildError),
    /// Nothing can be served.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// The network or a file refused.
    #[error("{what}: {cause}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        #[source]
        cause: std::io::Error,
    },
    /// What was asked for is not done; the text says why.
    #[error("{0}")]
    Refused(String),
    /// The rules do not allow it.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The rules do not allow it.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The rules do not allow it.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// The rules do not allow it.
    #[error(transparent)]
    Provisioning(#[from] ProvisioningError),
    /// The audit chain could not be read or continued.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The rules do not allow it.
    #[error(transparent)]
    Notice(#[from] NoticeError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer could not be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

impl CommandError {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Serve(ServeError::Tls(_)) => ExitCode::from(2),
            Self::Startup(error) if error.is_setting() => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

/// Runs the command that the arguments name and gives the exit code.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match parse() {
        Ok(arguments) => arguments,
        Err(ParseError::Setting(error)) => {
            eprintln!("portcullis: {error}");
            return ExitCode::from(2);
        }
        Err(ParseError::Arguments(error))
            if error.kind() == ErrorKind::ValueValidation
                || error.kind() == ErrorKind::InvalidValue =>
        {
            let text = error.render().to_string();
            let line = text.lines().next().unwrap_or_default();
            eprintln!("portcullis: {}", line.trim_start_matches("error: "));
            return ExitCode::from(2);
        }
        Err(ParseError::Arguments(error)) => {
            // Nobody is left to be told when the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let outcome = execute(arguments);
    store::stop_connecting();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portcullis: {}", startup::chain(&error));
            error.exit_code()
        }
    }
}

fn parse() -> Result<Arguments, ParseError> {
    let (matches, origins) = parse_settings(Arguments::command(), std::env::args_os())?;
    let mut arguments = Arguments::from_arg_matches(&matches)
        .map_err(|error| ParseError::Arguments(Box::new(error)))?;
    arguments.options.origins = origins;
    Ok(arguments)
}

fn execute(arguments: Arguments) -> Result<(), CommandError> {
    let output = Output {
        json: arguments.json,
    };
    match &arguments.command {
        Command::Completions { shell } => return print_completions(*shell),
        Command::Man { directory, .. } => {
            return match directory {
                Some(directory) => manual::write(Arguments::command(), directory, output),
                None => output::print(manual::markdown(Arguments::command()).trim_end()),
            };
        }
        Command::Config(command) => return config::run(command, arguments.options, output),
        _ => {}
    }
    let origins = arguments.options.origins.clone();
    let settings = arguments.options.settings()?;
    let log = logging::start(&settings)?;
    let outcome = run_command(arguments.command, settings, &origins, output);
    log.stop();
    outcome
}

fn run_command(
    command: Command,
    settings: Settings,
    origins: &Origins,
    output: Output,
) -> Result<(), CommandError> {
    let open = |settings| CommandContext::open_existing(settings, output);
    match command {
        Command::Quickstart => setup::quickstart(settings, output),
        Command::Serve => serve::run(settings),
        Command::Init => setup::init(settings, output),
        Command::Migrate => run_migrations(&settings, output),
        Command::Backup(arguments) => backup::run(&arguments, &settings, output),
        Command::Restore(arguments) => restore::run(&arguments, settings, output),
        Command::Doctor => doctor::run(&settings, origins, output),
        Command::Directory(command) => directory::run(command, &open(settings)?),
        Command::ScimKey(command) => key::run_scim(command, &open(settings)?),
        Command::ApiKey(command) => key::run_api(command, &open(settings)?),
        Command::OrphanedKey(command) => orphaned_key::run(command, &open(settings)?),
        Command::User(command) => user::run(command, &open(settings)?),
        Command::Role(command) => role::run(command, &open(settings)?),
        Command::Policy(command) => policy::run(command, &open(settings)?),
        Command::Product(command) => product::run(command, &open(settings)?),
        Command::ServiceAccount(command) => service_account::run(command, &open(settings)?),
        Command::Token(command) => user::run_token(command, &open(settings)?),
        Command::Session(command) => session::run(command, &open(settings)?),
        Command::ServiceAccountKey(command) => service_account_key::run(command, &open(settings)?),
        Command::SigningKey(command) => signing_key::run(&command, &open(settings)?),
        Command::MasterKey(command) => master_key::run(&command, &open(settings)?),
        Command::Audit(command) => audit::run(command, &open(settings)?),
        Command::Notice(command) => notice::run(command, &open(settings)?),
        Command::Webhook(command) => webhook::run(command, &open(settings)?),
        Command::Import(arguments) => transfer::import(&arguments, &open(settings)?),
        Command::Export(arguments) => transfer::export(&arguments, &open(settings)?),
        Command::OpenApi => print_openapi(&settings),
        // Done without settings.
        Command::Config(_) | Command::Man { .. } | Command::Completions { .. } => Ok(()),
    }
}

fn print_completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    let name = env!("CARGO_PKG_NAME");
    clap_complete::generate(shell, &mut Arguments::command(), name, &mut script);
    output::print(String::from_utf8_lossy(&script).trim_end())
}

fn print_openapi(settings: &Settings) -> Result<(), CommandError> {
    let registry = startup::load_registry(settings.schemas.as_deref())?;
    let base_url = settings.base_url(settings.listen);
    let document = openapi::document(&base_url, &registry);
    output::print(&serde_json::to_string_pretty(&document)?)
}

fn run_migrations(settings: &Settings, output: Output) -> Result<(), CommandError> {
    let url = startup::database_url(settings)?;
    let applied = migrate::run(&url).map_err(StartupError::from)?;
    if applied.is_empty() {
        return output.done("the database is current");
    }
    output.done(&format!("applied {}", applied.join(", ")))
}
