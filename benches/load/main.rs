//! A load client for SCIM servers and for the rest of Portcullis: one thread and one kept connection for each
//! client, exact latencies, results as lines of JSON. `scripts/bench` starts servers and runs it;
//! `docs/performance.md` shows what came of it.

mod console;
mod credentials;
mod groups;
mod http;
mod measure;
mod mixed;
mod pages;
mod people;
mod process;
mod scim;
mod searches;
mod soak;

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, Parser, Subcommand};
use serde_json::{Map, Value, json};

use credentials::Authority;
use http::{Endpoint, HttpError};
use measure::{Bench, Plan};
use mixed::Mixed;
use process::Process;
use scim::{People, Scim};

/// What ends a run.
#[derive(Debug, thiserror::Error)]
enum LoadError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("results cannot be written")]
    Output(#[from] io::Error),
    #[error("{what} was answered with {status}: {body}")]
    Unexpected {
        what: String,
        status: u16,
        body: String,
    },
    #[error("{0} is missing")]
    Missing(String),
    #[error("a token of somebody who left was accepted: {0}")]
    Survived(String),
    #[error("a client ended in a panic")]
    Poisoned,
}

#[derive(Parser)]
#[command(about = "Measures a SCIM server that runs")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Cargo gives it to every benchmark
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Writes people and their groups for `portcullis import`
    People {
        /// How many
        count: u64,
        /// The file
        output: PathBuf,
    },
    /// Measures everything that Portcullis does, on a directory that was imported
    Portcullis(PortcullisArguments),
    /// Keeps Portcullis busy for long, on a directory that was imported, and samples how it is
    Soak(SoakArguments),
    /// Measures what every SCIM server does, on people whom it creates first
    Scim(ScimArguments),
}

#[derive(Args)]
struct Common {
    /// What is measured, as it is called in the results
    #[arg(long)]
    label: String,
    /// The server's process, for its CPU time and memory
    #[arg(long)]
    pid: Option<u32>,
    /// For how long each thing is measured, in seconds
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Where results are appended, as lines of JSON
    #[arg(long)]
    output: PathBuf,
}

