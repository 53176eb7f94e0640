//! The real binary, set up on a database of its own and served on a free port.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use serde_json::Value;
use uuid::Uuid;

/// How often, every 100 ms, a starting server is asked whether it is ready.
const READINESS_ATTEMPTS: usize = 600;

/// The databases on which Portcullis gives the same answers.
#[derive(Debug, Clone, Copy)]
pub enum DatabaseKind {
    Sqlite,
    Postgres,
}

/// An installation of Portcullis, removed with its database when dropped.
pub struct Installation {
    directory: PathBuf,
    database_url: String,
    postgres_database: Option<String>,
    listen: String,
    /// What `init --json` printed.
    pub first_credentials: Value,
}

impl Installation {
    /// Runs `init` on an empty database.
    pub fn create(kind: DatabaseKind) -> Self {
        let name = format!("portcullis_test_{}", Uuid::now_v7().simple());
        let directory = std::env::temp_dir().join(&name);
        fs::create_dir(&directory).expect("a temporary directory can be created");
        let (database_url, postgres_database) = match kind {
            DatabaseKind::Sqlite => {
                let file = directory.join("portcullis.sqlite3");
                (format!("sqlite:{}", file.display()), None)
            }
            DatabaseKind::Postgres => {
                execute_on_postgres(&format!("CREATE DATABASE {name}"));
                (with_database(&postgres_url(), &name), Some(name))
            }
        };
        let mut installation = Self {
            directory,
            database_url,
            postgres_database,
            listen: free_address(),
            first_credentials: Value::Null,
        };
        let output = installation
            .command(&["init", "--json"])
            .output()
            .expect("the binary can be started");
        assert!(
            output.status.success(),
            "init failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        installation.first_credentials =
            serde_json::from_slice(&output.stdout).expect("init --json prints one JSON object");
        installation
    }

    /// A text among the first credentials.
    pub fn credential(&self, name: &str) -> &str {
        self.first_credentials[name]
            .as_str()
            .unwrap_or_else(|| panic!("init --json prints {name}"))
    }

    /// Serves with further options and waits until it is ready.
    pub fn serve(&self, options: &[&str]) -> Server {
        let log_file = self.directory.join("server.log");
        let log = File::create(&log_file).expect("a log can be written");
        let process = self
            .command(&["serve"])
            .args(options)
            .stdout(log.try_clone().expect("a file handle can be cloned"))
            .stderr(log)
            .spawn()
            .expect("the binary can be started");
        let mut server = Server { process };
        server.wait_until_ready(&format!("http://{}/readyz", self.listen), &log_file);
        server
    }

    fn command(&self, subcommand: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PORTCULLIS_") {
                command.env_remove(name);
            }
        }
        command
            .args(subcommand)
            .envs(self.environment())
            .stdin(Stdio::null());
        command
    }

    /// The settings of this installation, for the binary's environment.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("PORTCULLIS_DATA_DIR", self.directory.display().to_string()),
            ("PORTCULLIS_DATABASE_URL", self.database_url.clone()),
            ("PORTCULLIS_LISTEN", self.listen.clone()),
        ]
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        if let Some(name) = &self.postgres_database {
            execute_on_postgres(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
        // What is left of a temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// A serving process, killed when dropped.
pub struct Server {
    process: Child,
}

impl Server {
    /// Asks it to end as a service manager does, and expects that it does so cleanly.
    pub fn stop(mut self) {
        let asked = Command::new("kill")
            .args(["-TERM", &self.process.id().to_string()])
            .status()
            .expect("kill can be started");
        assert!(asked.success(), "the server had ended before it was asked");
        let status = self.process.wait().expect("the server can be waited for");
        assert!(status.success(), "SIGTERM ended the server with {status}");
    }

    fn wait_until_ready(&mut self, url: &str, log_file: &Path) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(5)))
            .build()
            .into();
        for _ in 0..READINESS_ATTEMPTS {
            if agent.get(url).call().is_ok() {
                return;
            }
            let ended = self.process.try_wait().expect("the server can be asked");
            assert!(ended.is_none(), "the server ended: {}", text_of(log_file));
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("the server does not become ready: {}", text_of(log_file));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What `scripts/test` says through the environment.
pub fn from_scripts_test(variable: &str) -> String {
    std::env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests with ./scripts/test"))
}

fn postgres_url() -> String {
    from_scripts_test("PORTCULLIS_TEST_POSTGRES_URL")
}

/// The URL with another database in its path.
fn with_database(url: &str, name: &str) -> String {
    let (url, parameters) = match url.split_once('?') {
        Some((url, parameters)) => (url, format!("?{parameters}")),
        None => (url, String::new()),
    };
    let (server, _) = url.rsplit_once('/').expect("the URL names a database");
    format!("{server}/{name}{parameters}")
}

fn execute_on_postgres(statement: &str) {
    PgConnection::establish(&postgres_url())
        .expect("the PostgreSQL of the tests answers")
        .batch_execute(statement)
        .expect("the role may create and drop databases");
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("there is a free port")
        .to_string()
}

fn text_of(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