#[derive(Args)]
struct PortcullisArguments {
    #[command(flatten)]
    common: Common,
    /// The server's URL
    #[arg(long)]
    url: String,
    /// A SCIM key of the directory
    #[arg(long, env = "SCIM_KEY")]
    scim_key: String,
    /// An admin API key
    #[arg(long, env = "ADMIN_KEY")]
    admin_key: String,
    /// The directory's id
    #[arg(long)]
    directory: String,
    /// How many people were imported
    #[arg(long)]
    size: u64,
    /// The database's process, where it has one
    #[arg(long)]
    database_pid: Option<u32>,
    /// Only these parts, separated by commas: people, pages, searches, console, groups, credentials
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

#[derive(Args)]
struct SoakArguments {
    #[command(flatten)]
    server: PortcullisArguments,
    /// Requests a second
    #[arg(long, default_value_t = 150.0)]
    rate: f64,
    /// Seconds between samples
    #[arg(long, default_value_t = 5.0)]
    every: f64,
    /// Overload it in between, with so many clients that ask again as soon as they are answered
    #[arg(long)]
    clients: Option<usize>,
}

#[derive(Args)]
struct ScimArguments {
    #[command(flatten)]
    common: Common,
    /// The SCIM base URL
    #[arg(long)]
    base: String,
    /// The value of Authorization, where the server wants one
    #[arg(long, env = "SCIM_AUTHORIZATION")]
    authorization: Option<String>,
    /// How many people are created
    #[arg(long, default_value_t = 2_000)]
    people: u64,
    /// For how long they may be created, in seconds
    #[arg(long, default_value_t = 60.0)]
    create_seconds: f64,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::People { count, output } => File::create(output)
            .and_then(|file| people::write(count, &mut BufWriter::new(file)))
            .map_err(LoadError::from),
        Command::Portcullis(arguments) => portcullis(&arguments),
        Command::Soak(arguments) => soak(&arguments),
        Command::Scim(arguments) => any_server(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn portcullis(arguments: &PortcullisArguments) -> Result<(), LoadError> {
    let labels = [
        ("label", json!(arguments.common.label)),
        ("size", json!(arguments.size)),
    ];
    let bench = bench(&arguments.common, arguments.database_pid, labels)?;
    let scim = scim_of(arguments)?;
    let authority = Authority {
        endpoint: Endpoint::parse(&arguments.url)?,
        admin_key: &arguments.admin_key,
        directory: &arguments.directory,
        scim: &scim,
    };
    let run = run_number();
    let wanted =
        |part: &str| arguments.only.is_empty() || arguments.only.iter().any(|it| it == part);
    // What changes the directory comes last, so that the rest is measured with the people who were imported.
    if wanted("people") {
        groups::daily(&bench, &scim, arguments.size)?;
    }
    if wanted("pages") {
        pages::run(&bench, &scim, arguments.size)?;
    }
    if wanted("searches") {
        searches::run(&bench, &scim, arguments.size)?;
    }
    if wanted("console") {
        console::run(&bench, &authority, arguments.size, run)?;
    }
    if wanted("groups") {
        groups::run(&bench, &scim, arguments.size, run)?;
    }
    if wanted("credentials") {
        credentials::run(&bench, &authority, run)?;
    }
    Ok(())
}

fn soak(arguments: &SoakArguments) -> Result<(), LoadError> {
    let server = &arguments.server;
    let labels = [
        ("label", json!(server.common.label)),
        ("size", json!(server.size)),
    ];
    let bench = bench(&server.common, server.database_pid, labels)?;
    let scim = scim_of(server)?;
    let authority = Authority {
        endpoint: Endpoint::parse(&server.url)?,
        admin_key: &server.admin_key,
        directory: &server.directory,
        scim: &scim,
    };
    let mixed = Mixed::prepare(&authority, server.size, run_number())?;
    let run = soak::Run {
        bench: &bench,
        authority: &authority,
        mixed: &mixed,
        every: Duration::from_secs_f64(arguments.every),
    };
    let duration = Duration::from_secs_f64(server.common.seconds);
    match arguments.clients {
        None => run.soak(arguments.rate, duration),
        Some(clients) => {
            let allowed = soak::descriptors_allowed();
            let needed = u64::try_from(clients)
                .unwrap_or(u64::MAX)
                .saturating_add(100);
            if allowed.is_some_and(|allowed| allowed < needed) {
                return Err(LoadError::Missing(format!(
                    "the right to open {needed} files (ulimit -n)"
                )));
            }
            run.overload(arguments.rate, clients, duration)
        }
    }
}

fn scim_of(arguments: &PortcullisArguments) -> Result<Scim, LoadError> {
    Ok(Scim {
        endpoint: Endpoint::parse(&format!("{}/scim/v2", arguments.url))?,
        authorization: Some(format!("Bearer {}", arguments.scim_key)),
        seconds: arguments.common.seconds,
    })
}

fn any_server(arguments: &ScimArguments) -> Result<(), LoadError> {
    let labels = [("label", json!(arguments.common.label))];
    let bench = bench(&arguments.common, None, labels)?;
    let scim = Scim {
        endpoint: Endpoint::parse(&arguments.base)?,
        authorization: arguments.authorization.clone(),
        seconds: arguments.common.seconds,
    };
    let run = run_number();
    let plan = Plan {
        name: "create",
        clients: 8,
        seconds: arguments.create_seconds,
        at_most: arguments.people,
        warms_up: false,
    };
    let (people, _) = scim.create(&bench, &plan, run)?;
    scim.read(&bench, &people)?;
    scim.look_up(&bench, "userName eq", &people, "", |origin, number| {
        format!("userName eq \"{}\"", origin.user_name(number))
    })?;
    bench.run(
        &scim.endpoint,
        &scim.reads("first page by index", 8),
        |_, _| scim.get("/Users?startIndex=1&count=100".to_owned()),
        |answer| answer.status == 200 && scim::number(answer, "itemsPerPage") == Some(100),
    )?;
    let People::Created { ids, .. } = people else {
        return Ok(());
    };
    // A group of half of them; the others join and leave it.
    let (members, newcomers) = ids.split_at(ids.len() / 2);
    let group = people::group(&format!("Half {run}"), members);
    let made = scim.once(&scim.request("POST", "/Groups".to_owned(), &group), 201)?;
    let made: Value = serde_json::from_slice(&made.body).unwrap_or_default();
    let group = made.get("id").and_then(Value::as_str);
    let group = group.ok_or_else(|| LoadError::Missing("the group's id".to_owned()))?;
    scim.change_members(
        &bench,
        ("add a member", "remove a member"),
        group,
        newcomers,
    )
}

fn bench<const N: usize>(
    common: &Common,
    database: Option<u32>,
    labels: [(&str, Value); N],
) -> Result<Bench, LoadError> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(&common.output)?;
    let labels: Map<String, Value> = labels
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Ok(Bench {
        server: common.pid.map(Process),
        database: database.map(Process),
        labels,
        output: Mutex::new(output),
    })
}

/// Keeps the names of this run apart from those of another.
fn run_number() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
